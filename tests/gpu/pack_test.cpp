// Maps that are moved 16 bytes at a time where sizes and addresses allow it, and one by one elsewhere.
#include <daf/gpu/batch_norm.hpp>
#include <daf/gpu/channel_attention.hpp>
#include <daf/gpu/convolution.hpp>
#include <daf/gpu/dropout.hpp>
#include <daf/gpu/dual_attention.hpp>
#include <daf/gpu/global_pool.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/gpu/optimizer.hpp>
#include <daf/gpu/relu.hpp>
#include <daf/gpu/spatial_attention.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/global_pool.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/spatial_attention.hpp>
#include <set>

#include "support/conform_on_fibers.hpp"

using daf::Index;
using daf::Shape;

namespace {

/// How many neighbours a kernel that streams maps moves at once; 0 for the others.
template <class Kernel>
Index width_of(const Kernel&) {
    return 0;
}
template <template <class, Index> class Kernel, class T, Index W>
Index width_of(const Kernel<T, W>&) {
    return W;
}
template <class T, class Body>
Index width_of(const daf::gpu::ForEachPack<T, Body>&) {
    return daf::gpu::widest<T>;
}
template <class Body>
Index width_of(const daf::gpu::ForEach<daf::gpu::Singly<Body>>&) {
    return 1;
}
template <class T>
Index width_of(const daf::gpu::ForEach<daf::gpu::MaskPacks<T>>&) {
    return daf::gpu::MaskPacks<T>::width;
}
template <class T>
Index width_of(const daf::gpu::ForEach<daf::gpu::MaskBlocks<T>>&) {
    return 1;
}

/// HostGpu that remembers how wide its kernels were.
struct WatchedGpu : daf_test::HostGpu {
    std::set<Index> widths;

    template <class Kernel>
    void launch(Index blocks, const Kernel& kernel) {
        if (const Index width = width_of(kernel); width != 0) widths.insert(width);
        HostGpu::launch(blocks, kernel);
    }
};

/// Both passes of Op as Reference does them, on maps that start `shift` elements behind a multiple of 64
/// bytes; the widths in use.
template <class Op, class T>
std::set<Index> widths_at(Index shift) {
    constexpr Index images = 3;
    WatchedGpu gpu;
    daf::Reference reference;
    daf_test::Workbench<Op, T, WatchedGpu> bench(gpu, {}, images, 1);
    daf_test::Workbench<Op, daf::Wide<T>, daf::Reference> oracle(reference, {}, images, 1);
    std::copy_n(bench.x.data(), bench.x.size(), oracle.x.data());
    std::copy_n(bench.dy.data(), bench.dy.size(), oracle.dy.data());
    std::copy_n(bench.slab.data(), bench.slab.size(), oracle.slab.data());
    const daf_test::Result want = daf_test::run(oracle);

    constexpr Index in = images * Op::Input::size, out = images * Op::Output::size;
    daf_test::Guarded<T> x(in + shift), y(out + shift), dy(out + shift), dx(in + shift);
    std::copy_n(bench.x.data(), in, x.data() + shift);
    std::copy_n(bench.dy.data(), out, dy.data() + shift);
    const auto input = [&](auto& values) {
        return daf::Batch<typename Op::Input, T>(values.data() + shift, images);
    };
    const auto output = [&](auto& values) {
        return daf::Batch<typename Op::Output, T>(values.data() + shift, images);
    };
    daf::forward<daf::train>(gpu, Op{}, input(x), output(y), bench.parameters(), bench.saved(), bench.side());
    daf::backward(gpu, Op{}, input(x), output(y), output(dy), daf::overwrite(input(dx)), bench.parameters(),
                  bench.gradients(), bench.saved(), bench.side());
    const auto copy = [&](auto& values) {
        return std::vector<double>(values.data() + shift, values.data() + values.size());
    };
    const daf_test::Result got{copy(y), copy(dx), bench.gradient_slab.widened(), bench.slab.widened()};
    constexpr std::size_t bytes = sizeof(T);
    daf_test::check_close(got, want, bytes == 2 ? 0x1p-8 : bytes == 4 ? 1e-4 : 1e-12);
    CHECK((x.edges_whole() && y.edges_whole() && dy.edges_whole() && dx.edges_whole()));
    return gpu.widths;
}

using Widths = std::set<Index>;

template <template <class> class OpOn>
void check_widths() {
    // Whole packs in a row, at aligned addresses.
    CHECK(widths_at<OpOn<Shape<3, 5, 12>>, float>(0) == Widths{4});
    CHECK(widths_at<OpOn<Shape<3, 5, 6>>, double>(0) == Widths{2});
    CHECK(widths_at<OpOn<Shape<3, 5, 24>>, daf::bf16>(0) == Widths{8});
    // The same beside an aligned address.
    CHECK(widths_at<OpOn<Shape<3, 5, 12>>, float>(1) == Widths{1});
    CHECK(widths_at<OpOn<Shape<3, 5, 12>>, float>(2) == Widths{1});
    CHECK(widths_at<OpOn<Shape<3, 5, 6>>, double>(1) == Widths{1});
    CHECK(widths_at<OpOn<Shape<3, 5, 24>>, daf::bf16>(4) == Widths{1});
}
/// What goes by rows of channels takes no packs from a row that ends within one.
template <template <class> class OpOn>
void check_widths_of_rows() {
    check_widths<OpOn>();
    CHECK(widths_at<OpOn<Shape<3, 5, 10>>, float>(0) == Widths{1});
    CHECK(widths_at<OpOn<Shape<3, 5, 3>>, double>(0) == Widths{1});
    CHECK(widths_at<OpOn<Shape<3, 5, 12>>, daf::bf16>(0) == Widths{1});
}

template <class S>
using Dual = daf::DualAttention<S, 3, 3>;  // hidden vectors of whole packs, too
template <class S>
using Channel = daf::ChannelAttention<S, 3>;
template <class S>
using OddChannel = daf::ChannelAttention<S, 1>;
template <class S>
using Pool = daf::MaxPool<S>;
template <class S>
using Spatial = daf::SpatialAttention<S, 3>;

}  // namespace

