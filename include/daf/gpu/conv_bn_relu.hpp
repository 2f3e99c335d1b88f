#pragma once
#include <daf/core/prepared.hpp>
#include <daf/gpu/convolution.hpp>
#include <daf/gpu/normalisation.hpp>
#include <daf/ops/conv_bn_relu.hpp>

namespace daf {

namespace gpu {

/// bias = offset - centre * slope: what a normalisation adds when its slope has gone into the weights before it.
template <class T>
struct FoldedBias {
    ChannelAffine<Wide<T>> affine;
    T* bias;
    DAF_HOST_DEVICE void operator()(Index c) const {
        bias[c] = static_cast<T>(affine.offset[c] - affine.centre[c] * affine.slope[c]);
    }
};

/// A convolution with a bias and a ReLU: what is left of ConvBnRelu when its normalisation goes by running figures, a
/// factor and a term for each channel. In bf16 the bias is of bf16 too: for a float one cuDNN compiles an engine of its own.
template <class T>
struct FoldedConvolution {
    ConvolutionSize size;
    T *weights, *bias;
    Wide<T>* slope;

    static constexpr Index bytes(const ConvolutionSize& size) {
        return scratch_size<T>(size.weights()) + scratch_size<T>(size.features) +
               scratch_size<Wide<T>>(size.features);
    }
    static FoldedConvolution in(const ConvolutionSize& size, std::byte* memory) {
        std::byte* bias = memory + scratch_size<T>(size.weights());
        std::byte* slope = bias + scratch_size<T>(size.features);
        return {size, reinterpret_cast<T*>(memory), reinterpret_cast<T*>(bias),
                reinterpret_cast<Wide<T>*>(slope)};
    }
    static ConvolutionTask task(const char* op, const ConvolutionSize& size, Index count) {
        return {op, Pass::forward_bias_relu, size, count};
    }

    template <class Bn, GridBackend Backend, class Params>
    void fold(Backend& ctx, const Params& p) const {
        const ChannelAffine<Wide<T>> affine = running_normalisation<Backend, Wide<T>>(
            ctx, size.features, p.running_mean.data(), p.running_var.data(), Bn::eps, p.gamma.data(),
            p.beta.data(), slope);
        turn_weights<Backend, T>(ctx, size, p.weight.data(), slope, weights);
        for_each(ctx, size.features, FoldedBias<T>{affine, bias});
    }
    template <ConvolvingBackend Backend>
    void run(Backend& ctx, const char* op, const T* x, T* y, Index count) const {
        ctx.template convolve<T>(task(op, size, count), {x, weights, y, bias});
    }
};

}  // namespace gpu

template <class In, Index Features, Index K, GridBackend Backend>
struct Kernel<ConvBnRelu<In, Features, K>, Backend> {
    using Op = ConvBnRelu<In, Features, K>;
    using Bn = typename Op::Normalisation;
    static constexpr gpu::ConvolutionSize size = gpu::convolution_size<Op>();
    static constexpr const char* name = Op::Header::name;
    template <class T>
    using Folded = gpu::FoldedConvolution<T>;

    static constexpr gpu::SumSize sum_size(Index count) { return {count * Op::Output::area, Features}; }
    /// The training pass's convolution: in bf16 with its statistics, where the backend can. They are sums of squares in float,
    /// which lose digits where a mean is far from zero, as z does where it is rounded to bf16. Of floats only the sums would.
    template <class T>
    static gpu::ConvolutionTask forward_task(const Backend& ctx, Index count) {
        if constexpr (std::is_same_v<T, bf16>) {
            const gpu::ConvolutionTask fused{name, gpu::Pass::forward_statistics, size, count};
            if (ctx.template fuses<T>(fused)) return fused;
        }
        return {name, gpu::Pass::forward, size, count};
    }

