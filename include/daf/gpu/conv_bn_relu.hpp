#pragma once
#include <daf/core/prepared.hpp>
#include <daf/gpu/convolution_backward.hpp>
#include <daf/gpu/map_source.hpp>
#include <daf/ops/conv_bn_relu.hpp>

namespace daf {

namespace gpu {

/// A normalisation by running figures as a factor and a term for each channel: scale = weight / std,
/// bias = offset - mean * scale.
template <class T, class B>
struct FoldNormalisation {
    const T *mean, *var, *weight, *offset;
    double eps;
    T* scale;
    B* bias;

    DAF_HOST_DEVICE void operator()(Index c) const {
        const double inverse_std = 1 / std::sqrt(static_cast<double>(var[c]) + eps);
        scale[c] = static_cast<T>(static_cast<double>(weight[c]) * inverse_std);
        bias[c] = static_cast<B>(offset[c] - mean[c] * scale[c]);
    }
};

/// Who adds bias and ReLU to a folded convolution.
enum class Finished {
    by_cudnn,  // as it makes y, whose ReLU may make a 0 of a NaN
    by_us      // in a pass over y: a NaN stays
};

/// A convolution with a bias and a ReLU: what is left of ConvBnRelu when its normalisation goes by running
/// figures. Cudnn's has the factors in the weights. In bf16 the bias that cuDNN adds is of bf16 too: for a
/// float one it compiles an engine of its own.
template <class Op, class T, Finished finished>
class FoldedConvolution {
    using Number = Wide<T>;
    static constexpr ConvolutionSize size = convolution_size<Op>();
    static constexpr bool direct = is_direct(size);
    using Weight = std::conditional_t<direct, Number, T>;
    using Bias = std::conditional_t<finished == Finished::by_cudnn, Weight, Number>;

  public:
    static constexpr Index bytes = scratch_size<Weight>(size.weights()) + scratch_size<Bias>(size.features) +
                                   scratch_size<Number>(size.features);

    /// In `memory`, of `bytes`.
    explicit FoldedConvolution(std::byte* memory)
        : weights_(reinterpret_cast<Weight*>(memory)),
          bias_(reinterpret_cast<Bias*>(memory + scratch_size<Weight>(size.weights()))),
          scale_(reinterpret_cast<Number*>(memory + bytes - scratch_size<Number>(size.features))) {}

    template <ConvolvingBackend Backend>
    static Index scratch_bytes(const Backend& ctx, Index count) {
        if constexpr (direct) return 0;
        return ctx.template convolution_bytes<T>(task(count));
    }

    template <class Bn, GridBackend Backend, class Params>
    void fold(Backend& ctx, const Params& p) const {
        for_each(ctx, size.features,
                 FoldNormalisation<Number, Bias>{p.running_mean.data(), p.running_var.data(), p.gamma.data(),
                                                 p.beta.data(), Bn::eps, scale_, bias_});
        if constexpr (direct) {
            ctx.copy(weights_, p.weight.data(), size.weights());
        } else {
            turn_weights<Backend, T>(ctx, size, p.weight.data(), scale_, weights_);
        }
    }
    template <ConvolvingBackend Backend>
    void run(Backend& ctx, const T* x, T* y, Index count) const {
        if constexpr (direct) {
            DirectConvolution<Op, T>::forward(ctx, x, weights_, scale_, bias_, true, y, count);
        } else {
            ctx.template convolve<T>(task(count), {x, weights_, y, cudnns_bias()});
            if constexpr (finished == Finished::by_us)
                add_bias(ctx, count * size.out_area(), size.features, bias_, true, y);
        }
    }

  private:
    static ConvolutionTask task(Index count) {
        constexpr Pass pass = finished == Finished::by_cudnn ? Pass::forward_bias_relu : Pass::forward;
        return {Op::Header::name, pass, size, count};
    }
    const T* cudnns_bias() const {
        if constexpr (finished == Finished::by_cudnn) return bias_;
        return nullptr;
    }

