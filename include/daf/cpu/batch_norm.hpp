#pragma once
#include <daf/cpu/batch_norm_parts.hpp>
#include <daf/ops/batch_norm.hpp>

namespace daf {

template <class S>
struct Kernel<BatchNorm<S>, Cpu> {
    using Op = BatchNorm<S>;
    static constexpr Index channels = Op::channels;
    template <class T>
    using Gradient = cpu::NormalisationGradient<T, cpu::Rectify::no>;

    static Index chunks_of(Index count) { return chunks_for(count, S::size); }

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        const Index chunks = chunks_of(count);
        return scratch_size<T>(channels) + std::max(cpu::BatchMoments<T>(channels, chunks).scratch(),
                                                    Gradient<T>(channels, chunks).scratch());
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const auto& params = call.params;
        const Index chunks = chunks_of(call.count());
        auto frame = ctx.scratch();
        T* scale = frame.take<T>(channels);
        cpu::ChannelAffine<T> affine;
        if constexpr (M == Mode::train) {
            take_statistics(ctx, call, chunks, frame);
            affine = cpu::normalisation<T>(channels, call.saved.mean.data(), call.saved.inverse_std.data(),
                                           params.weight.data(), params.bias.data(), scale);
        } else {
            affine =
                cpu::running_normalisation<T>(channels, params.running_mean.data(), params.running_var.data(),
                                              Op::eps, params.weight.data(), params.bias.data(), scale);
        }
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.count(), chunks, chunk);
            cpu::normalise<cpu::Rectify::no>(call.x[part.first].data(), part.size() * S::area, channels,
                                             affine, call.y[part.first].data());
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const Index chunks = chunks_of(call.count());
        auto frame = ctx.scratch();
        T* scale = frame.take<T>(channels);
        Gradient<T> gradient(channels, chunks);
        gradient.take(frame,
                      cpu::normalisation<T>(channels, call.saved.mean.data(), call.saved.inverse_std.data(),
                                            call.params.weight.data(), call.params.bias.data(), scale));
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.count(), chunks, chunk);
            gradient.add(call.x[part.first].data(), call.dy[part.first].data(), part.size() * S::area, chunk);
        });
        gradient.finish(call.count() * S::area, call.saved.inverse_std.data(), call.dparams.weight.data(),
                        call.dparams.bias.data());
        if (!call.dx) return;
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.count(), chunks, chunk);
            gradient.apply(call.x[part.first].data(), call.dy[part.first].data(), part.size() * S::area,
                           call.dx.batch[part.first].data(), call.dx.accumulates());
        });
    }

  private:
    template <class Call>
    static void take_statistics(Cpu& ctx, const Call& call, Index chunks, ScratchFrame& frame) {
        using T = typename decltype(call.y)::Element;
        cpu::BatchMoments<T> moments(channels, chunks);
        moments.take(frame);
        ctx.parallel(chunks, [&](Index chunk) {
            const Range part = part_of(call.count(), chunks, chunk);
            moments.add(call.x[part.first].data(), part.size() * S::area, chunk);
        });
        moments.join();
        moments.finish(Op::eps, Op::momentum, call.saved.mean.data(), call.saved.inverse_std.data(),
                       call.params.running_mean.data(), call.params.running_var.data());
    }
};

}  // namespace daf
