#pragma once
#include <daf/gpu/normalisation.hpp>
#include <daf/ops/batch_norm.hpp>

namespace daf {

template <class S, GridBackend Backend>
struct Kernel<BatchNorm<S>, Backend> {
    using Op = BatchNorm<S>;
    static constexpr Index channels = Op::channels;

    static constexpr gpu::SumSize size_of(Index count) { return {count * S::area, channels}; }

    template <class T>
    static Index scratch_bytes(const Backend&, Index count) {
        return gpu::gradient_scratch_bytes<T>(size_of(count));
    }

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const auto& p = call.params;
        auto frame = ctx.scratch();
        const Wide<T>*centre = p.running_mean.data(), *inverse_std = nullptr;
        if constexpr (M == Mode::train) {
            gpu::find_moments(ctx, channels, call.x.data(),
                              gpu::KeepMoments<Wide<T>>{call.count() * S::area, Op::eps, Op::momentum,
                                                        call.saved.mean.data(), call.saved.inverse_std.data(),
                                                        p.running_mean.data(), p.running_var.data()});
            centre = call.saved.mean.data();
            inverse_std = call.saved.inverse_std.data();
        } else {
            auto* of_running = frame.template take<Wide<T>>(channels);
            gpu::for_each(ctx, channels,
                          gpu::InverseOfRunning<Wide<T>>{p.running_var.data(), Op::eps, of_running});
            inverse_std = of_running;
        }
        const gpu::ChannelAffine<Wide<T>> affine{centre, inverse_std, p.weight.data(), p.bias.data()};
        gpu::normalise(ctx, size_of(call.count()), affine, gpu::Rectify::no, call.x.data(), call.y.data());
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        auto frame = ctx.scratch();
        const gpu::NormalisationGradient<T> gradient(ctx, frame, size_of(call.count()), gpu::Rectify::no,
                                                     call.x.data(), gpu::StoredSlopes<T>{call.dy.data()},
                                                     call.saved.mean.data(), call.saved.inverse_std.data(),
                                                     call.params.weight.data(), call.params.bias.data(),
                                                     call.dparams.weight.data(), call.dparams.bias.data());
        if (call.dx) gradient.apply(ctx, gpu::slopes_of(call.dx));
    }
};

}  // namespace daf
