#pragma once
#include <daf/core/prepared.hpp>
#include <daf/gpu/convolution_backward.hpp>
#include <daf/ops/conv2d.hpp>

namespace daf {

template <class In, Index Features, Index K, Index Stride, Bias B, GridBackend Backend>
struct Kernel<Conv2d<In, Features, K, Stride, B>, Backend> {
    using Op = Conv2d<In, Features, K, Stride, B>;
    static constexpr ConvolutionSize size = convolution_size<Op>();
    static constexpr bool direct = gpu::is_direct(size);

    /// As the convolution reads them: cuDNN's turned and of T, the direct one's as they are.
    template <class T>
    using Weight = std::conditional_t<direct, Wide<T>, T>;
    template <class T>
    static constexpr Index weight_bytes = scratch_size<Weight<T>>(size.weights());

    static constexpr gpu::SumSize sum_size(Index count) { return {count * Op::Output::area, Features}; }

    template <class T>
    static Index scratch_bytes(const Backend& ctx, Index count) {
        const Index sums = Op::with_bias ? sum_size(count).scratch_bytes() : 0;
        return std::max({eval_scratch_bytes<T>(ctx, count),
                         gpu::ConvolutionBackward<Op, T>(count).scratch_bytes(ctx), sums});
    }
    template <class T>
    static Index eval_scratch_bytes(const Backend& ctx, Index count) {
        return weight_bytes<T> + convolution_bytes<T>(ctx, count);
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        check<T>(call.x, call.y);
        const auto* weight = call.params.weight.data();
        if constexpr (direct) {
            run<T>(ctx, weight, call.params.bias.data(), call.x, call.y);
        } else {
            auto frame = ctx.scratch();
            auto* turned = frame.template take<T>(size.weights());
            gpu::turn_weights<Backend, T>(ctx, size, weight, nullptr, turned);
            run<T>(ctx, turned, call.params.bias.data(), call.x, call.y);
        }
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        using Gradients = gpu::ConvolutionBackward<Op, T>;
        Gradients::check(call.x.data(), call.dy.data(), gpu::slopes_of(call.dx));
        Gradients(call.count())
            .run(ctx, call.x.data(), call.params.weight.data(), call.dy.data(), gpu::slopes_of(call.dx),
                 call.dparams.weight.data());
        if constexpr (Op::with_bias) {
            gpu::add_bias_gradient(ctx, sum_size(call.count()), call.dy.data(), call.dparams.bias.data());
        }
    }

    /// For inference: see core/prepared.hpp. The weights as the convolution reads them.
    template <class T>
    class Prepared {
      public:
        using Space = typename Backend::Space;

        Prepared(Backend& ctx, Op, const ParametersOf<Op, const Wide<T>, Space>& p, Index)
            : memory_(ctx.allocate(bytes(ctx, 0))) {
            if constexpr (direct) {
                ctx.copy(weights(), p.weight.data(), size.weights());
            } else {
                gpu::turn_weights<Backend, T>(ctx, size, p.weight.data(), nullptr, weights());
            }
            if constexpr (Op::with_bias) ctx.copy(bias(), p.bias.data(), Features);
        }

        static Index bytes(const Backend&, Index) {
            return weight_bytes<T> + scratch_size<Wide<T>>(Features);
        }
        static Index scratch_bytes(const Backend& ctx, Index count) {
            return convolution_bytes<T>(ctx, count);
        }
        void forward(Backend& ctx, Batch<In, const T, Space> x,
                     Batch<typename Op::Output, T, Space> y) const {
            check<T>(x, y);
            run<T>(ctx, weights(), bias(), x, y);
        }

      private:
        Weight<T>* weights() const { return memory_.template as<Weight<T>>(); }
        Wide<T>* bias() const { return memory_.template as<Wide<T>>(weight_bytes<T>); }
        typename Backend::Memory memory_;
    };

  private:
    template <class T, class X, class Y>
    static void check(const X& x, const Y& y) {
        if constexpr (!direct) {
            gpu::check_alignment<T>(Op::Header::name, "x", x.data(), size.x_size());
            gpu::check_alignment<T>(Op::Header::name, "y", y.data(), size.y_size());
        }
    }
    static constexpr gpu::ConvolutionTask task(Index count) {
        return {Op::Header::name, gpu::Pass::forward, size, count};
    }
    template <class T>
    static Index convolution_bytes(const Backend& ctx, Index count) {
        if constexpr (direct) return 0;
        return ctx.template convolution_bytes<T>(task(count));
    }

    template <class T, class X, class Y>
    static void run(Backend& ctx, const Weight<T>* weights, const Wide<T>* bias, const X& x, const Y& y) {
        if constexpr (direct) {
            gpu::DirectConvolution<Op, T>::forward(
                ctx, x.data(), weights, nullptr, Op::with_bias ? bias : nullptr, false, y.data(), x.count());
        } else {
            ctx.template convolve<T>(task(x.count()), {x.data(), weights, y.data()});
            if constexpr (Op::with_bias) {
                gpu::add_bias(ctx, y.count() * Op::Output::area, Features, bias, false, y.data());
            }
        }
    }
};

}  // namespace daf
