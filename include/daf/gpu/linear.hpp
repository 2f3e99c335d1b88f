#pragma once
#include <daf/core/prepared.hpp>
#include <daf/gpu/convolution.hpp>
#include <daf/gpu/narrow_linear.hpp>
#include <daf/ops/linear.hpp>

namespace daf {

/// x (N,In) w (In,Features) is the data gradient of a 1x1 convolution that takes Features channels to In: its
/// weights, (features, channels) of that convolution, lie as w does, so that nothing is turned.
///   y = its data gradient by x     dx = its output for dy     dw = its weight gradient for dy and x
template <class In, Index Features, Start S, GridBackend Backend>
requires(!gpu::is_narrow(Features)) struct Kernel<Linear<In, Features, S>, Backend> {
    using Op = Linear<In, Features, S>;
    static constexpr ConvolutionSize size{1, 1, Features, In::size, 1, 1};

    static constexpr gpu::ConvolutionTask task(gpu::Pass pass, Index count) {
        const char* call = pass == gpu::Pass::data_gradient ? "forward"
                           : pass == gpu::Pass::forward     ? "data gradient"
                                                            : "weight gradient";
        return {Op::Header::name, pass, size, count, call};
    }
    static constexpr gpu::SumSize sum_size(Index count) { return {count, Features}; }

    template <class T>
    static Index scratch_bytes(const Backend& ctx, Index count) {
        const auto bytes = [&](gpu::Pass pass) {
            return ctx.template convolution_bytes<T>(task(pass, count));
        };
        const Index aligned = scratch_size<T>(size.weights());
        return std::max({eval_scratch_bytes<T>(ctx, count), aligned + bytes(gpu::Pass::weight_gradient),
                         aligned + scratch_size<T>(count * In::size) + bytes(gpu::Pass::forward),
                         sum_size(count).scratch_bytes()});
    }
    template <class T>
    static Index eval_scratch_bytes(const Backend& ctx, Index count) {
        return scratch_size<T>(size.weights()) +
               ctx.template convolution_bytes<T>(task(gpu::Pass::data_gradient, count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        check<T>(call.x, "y", call.y);
        auto frame = ctx.scratch();
        run<T>(ctx, aligned_copy<T>(ctx, frame, call.params.weight.data()), call.params.bias.data(), call.x,
               call.y);
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        check<T>(call.x, "dy", call.dy);
        if (!call.dx.accumulates()) {
            gpu::check_alignment<T>(Op::Header::name, "dx", call.dx.batch.data(), In::size);
        }
        const Index count = call.count();
        {
            auto frame = ctx.scratch();
            auto* dw = frame.template take<T>(size.weights());
            ctx.template convolve<T>(task(gpu::Pass::weight_gradient, count),
                                     {call.dy.data(), call.x.data(), dw});
            gpu::convert(ctx, size.weights(), dw, gpu::Slopes<Wide<T>>{call.dparams.weight.data(), true});
        }
        gpu::add_bias_gradient(ctx, sum_size(count), call.dy.data(), call.dparams.bias.data());
        if (!call.dx) return;
        auto frame = ctx.scratch();
        const T* weight = aligned_copy<T>(ctx, frame, call.params.weight.data());
        T* dx = call.dx.batch.data();
        T* made = call.dx.accumulates() ? frame.template take<T>(count * In::size) : dx;
        ctx.template convolve<T>(task(gpu::Pass::forward, count), {call.dy.data(), weight, made});
        if (call.dx.accumulates()) gpu::convert(ctx, count * In::size, made, gpu::Slopes<T>{dx, true});
    }

    /// For inference: see core/prepared.hpp.
    template <class T>
    class Prepared {
      public:
        using Space = typename Backend::Space;

        Prepared(Backend& ctx, Op, const ParametersOf<Op, const Wide<T>, Space>& p, Index)
            : memory_(ctx.allocate(bytes(ctx, 0))) {
            copy_weight(ctx, weight(), p.weight.data());
            ctx.copy(bias(), p.bias.data(), Features);
        }

        static Index bytes(const Backend&, Index) {
            return scratch_size<T>(size.weights()) + scratch_size<Wide<T>>(Features);
        }
        static Index scratch_bytes(const Backend& ctx, Index count) {
            return ctx.template convolution_bytes<T>(task(gpu::Pass::data_gradient, count));
        }
        void forward(Backend& ctx, Batch<In, const T, Space> x, Batch<Shape<Features>, T, Space> y) const {
            check<T>(x, "y", y);
            run<T>(ctx, weight(), bias(), x, y);
        }

      private:
        T* weight() const { return memory_.template as<T>(); }
        Wide<T>* bias() const { return memory_.template as<Wide<T>>(scratch_size<T>(size.weights())); }
        typename Backend::Memory memory_;
    };

  private:
    template <class T, class X, class Y>
    static void check(const X& x, const char* name, const Y& y) {
        gpu::check_alignment<T>(Op::Header::name, "x", x.data(), In::size);
        gpu::check_alignment<T>(Op::Header::name, name, y.data(), Features);
    }
    template <class T>
    static void copy_weight(Backend& ctx, T* to, const Wide<T>* weight) {
        if constexpr (std::is_same_v<T, Wide<T>>) {
            ctx.copy(to, weight, size.weights());
        } else {
            gpu::convert(ctx, size.weights(), weight, gpu::Slopes<T>{to, false});
        }
    }

    /// A weight starts anywhere in the parameters' slab; fast products want it aligned. Rounded where T is
    /// bf16.
    template <class T, class Frame>
    static const T* aligned_copy(Backend& ctx, Frame& frame, const Wide<T>* weight) {
        auto* copy = frame.template take<T>(size.weights());
        copy_weight(ctx, copy, weight);
        return copy;
    }

    template <class T, class X, class Y>
    static void run(Backend& ctx, const T* weight, const Wide<T>* bias, const X& x, const Y& y) {
        ctx.template convolve<T>(task(gpu::Pass::data_gradient, x.count()), {x.data(), weight, y.data()});
        gpu::add_bias(ctx, y.count(), Features, bias, false, y.data());
    }
};

/// Of a few features: no product of cuDNN's, and no scratch.
template <class In, Index Features, Start S, GridBackend Backend>
requires(gpu::is_narrow(Features)) struct Kernel<Linear<In, Features, S>, Backend> {
    using Op = Linear<In, Features, S>;
    template <class T>
    using Product = gpu::NarrowLinear<T, In::size, Features>;

    template <class T>
    static Index scratch_bytes(const Backend&, Index) {
        return 0;
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        Product<T>::forward(ctx, call.x.data(), call.params.weight.data(), call.params.bias.data(),
                            call.y.data(), call.count());
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        Product<T>::backward(ctx, call.x.data(), call.params.weight.data(), call.dy.data(),
                             gpu::slopes_of(call.dx), call.dparams.weight.data(), call.dparams.bias.data(),
                             call.count());
    }
};

}  // namespace daf
