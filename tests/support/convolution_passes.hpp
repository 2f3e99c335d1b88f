#pragma once
// The three passes of a convolution by one algorithm or another, and what every algorithm has to keep.
#include <daf/cpu/conv2d.hpp>
#include <limits>
#include <vector>

#include "conformance.hpp"

namespace daf_test {

/// Noise in [-1, 1) that a float holds exactly.
inline std::vector<double> noise(daf::Index size, std::uint32_t layer, double scale) {
    daf::RandomSequence random(daf::Stream{daf::Seed{4}, 1, layer});
    std::vector<double> values(static_cast<std::size_t>(size));
    for (double& v : values) v = static_cast<double>(static_cast<float>(scale * random.uniform(-1, 1)));
    return values;
}

/// What a layer's three passes read.
struct Operands {
    std::vector<double> x, dy, weight;

    Operands(std::vector<double> of_x, std::vector<double> of_dy, std::vector<double> of_weight)
        : x(std::move(of_x)), dy(std::move(of_dy)), weight(std::move(of_weight)) {}
    Operands(const daf::ConvolutionSize& size, daf::Index count)
        : x(noise(count * size.x_size(), 1, 1)),
          dy(noise(count * size.y_size(), 2, 1)),
          weight(noise(size.weights(), 3, 0.1)) {}
};

/// One layer's three passes.
template <class T>
struct Passes {
    std::vector<T> y, dx, dweight;

    Passes(const daf::ConvolutionSize& size, daf::Index count, daf::cpu::ConvolutionChoice choice,
           int threads = 2)
        : Passes(Operands(size, count), size, count, choice, threads) {}
    Passes(const Operands& operands, const daf::ConvolutionSize& size, daf::Index count,
           daf::cpu::ConvolutionChoice choice, int threads = 2, daf::Cores cores = daf::Cores::measured) {
        const auto as_t = [](const std::vector<double>& v) { return std::vector<T>(v.begin(), v.end()); };
        const auto x = as_t(operands.x), dy = as_t(operands.dy), weight = as_t(operands.weight);
        daf::Cpu cpu(daf::Threads{threads});
        cpu.set_cores(cores);
        const auto y_memory = poisoned(dy.size()), dx_memory = poisoned(x.size());
        dweight.resize(weight.size());
        const daf::cpu::ConvolutionForward<T> forward(choice, size, count);
        daf::cpu::ConvolutionBackward<T> backward(choice, size, count);
        cpu.reserve(std::max(forward.whole_scratch(threads), backward.scratch(threads)));
        {
            auto frame = cpu.scratch();
            forward.transform_and_run(cpu, frame, weight.data(), daf::cpu::rows_of_x(size, x.data()),
                                      y_memory.template as<T>(), [](T*, daf::Index, daf::Index) {});
        }
        {
            auto frame = cpu.scratch();
            backward.run(cpu, frame, weight.data(), daf::cpu::rows_of_x(size, x.data()),
                         daf::cpu::rows_of_y(size, dy.data()), dx_memory.template as<T>(), false,
                         dweight.data());
        }
        y.assign(y_memory.template as<T>(), y_memory.template as<T>() + dy.size());
        dx.assign(dx_memory.template as<T>(), dx_memory.template as<T>() + x.size());
    }