    template <class T>
    static Index scratch_bytes(const Backend& ctx, Index count) {
        const Index training = scratch_size<float>(2 * Features) +
                               std::max(scratch_size<T>(size.weights()) +
                                            ctx.template convolution_bytes<T>(forward_task<T>(ctx, count)),
                                        sum_size(count).scratch_bytes() + scratch_size<Wide<T>>(Features));
        const Index inference =
            Folded<T>::bytes(size) + ctx.template convolution_bytes<T>(Folded<T>::task(name, size, count));
        const Index backward = scratch_size<T>(count * size.y_size()) +
                               std::max(gpu::gradient_scratch_bytes<T>(sum_size(count)),
                                        gpu::ConvolutionBackward<T>(name, size, count).scratch_bytes(ctx));
        return std::max({training, inference, backward});
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        if constexpr (M == Mode::train) {
            require_variance(name, call.count() * Op::Output::area);
            train(ctx, call);
        } else {
            auto frame = ctx.scratch();
            const auto folded = Folded<T>::in(size, frame.template take<std::byte>(Folded<T>::bytes(size)));
            folded.template fold<Bn>(ctx, call.params);
            folded.run(ctx, name, call.x.data(), call.y.data(), call.count());
        }
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        const auto& saved = call.saved;
        auto frame = ctx.scratch();
        T* dz = frame.template take<T>(call.count() * size.y_size());
        {
            auto sums = ctx.scratch();
            const gpu::NormalisationGradient<T> gradient(
                ctx, sums, sum_size(call.count()), gpu::Rectify::yes, saved.z.data(), call.dy.data(),
                saved.mean.data(), saved.inverse_std.data(), call.params.gamma.data(),
                call.params.beta.data(), call.dparams.gamma.data(), call.dparams.beta.data());
            gradient.apply(ctx, {dz, false});
        }
        gpu::ConvolutionBackward<T>(name, size, call.count())
            .run(ctx, call.x.data(), call.params.weight.data(), dz, gpu::slopes_of(call.dx),
                 call.dparams.weight.data());
    }

    /// For inference: see core/prepared.hpp. The normalisation has gone into the weights.
    template <class T>
    class Prepared {
      public:
        using Space = typename Backend::Space;

        Prepared(Backend& ctx, Op, const ParametersOf<Op, const Wide<T>, Space>& p, Index)
            : memory_(ctx.allocate(Folded<T>::bytes(size))) {
            folded().template fold<Bn>(ctx, p);
        }

        Index scratch_bytes(const Backend& ctx, Index count) const {
            return ctx.template convolution_bytes<T>(Folded<T>::task(name, size, count));
        }
        void forward(Backend& ctx, Batch<In, const T, Space> x,
                     Batch<typename Op::Output, T, Space> y) const {
            folded().run(ctx, name, x.data(), y.data(), x.count());
        }

      private:
        Folded<T> folded() const { return Folded<T>::in(size, memory_.data()); }
        typename Backend::Memory memory_;
    };

  private:
    template <class Call>
    static void train(Backend& ctx, const Call& call) {
        using T = typename decltype(call.y)::Element;
        const auto& p = call.params;
        const auto& saved = call.saved;
        T* z = saved.z.data();
        auto frame = ctx.scratch();
        float* sums = frame.template take<float>(2 * Features);
        const gpu::ConvolutionTask task = forward_task<T>(ctx, call.count());
        const bool fused = task.pass == gpu::Pass::forward_statistics;
        if (fused) ctx.zero(sums, 2 * Features);
        {
            auto weights = ctx.scratch();
            T* turned = weights.template take<T>(size.weights());
            gpu::turn_weights<Backend, T>(ctx, size, p.weight.data(), nullptr, turned);
            ctx.template convolve<T>(task, {call.x.data(), turned, z, nullptr, sums, sums + Features});
        }
        const gpu::KeepMoments<Wide<T>> keep{sum_size(call.count()).rows,
                                             Bn::eps,
                                             Bn::momentum,
                                             saved.mean.data(),
                                             saved.inverse_std.data(),
                                             p.running_mean.data(),
                                             p.running_var.data()};
        if constexpr (std::is_same_v<T, bf16>) {
            if (fused) gpu::for_each(ctx, Features, gpu::MomentsOfSums<float>{sums, sums + Features, keep});
        }
        if (!fused) gpu::find_moments(ctx, Features, z, keep);
        const gpu::ChannelAffine<Wide<T>> affine = gpu::saved_normalisation<Backend, Wide<T>>(
            ctx, Features, saved.mean.data(), saved.inverse_std.data(), p.gamma.data(), p.beta.data(),
            frame.template take<Wide<T>>(Features));
        gpu::normalise(ctx, sum_size(call.count()), affine, gpu::Rectify::yes, z, call.y.data());
    }
};

}  // namespace daf
