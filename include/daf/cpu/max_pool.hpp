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

/// dx of one image (+)= dy where the winners stood.
template <class T>
void max_pool_gradient(const MaxPoolSize& size, const T* dy, const std::uint8_t* winner, T* dx,
                       bool accumulate) {
    const bool windows_cover = size.height % size.window == 0 && size.width % size.window == 0;
    if (!accumulate && !windows_cover) std::fill_n(dx, size.height * size.width * size.channels, T(0));
    for (Index row = 0; row < size.out_height(); ++row) {
        for (Index column = 0; column < size.out_width(); ++column) {
            T* corner = dx + size.start(row, column);
            for_each_packet<T>(size.channels, [&]<class P>(Index c) {
                T wide[packet_size<P>];
                for (Index i = 0; i < packet_size<P>; ++i) wide[i] = winner[c + i];
                const P place = packet::ploadu<P>(wide), slope = packet::ploadu<P>(dy + c);
                size.for_each_place([&](Index k, Index offset) {
                    T* at = corner + offset + c;
                    P here = packet::pand(slope, packet::pcmp_eq(place, packet::pset1<P>(static_cast<T>(k))));
                    if (accumulate) here = packet::padd(here, packet::ploadu<P>(at));
                    packet::pstoreu(at, here);
                });
            });
            dy += size.channels;
            winner += size.channels;
        }
    }
}

}  // namespace cpu

template <class In, Index K>
struct Kernel<MaxPool<In, K>, Cpu> {
    using Op = MaxPool<In, K>;
    static constexpr cpu::MaxPoolSize size{In::height, In::width, In::channels, K};
    /// The rows of one row of windows.
    static constexpr cpu::MaxPoolSize strip{K, In::width, In::channels, K};
    static constexpr Index strip_size = K * In::width * In::channels;

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
                    for (Index k = 0; k < K; ++k) rows(n, r * K + k, x + k * In::width * In::channels);
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
            cpu::max_pool_gradient(size, call.dy[n].data(), call.saved.winner[n].data(),
                                   call.dx.batch[n].data(), call.dx.accumulates());
        });
    }

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