    Weight* weights_;
    Bias* bias_;
    Number* scale_;
};

}  // namespace gpu

template <class In, Index Features, Index K, GridBackend Backend>
struct Kernel<ConvBnRelu<In, Features, K>, Backend> {
    using Op = ConvBnRelu<In, Features, K>;
    using Bn = typename Op::Normalisation;
    static constexpr ConvolutionSize size = convolution_size<Op>();
    static constexpr const char* name = Op::Header::name;
    static constexpr bool direct = gpu::is_direct(size);
    template <class T>
    using Evaluated = gpu::FoldedConvolution<Op, T, gpu::Finished::by_us>;
    template <class T>
    using Inferred = gpu::FoldedConvolution<Op, T, gpu::Finished::by_cudnn>;

    static constexpr gpu::SumSize sum_size(Index count) { return {count * Op::Output::area, Features}; }
    /// The training pass's convolution: in bf16 with its statistics, where the backend may. They are sums of
    /// squares in float, which lose digits where a mean is far from zero, as z does where it is rounded to
    /// bf16. Of floats only the sums would.
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
                               std::max(convolution_bytes<T>(ctx, count), sum_size(count).scratch_bytes());
        const Index backward = scratch_size<T>(count * size.y_size()) +
                               std::max(gpu::gradient_scratch_bytes<T>(sum_size(count)),
                                        gpu::ConvolutionBackward<Op, T>(count).scratch_bytes(ctx));
        return std::max({training, eval_scratch_bytes<T>(ctx, count), backward});
    }
    template <class T>
    static Index eval_scratch_bytes(const Backend& ctx, Index count) {
        return scratch_size<std::byte>(Evaluated<T>::bytes) + Evaluated<T>::scratch_bytes(ctx, count);
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        if constexpr (M == Mode::train) {
            check<T>(call.x.data(), "z", call.saved.z.data());
            train(ctx, call);
        } else {
            check<T>(call.x.data(), "y", call.y.data());
            auto frame = ctx.scratch();
            const Evaluated<T> folded(frame.template take<std::byte>(Evaluated<T>::bytes));
            folded.template fold<Bn>(ctx, call.params);
            folded.run(ctx, call.x.data(), call.y.data(), call.count());
        }
    }

    static constexpr bool reads_slopes = true;

