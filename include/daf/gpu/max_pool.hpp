#pragma once
#include <daf/gpu/divider.hpp>
#include <daf/gpu/map_source.hpp>
#include <daf/ops/max_pool.hpp>

namespace daf {

namespace gpu {

/// A pixel's image, and where in it it lies.
struct PixelPlace {
    Index n;
    std::int32_t row, column;
};

/// Of maps (rows, columns).
struct PixelPlaces {
    std::int32_t columns, area;
    Divider by_columns, by_area;

    constexpr PixelPlaces(Index rows, Index width)
        : columns(static_cast<std::int32_t>(width)),
          area(static_cast<std::int32_t>(rows * width)),
          by_columns(width),
          by_area(rows * width) {}

    DAF_HOST_DEVICE PixelPlace operator()(Index pixel) const {
        const Index n = by_area(pixel);
        const auto within = static_cast<std::int32_t>(pixel - n * area);
        const std::int32_t row = by_columns(within);
        return {n, row, within - row * columns};
    }
};

/// Windows side by side on maps (height, width, channels), outputs (rows, columns, channels).
struct PoolSize {
    std::int32_t height, width, channels, window, rows, columns;
    PixelPlaces inputs, outputs;
    Divider by_window;

    /// Where the window of an output's pixel starts, of all images.
    DAF_HOST_DEVICE Index corner(Index pixel) const {
        const PixelPlace out = outputs(pixel);
        return ((out.n * height + out.row * window) * width + out.column * window) * channels;
    }
};

/// x is a StoredMap, or one that is made as it is read. Side: the window's, where it is known beforehand, so
/// that all of it is on its way before anything is compared; 0 where only size tells.
template <class T, class Map, Index Side>
struct MaxPoolForward {
    PoolSize size;
    Map x;
    T* y;
    std::uint8_t* winner;  // null in eval

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this, element = x.at(c, width)](Index pixel) {
            const Index corner = size.corner(pixel) + c, line = Index{size.width} * size.channels;
            Largest<W> found;
            if constexpr (Side > 0) {
                Pack<Wide<T>, W> values[Side * Side];
                for (Index k = 0; k < Side * Side; ++k)
                    values[k] = element(corner + k / Side * line + k % Side * size.channels);
                found.value = values[0];
                for (Index k = 1; k < Side * Side; ++k)
                    found.compare(values[k], static_cast<std::int32_t>(k));
            } else {
                found.value = element(corner);
                for (std::int32_t place = 1, row = 0, column = 1; place < size.window * size.window;
                     ++place, ++column) {
                    if (column == size.window) column = 0, ++row;
                    found.compare(element(corner + row * line + Index{column} * size.channels), place);
                }
            }
            store(y + pixel * size.channels + c, found.value);
            if (winner == nullptr) return;
            store(winner + pixel * size.channels + c,
                  pack_of<std::uint8_t, W>([&](Index k) { return static_cast<std::uint8_t>(found.at[k]); }));
        };
    }

  private:
    /// The largest so far of each channel, and at which place of the window it stands.
    template <Index W>
    struct Largest {
        Pack<Wide<T>, W> value;
        Pack<std::int32_t, W> at{};  // bytes would go through local memory

        DAF_HOST_DEVICE void compare(const Pack<Wide<T>, W>& values, std::int32_t place) {
            for (Index k = 0; k < W; ++k) {
                // A NaN wins over every number.
                const bool wins = values[k] > value[k] || is_nan(values[k]);
                value[k] = wins ? values[k] : value[k];
                at[k] = wins ? place : at[k];
            }
        }
    };
};

/// The gradient of a window, who has won it, and which place of it is asked for.
template <class T, Index W>
struct PooledPack {
    Pack<T, W> dy;
    Pack<std::uint8_t, W> winner;
    std::int32_t place;
};
template <class T, Index W>
DAF_HOST_DEVICE Pack<Wide<T>, W> widened(const PooledPack<T, W>& stored) {
    const Pack<Wide<T>, W> outer = widened(stored.dy);
    return pack_of<Wide<T>, W>([&](Index k) { return stored.winner[k] == stored.place ? outer[k] : 0; });
}

/// dx: an element of x takes its window's gradient if it has won; nothing else is added, so no order matters.
template <class T>
struct PooledSlopes {
    PoolSize size;
    const std::uint8_t* winner;
    const T* dy;

    bool wide() const { return aligned(winner, dy); }
    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W>) const {
        return [=, this](Index pixel, Index) {
            const PixelPlace in = size.inputs(pixel);
            const std::int32_t out_row = size.by_window(in.row), out_column = size.by_window(in.column);
            // A pixel that no window covers reads the first one's, and is at none of its places.
            const bool covered = out_row < size.rows && out_column < size.columns;
            const Index out =
                covered ? ((in.n * size.rows + out_row) * size.columns + out_column) * size.channels : 0;
            const std::int32_t place =
                (in.row - out_row * size.window) * size.window + in.column - out_column * size.window;
            return PooledPack<T, W>{read<W>(dy + out + c), read<W>(winner + out + c), covered ? place : -1};
        };
    }
};

template <class T>
struct MaxPoolBackward {
    PooledSlopes<T> slopes;
    Slopes<T> dx;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this, of = slopes.at(c, width)](Index pixel) {
            const Index i = pixel * slopes.size.channels + c;
            return [=, this, given = of(pixel, i), there = dx.there(i, width)] {
                dx.write(i, widened(given), there);
            };
        };
    }
};

}  // namespace gpu

template <class In, Index K, GridBackend Backend>
struct Kernel<MaxPool<In, K>, Backend> {
    using Op = MaxPool<In, K>;
    static constexpr gpu::PoolSize size{In::height,
                                        In::width,
                                        In::channels,
                                        K,
                                        Op::Output::height,
                                        Op::Output::width,
                                        gpu::PixelPlaces(In::height, In::width),
                                        gpu::PixelPlaces(Op::Output::height, Op::Output::width),
                                        gpu::Divider(K)};

    static constexpr bool reads_rows = true;

    template <Mode M, class T, class Space, class X>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space, X>& call) {
        std::uint8_t* winner = nullptr;
        if constexpr (M == Mode::train) winner = call.saved.winner.data();
        const auto x = gpu::map_source<Backend>(call.x);
        T* y = call.y.data();
        constexpr Index side = K == 2 ? 2 : 0;  // of a larger window registers would not hold all
        gpu::for_each_row<T>(ctx, call.count() * Op::Output::area, In::channels,
                             x.wide() && gpu::aligned(y, winner),
                             gpu::MaxPoolForward<T, std::decay_t<decltype(x)>, side>{size, x, y, winner},
                             is_deferred<X> ? gpu::rows_for_affine : 1);
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        const auto slopes = InputSlopes<T>(call.dy, call.saved).source();
        const auto dx = gpu::slopes_of(call.dx);
        gpu::for_each_row<T>(ctx, call.count() * In::area, In::channels,
                             slopes.wide() && gpu::aligned(dx.data), gpu::MaxPoolBackward<T>{slopes, dx});
    }

    /// dx again, from dy and the winners: see core/deferred.hpp.
    template <class T>
    class InputSlopes {
      public:
        template <class DY, class Saved>
        InputSlopes(const DY& dy, const Saved& saved) : source_{size, saved.winner.data(), dy.data()} {}
        gpu::PooledSlopes<T> source() const { return source_; }

      private:
        gpu::PooledSlopes<T> source_;
    };
};

}  // namespace daf
