// One operator at a time, at the shapes of the presets: inference, forward and backward, in GFLOP/s where
// arithmetic counts and in GB/s where memory does, beside what the machine can do. A convolution's arithmetic
// is that of the plain sum, so an algorithm that needs less of it may exceed the machine's peak.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <daf/daf.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "operations.hpp"
#include "table.hpp"

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
    /// As Inference runs it: parameters in the form that is read fastest. Losses have none.
    void prepare() { prepared = std::make_unique<Prepared>(cpu, Op{}, parameters(), count); }
    void infer() {
        const auto in = daf::batch_of<typename Op::Input>(std::as_const(x));
        const auto out = daf::batch_of<typename Op::Output>(y);
        if constexpr (daf::reads_labels<Op>) {
            daf::forward<daf::eval>(cpu, Op{}, in, out, parameters(), daf::Nothing{}, side());
        } else {
            prepared->forward(cpu, in, out);
        }
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
    using Prepared = daf::Prepared<Op, T, daf::Cpu>;

    auto parameters() { return daf::read_only<Op, T>(daf::bind<Op>(std::span(slab))); }
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
    std::unique_ptr<Prepared> prepared;
};

enum class Pass { inference, forward, backward };

template <class Op>
void report(benchmark::State& state, Index count, Pass pass) {
    const bool back = pass == Pass::backward;
    using daf_bench::backward_operations, daf_bench::operations;
    const double flop = static_cast<double>(count) * (back ? backward_operations<Op> : operations<Op>);
    if (flop > 0) {
        state.counters["flop"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
    } else {
        const Index floats = back ? daf_bench::backward_floats<Op> : daf_bench::forward_floats<Op>;
        const auto bytes = static_cast<double>(count * floats) * sizeof(float);
        state.counters["bytes"] = benchmark::Counter(bytes, benchmark::Counter::kIsIterationInvariantRate);
        state.counters["size"] = bytes;
    }
}

template <class Op>
void measure(benchmark::State& state, Pass pass, Index threads, Index images, daf::Convolution algorithm) {
    Bench<Op> bench(threads, images);
    bench.cpu.set_convolution(algorithm);
    if (pass == Pass::backward) bench.forward();
    if constexpr (!daf::reads_labels<Op>) {
        if (pass == Pass::inference) bench.prepare();
    }
    const auto iteration = [&] {
        switch (pass) {
            case Pass::inference: return bench.infer();
            case Pass::forward: return bench.forward();
            case Pass::backward: return bench.backward();
        }
    };
    iteration();  // fresh memory: the system clears its pages, which takes as long as several iterations
    for (auto _ : state) iteration();
    report<Op>(state, images, pass);
}

/// Every pass of one operator, on one thread and on all.
template <class Op>
void add(const std::string& name, Index images = 32,
         daf::Convolution algorithm = daf::Convolution::automatic) {
    const std::pair<Pass, const char*> passes[] = {
        {Pass::inference, "inference"}, {Pass::forward, "forward"}, {Pass::backward, "backward"}};
    const auto cores = static_cast<Index>(std::thread::hardware_concurrency());
    for (const auto& [pass, pass_name] : passes) {
        for (Index threads = 1; threads <= cores; threads += std::max<Index>(cores - 1, 1)) {
            const std::string full = name + "/" + pass_name + "/" + std::to_string(threads);
            benchmark::RegisterBenchmark(full.c_str(),
                                         [pass = pass, threads, images, algorithm](benchmark::State& state) {
                                             measure<Op>(state, pass, threads, images, algorithm);
                                         })
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime()
                ->MinTime(0.2);
        }
    }
}

/// A layer's convolution by every algorithm that runs fast here. Winograd's 6x6 tiles may reach five times
/// the peak.
template <class Op>
void add_algorithms(const std::string& layer, Index images) {
    add<Op>("convolution " + layer + " direct", images, daf::Convolution::direct);
    add<Op>("convolution " + layer + " winograd", images, daf::Convolution::winograd);
    if (daf::Cpu(daf::Threads{1}).matrix_tiles())
        add<Op>("convolution " + layer + " split", images, daf::Convolution::split);
}

/// A layer of one size of map and ever more channels: what bench/scaling draws.
template <Index... Widths>
void add_widths() {
    (add<daf::ConvBnRelu<Shape<24, 24, Widths>, Widths>>("width " + std::to_string(Widths)), ...);
}

}  // namespace

