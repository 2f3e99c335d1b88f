// Every kernel of the library, in float, double and bf16, for every architecture: nvcc's and ptxas's warnings
// are errors here, spilled registers and local memory among them.
#include <daf/daf.cuh>

namespace {

template <class Op, class T>
void both_passes(daf::Gpu& gpu) {
    using namespace daf;
    const Batch<typename Op::Input, T, Device> x, dx;
    const Batch<typename Op::Output, OutputElement<Op, T>, Device> y, dy;
    const ParametersOf<Op, Wide<T>, Device> params;
    const GradientsOf<Op, Wide<T>, Device> dparams;
    const SavedOf<Op, T, Device> saved;
    const SideInput<Device> side;
    forward<train>(gpu, Op{}, x, y, params, saved, side);
    forward<eval>(gpu, Op{}, x, y, params, Nothing{}, side);
    backward(gpu, Op{}, x, y, dy, overwrite(dx), params, dparams, saved, side);
    if constexpr (LossWithCentres<Op>) update_centres(gpu, Op{}, params, dparams, 0.5);
}

/// A pool that makes its input as it reads, and the operator before it that so reads its gradient.
template <class Op, class T>
void between_conv_and_pool(daf::Gpu& gpu) {
    using namespace daf;
    using Pool = MaxPool<typename Op::Output>;
    const Deferred<Op, T, Device> x;
    const DeferredGradient<Pool, T, Device> dy;
    forward<train>(gpu, Pool{}, x, Batch<typename Pool::Output, T, Device>(), Nothing{},
                   SavedOf<Pool, T, Device>());
    backward(gpu, Op{}, Batch<typename Op::Input, T, Device>(), Batch<typename Op::Output, T, Device>(), dy,
             skip, ParametersOf<Op, Wide<T>, Device>(), GradientsOf<Op, Wide<T>, Device>(),
             SavedOf<Op, T, Device>());
}

template <class T>
void every_kernel(daf::Gpu& gpu) {
    using namespace daf;
    using Map = Shape<6, 6, 512>;
    both_passes<ChannelAttention<Map>, T>(gpu);
    both_passes<SpatialAttention<Map>, T>(gpu);
    both_passes<DualAttention<Map>, T>(gpu);
    both_passes<Conv2d<Map, 512, 3, 2, Bias::per_channel>, T>(gpu);
    both_passes<ConvBnRelu<Map, 512>, T>(gpu);
    both_passes<BatchNorm<Map>, T>(gpu);
    both_passes<MaxPool<Map>, T>(gpu);
    both_passes<MaxPool<Map, 3>, T>(gpu);
    both_passes<GlobalAveragePool<Map>, T>(gpu);
    both_passes<GlobalMaxPool<Map>, T>(gpu);
    both_passes<Linear<Map, 512>, T>(gpu);
    // Few channels, few features, up to the most that kernels of ours take.
    both_passes<ConvBnRelu<Shape<96, 96, 1>, 64>, T>(gpu);
    both_passes<Linear<Shape<512>, 7>, T>(gpu);
    both_passes<Linear<Shape<512>, 16>, T>(gpu);
    static_assert(daf::gpu::is_narrow(16) && !daf::gpu::is_narrow(17));
    both_passes<Conv2d<Shape<6, 6, 4>, 64, 1>, T>(gpu);
    between_conv_and_pool<ConvBnRelu<Map, 512>, T>(gpu);
    both_passes<Relu<Map>, T>(gpu);
    both_passes<Flatten<Map>, T>(gpu);
    both_passes<Dropout<Map>, T>(gpu);
    both_passes<SoftmaxCrossEntropy<Shape<7>>, T>(gpu);
    both_passes<TripletCentreLoss<Shape<512>, 7>, T>(gpu);
    both_passes<CentreLoss<Shape<512>, 7>, T>(gpu);
    both_passes<IslandLoss<Shape<512>, 7>, T>(gpu);
    const View<Shape<1>, Index, Device> count;
    count_largest(gpu, Batch<Shape<7>, T, Device>(), Labels<Device>(), count);
    count_nearest(gpu, Batch<Shape<512>, T, Device>(), View<Shape<7, 512>, Wide<T>, Device>(),
                  Labels<Device>(), count);
    augment(gpu, AugmentCall<T>{});
}

/// Those of what is never kept in bf16.
template <class T>
void every_kernel_of_masters(daf::Gpu& gpu) {
    using namespace daf;
    update(gpu, Optimizer{}, UpdateCall<T>{});
    const Batch<Shape<1>, T, Device> losses;
    reduce(gpu, Reduction::mean, losses, View<Shape<1>, double, Device>());
    fill_weights(gpu, Reduction::mean, losses);
    count_positive(gpu, losses, View<Shape<1>, Index, Device>());
}

}  // namespace

void every_kernel_in_every_type(daf::Gpu& gpu) {
    every_kernel<float>(gpu);
    every_kernel<double>(gpu);
    every_kernel<daf::bf16>(gpu);
    every_kernel_of_masters<float>(gpu);
    every_kernel_of_masters<double>(gpu);
}
