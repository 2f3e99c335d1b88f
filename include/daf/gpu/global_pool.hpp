#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/global_pool.hpp>

namespace daf {

namespace gpu {

/// Maps of `positions` pixels of `channels`: the rows of a matrix, the pooled ones those of another.
struct MapSize {
    Index positions, channels;

    DAF_HOST_DEVICE Index place(Index n, Index p, Index c) const {
        return (n * positions + p) * channels + c;
    }
};

/// A thread has some channels of one image; neighbours read side by side.
template <class T>
struct AverageForward {
    MapSize size;
    const T* x;
    T* y;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W>) const {
        return [=, this](Index n) {
            Pack<double, W> sums{};
            for (Index p = 0; p < size.positions; ++p) {
                const Pack<Wide<T>, W> values = load<W>(x + size.place(n, p, c));
                for (Index k = 0; k < W; ++k) sums[k] += static_cast<double>(values[k]);
            }
            const auto positions = static_cast<double>(size.positions);
            store(y + n * size.channels + c,
                  pack_of<Wide<T>, W>([&](Index k) { return static_cast<Wide<T>>(sums[k] / positions); }));
        };
    }
};

template <class T>
struct AverageBackward {
    MapSize size;
    const T* dy;
    Slopes<T> dx;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this](Index row) {
            const Index i = row * size.channels + c;
            return [=, this, given = read<W>(dy + row / size.positions * size.channels + c),
                    there = dx.there(i, width)] {
                Pack<Wide<T>, W> slopes = widened(given);
                for (Wide<T>& slope : slopes.values) slope /= static_cast<Wide<T>>(size.positions);
                dx.write(i, slopes, there);
            };
        };
    }
};

template <class T>
struct MaximumForward {
    MapSize size;
    const T* x;
    T* y;
    std::int32_t* winner;  // null in eval

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W>) const {
        return [=, this](Index n) {
            Pack<Wide<T>, W> largest = load<W>(x + size.place(n, 0, c));
            Pack<std::int32_t, W> places{};
            for (Index p = 1; p < size.positions; ++p) {
                const Pack<Wide<T>, W> values = load<W>(x + size.place(n, p, c));
                for (Index k = 0; k < W; ++k) {
                    // A NaN wins over every number.
                    const bool wins = values[k] > largest[k] || is_nan(values[k]);
                    largest[k] = wins ? values[k] : largest[k];
                    places[k] = wins ? static_cast<std::int32_t>(p) : places[k];
                }
            }
            store(y + n * size.channels + c, largest);
            if (winner != nullptr) store(winner + n * size.channels + c, places);
        };
    }
};

template <class T>
struct MaximumBackward {
    MapSize size;
    const std::int32_t* winner;
    const T* dy;
    Slopes<T> dx;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this](Index row) {
            const Index i = row * size.channels + c, out = row / size.positions * size.channels + c,
                        p = row % size.positions;
            return [=, this, given = read<W>(dy + out), places = read<W>(winner + out),
                    there = dx.there(i, width)] {
                const Pack<Wide<T>, W> slopes = widened(given);
                const auto inner =
                    pack_of<Wide<T>, W>([&](Index k) { return places[k] == p ? slopes[k] : 0; });
                dx.write(i, inner, there);
            };
        };
    }
};

}  // namespace gpu

template <class In, GridBackend Backend>
struct Kernel<GlobalAveragePool<In>, Backend> {
    using Op = GlobalAveragePool<In>;
    static constexpr gpu::MapSize size{In::area, In::channels};

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::for_each_row<T>(ctx, call.count(), In::channels, gpu::aligned(x, y),
                             gpu::AverageForward<T>{size, x, y});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const T* dy = call.dy.data();
        const auto dx = gpu::slopes_of(call.dx);
        gpu::for_each_row<T>(ctx, call.count() * In::area, In::channels, gpu::aligned(dy, dx.data),
                             gpu::AverageBackward<T>{size, dy, dx});
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
        const T* x = call.x.data();
        T* y = call.y.data();
        gpu::for_each_row<T>(ctx, call.count(), In::channels, gpu::aligned(x, y, winner),
                             gpu::MaximumForward<T>{size, x, y, winner});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const std::int32_t* winner = call.saved.winner.data();
        const T* dy = call.dy.data();
        const auto dx = gpu::slopes_of(call.dx);
        gpu::for_each_row<T>(ctx, call.count() * In::area, In::channels, gpu::aligned(winner, dy, dx.data),
                             gpu::MaximumBackward<T>{size, winner, dy, dx});
    }
};

}  // namespace daf
