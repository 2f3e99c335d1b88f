// Networks on a device.
#include <daf/daf.cuh>
#include <daf/net/layers.hpp>
#include <daf/net/model.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/max_pool.hpp>

#include "conform_on_device.hpp"

using daf::bf16;
using daf::Index;
using daf::Shape;
using daf::Wide;
using daf_test::relative_difference;
using daf_test::Result;
namespace layer = daf::layer;

namespace {

constexpr double bf16_step = 0x1p-8;

/// Small whole numbers: products of them and their sums are exact in every type.
template <class T>
std::vector<T> whole_numbers(Index count, std::uint64_t seed) {
    std::vector<T> values(static_cast<std::size_t>(count));
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    for (T& v : values) v = static_cast<T>(random.below(5) - 2.0);
    return values;
}

std::vector<double> widened(const auto& batch) {
    return {batch.data(), batch.data() + batch.size()};
}

/// What a training pass of a network leaves that is given whole numbers.
template <class Net, class T, class Backend>
Result pass_of(Backend& ctx, Index images) {
    using Number = Wide<T>;
    daf::Model<Net, Backend, T> model(ctx, daf::max_batch(images), daf::Seed{1});
    constexpr Index trained = daf::parameter_segments<Net>.trained();
    const auto parameters = whole_numbers<Number>(trained, 3);
    ctx.copy_in(model.parameters().data(), parameters.data(), trained);
    const auto maps = whole_numbers<T>(images * Net::Input::size, 1),
               slopes = whole_numbers<T>(images * Net::Output::size, 2);
    const auto x = ctx.upload(daf::batch_of<typename Net::Input>(maps));
    const auto dy = ctx.upload(daf::batch_of<typename Net::Output>(slopes));
    std::vector<T> into(maps.size());
    auto dx = ctx.upload(daf::batch_of<typename Net::Input>(into));
    const auto on_host = [&](auto slab) {
        return widened(ctx.download(daf::Batch<Shape<1>, const Number, typename Backend::Space>(
            slab.data(), static_cast<Index>(slab.size()))));
    };
    Result result;
    result.y = widened(ctx.download(model.forward_train(x)));
    model.backward(x, dy, daf::overwrite(dx));
    result.dx = widened(ctx.download(dx));
    result.gradients = on_host(model.gradients());
    result.state = on_host(model.parameters());
    return result;
}

/// The gradients of gamma and beta, which no product rounds.
template <class Net>
std::vector<double> undecayed(const Result& result) {
    return {result.gradients.begin() + daf::gradient_segments<Net>.decayed, result.gradients.end()};
}

template <class Net, class T>
void check_pooled() {
    static_assert(daf::output_can_be_deferred<typename Net::template Operator<0>, daf::Gpu, T> &&
                  daf::gradient_can_be_deferred<typename Net::template Operator<1>, daf::Gpu, T>);
    constexpr Index images = 3;
    daf::Reference reference;
    const Result want = pass_of<Net, double>(reference, images);
    std::vector<Result> got;
    for (int run = 1; run <= 3; ++run) {
        daf::Gpu gpu;
        got.push_back(pass_of<Net, T>(gpu, images));
    }
    const double exact = std::is_same_v<T, double> ? 1e-12 : 2e-5;
    daf_test::Tolerances tolerance(exact);
    if constexpr (std::is_same_v<T, bf16>) {
        tolerance.y = bf16_step;
        tolerance.dx = 2 * bf16_step;
        tolerance.gradients = bf16_step;
    }
    daf_test::check_close(got[0], want, tolerance);
    CHECK(relative_difference(undecayed<Net>(got[0]), undecayed<Net>(want)) <= exact);
    daf_test::check_same_bits(got, "run", {1, 2, 3});
}

}  // namespace

TEST_CASE_TEMPLATE("a map that a pool makes as it reads it, and its gradient, are Reference's on a device", T,
                   float, double, bf16) {
    // 16 bytes at a time in every type, and a row and a column that no window covers; behind a first layer,
    // whose kernels are ours; one element at a time.
    check_pooled<daf::Sequence<Shape<7, 9, 8>, layer::ConvBnRelu<16>, layer::MaxPool<2>>, T>();
    check_pooled<daf::Sequence<Shape<6, 6, 1>, layer::ConvBnRelu<8>, layer::MaxPool<2>>, T>();
    check_pooled<daf::Sequence<Shape<7, 9, 3>, layer::ConvBnRelu<5>, layer::MaxPool<2>>, T>();
}