    template <class T, class Space, class X, class DY>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space, X, DY>& call) {
        using Gradients = gpu::ConvolutionBackward<Op, T>;
        Gradients::check(call.x.data(), nullptr, gpu::slopes_of(call.dx));
        const auto& saved = call.saved;
        const auto dy = gpu::slope_source<Backend>(call.dy);
        auto frame = ctx.scratch();
        auto* dz = frame.template take<T>(call.count() * size.y_size());
        {
            auto sums = ctx.scratch();
            const gpu::NormalisationGradient<T, std::decay_t<decltype(dy)>> gradient(
                ctx, sums, sum_size(call.count()), gpu::Rectify::yes, saved.z.data(), dy, saved.mean.data(),
                saved.inverse_std.data(), call.params.gamma.data(), call.params.beta.data(),
                call.dparams.gamma.data(), call.dparams.beta.data());
            gradient.apply(ctx, {dz, false});
        }
        Gradients(call.count())
            .run(ctx, call.x.data(), call.params.weight.data(), dz, gpu::slopes_of(call.dx),
                 call.dparams.weight.data());
    }

    /// y again, from z: see core/deferred.hpp.
    template <class T>
    class OutputRows {
      public:
        template <class Params, class Saved>
        OutputRows(const Params& p, const Saved& saved)
            : source_{{saved.mean.data(), saved.inverse_std.data(), p.gamma.data(), p.beta.data()},
                      saved.z.data()} {}

        gpu::RectifiedMap<T> source() const { return source_; }
        template <class Space>
        void write_all(Backend& ctx, Batch<typename Op::Output, T, Space> y) const {
            gpu::normalise(ctx, sum_size(y.count()), source_.affine, gpu::Rectify::yes, source_.z, y.data());
        }

      private:
        gpu::RectifiedMap<T> source_;
    };

    /// For inference: see core/prepared.hpp. The normalisation has gone into the weights.
    template <class T>
    class Prepared {
      public:
        using Space = typename Backend::Space;

        Prepared(Backend& ctx, Op, const ParametersOf<Op, const Wide<T>, Space>& p, Index)
            : memory_(ctx.allocate(bytes(ctx, 0))) {
            Inferred<T>(memory_.data()).template fold<Bn>(ctx, p);
        }

        static Index bytes(const Backend&, Index) { return Inferred<T>::bytes; }
        static Index scratch_bytes(const Backend& ctx, Index count) {
            return Inferred<T>::scratch_bytes(ctx, count);
        }
        void forward(Backend& ctx, Batch<In, const T, Space> x,
                     Batch<typename Op::Output, T, Space> y) const {
            check<T>(x.data(), "y", y.data());
            Inferred<T>(memory_.data()).run(ctx, x.data(), y.data(), x.count());
        }

      private:
        typename Backend::Memory memory_;
    };

  private:
    template <class T>
    static void check(const T* x, const char* result, const T* made) {
        if constexpr (!direct) {
            gpu::check_alignment(name, "x", x, size.x_size());
            gpu::check_alignment(name, result, made, size.y_size());
        }
    }
    /// Scratch of the training pass's convolution.
    template <class T>
    static Index convolution_bytes(const Backend& ctx, Index count) {
        if constexpr (direct) return 0;
        return scratch_size<T>(size.weights()) +
               ctx.template convolution_bytes<T>(forward_task<T>(ctx, count));
    }

    template <class Call>
    static void train(Backend& ctx, const Call& call) {
        using T = typename decltype(call.y)::Element;
        const auto& p = call.params;
        const auto& saved = call.saved;
        const Index count = call.count();
        T* z = saved.z.data();
        auto frame = ctx.scratch();
        auto* sums = frame.template take<float>(2 * Features);
        const bool fused = convolve(ctx, call.x.data(), p.weight.data(), z, sums, count);
        const gpu::KeepMoments<Wide<T>> keep{sum_size(count).rows,
                                             Bn::eps,
                                             Bn::momentum,
                                             saved.mean.data(),
                                             saved.inverse_std.data(),
                                             p.running_mean.data(),
                                             p.running_var.data()};
        if (fused) {
            gpu::for_each(ctx, Features, gpu::MomentsOfSums<Wide<T>>{sums, sums + Features, keep});
        } else {
            gpu::find_moments(ctx, Features, z, keep);
        }
        if (call.y.data() != nullptr) OutputRows<T>(p, saved).write_all(ctx, call.y);
    }

    /// z = x * w. Whether its statistics lie in `sums` as well.
    template <class T>
    static bool convolve(Backend& ctx, const T* x, const Wide<T>* weight, T* z, float* sums, Index count) {
        if constexpr (direct) {
            gpu::DirectConvolution<Op, T>::forward(ctx, x, weight, nullptr, nullptr, false, z, count);
            return false;
        } else {
            const gpu::ConvolutionTask task = forward_task<T>(ctx, count);
            const bool fused = task.pass == gpu::Pass::forward_statistics;
            if (fused) ctx.zero(sums, 2 * Features);
            auto frame = ctx.scratch();
            auto* turned = frame.template take<T>(size.weights());
            gpu::turn_weights<Backend, T>(ctx, size, weight, nullptr, turned);
            ctx.template convolve<T>(task, {x, turned, z, nullptr, sums, sums + Features});
            return fused;
        }
    }
};

}  // namespace daf
