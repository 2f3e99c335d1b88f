#include <daf/cpu/dropout.hpp>
#include <daf/gpu/dropout.hpp>
#include <daf/reference/dropout.hpp>

#include "support/conform_on_fibers.hpp"

using daf::Dropout;
using daf::Shape;

TEST_CASE("dropout's kernels keep every promise") {
    daf_test::conform_on_fibers<Dropout<Shape<5, 7, 3>>>();
    daf_test::conform_on_fibers<Dropout<Shape<1>>>({.rate = 0.9});
    daf_test::conform_on_fibers<Dropout<Shape<130>>>({.rate = 0});
}

TEST_CASE("dropout draws the mask of the Cpu") {
    using S = Shape<71>;
    const std::uint32_t step = 3;
    const daf::Draw place{daf::Seed{42}, &step, 6, 1000};
    const std::vector<float> ones(9 * S::size, 1.0f);
    std::vector<float> on_cpu(ones.size()), on_gpu(ones.size());
    daf::Cpu cpu(daf::Threads{1});
    daf_test::HostGpu gpu;
    const auto mask = [&](auto& ctx, std::vector<float>& y) {
        daf::forward<daf::train>(ctx, Dropout<S>{0.25}, daf::batch_of<S>(ones), daf::batch_of<S>(y), {}, {},
                                 place);
    };
    mask(cpu, on_cpu);
    mask(gpu, on_gpu);
    CHECK(on_gpu == on_cpu);
}

namespace {

template <class Kernel>
inline constexpr bool draws = false;
template <class T>
inline constexpr bool draws<daf::gpu::ForEach<daf::gpu::MaskPacks<T>>> = true;
template <class T>
inline constexpr bool draws<daf::gpu::ForEach<daf::gpu::MaskBlocks<T>>> = true;

/// Counts its launches, and those that draw.
struct CountingGpu : daf_test::HostGpu {
    int masks = 0, launches = 0;

    template <class Kernel>
    void launch(daf::Index blocks, const Kernel& kernel) {
        masks += draws<Kernel>;
        ++launches;
        HostGpu::launch(blocks, kernel);
    }
};

}  // namespace

TEST_CASE_TEMPLATE("without a rate, and in eval, nothing is drawn", S, Shape<71>, Shape<64>) {
    const std::uint32_t step = 3;
    const daf::Draw place{daf::Seed{42}, &step, 6, 1000};
    std::vector<float> x(9 * S::size), y(x.size()), dx(x.size(), 1.0f);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 100;
    const auto batch = [](auto& values) { return daf::batch_of<S>(values); };
    CountingGpu gpu;
    const auto train = [&](double rate) {
        daf::forward<daf::train>(gpu, Dropout<S>{rate}, batch(std::as_const(x)), batch(y), {}, {}, place);
        daf::backward(gpu, Dropout<S>{rate}, batch(std::as_const(x)), batch(y), batch(std::as_const(x)),
                      daf::accumulate(batch(dx)), {}, {}, {}, place);
    };
    daf::forward<daf::eval>(gpu, Dropout<S>{0.25}, batch(std::as_const(x)), batch(y));
    CHECK(y == x);
    train(0);
    CHECK(y == x);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(dx[i] == x[i] + 1);
    CHECK(gpu.launches == 3);
    CHECK(gpu.masks == 0);
    train(0.25);
    CHECK(gpu.masks == 2);
}

TEST_CASE("a place in memory is where dropout draws when the kernel runs, on every backend") {
    using S = Shape<71>;
    const std::uint32_t step = 3;
    const daf::DrawPlace place{3, 1000};
    const std::vector<float> ones(9 * S::size, 1.0f);
    const auto mask = [&](auto&& ctx, const daf::Draw& draw) {
        std::vector<float> y(ones.size()), dx(ones.size());
        daf::forward<daf::train>(ctx, Dropout<S>{0.25}, daf::batch_of<S>(ones), daf::batch_of<S>(y), {}, {},
                                 draw);
        daf::backward(ctx, Dropout<S>{0.25}, daf::batch_of<S>(ones), daf::batch_of<S>(y),
                      daf::batch_of<S>(ones), daf::overwrite(daf::batch_of<S>(dx)), {}, {}, {}, draw);
        CHECK(dx == y);
        return y;
    };
    const auto wanted = mask(daf::Reference{}, {daf::Seed{42}, &step, 6, 1000});
    const daf::Draw placed{.seed = daf::Seed{42}, .layer = 6, .place = &place};
    CHECK(mask(daf::Reference{}, placed) == wanted);
    CHECK(mask(daf::Cpu(daf::Threads{1}), placed) == wanted);
    CHECK(mask(daf_test::HostGpu{}, placed) == wanted);
    const daf::Draw elsewhere{.seed = daf::Seed{42}, .layer = 6, .first_sample = 1000};
    CHECK_THROWS_AS(mask(daf::Reference{}, elsewhere), daf::ArgumentError);
}
