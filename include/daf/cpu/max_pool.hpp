#pragma once
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/map_rows.hpp>
#include <daf/ops/max_pool.hpp>

namespace daf {

namespace cpu {

/// A map of max pooling at run time: one piece of code serves every layer.
struct MaxPoolSize {
    Index height, width, channels, window;

    constexpr Index out_height() const { return height / window; }
    constexpr Index out_width() const { return width / window; }
    /// Where the window of output pixel (row, column) starts.
    constexpr Index start(Index row, Index column) const {
        return (row * width + column) * window * channels;
    }
    /// body(k, elements from the window's start to its k-th pixel), in memory order.
    template <class Body>
    void for_each_place(const Body& body) const {
        for (Index k = 0, row = 0; row < window; ++row) {
            for (Index column = 0; column < window; ++column, ++k) body(k, (row * width + column) * channels);
        }
    }
};

/// One image. winner may be null.
template <class T>
void max_pool(const MaxPoolSize& size, const T* x, T* y, std::uint8_t* winner) {
    for (Index row = 0; row < size.out_height(); ++row) {
        for (Index column = 0; column < size.out_width(); ++column) {
            const T* corner = x + size.start(row, column);
            for_each_channel_block(size.channels, [&](Index first, Index width) {
                T places[channel_block];
                for_each_packet<T>(width, [&]<class P>(Index c) {
                    Largest<T, P> largest(corner + first + c);
                    size.for_each_place(
                        [&](Index k, Index offset) { largest.meet(corner + offset + first + c, k); });
                    largest.store(y + first + c, places + c);
                });
                if (winner != nullptr) store_places(places, width, winner + first);
            });
            y += size.channels;
            if (winner != nullptr) winner += size.channels;
        }
    }
}

/// Row `row` of one image's dx (+)= dy where the winners stood.
template <class T>
void max_pool_gradient(const MaxPoolSize& size, const T* dy, const std::uint8_t* winner, Index row, T* dx,
                       bool accumulate) {
    const Index window = size.window, windows = row / window, left_over = size.width % window;
    if (windows == size.out_height()) {
        if (!accumulate) std::fill_n(dx, size.width * size.channels, T(0));
        return;
    }
    const Index first_place = (row - windows * window) * window;
    dy += windows * size.out_width() * size.channels;
    winner += windows * size.out_width() * size.channels;
    for (Index column = 0; column < size.out_width(); ++column) {
        for_each_channel_block(size.channels, [&](Index first, Index width) {
            T places[channel_block];
            load_places(winner + first, width, places);
            for_each_packet<T>(width, [&]<class P>(Index c) {
                const P place = packet::ploadu<P>(places + c), slope = packet::ploadu<P>(dy + first + c);
                for (Index k = 0; k < window; ++k) {
                    const P own = packet::pset1<P>(static_cast<T>(first_place + k));
                    P here = packet::pand(slope, packet::pcmp_eq(place, own));
                    T* at = dx + k * size.channels + first + c;
                    if (accumulate) here = packet::padd(here, packet::ploadu<P>(at));
                    packet::pstoreu(at, here);
                }
            });
        });
        dy += size.channels;
        winner += size.channels;
        dx += window * size.channels;
    }
    if (!accumulate) std::fill_n(dx, left_over * size.channels, T(0));
}

}  // namespace cpu

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
        return ctx.threads() * scratch_size<T>(strip_size);
    }

    template <Mode M, class T, class Space, class X>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space, X>& call) {
        const auto winner_of = [&](Index n) -> std::uint8_t* {
            if constexpr (M == Mode::train) return call.saved.winner[n].data();
            return nullptr;
        };
        if constexpr (is_deferred<X>) {
            auto frame = ctx.scratch();
            const cpu::PerThread<T> strips(frame, ctx.threads(), strip_size);
            const auto rows = cpu::rows_of(call.x);
            each_image(ctx, call.count(), [&](Index n, int worker) {
                T* x = strips.of(worker);
                for (Index r = 0; r < size.out_height(); ++r) {
                    for (Index k = 0; k < K; ++k) rows(n, r * K + k, x + k * row_size);
                    const Index at = r * Op::Output::width * In::channels;
                    cpu::max_pool(strip, x, call.y[n].data() + at, winner_of(n) + at);
                }
            });
        } else {
            each_image(ctx, call.count(), [&](Index n, int) {
                cpu::max_pool(size, call.x[n].data(), call.y[n].data(), winner_of(n));
            });
        }
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), [&](Index n, int) {
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

  private:
    template <class Body>
    static void each_image(Cpu& ctx, Index count, const Body& body) {
        const Index chunks = chunks_for(count, In::size);
        ctx.parallel(chunks, [&](Index chunk, int worker) {
            const auto [first, last] = part_of(count, chunks, chunk);
            for (Index n = first; n < last; ++n) body(n, worker);
        });
    }
};

}  // namespace daf
