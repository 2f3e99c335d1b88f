// Maps that are moved 16 bytes at a time where sizes and addresses allow it, and one by one elsewhere.
#include <daf/gpu/batch_norm.hpp>
#include <daf/gpu/channel_attention.hpp>
#include <daf/gpu/dual_attention.hpp>
#include <daf/gpu/relu.hpp>
#include <daf/gpu/spatial_attention.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/dual_attention.hpp>
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

/// HostGpu that remembers how wide its kernels were.
struct WatchedGpu : daf_test::HostGpu {
    std::set<Index> widths;

    template <class Kernel>
    void launch(Index blocks, const Kernel& kernel) {
        if (const Index width = width_of(kernel); width != 0) widths.insert(width);
        HostGpu::launch(blocks, kernel);
    }
};

/// Both passes of Op as Reference does them, on maps that start `shift` elements behind a multiple of 64 bytes; the widths in
/// use.
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
    const daf_test::Result got{copy(y), copy(dx), daf_test::widen(bench.gradient_slab),
                               daf_test::widen(bench.slab)};
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
using Dual = daf::DualAttention<S, 2, 3>;
template <class S>
using Channel = daf::ChannelAttention<S, 2>;
template <class S>
using OddChannel = daf::ChannelAttention<S, 1>;
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
