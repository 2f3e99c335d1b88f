#pragma once
// The largest of each window of a map, and its gradient: for MaxPool, and for a convolution that pools what
// it makes.
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>

namespace daf::cpu {

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

/// A batch.
template <class T>
void max_pool(Cpu& ctx, const MaxPoolSize& size, const T* x, T* y, Index count) {
    const Index from = size.height * size.width * size.channels;
    const Index to = size.out_height() * size.out_width() * size.channels;
    each_image(ctx, count, chunks_for(count, from), [&](Index n) {
        max_pool(size, x + n * from, y + n * to, static_cast<std::uint8_t*>(nullptr));
    });
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

}  // namespace daf::cpu