int main(int argc, char** argv) {
    add<daf::Conv2d<Shape<48, 48, 1>, 16>>("conv2d 48x48x1 to 16");
    add_algorithms<daf::Conv2d<Shape<48, 48, 16>, 16>>("48x48x16", 64);
    add_algorithms<daf::Conv2d<Shape<24, 24, 32>, 32>>("24x24x32", 64);
    add_algorithms<daf::Conv2d<Shape<96, 96, 64>, 64>>("96x96x64", 8);
    add_algorithms<daf::Conv2d<Shape<48, 48, 128>, 128>>("48x48x128", 8);
    add_algorithms<daf::Conv2d<Shape<24, 24, 256>, 256>>("24x24x256", 32);
    add_algorithms<daf::Conv2d<Shape<12, 12, 512>, 512>>("12x12x512", 32);
    add_algorithms<daf::Conv2d<Shape<6, 6, 512>, 512>>("6x6x512", 32);
    add_algorithms<daf::Conv2d<Shape<3, 3, 256>, 256>>("3x3x256", 64);
    add<daf::ConvBnRelu<Shape<48, 48, 16>, 16>>("conv_bn_relu 48x48x16 to 16");
    add<daf::ConvBnRelu<Shape<12, 12, 512>, 512>>("conv_bn_relu 12x12x512 to 512");
    add<daf::BatchNorm<Shape<48, 48, 16>>>("batch_norm 48x48x16");
    add<daf::Relu<Shape<48, 48, 16>>>("relu 48x48x16");
    add<daf::MaxPool<Shape<48, 48, 16>, 2>>("max_pool 48x48x16 by 2");
    add<daf::GlobalAveragePool<Shape<6, 6, 512>>>("global_average_pool 6x6x512");
    add<daf::GlobalMaxPool<Shape<6, 6, 512>>>("global_max_pool 6x6x512");
    add<daf::Linear<Shape<3, 3, 512>, 512>>("linear 4608 to 512");
    add<daf::Dropout<Shape<3, 3, 512>>>("dropout 3x3x512");
    add<daf::Flatten<Shape<3, 3, 512>>>("flatten 3x3x512");
    add<daf::ChannelAttention<Shape<6, 6, 512>>>("channel_attention 6x6x512");
    add<daf::SpatialAttention<Shape<6, 6, 512>>>("spatial_attention 6x6x512");
    add<daf::DualAttention<Shape<6, 6, 512>>>("dual_attention 6x6x512");
    add<daf::SoftmaxCrossEntropy<Shape<7>>>("softmax_cross_entropy of 7", 128);
    add<daf::TripletCentreLoss<Shape<512>, 7>>("triplet_centre_loss 512, 7 classes", 128);
    add<daf::TripletCentreLoss<Shape<512>, 1000>>("triplet_centre_loss 512, 1000", 128);
    add<daf::TripletCentreLoss<Shape<2048>, 7>>("triplet_centre_loss 2048, 7", 128);
    add<daf::CentreLoss<Shape<512>, 7>>("centre_loss 512, 7 classes", 128);
    add<daf::IslandLoss<Shape<512>, 7>>("island_loss 512, 7 classes", 128);

    add_widths<8, 16, 32, 64, 128, 256, 512>();

    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    daf_bench::Table table;
    benchmark::RunSpecifiedBenchmarks(&table);
}
