#pragma once
#include <daf/core/prepared.hpp>
#include <daf/gpu/convolution.hpp>
#include <daf/ops/conv2d.hpp>

namespace daf {

template <class In, Index Features, Index K, Index Stride, Bias B, GridBackend Backend>
struct Kernel<Conv2d<In, Features, K, Stride, B>, Backend> {
    using Op = Conv2d<In, Features, K, Stride, B>;
    static constexpr gpu::ConvolutionSize size = gpu::convolution_size<Op>();
    static constexpr const char* name = Op::Header::name;

    static constexpr gpu::SumSize sum_size(Index count) { return {count * Op::Output::area, Features}; }
    static constexpr gpu::ConvolutionTask forward_task(Index count) {
        return {name, gpu::Pass::forward, size, count};
    }

    template <class T>
    static Index scratch_bytes(const Backend& ctx, Index count) {
        const Index forward =
            scratch_size<T>(size.weights()) + ctx.template convolution_bytes<T>(forward_task(count));
        const Index sums = Op::with_bias ? sum_size(count).scratch_bytes() : 0;
        return std::max({forward, gpu::ConvolutionBackward<T>(name, size, count).scratch_bytes(ctx), sums});
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        T* turned = frame.template take<T>(size.weights());
        gpu::turn_weights<Backend, T>(ctx, size, call.params.weight.data(), nullptr, turned);
        run<T>(ctx, turned, call.params.bias.data(), call.x, call.y);
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        gpu::ConvolutionBackward<T>(name, size, call.count())
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
            : memory_(ctx.allocate(scratch_size<T>(size.weights()) + scratch_size<Wide<T>>(Features))) {
            gpu::turn_weights<Backend, T>(ctx, size, p.weight.data(), nullptr, weights());
            if constexpr (Op::with_bias) ctx.copy(bias(), p.bias.data(), Features);
        }

        Index scratch_bytes(const Backend& ctx, Index count) const {
            return ctx.template convolution_bytes<T>(forward_task(count));
        }
        void forward(Backend& ctx, Batch<In, const T, Space> x,
                     Batch<typename Op::Output, T, Space> y) const {
            run<T>(ctx, weights(), bias(), x, y);
        }

      private:
        T* weights() const { return memory_.template as<T>(); }
        Wide<T>* bias() const { return memory_.template as<Wide<T>>(scratch_size<T>(size.weights())); }
        typename Backend::Memory memory_;
    };

  private:
    template <class T, class X, class Y>
    static void run(Backend& ctx, const T* weights, const Wide<T>* bias, const X& x, const Y& y) {
        ctx.template convolve<T>(forward_task(x.count()), {x.data(), weights, y.data()});
        if constexpr (Op::with_bias) {
            gpu::add_bias(ctx, y.count() * Op::Output::area, Features, bias, false, y.data());
        }
    }
};

}  // namespace daf