  private:
    /// NaNs, and aligned as a network's maps are: a vector's would not let stores go past the caches.
    static daf::HostMemory poisoned(std::size_t elements) {
        daf::HostMemory memory(static_cast<daf::Index>(elements * sizeof(T)));
        std::fill_n(memory.as<T>(), elements, std::numeric_limits<T>::quiet_NaN());
        return memory;
    }
};

template <class T>
double error(const std::vector<T>& got, const std::vector<double>& want) {
    return daf_test::relative_difference(std::vector<double>(got.begin(), got.end()), want);
}

/// All three passes, in double, beside the direct convolution's.
inline void check_as_direct(const daf::ConvolutionSize& size, daf::Index count,
                            daf::cpu::ConvolutionChoice choice) {
    const Passes<double> want(size, count, {daf::Convolution::direct}), got(size, count, choice);
    CHECK(error(got.y, want.y) <= 1e-12);
    CHECK(error(got.dx, want.dx) <= 1e-12);
    CHECK(error(got.dweight, want.dweight) <= 1e-12);
}

/// The 3x3 layers of a preset from its second on.
inline std::vector<daf::ConvolutionSize> layers(daf::Index side, std::initializer_list<daf::Index> widths) {
    std::vector<daf::ConvolutionSize> all;
    daf::Index in = *widths.begin();
    for (const daf::Index out : widths) {
        for (const daf::Index from : {in, out}) all.push_back({side, side, from, out, 3, 1});
        in = out;
        side /= 2;
    }
    return all;
}

/// The same bits on any number of threads.
inline void check_same_bits(const daf::ConvolutionSize& size, daf::Index count,
                            daf::cpu::ConvolutionChoice choice) {
    const Passes<float> one(size, count, choice, 1);
    for (const int threads : {2, 3, 4, 8}) {
        const Passes<float> many(size, count, choice, threads);
        CHECK(many.y == one.y);
        CHECK(many.dx == one.dx);
        CHECK(many.dweight == one.dweight);
    }
}

/// dx is overwritten, added to or left out, and the gradient by the weights is the same to the bit.
inline void check_ways_of_dx(const daf::ConvolutionSize& size, daf::Index count,
                             daf::cpu::ConvolutionChoice choice) {
    const Operands operands(size, count);
    const Passes<double> overwritten(operands, size, count, choice);
    daf::Cpu cpu(daf::Threads{2});
    daf::cpu::ConvolutionBackward<double> backward(choice, size, count);
    cpu.reserve(backward.scratch(2));
    const auto dweight_beside = [&](double* dx) {
        std::vector<double> dweight(operands.weight.size());
        auto frame = cpu.scratch();
        backward.run(cpu, frame, operands.weight.data(), daf::cpu::rows_of_x(size, operands.x.data()),
                     daf::cpu::rows_of_y(size, operands.dy.data()), dx, true, dweight.data());
        return dweight;
    };
    std::vector<double> added(operands.x.size(), 2), want = overwritten.dx;
    CHECK(dweight_beside(added.data()) == overwritten.dweight);
    for (double& v : want) v += 2;
    CHECK(error(added, want) <= 1e-12);
    CHECK(dweight_beside(nullptr) == overwritten.dweight);
}

/// Every step-th run of so many values, from the first on.
template <class T>
std::vector<T> every(daf::Index step, const std::vector<T>& values, daf::Index run = 1) {
    std::vector<T> some;
    for (auto from = values.begin(); from < values.end(); from += std::min(step * run, values.end() - from))
        some.insert(some.end(), from, from + run);
    return some;
}

/// The direct convolution in double, but of every step-th feature of y and dweight and every step-th channel
/// of dx: they hang on no other feature's dy and weights, and on no other channel's weights.
inline Passes<double> exact_passes(const Operands& operands, const daf::ConvolutionSize& size,
                                   daf::Index count, daf::Index step) {
    const auto exact = [&](const Operands& some, const daf::ConvolutionSize& of) {
        return Passes<double>(some, of, count, {daf::Convolution::direct});
    };
    if (step == 1) return exact(operands, size);
    daf::ConvolutionSize features = size, channels = size;
    features.features /= step;
    channels.channels /= step;
    Passes<double> passes =
        exact({operands.x, every(step, operands.dy), every(step, operands.weight)}, features);
    passes.dx =
        exact({every(step, operands.x), operands.dy, every(step, operands.weight, size.features)}, channels)
            .dx;
    return passes;
}

/// Errors in float against the direct convolution in double, relative to the largest value; of every step-th
/// channel of each result.
inline void check_errors(const daf::ConvolutionSize& size, daf::Index count,
                         const std::vector<daf::cpu::ConvolutionChoice>& choices, daf::Index step = 1) {
    const Operands operands(size, count);
    const Passes<double> exact = exact_passes(operands, size, count, step);
    for (const auto& choice : choices) {
        const Passes<float> fast(operands, size, count, choice);
        const double y = error(every(step, fast.y), exact.y), dx = error(every(step, fast.dx), exact.dx);
        const double dweight = error(every(step, fast.dweight), exact.dweight);
        MESSAGE(size.height, "x", size.width, " ", size.channels, "->", size.features, " batch ", count,
                " tile ", choice.tile.outputs, " of ", choice.tile.points, " points: y ", y, " dx ", dx,
                " dweight ", dweight);
        CHECK(y <= 5e-5);
        CHECK(dx <= 2e-4);
        CHECK(dweight <= 2e-4);
    }
}

/// The same on all 3x3 layers of the presets but the first of each. Errors grow with the channels and with
/// what a weight's gradient sums over, so large maps need few images.
inline void check_errors_on_presets(const std::vector<daf::cpu::ConvolutionChoice>& choices) {
    std::vector<daf::ConvolutionSize> sizes = layers(48, {16, 32, 64, 128, 128});
    for (const auto& half : layers(48, {32, 64, 128, 256, 256})) sizes.push_back(half);
    for (const auto& paper : layers(96, {64, 128, 256, 512, 512})) sizes.push_back(paper);
    for (const auto& size : sizes) {
        for (const daf::Index count :
             size.height <= 6 ? std::vector<daf::Index>{1, 5} : std::vector<daf::Index>{1})
            check_errors(size, count, choices);
    }
}

}  // namespace daf_test
