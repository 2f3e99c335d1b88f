#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/global_pool.hpp>

namespace daf {

namespace gpu {

/// Maps of `positions` pixels of `channels`. A thread has one channel of one image; neighbours read side by side.
struct MapSize {
    Index positions, channels;

    /// Position p of what output `out` is about.
    DAF_HOST_DEVICE Index place(Index out, Index p) const {
        return (out / channels * positions + p) * channels + out % channels;
    }
    /// The output that element i of the maps belongs to, and its position.
    DAF_HOST_DEVICE Index out_of(Index i) const {
        return i / (positions * channels) * channels + i % channels;
    }
    DAF_HOST_DEVICE Index position_of(Index i) const { return i / channels % positions; }
};

template <class T>
struct AverageForward {
    MapSize size;
    const T* x;
    T* y;
    DAF_HOST_DEVICE void operator()(Index out) const {
        double sum = 0;
        for (Index p = 0; p < size.positions; ++p) sum += static_cast<double>(x[size.place(out, p)]);
        y[out] = static_cast<T>(sum / static_cast<double>(size.positions));
    }
};

template <class T>
struct AverageBackward {
    MapSize size;
    const T* dy;
    Slopes<T> dx;
    DAF_HOST_DEVICE void operator()(Index i) const {
        dx.write(i, dy[size.out_of(i)] / static_cast<Wide<T>>(size.positions));
    }
};

template <class T>
struct MaximumForward {
    MapSize size;
    const T* x;
    T* y;
    std::int32_t* winner;  // null in eval
    DAF_HOST_DEVICE void operator()(Index out) const {
        Found<T> largest{x[size.place(out, 0)], 0};
        for (Index p = 1; p < size.positions; ++p) {
            const T value = x[size.place(out, p)];
            // A NaN wins over every number.
            if (value > largest.value || is_nan(value)) largest = {value, static_cast<std::int32_t>(p)};
        }
        y[out] = largest.value;
        if (winner != nullptr) winner[out] = largest.at;
    }
};

template <class T>
struct MaximumBackward {
    MapSize size;
    const std::int32_t* winner;
    const T* dy;
    Slopes<T> dx;
    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index out = size.out_of(i);
        dx.write(i, winner[out] == size.position_of(i) ? dy[out] : T(0));
    }
};

}  // namespace gpu

template <class In, GridBackend Backend>
struct Kernel<GlobalAveragePool<In>, Backend> {
    using Op = GlobalAveragePool<In>;
    static constexpr gpu::MapSize size{In::area, In::channels};

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        gpu::for_each(ctx, call.y.size(), gpu::AverageForward<T>{size, call.x.data(), call.y.data()});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(ctx, call.count() * In::size,
                      gpu::AverageBackward<T>{size, call.dy.data(), gpu::slopes_of(call.dx)});
    }
};

template <class In, GridBackend Backend>
struct Kernel<GlobalMaxPool<In>, Backend> {
    static_assert(In::area <= std::numeric_limits<std::int32_t>::max(),
                  "daf: a map of global_pool may have 2^31 - 1 positions");
    using Op = GlobalMaxPool<In>;
    static constexpr gpu::MapSize size{In::area, In::channels};

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        std::int32_t* winner = nullptr;
        if constexpr (M == Mode::train) winner = call.saved.winner.data();
        gpu::for_each(ctx, call.y.size(), gpu::MaximumForward<T>{size, call.x.data(), call.y.data(), winner});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(
            ctx, call.count() * In::size,
            gpu::MaximumBackward<T>{size, call.saved.winner.data(), call.dy.data(), gpu::slopes_of(call.dx)});
    }
};

}  // namespace daf
