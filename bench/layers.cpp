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
    if constexpr (requires(const daf::cpu::ConvolutionSize*& size) {
                      size = &daf::Kernel<Op, daf::Cpu>::size;
                  }) {
        const auto choice = daf::cpu::choose_convolution<float>(cpu, daf::Kernel<Op, daf::Cpu>::size, batch);
        if (choice.algorithm != daf::Convolution::winograd) return 1;
        const auto tile = static_cast<double>(choice.tile);
        return 9 * tile * tile / ((tile + 2) * (tile + 2));
    } else {
        return 1;
    }
}

struct Machine {
    double flop_per_ms, bytes_per_ms;

    /// The least time, and which of the two it is.
    std::string roof(double flop, double floats, double& ms) const {
        const double arithmetic = flop / flop_per_ms, memory = floats * sizeof(float) / bytes_per_ms;
        ms = std::max(arithmetic, memory);
        return arithmetic > memory ? "arithmetic" : "memory";
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

    double step = 0, least = 0;
    daf::static_for<length>([&](auto i) {
        step += median(times.forward[i]) + (times.backward[i].empty() ? 0 : median(times.backward[i]));
    });
    std::printf("paper, batch %ld, %d threads; %.0f GFLOP/s, %.1f GB/s of memory\n\n",
                static_cast<long>(batch), threads, machine.flop_per_ms * 1e-6, machine.bytes_per_ms * 1e-6);
    std::printf(
        "| operator | its input | forward, ms | backward, ms | of the step | at least, ms | bound by |\n");
    std::printf("|---|---|---|---|---|---|---|\n");
    daf::static_for<length>([&](auto i) {
        using Op = Trunk::Operator<i>;
        const double forward = median(times.forward[i]);
        const double backward = times.backward[i].empty() ? 0 : median(times.backward[i]);
        const double images = static_cast<double>(batch) / fewer_multiplications<Op>(cpu, batch);
        double roof_forward = 0, roof_backward = 0;
        const std::string bound =
            machine.roof(images * daf_bench::operations<Op>,
                         static_cast<double>(batch * daf_bench::forward_floats<Op>), roof_forward);
        machine.roof(images * daf_bench::backward_operations<Op> / (i == 0 ? 2 : 1),
                     static_cast<double>(batch * daf_bench::backward_floats<Op>), roof_backward);
        if (times.backward[i].empty()) roof_backward = 0;
        least += roof_forward + roof_backward;
        std::printf("| %s | %s | %.1f | %.1f | %.1f %% | %.1f | %s |\n", Op::Header::name,
                    text_of<typename Op::Input>().c_str(), forward, backward,
                    100 * (forward + backward) / step, roof_forward + roof_backward, bound.c_str());
    });
    std::printf("| all | | | %.0f | | %.0f | |\n", step, least);
}
