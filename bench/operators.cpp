// One operator at a time, at the shapes of the presets: forward and backward, with the arithmetic or the memory traffic
// they need at least.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <daf/daf.hpp>
#include <vector>

namespace {

using daf::Index;
using daf::Shape;

/// Everything that one operator needs, filled with noise.
template <class Op>
struct Bench {
    using T = float;

    Bench(Index threads, Index images) : cpu(daf::Threads{static_cast<int>(threads)}), count(images) {
        fill(slab, daf::parameter_count<Op>);
        fill(gradient_slab, daf::gradient_count<Op>);
        fill(x, count * Op::Input::size);
        fill(y, count * Op::Output::size);
        fill(dy, count * Op::Output::size);
        fill(dx, count * Op::Input::size);
        labels.resize(static_cast<std::size_t>(count));
        if constexpr (daf::reads_labels<Op>) {
            for (std::size_t i = 0; i < labels.size(); ++i)
                labels[i] = static_cast<std::int32_t>(i % Op::classes);
        }
    }

    void forward() {
        daf::forward<daf::train>(cpu, Op{}, daf::batch_of<typename Op::Input>(x),
                                 daf::batch_of<typename Op::Output>(y), daf::bind<Op>(std::span(slab)),
                                 saved(), side());
    }
    void backward() {
        daf::backward(cpu, Op{}, daf::batch_of<typename Op::Input>(x), daf::batch_of<typename Op::Output>(y),
                      daf::batch_of<typename Op::Output>(dy),
                      daf::overwrite(daf::batch_of<typename Op::Input>(dx)), daf::bind<Op>(std::span(slab)),
                      daf::bind_gradients<Op>(std::span(gradient_slab)), saved(), side());
    }

    daf::Cpu cpu;
    Index count;

  private:
    static void fill(std::vector<T>& values, Index size) {
        daf::RandomSequence random(daf::Stream{daf::Seed{1}});
        values.resize(static_cast<std::size_t>(size));
        for (T& v : values) v = static_cast<T>(random.uniform(0.1, 1));
    }
    auto saved() { return daf::bind_saved<Op, T>(memory.data(), count); }
    daf::SideInput<daf::Host> side() const { return {daf::labels_of(labels), {daf::Seed{1}, &step, 0, 0}}; }

    daf::HostMemory memory{daf::saved_bytes<Op, T>(count)};
    std::vector<T> slab, gradient_slab, x, y, dy, dx;
    std::vector<std::int32_t> labels;
    std::uint32_t step = 1;
};

/// Multiplications and additions of one image's forward pass; 0 where memory is what counts.
template <class Op>
constexpr double operations = 0;
template <class In, Index F, Index K, Index S, daf::Bias B>
constexpr double operations<daf::Conv2d<In, F, K, S, B>> =
    2.0 * K* K* In::channels* F* daf::Conv2d<In, F, K, S, B>::Output::area;
template <class In, Index F, Index K>
constexpr double operations<daf::ConvBnRelu<In, F, K>> = operations<daf::Conv2d<In, F, K>>;
template <class In, Index F, daf::Start S>
constexpr double operations<daf::Linear<In, F, S>> = 2.0 * In::size* F;

template <class Op>
void report(benchmark::State& state, Index count, double passes) {
    const auto images = static_cast<double>(count * static_cast<Index>(state.iterations())) * passes;
    if (operations < Op >> 0) {
        state.counters["GFLOP/s"] =
            benchmark::Counter(images * operations<Op> * 1e-9, benchmark::Counter::kIsRate);
    } else {
        const double bytes = sizeof(float) * static_cast<double>(Op::Input::size + Op::Output::size);
        state.counters["GB/s"] = benchmark::Counter(images * bytes * 1e-9, benchmark::Counter::kIsRate);
    }
}

template <class Op>
void forward(benchmark::State& state) {
    Bench<Op> bench(state.range(0), state.range(1));
    for (auto _ : state) bench.forward();
    report<Op>(state, bench.count, 1);
}

/// The gradient by x and by the parameters: twice forward's arithmetic.
template <class Op>
void backward(benchmark::State& state) {
    Bench<Op> bench(state.range(0), state.range(1));
    bench.forward();
    for (auto _ : state) bench.backward();
    report<Op>(state, bench.count, 2);
}

/// Multiplications and additions a second that one core can do at the most: independent FMAs on its registers.
double fused_multiply_add_peak() {
    namespace packet = daf::cpu::packet;
    using P = daf::cpu::Packet<float>;
    constexpr int accumulators = 12, rounds = 1 << 16;
    double best = 0;
    for (int repeat = 0; repeat < 20; ++repeat) {
        P factor = packet::pset1<P>(0.5f), sums[accumulators];
        benchmark::DoNotOptimize(factor);
        for (P& sum : sums) benchmark::DoNotOptimize(sum = factor);  // or the compiler keeps one for all
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < rounds; ++i) {
            daf::cpu::detail::unroll<accumulators>(
                [&](auto j) { sums[j] = packet::pmadd(sums[j], factor, factor); });
        }
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        for (P& sum : sums) benchmark::DoNotOptimize(sum);
        best = std::max(best, 2.0 * accumulators * rounds * daf::cpu::lanes<float> / taken.count());
    }
    return best;
}

