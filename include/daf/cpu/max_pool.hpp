#pragma once
#include <daf/cpu/map_rows.hpp>
#include <daf/cpu/max_pool_parts.hpp>
#include <daf/cpu/thread_scratch.hpp>
#include <daf/ops/max_pool.hpp>

namespace daf {

template <class In, Index K>
struct Kernel<MaxPool<In, K>, Cpu> {
    using Op = MaxPool<In, K>;
    static constexpr cpu::MaxPoolSize size{In::height, In::width, In::channels, K};
    /// The rows of one row of windows.
    static constexpr cpu::MaxPoolSize strip{K, In::width, In::channels, K};
    static constexpr Index row_size = In::width * In::channels;
    static constexpr Index strip_size = K * row_size;

    static constexpr bool reads_rows =
        true;  // an x that is deferred is made a strip at a time, and pooled from there

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index) {
        return cpu::ThreadScratch::size(ctx.threads(), scratch_size<T>(strip_size));
    }

    template <Mode M, class T, class Space, class X>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space, X>& call) {
        const auto winner_of = [&](Index n) -> std::uint8_t* {
            if constexpr (M == Mode::train) return call.saved.winner[n].data();
            return nullptr;
        };
        if constexpr (is_deferred<X>) {
            auto frame = ctx.scratch();
            cpu::ThreadScratch own(frame, ctx.threads(), scratch_size<T>(strip_size));
            const cpu::PerThread<T> strips = own.take<T>(strip_size);
            const auto rows = cpu::rows_of(call.x);
            each_image(ctx, call.count(), chunks_for(call.count(), In::size),
                       [&](Index n, Index, int worker) {
                           T* x = strips.of(worker);
                           for (Index r = 0; r < size.out_height(); ++r) {
                               for (Index k = 0; k < K; ++k) rows(n, r * K + k, x + k * row_size);
                               const Index at = r * Op::Output::width * In::channels;
                               cpu::max_pool(strip, x, call.y[n].data() + at, winner_of(n) + at);
                           }
                       });
        } else {
            each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
                cpu::max_pool(size, call.x[n].data(), call.y[n].data(), winner_of(n));
            });
        }
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
            for (Index row = 0; row < In::height; ++row) {
                cpu::max_pool_gradient(size, call.dy[n].data(), call.saved.winner[n].data(), row,
                                       call.dx.batch[n].data() + row * row_size, call.dx.accumulates());
            }
        });
    }

    // A dx need not be stored (core/deferred.hpp): a row of it is made of a row of dy.
    template <class T>
    class InputSlopes {
      public:
        InputSlopes(const Batch<typename Op::Output, const T>& dy, const SavedOf<Op, T>& saved)
            : dy_(dy), winner_(saved.winner) {}
        /// See cpu/map_rows.hpp.
        const T* operator()(Index n, Index first, Index count, T* room) const {
            for (Index r = 0; r < count; ++r) {
                cpu::max_pool_gradient(size, dy_[n].data(), winner_[n].data(), first + r, room + r * row_size,
                                       false);
            }
            return room;
        }

      private:
        Batch<typename Op::Output, const T> dy_;
        decltype(SavedOf<Op, T>::winner) winner_;
    };
};

}  // namespace daf
