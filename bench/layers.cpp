// usage: bench_layers [BATCH [THREADS]]      of 32 images, on all cores
// Where a training step of the paper's network goes, operator by operator, as they run in it; beside the
// least time that this machine allows each: its arithmetic at the processor's peak, or its maps at the speed
// of memory.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "network/presets.hpp"
#include "operations.hpp"
#include "peak.hpp"

namespace {

using daf::Index;
using Trunk = daf_cnn::TrunkOf<daf_cnn::Paper, daf_cnn::Attention::full>;
constexpr std::size_t length = Trunk::length;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}
double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

/// Milliseconds of every operator in each pass, one for each round.
struct Times {
    std::array<std::vector<double>, length> forward, backward;
};

/// Steps of the trunk, which is all of the network but a small head, losses and the optimizer. dy is noise.
Times timed(daf::Cpu& cpu, Index batch, int rounds) {
    const auto noise = [](Index size) {
        std::vector<float> values(static_cast<std::size_t>(size));
        daf::RandomSequence random(daf::Stream{daf::Seed{1}});
        for (float& v : values) v = static_cast<float>(random.normal());
        return values;
    };
    const std::vector<float> images = noise(batch * Trunk::Input::size),
                             slopes = noise(batch * Trunk::Output::size);
    const auto x = daf::batch_of<Trunk::Input>(images);
    const auto dy = daf::batch_of<Trunk::Output>(slopes);
    std::vector<float> slab(static_cast<std::size_t>(daf::parameter_count<Trunk>));
    std::vector<float> gradient_slab(static_cast<std::size_t>(daf::gradient_count<Trunk>));
    daf::initialise<Trunk>(cpu, slab.data(), daf::Seed{1});
    const auto parameters = daf::bind_all_parameters<Trunk>(slab.data());
    const auto gradients = daf::bind_all_gradients<Trunk>(gradient_slab.data());
    daf::Workspace<Trunk, float, daf::Cpu, daf::train> workspace(cpu, batch);
    const std::uint32_t step = 0;
    const daf::Draw draw{daf::Seed{1}, &step, 0, 0};

    Times times;
    for (int round = 0; round <= rounds; ++round) {
        Clock::time_point last = Clock::now();
        const auto note = [&](std::vector<double>& of) {
            if (round > 0) of.push_back(ms_since(last));  // the first round warms up
            last = Clock::now();
        };
        workspace.forward(cpu, {}, parameters, x, draw,
                          [&](std::size_t i, const auto&...) { note(times.forward[i]); });
        last = Clock::now();
        workspace.backward(cpu, {}, parameters, gradients, x, dy, daf::skip, draw,
                           [&](std::size_t i, const auto&...) { note(times.backward[i]); });
    }
    return times;
}

/// How many times fewer multiplications than the plain sum's Op's algorithm does, on tiles that fit.
template <class Op>
double fewer_multiplications(const daf::Cpu& cpu, Index batch) {
    if constexpr (requires(const daf::ConvolutionSize*& size) { size = &daf::Kernel<Op, daf::Cpu>::size; }) {
        const auto choice = daf::cpu::choose_convolution<float>(cpu, daf::Kernel<Op, daf::Cpu>::size, batch);
        if (choice.algorithm != daf::Convolution::winograd) return 1;
        const double outputs_per_point =
            static_cast<double>(choice.tile.outputs) / static_cast<double>(choice.tile.points);
        return 9 * outputs_per_point * outputs_per_point;
    } else {
        return 1;
    }
}

struct Machine {
    double flop_per_ms, bytes_per_ms;

    /// Milliseconds: of the arithmetic, or of the floats' way through memory, whichever takes longer.
    double least(double flop, double floats) const {
        return std::max(flop / flop_per_ms, floats * static_cast<double>(sizeof(float)) / bytes_per_ms);
    }
};

/// Equal operators, one after another, in milliseconds.
struct Line {
    std::string name, input;
    int count = 0;
    double forward = 0, backward = 0, least = 0;

    bool is_like(const Line& other) const { return name == other.name && input == other.input; }
    double both() const { return forward + backward; }
    Line& operator+=(const Line& other) {
        count += other.count;
        forward += other.forward;
        backward += other.backward;
        least += other.least;
        return *this;
    }
};

template <class Shape>
std::string text_of() {
    std::string text;
    for (const Index extent : Shape::extents) text += (text.empty() ? "" : "x") + std::to_string(extent);
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    const Index batch = argc > 1 ? std::atol(argv[1]) : 32;
    const int threads = argc > 2 ? std::atoi(argv[2]) : static_cast<int>(std::thread::hardware_concurrency());
    if (argc > 3 || batch < 2 || threads < 1) {
        std::fprintf(stderr,
                     "usage: bench_layers [BATCH [THREADS]]     a batch of 2 or more, 1 thread or more\n");
        return 2;
    }
    daf::Cpu cpu(daf::Threads{threads});
    const Machine machine{daf_bench::peak_gflops(threads) * 1e6,
                          daf_bench::copy_bandwidth(threads, 256e6) * 1e6};
    const Times times = timed(cpu, batch, 5);

    std::vector<Line> lines;
    Line all{"all", "", 0};
    daf::static_for<length>([&](auto i) {
        using Op = Trunk::Operator<i>;
        Line line{Op::Header::name, text_of<typename Op::Input>(), 1, median(times.forward[i])};
        const double share = static_cast<double>(batch) / fewer_multiplications<Op>(cpu, batch);
        const auto images = static_cast<double>(batch);
        line.least = machine.least(share * daf_bench::operations<Op>, images * daf_bench::forward_floats<Op>);
        if (!times.backward[i].empty()) {
            const double gradients = i == 0 ? 0.5 : 1;  // nobody asks for the one by the images
            line.backward = median(times.backward[i]);
            line.least += machine.least(gradients * share * daf_bench::backward_operations<Op>,
                                        images * daf_bench::backward_floats<Op>);
        }
        all += line;
        if (lines.empty() || !lines.back().is_like(line)) {
            lines.push_back(line);
        } else {
            lines.back() += line;
        }
    });
    std::printf("paper, batch %ld, %d threads; %.0f GFLOP/s, %.1f GB/s of memory\n\n",
                static_cast<long>(batch), threads, machine.flop_per_ms * 1e-6, machine.bytes_per_ms * 1e-6);
    std::printf(
        "| operator | its input | of them | forward, ms | backward, ms | of the step | at least, ms |\n");
    std::printf("|---|---|---|---|---|---|---|\n");
    lines.push_back(all);
    for (const Line& line : lines) {
        std::printf("| %s | %s | %d | %.1f | %.1f | %.1f %% | %.1f |\n", line.name.c_str(),
                    line.input.c_str(), line.count, line.forward, line.backward,
                    100 * line.both() / all.both(), line.least);
    }
}
