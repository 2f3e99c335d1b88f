#pragma once
#include <daf/cpu/batch_norm_parts.hpp>
#include <daf/cpu/convolution.hpp>
#include <daf/ops/conv_bn_relu.hpp>

namespace daf {

template <class In, Index Features, Index K>
struct Kernel<ConvBnRelu<In, Features, K>, Cpu> {
    using Op = ConvBnRelu<In, Features, K>;
    using Bn = typename Op::Normalisation;
    static constexpr cpu::ConvolutionSize size = cpu::convolution_size<Op>();
    static constexpr Index area = Op::Output::area;
    template <class T>
    using Gradient = cpu::NormalisationGradient<T, cpu::Rectify::yes>;

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        const int threads = ctx.threads();
        const Index chunks = chunks_for(count);
        const Index forward = cpu::GridConvolution<T>::forward(size).scratch(threads) +
                              cpu::BatchMoments<T>(Features, chunks).scratch();
        const Index backward = Gradient<T>(Features, chunks).scratch() +
                               cpu::GridConvolution<T>::data_gradient(size).scratch(threads) +
                               cpu::ConvolutionWeightGradient<T>(size, count).scratch(threads) +
                               threads * scratch_size<T>(size.y_size());
        return scratch_size<T>(Features) + std::max(forward, backward);
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const auto& p = call.params;
        auto frame = ctx.scratch();
        T* slope = frame.take<T>(Features);
        auto convolution = cpu::GridConvolution<T>::forward(size);
        convolution.take(frame, ctx.threads(), p.weight.data());
        if constexpr (M == Mode::train) {
            const auto& saved = call.saved;
            const Index chunks = chunks_for(call.count());
            require_variance(Op::Header::name, call.count() * area);
            cpu::BatchMoments<T> moments(Features, chunks);
            moments.take(frame);
            ctx.parallel(chunks, [&](Index chunk, int worker) {
                const auto [first, last] = part_of(call.count(), chunks, chunk);
                for (Index n = first; n < last; ++n) {
                    T* z = saved.z[n].data();
                    convolution.image(call.x[n].data(), z, false, worker);
                    moments.add(z, area, chunk);  // while it is in the cache
                }
            });
            moments.join();
            moments.finish(Bn::eps, Bn::momentum, saved.mean.data(), saved.inverse_std.data(),
                           p.running_mean.data(), p.running_var.data());
            const auto affine = cpu::normalisation<T>(Features, saved.mean.data(), saved.inverse_std.data(),
                                                      p.gamma.data(), p.beta.data(), slope);
            ctx.parallel(call.count(), [&](Index n) {
                cpu::normalise<cpu::Rectify::yes>(saved.z[n].data(), area, Features, affine,
                                                  call.y[n].data());
            });
        } else {
            const auto affine =
                cpu::running_normalisation<T>(Features, p.running_mean.data(), p.running_var.data(), Bn::eps,
                                              p.gamma.data(), p.beta.data(), slope);
            ctx.parallel(call.count(), [&](Index n, int worker) {
                T* y = call.y[n].data();
                convolution.image(call.x[n].data(), y, false, worker);
                cpu::normalise<cpu::Rectify::yes>(static_cast<const T*>(y), area, Features, affine, y);
            });
        }
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const auto& p = call.params;
        const auto& saved = call.saved;
        const Index count = call.count(), chunks = chunks_for(count);
        auto frame = ctx.scratch();
        T* slope = frame.take<T>(Features);
        Gradient<T> to_z(Features, chunks);
        to_z.take(frame, cpu::normalisation<T>(Features, saved.mean.data(), saved.inverse_std.data(),
                                               p.gamma.data(), p.beta.data(), slope));
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(count, chunks, chunk);
            to_z.add(saved.z[first].data(), call.dy[first].data(), (last - first) * area, chunk);
        });
        to_z.finish(count * area, saved.inverse_std.data(), call.dparams.gamma.data(),
                    call.dparams.beta.data());

        auto to_x = cpu::GridConvolution<T>::data_gradient(size);
        cpu::ConvolutionWeightGradient<T> to_weight(size, count);
        if (call.dx) to_x.take(frame, ctx.threads(), p.weight.data());
        to_weight.take(frame, ctx.threads());
        const Index dz_bytes = scratch_size<T>(size.y_size());
        auto* dz_of_workers = frame.take<std::byte>(ctx.threads() * dz_bytes);
        ctx.parallel(to_weight.chunks(), [&](Index chunk, int worker) {
            const auto [first, last] = part_of(count, to_weight.chunks(), chunk);
            T* dz =
                reinterpret_cast<T*>(dz_of_workers + worker * dz_bytes);  // one image's, never the batch's
            for (Index n = first; n < last; ++n) {
                to_z.apply(saved.z[n].data(), call.dy[n].data(), area, dz, false);
                to_weight.image(call.x[n].data(), dz, chunk, worker);
                if (call.dx) to_x.image(dz, call.dx.batch[n].data(), call.dx.accumulates(), worker);
            }
        });
        to_weight.finish(ctx, call.dparams.weight.data());
    }
};

}  // namespace daf
