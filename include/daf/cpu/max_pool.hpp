#pragma once
#include <daf/cpu/channel_block.hpp>
#include <daf/cpu/context.hpp>
#include <daf/ops/max_pool.hpp>

namespace daf {

namespace cpu {

/// A map of max pooling at run time: one piece of code serves every layer.
struct MaxPoolSize {
    Index height, width, channels, window;

    constexpr Index out_height() const { return height / window; }
    constexpr Index out_width() const { return width / window; }
    /// From a window's first pixel to its k-th.
    constexpr Index offset(Index k) const { return (k / window * width + k % window) * channels; }
    /// Where the window of output pixel (row, column) starts.
    constexpr Index start(Index row, Index column) const { return (row * width + column) * window * channels; }
};

/// One image. winner may be null.
template <class T>
void max_pool(const MaxPoolSize& size, const T* x, T* y, std::uint8_t* winner) {
    for (Index row = 0; row < size.out_height(); ++row) {
        for (Index column = 0; column < size.out_width(); ++column) {
            const T* corner = x + size.start(row, column);
            for_each_channel_block(size.channels, [&](Index first, Index width) {
                Largest<T> largest;
                largest.start(corner + first, width);
                for (Index k = 1; k < size.window * size.window; ++k) {
                    largest.meet(corner + size.offset(k) + first, k, width);
                }
                std::copy_n(largest.value, width, y + first);
                if (winner == nullptr) return;
                for (Index c = 0; c < width; ++c) winner[first + c] = static_cast<std::uint8_t>(largest.place[c]);
            });
            y += size.channels;
            if (winner != nullptr) winner += size.channels;
        }
    }
}

/// dx of one image (+)= dy where the winners stood.
template <class T>
void max_pool_gradient(const MaxPoolSize& size, const T* dy, const std::uint8_t* winner, T* dx, bool accumulate) {
    const bool windows_cover = size.height % size.window == 0 && size.width % size.window == 0;
    if (!accumulate && !windows_cover) std::fill_n(dx, size.height * size.width * size.channels, T(0));
    for (Index row = 0; row < size.out_height(); ++row) {
        for (Index column = 0; column < size.out_width(); ++column) {
            T* corner = dx + size.start(row, column);
            for_each_channel_block(size.channels, [&](Index first, Index width) {
                typename Largest<T>::Place place[channel_block];
                for (Index c = 0; c < width; ++c) place[c] = winner[first + c];
                const T* __restrict slope = dy + first;
                for (Index k = 0; k < size.window * size.window; ++k) {
                    T* __restrict to = corner + size.offset(k) + first;
                    const auto here = static_cast<typename Largest<T>::Place>(k);
                    if (accumulate) {
                        for (Index c = 0; c < width; ++c) to[c] += place[c] == here ? slope[c] : T(0);
                    } else {
                        for (Index c = 0; c < width; ++c) to[c] = place[c] == here ? slope[c] : T(0);
                    }
                }
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

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const Index chunks = chunks_for(call.count(), In::size);
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.count(), chunks, chunk);
            for (Index n = first; n < last; ++n) {
                std::uint8_t* winner = nullptr;
                if constexpr (M == Mode::train) winner = call.saved.winner[n].data();
                cpu::max_pool(size, call.x[n].data(), call.y[n].data(), winner);
            }
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const Index chunks = chunks_for(call.count(), In::size);
        ctx.parallel(chunks, [&](Index chunk) {
            const auto [first, last] = part_of(call.count(), chunks, chunk);
            for (Index n = first; n < last; ++n) {
                cpu::max_pool_gradient(size, call.dy[n].data(), call.saved.winner[n].data(),
                                       call.dx.batch[n].data(), call.dx.accumulates());
            }
        });
    }
};

}  // namespace daf
