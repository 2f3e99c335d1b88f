#pragma once
#include <daf/cpu/context.hpp>
#include <daf/cpu/gemm.hpp>
#include <daf/ops/linear.hpp>

namespace daf {

template <class In, Index Features, Start S>
struct Kernel<Linear<In, Features, S>, Cpu> {
    using Op = Linear<In, Features, S>;
    static constexpr Index inputs = In::size;
    static constexpr Index packets = 2;

    template <class T>
    static constexpr Index packed(Index rows, Index sum) {
        return cpu::packed_size<T>(rows, sum, packets);
    }

    template <class T>
    static Index scratch_bytes(const Cpu&, Index count) {
        return std::max(
            scratch_size<T>(packed<T>(Features, inputs)),
            scratch_size<T>(packed<T>(inputs, Features)) + scratch_size<T>(packed<T>(Features, count)));
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        T* weight = frame.take<T>(packed<T>(Features, inputs));
        cpu::pack_panels<T>(weight, Features, inputs, packets, 1,
                            [&](Index i) { return call.params.weight.data() + i * Features; });
        const Index chunks = chunks_for(call.count());
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.count(), chunks, chunk);
            T* y = call.y[first].data();
            for (Index n = first; n < last; ++n)
                std::copy_n(call.params.bias.data(), Features, call.y[n].data());
            cpu::multiply(Features, packets, {1, inputs}, weight,
                          cpu::Columns<T>{call.x[first].data(), inputs, 0, 1}, last - first, y, Features,
                          true);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const Index count = call.count(), chunks = chunks_for(count);
        auto frame = ctx.scratch();
        if (call.dx) {
            T* turned = frame.take<T>(packed<T>(inputs, Features));
            cpu::pack_panels<T>(turned, inputs, Features, packets, Features,
                                [&](Index o) { return call.params.weight.data() + o; });
            ctx.parallel(chunks, [&](Index chunk) {
                const auto [first, last] = part_of(count, chunks, chunk);
                cpu::multiply(inputs, packets, {1, Features}, turned,
                              cpu::Columns<T>{call.dy[first].data(), Features, 0, 1}, last - first,
                              call.dx.batch[first].data(), inputs, call.dx.accumulates());
            });
        }
        T* packed_dy = frame.take<T>(packed<T>(Features, count));
        cpu::pack_panels<T>(packed_dy, Features, count, packets, 1,
                            [&](Index n) { return call.dy[n].data(); });
        const Index pieces = chunks_for(inputs);  // of the weight's rows: no partial sums are needed
        ctx.parallel(pieces, [&](Index piece) {
            const auto [first, last] = part_of(inputs, pieces, piece);
            cpu::multiply(Features, packets, {1, count}, packed_dy,
                          cpu::Columns<T>{call.x.data() + first, 1, 0, inputs}, last - first,
                          call.dparams.weight.data() + first * Features, Features, true);
        });
        for (Index o = 0; o < Features; ++o) {
            double sum = 0;
            for (Index n = 0; n < count; ++n) sum += static_cast<double>(call.dy[n][o]);
            call.dparams.bias[o] += static_cast<T>(sum);
        }
    }
};

}  // namespace daf
