#pragma once
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>
#include <daf/ops/global_pool.hpp>

namespace daf {

namespace cpu {

/// y[c] = mean over the pixels of x[pixel][c].
template <class T>
void average_pixels(const T* x, Index pixels, Index channels, T* y) {
    for_each_channel_block(channels, [&](Index first, Index width) {
        double sum[channel_block]{};
        const T* pixel = x + first;
        for (Index p = 0; p < pixels; ++p, pixel += channels) {
            for (Index c = 0; c < width; ++c) sum[c] += static_cast<double>(pixel[c]);
        }
        for (Index c = 0; c < width; ++c) y[first + c] = static_cast<T>(sum[c] / static_cast<double>(pixels));
    });
}

/// y[c] = max over the pixels of x[pixel][c]; winner[c], unless winner is null, the first pixel that has it.
template <class T>
void largest_of_pixels(const T* x, Index pixels, Index channels, T* y, std::int32_t* winner) {
    for_each_channel_block(channels, [&](Index first, Index width) {
        T places[channel_block];
        for_each_packet<T>(width, [&]<class P>(Index c) {
            const T* pixel = x + first + c;
            Largest<T, P> largest(pixel);
            for (Index p = 1; p < pixels; ++p) largest.meet(pixel + p * channels, p);
            largest.store(y + first + c, places + c);
        });
        if (winner != nullptr) store_places(places, width, winner + first);
    });
}

}  // namespace cpu

template <class In>
struct Kernel<GlobalAveragePool<In>, Cpu> {
    using Op = GlobalAveragePool<In>;
    static constexpr Index channels = In::channels;

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
            cpu::average_pixels(call.x[n].data(), In::area, channels, call.y[n].data());
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
            spread(call.dy[n].data(), call.dx.batch[n].data(), call.dx.accumulates());
        });
    }

  private:
    template <class T>
    static void spread(const T* dy, T* dx, bool accumulate) {
        cpu::for_each_channel_block(channels, [&](Index first, Index width) {
            T share[cpu::channel_block];
            for (Index c = 0; c < width; ++c) share[c] = dy[first + c] / T(In::area);
            T* pixel = dx + first;
            for (Index p = 0; p < In::area; ++p, pixel += channels) {
                if (accumulate) {
                    for (Index c = 0; c < width; ++c) pixel[c] += share[c];
                } else {
                    std::copy_n(share, width, pixel);
                }
            }
        });
    }
};

template <class In>
struct Kernel<GlobalMaxPool<In>, Cpu> {
    static_assert(In::area <= Index{1} << 24,
                  "daf: a map of global_pool may have at most 2^24 positions on Cpu");
    using Op = GlobalMaxPool<In>;
    static constexpr Index channels = In::channels;

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
            std::int32_t* winner = nullptr;
            if constexpr (M == Mode::train) winner = call.saved.winner[n].data();
            cpu::largest_of_pixels(call.x[n].data(), In::area, channels, call.y[n].data(), winner);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), chunks_for(call.count(), In::size), [&](Index n) {
            T* dx = call.dx.batch[n].data();
            if (!call.dx.accumulates()) std::fill_n(dx, In::size, T(0));
            for (Index c = 0; c < channels; ++c) {
                dx[call.saved.winner[n][c] * channels + c] += call.dy[n][c];
            }
        });
    }
};

}  // namespace daf
