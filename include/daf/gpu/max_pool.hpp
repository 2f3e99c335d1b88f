#pragma once
#include <daf/gpu/grid.hpp>
#include <daf/ops/max_pool.hpp>

namespace daf {

namespace gpu {

/// Windows side by side on maps (height, width, channels), outputs (rows, columns, channels).
struct PoolSize {
    Index height, width, channels, window, rows, columns;

    /// Where an output's window starts, of all images.
    DAF_HOST_DEVICE Index corner(Index out) const {
        const Index channel = out % channels, pixel = out / channels;
        const Index column = pixel % columns, line = pixel / columns;
        const Index row = line % rows, n = line / rows;
        return ((n * height + row * window) * width + column * window) * channels + channel;
    }
};

template <class T>
struct MaxPoolForward {
    PoolSize size;
    const T* x;
    T* y;
    std::uint8_t* winner;  // null in eval

    DAF_HOST_DEVICE void operator()(Index out) const {
        const T* line = x + size.corner(out);
        Found<T> largest{*line, 0};
        std::int32_t k = 0;
        for (Index row = 0; row < size.window; ++row, line += size.width * size.channels) {
            for (Index column = 0; column < size.window; ++column, ++k) {
                const T value = line[column * size.channels];
                // A NaN wins over every number.
                if (value > largest.value || is_nan(value)) largest = {value, k};
            }
        }
        y[out] = largest.value;
        if (winner != nullptr) winner[out] = static_cast<std::uint8_t>(largest.at);
    }
};

/// An element of x takes its window's gradient if it has won; nothing else is added, so no order matters.
template <class T>
struct MaxPoolBackward {
    PoolSize size;
    const std::uint8_t* winner;
    const T* dy;
    Slopes<T> dx;

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index channel = i % size.channels, pixel = i / size.channels;
        const Index column = pixel % size.width, line = pixel / size.width;
        const Index row = line % size.height, n = line / size.height;
        const Index out_row = row / size.window, out_column = column / size.window;
        Wide<T> slope = 0;
        if (out_row < size.rows && out_column < size.columns) {
            const Index out =
                ((n * size.rows + out_row) * size.columns + out_column) * size.channels + channel;
            const Index k = row % size.window * size.window + column % size.window;
            if (winner[out] == k) slope = dy[out];
        }
        dx.write(i, slope);
    }
};

}  // namespace gpu

template <class In, Index K, GridBackend Backend>
struct Kernel<MaxPool<In, K>, Backend> {
    using Op = MaxPool<In, K>;
    static constexpr gpu::PoolSize size{In::height, In::width,          In::channels,
                                        K,          Op::Output::height, Op::Output::width};

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        std::uint8_t* winner = nullptr;
        if constexpr (M == Mode::train) winner = call.saved.winner.data();
        gpu::for_each(ctx, call.y.size(), gpu::MaxPoolForward<T>{size, call.x.data(), call.y.data(), winner});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        gpu::for_each(
            ctx, call.count() * In::size,
            gpu::MaxPoolBackward<T>{size, call.saved.winner.data(), call.dy.data(), gpu::slopes_of(call.dx)});
    }
};

}  // namespace daf
