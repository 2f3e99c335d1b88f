#pragma once
// Winograd's transforms of one tile, SIMD lanes over the channels: Mat tile Mat^T for each channel. A transformed tile
// lies spread over M+2 x M+2 points; point k is `stride` elements from point k - 1.
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/winograd_matrices.hpp>

namespace daf::cpu::winograd {

/// Mat in Mat^T of one packet of channels. load(row, column) gives `in`, store(row, column, packet) takes the result.
template <class Mat, class P, class Load, class Store>
inline void transform(const Load& load, const Store& store) {
    using cpu::detail::unroll;
    P middle[Mat::rows][Mat::columns];
    unroll<Mat::columns>([&](auto column) {
        P in[Mat::columns], out[Mat::rows];
        unroll<Mat::columns>([&](auto row) { in[row] = load(row, column); });
        apply<Mat>(in, out);
        unroll<Mat::rows>([&](auto row) { middle[row][column] = out[row]; });
    });
    unroll<Mat::rows>([&](auto row) {
        P out[Mat::rows];
        apply<Mat>(middle[row], out);
        unroll<Mat::rows>([&](auto column) { store(row, column, out[column]); });
    });
}

/// Where a transformed tile goes when it is the packed side of a product: channel c in panel c / width.
struct Panels {
    Index width;   // channels in a panel
    Index stride;  // from panel to panel
    Index row;     // of the tile in its panel
    constexpr Index at(Index c) const { return c / width * stride + row * width + c % width; }
};

/// v = B^T x B. x: M+2 x M+2 pixels of a grid whose rows are `grid_row` elements long.
template <int M, class T>
[[gnu::noinline, gnu::flatten]] void input(const T* x, Index grid_row, Index channels, T* v, Index stride) {
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        transform<matrix::Input<M>, P>(
            [&](Index row, Index column) {
                return packet::ploadu<P>(x + row * grid_row + column * channels + c);
            },
            [&](Index row, Index column, P value) {
                packet::pstoreu(v + (row * points<M> + column) * stride + c, value);
            });
    });
}

/// w = A dy A^T. dy: M x M pixels of a grid.
template <int M, class T>
[[gnu::noinline, gnu::flatten]] void output_gradient(const T* dy, Index grid_row, Index channels, T* w,
                                                     Index stride, const Panels& panels) {
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        T* to = w + panels.at(c);
        transform<matrix::Transposed<matrix::Output<M>>, P>(
            [&](Index row, Index column) {
                return packet::ploadu<P>(dy + row * grid_row + column * channels + c);
            },
            [&](Index row, Index column, P value) {
                packet::pstoreu(to + (row * points<M> + column) * stride, value);
            });
    });
}

/// Where the tile's outputs go: rows x columns of them, the rest lies outside the map.
template <class T>
struct OutputTile {
    T* y;
    Index row;  // elements from a row of the map to the next
    Index rows, columns;
    const T* bias;  // for Finish::bias_relu
};

namespace detail {

template <int M, Finish F, bool Whole, class T>
[[gnu::noinline, gnu::flatten]] void output(const T* m, Index stride, Index channels,
                                            const OutputTile<T>& tile) {
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        P bias = packet::pset1<P>(T(0));
        if constexpr (F == Finish::bias_relu) bias = packet::ploadu<P>(tile.bias + c);
        transform<matrix::Output<M>, P>(
            [&](Index row, Index column) {
                return packet::ploadu<P>(m + (row * points<M> + column) * stride + c);
            },
            [&](Index row, Index column, P value) {
                if (!Whole && (row >= tile.rows || column >= tile.columns)) return;
                T* to = tile.y + row * tile.row + column * channels + c;
                if constexpr (F == Finish::accumulate) value = packet::padd(value, packet::ploadu<P>(to));
                if constexpr (F == Finish::bias_relu) value = rectified(packet::padd(value, bias));
                packet::pstoreu(to, value);
            });
    });
}

}  // namespace detail

/// y = A^T m A
template <int M, Finish F, class T>
void output(const T* m, Index stride, Index channels, const OutputTile<T>& tile) {
    if (tile.rows == M && tile.columns == M) {
        detail::output<M, F, true>(m, stride, channels, tile);
    } else {
        detail::output<M, F, false>(m, stride, channels, tile);
    }
}

/// u = G w G^T. w: 3 x 3 taps, tap by tap `tap` elements apart (negative for turned weights).
template <int M, class T>
[[gnu::noinline, gnu::flatten]] void weight(const T* w, Index tap, Index channels, T* u, Index stride,
                                            const Panels& panels) {
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        T* to = u + panels.at(c);
        transform<matrix::Weight<M>, P>(
            [&](Index row, Index column) { return packet::ploadu<P>(w + (3 * row + column) * tap + c); },
            [&](Index row, Index column, P value) {
                packet::pstoreu(to + (row * points<M> + column) * stride, value);
            });
    });
}

/// dw += G^T du G, du summed over `copies`, `copy` elements apart, in their order.
template <int M, class T>
[[gnu::noinline, gnu::flatten]] void weight_gradient(const T* du, Index stride, Index copies, Index copy,
                                                     Index channels, T* dw, Index tap) {
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        transform<matrix::Transposed<matrix::Weight<M>>, P>(
            [&](Index row, Index column) {
                const T* at = du + (row * points<M> + column) * stride + c;
                P sum = packet::ploadu<P>(at);
                for (Index i = 1; i < copies; ++i) sum = packet::padd(sum, packet::ploadu<P>(at + i * copy));
                return sum;
            },
            [&](Index row, Index column, P value) {
                T* to = dw + (3 * row + column) * tap + c;
                packet::pstoreu(to, packet::padd(packet::ploadu<P>(to), value));
            });
    });
}

}  // namespace daf::cpu::winograd