/// A layer's convolution forced to one algorithm, on one core. "of peak": multiplications that the direct algorithm would
/// make, as a share of what the core can do; with Winograd's 4 x 4 tiles it may reach 4.
template <class Op, daf::Convolution Algorithm, bool Backward>
void convolution(benchmark::State& state) {
    Bench<Op> bench(1, state.range(0));
    bench.cpu.set_convolution(Algorithm);
    bench.forward();
    const double peak = fused_multiply_add_peak();
    for (auto _ : state) Backward ? bench.backward() : bench.forward();
    report<Op>(state, bench.count, Backward ? 2 : 1);
    const auto images = static_cast<double>(bench.count * static_cast<Index>(state.iterations()));
    state.counters["of peak"] =
        benchmark::Counter(images * operations<Op> * (Backward ? 2 : 1) / peak, benchmark::Counter::kIsRate);
}

#define DAF_BENCH_CONVOLUTION(BATCH, ...)                                               \
    BENCHMARK(convolution<__VA_ARGS__, daf::Convolution::direct, false>)->Arg(BATCH);   \
    BENCHMARK(convolution<__VA_ARGS__, daf::Convolution::winograd, false>)->Arg(BATCH); \
    BENCHMARK(convolution<__VA_ARGS__, daf::Convolution::direct, true>)->Arg(BATCH);    \
    BENCHMARK(convolution<__VA_ARGS__, daf::Convolution::winograd, true>)->Arg(BATCH)

DAF_BENCH_CONVOLUTION(64, daf::Conv2d<Shape<48, 48, 16>, 16>);
DAF_BENCH_CONVOLUTION(64, daf::Conv2d<Shape<24, 24, 32>, 32>);
DAF_BENCH_CONVOLUTION(8, daf::Conv2d<Shape<96, 96, 64>, 64>);
DAF_BENCH_CONVOLUTION(8, daf::Conv2d<Shape<48, 48, 128>, 128>);
DAF_BENCH_CONVOLUTION(32, daf::Conv2d<Shape<24, 24, 256>, 256>);
DAF_BENCH_CONVOLUTION(32, daf::Conv2d<Shape<12, 12, 512>, 512>);
DAF_BENCH_CONVOLUTION(32, daf::Conv2d<Shape<6, 6, 512>, 512>);
DAF_BENCH_CONVOLUTION(64, daf::Conv2d<Shape<3, 3, 256>, 256>);

#define DAF_BENCH(...)                   \
    BENCHMARK(forward<__VA_ARGS__>)      \
        ->ArgNames({"threads", "batch"}) \
        ->Args({1, 32})                  \
        ->Args({2, 32})                  \
        ->UseRealTime();                 \
    BENCHMARK(backward<__VA_ARGS__>)     \
        ->ArgNames({"threads", "batch"}) \
        ->Args({1, 32})                  \
        ->Args({2, 32})                  \
        ->UseRealTime()

DAF_BENCH(daf::Conv2d<Shape<48, 48, 1>, 16>);
DAF_BENCH(daf::ConvBnRelu<Shape<48, 48, 16>, 16>);
DAF_BENCH(daf::ConvBnRelu<Shape<12, 12, 512>, 512>);
DAF_BENCH(daf::BatchNorm<Shape<48, 48, 16>>);
DAF_BENCH(daf::Relu<Shape<48, 48, 16>>);
DAF_BENCH(daf::MaxPool<Shape<48, 48, 16>, 2>);
DAF_BENCH(daf::GlobalAveragePool<Shape<6, 6, 512>>);
DAF_BENCH(daf::GlobalMaxPool<Shape<6, 6, 512>>);
DAF_BENCH(daf::Linear<Shape<3, 3, 512>, 512>);
DAF_BENCH(daf::Dropout<Shape<3, 3, 512>>);
DAF_BENCH(daf::ChannelAttention<Shape<6, 6, 512>>);
DAF_BENCH(daf::SpatialAttention<Shape<6, 6, 512>>);
DAF_BENCH(daf::DualAttention<Shape<6, 6, 512>>);
DAF_BENCH(daf::SoftmaxCrossEntropy<Shape<7>>);
DAF_BENCH(daf::TripletCentreLoss<Shape<512>, 7>);
DAF_BENCH(daf::CentreLoss<Shape<512>, 7>);
DAF_BENCH(daf::IslandLoss<Shape<512>, 7>);

}  // namespace
