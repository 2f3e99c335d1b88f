#pragma once
#include <daf/cpu/bias_gradient.hpp>
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
        return std::max(scratch_size<T>(packed<T>(Features, inputs)),
                        scratch_size<T>(packed<T>(inputs, Features)) +
                            scratch_size<T>(packed<T>(Features, count)) + bias_gradient(count).scratch());
    }

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        T* weight = frame.take<T>(packed<T>(Features, inputs));
        start_with_bias(call.params.bias.data(), call.y);
        multiply_rows<T>(
            ctx, Features, inputs, weight, 1,
            [&](Index i) { return call.params.weight.data() + i * Features; }, call.x.data(), call.count(),
            call.y.data(), cpu::Store::add);
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
                call.dx.batch.data(), cpu::overwrite_or_add(call.dx.accumulates()));
        }
        T* packed_dy = frame.take<T>(packed<T>(Features, count));
        cpu::pack_panels<T>(packed_dy, Features, count, packets, 1,
                            [&](Index n) { return call.dy[n].data(); });
        const Index pieces = chunks_for(inputs);  // of the weight's rows: no partial sums are needed
        ctx.parallel(pieces, [&](Index piece) {
            const auto [first, last] = part_of(inputs, pieces, piece);
            cpu::multiply(Features, packets, {1, count}, packed_dy,
                          cpu::Columns<T>{call.x.data() + first, 1, 0, inputs}, last - first,
                          call.dparams.weight.data() + first * Features, Features, cpu::Store::add);
        });
        bias_gradient(count).add(ctx, frame, call.dy.data(), call.dparams.bias.data());
    }

    /// For inference, see core/prepared.hpp: the weights in panels.
    template <class T>
    class Prepared {
      public:
        Prepared(Cpu& ctx, Op, const ParametersOf<Op, const T>& p, Index)
            : memory_(ctx.allocate(bytes(ctx, 0))) {
            std::copy_n(p.bias.data(), Features, bias());
            cpu::pack_panels<T>(panels(), Features, inputs, packets, 1,
                                [&](Index i) { return p.weight.data() + i * Features; });
        }

        static Index bytes(const Cpu&, Index) {
            return panels_at + packed<T>(Features, inputs) * Index{sizeof(T)};
        }
        Index scratch_bytes(const Cpu&, Index) const { return 0; }
        void forward(Cpu& ctx, Batch<In, const T> x, Batch<typename Op::Output, T> y) const {
            start_with_bias<T>(bias(), y);
            for_each_panel<T>(ctx, Features, [&](Index first, Index rows) {
                cpu::multiply_panel(packets, cpu::Sum{1, inputs}, panels() + first * inputs,
                                    cpu::Columns<T>{x.data(), inputs, 0, 1}, x.count(), y.data() + first,
                                    Features, rows, cpu::Store::add);
            });
        }

      private:
        T* bias() const { return memory_.template as<T>(); }
        T* panels() const { return memory_.template as<T>(panels_at); }

        static constexpr Index panels_at = align_up(Features * Index{sizeof(T)});  // bytes
        HostMemory memory_;
    };

  private:
    static constexpr cpu::BiasGradient bias_gradient(Index count) { return {count, 1, Features}; }
    template <class T>
    static void start_with_bias(const T* bias, Batch<typename Op::Output, T> y) {
        for (Index n = 0; n < y.count(); ++n) std::copy_n(bias, Features, y[n].data());
    }
    /// body(first, rows) for panels of m rows. Threads take panels of weights: these are what is large, and
    /// each is read once.
    template <class T, class Body>
    static void for_each_panel(Cpu& ctx, Index m, const Body& body) {
        const Index width = packets * cpu::lanes<T>;
        ctx.parallel((m + width - 1) / width, [&](Index panel) {
            const Index first = panel * width;
            body(first, std::min(width, m - first));
        });
    }
    /// out (count, m) = or += B A for B of `count` rows of `sum` elements.
    template <class T, class Element>
    static void multiply_rows(Cpu& ctx, Index m, Index sum, T* panels, Index row, const Element& element,
                              const T* b, Index count, T* out, cpu::Store store) {
        for_each_panel<T>(ctx, m, [&](Index first, Index rows) {
            T* a = panels + first * sum;
            cpu::pack_panels<T>(a, rows, sum, packets, row,
                                [&](Index t) { return element(t) + first * row; });
            cpu::multiply_panel(packets, cpu::Sum{1, sum}, a, cpu::Columns<T>{b, sum, 0, 1}, count,
                                out + first, m, rows, store);
        });
    }
};

}  // namespace daf
