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
        T* y = call.y.data();
        for (Index n = 0; n < call.count(); ++n)
            std::copy_n(call.params.bias.data(), Features, call.y[n].data());
        multiply_rows<T>(
            ctx, Features, inputs, weight, 1,
            [&](Index i) { return call.params.weight.data() + i * Features; }, call.x.data(), call.count(), y,
            true);
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        const Index count = call.count();
        auto frame = ctx.scratch();
        if (call.dx) {
            T* turned = frame.take<T>(packed<T>(inputs, Features));
            multiply_rows<T>(
                ctx, inputs, Features, turned, Features,
                [&](Index o) { return call.params.weight.data() + o; }, call.dy.data(), count,
                call.dx.batch.data(), call.dx.accumulates());
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

  private:
    /// out (count, m) = or += B A for B of `count` rows of `sum` elements. Threads take panels of A: the
    /// weights are what is large, and each is read once.
    template <class T, class Element>
    static void multiply_rows(Cpu& ctx, Index m, Index sum, T* panels, Index row, const Element& element,
                              const T* b, Index count, T* out, bool accumulate) {
        const Index width = packets * cpu::lanes<T>;
        ctx.parallel((m + width - 1) / width, [&](Index panel) {
            const Index first = panel * width, rows = std::min(width, m - first);
            T* a = panels + first * sum;
            cpu::pack_panels<T>(a, rows, sum, packets, row,
                                [&](Index t) { return element(t) + first * row; });
            cpu::multiply_panel(packets, cpu::Sum{1, sum}, a, cpu::Columns<T>{b, sum, 0, 1}, count,
                                out + first, m, rows, accumulate);
        });
    }
};

}  // namespace daf