TEST_CASE("relu moves whole packs and what is left behind them") {
    check_widths<daf::Relu>();
    CHECK(widths_at<daf::Relu<Shape<1, 5, 1>>, float>(0) == Widths{4});
}

TEST_CASE("batch norm moves packs of channels") {
    check_widths_of_rows<daf::BatchNorm>();
}

TEST_CASE("attention moves packs of channels") {
    check_widths<Dual>();
    check_widths<Channel>();
    check_widths_of_rows<OddChannel>();
    check_widths_of_rows<Spatial>();
}

TEST_CASE("pools move packs of channels") {
    check_widths_of_rows<Pool>();
    check_widths_of_rows<daf::GlobalAveragePool>();
    check_widths_of_rows<daf::GlobalMaxPool>();
}

TEST_CASE("dropout moves whole random blocks of samples that are made of them") {
    using daf::Dropout;
    CHECK(widths_at<Dropout<Shape<3, 5, 12>>, float>(0) == Widths{4});
    CHECK(widths_at<Dropout<Shape<3, 5, 4>>, double>(0) == Widths{4});
    CHECK(widths_at<Dropout<Shape<3, 5, 24>>, daf::bf16>(0) == Widths{8});
    CHECK(widths_at<Dropout<Shape<3, 5, 12>>, float>(1) == Widths{1});
    CHECK(widths_at<Dropout<Shape<3, 5, 24>>, daf::bf16>(4) == Widths{1});
    CHECK(widths_at<Dropout<Shape<3, 5, 6>>, float>(0) == Widths{1});
    CHECK(widths_at<Dropout<Shape<3, 5, 12>>, daf::bf16>(0) == Widths{1});
}

TEST_CASE("optimizers move whole packs and what is left behind them") {
    // Decay ends within a pack.
    constexpr Index decayed = 1026, undecayed = 77, size = decayed + undecayed;
    const auto updated = [](const daf::Optimizer& optimizer, Index shift, Widths& widths) {
        WatchedGpu gpu;
        daf_test::Guarded<float> p(size + shift), g(size + shift), m(size + shift), v(size + shift);
        for (Index i = 0; i < size + shift; ++i) {
            const auto place = static_cast<float>(i - shift);
            p[i] = std::sin(place), g[i] = std::cos(3 * place), m[i] = std::sin(5 * place);
            v[i] = std::abs(std::cos(place));
        }
        daf::update(gpu, optimizer,
                    daf::UpdateCall<float>{p.data() + shift, g.data() + shift, m.data() + shift,
                                           v.data() + shift, decayed, undecayed, 3});
        widths = gpu.widths;
        std::vector<float> all;
        for (auto* slab : {&p, &m, &v}) {
            CHECK(slab->edges_whole());
            all.insert(all.end(), slab->data() + shift, slab->data() + size + shift);
        }
        return all;
    };
    for (const daf::Optimizer& optimizer :
         {daf::Optimizer(daf::Adam{.weight_decay = 0.1}), daf::Optimizer(daf::Sgd{.weight_decay = 0.1})}) {
        Widths wide, single;
        const auto in_packs = updated(optimizer, 0, wide);
        CHECK(daf_test::relative_difference(updated(optimizer, 1, single), in_packs) < 1e-6);
        CHECK(wide == Widths{4});
        CHECK(single == Widths{1});
    }
}

TEST_CASE("a bias is added, and numbers are rounded, by packs") {
    const auto sums = [](Index channels, Index shift, Widths& widths) {
        constexpr Index rows = 35;
        WatchedGpu gpu;
        daf_test::Guarded<daf::bf16> y(rows * channels + shift);
        std::vector<float> bias(static_cast<std::size_t>(channels));
        for (std::size_t c = 0; c < bias.size(); ++c) bias[c] = static_cast<float>(c) - 3;
        for (Index i = 0; i < rows * channels; ++i) y[i + shift] = daf::bf16(i % 7 - 3);
        daf::gpu::add_bias(gpu, rows, channels, bias.data(), true, y.data() + shift);
        CHECK(y.edges_whole());
        for (Index i = 0; i < rows * channels; ++i) {
            const auto want = static_cast<float>(std::max<Index>(i % 7 - 3 + i % channels - 3, 0));
            if (y[i + shift] != want) return false;
        }
        widths = gpu.widths;
        return true;
    };
    Widths widths;
    CHECK((sums(16, 0, widths) && widths == Widths{8}));
    CHECK((sums(16, 1, widths) && widths == Widths{1}));
    CHECK((sums(12, 0, widths) && widths == Widths{1}));

    const std::vector<float> numbers{1, -2, 3.14159f, 4, 5, 6, 7, 8, 9, 1e-3f, -11};
    alignas(16) float from[12];
    alignas(16) daf::bf16 to[12];
    for (const Index shift : {0, 1}) {
        WatchedGpu gpu;
        std::copy(numbers.begin(), numbers.end(), from + shift);
        daf::gpu::convert(gpu, 11, from + shift, daf::gpu::Slopes<daf::bf16>{to + shift, false});
        for (std::size_t i = 0; i < 11; ++i) CHECK((to + shift)[i].bits() == daf::bf16(numbers[i]).bits());
        CHECK(gpu.widths == Widths{shift == 0 ? 8 : 1});
    }
}
