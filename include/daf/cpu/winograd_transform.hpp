#pragma once
// Winograd's transforms of one tile, SIMD lanes over the channels: Mat tile Mat^T for each channel. A
// transformed tile lies spread over its points; point k is `stride` elements from point k - 1. `Way` is
// Tile<M> or WholeMap.
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/far_store.hpp>
#include <daf/cpu/winograd_matrices.hpp>

namespace daf::cpu::winograd {

/// What a transform reads or writes: element (row, column) at data + row * rows + column * columns.
template <class T>
struct Square {
    T* data;
    Index rows, columns;

    Square from(Index offset) const { return {data + offset, rows, columns}; }
};

/// Elements `step` apart. Three share a pointer: one index register times 0, 1 or 2 reaches them all. The
/// compiler does not learn what the pointers have to do with each other, or it makes one for each element, of
/// which it has no registers for most.
template <int Count, class T>
class Line {
  public:
    Line(T* first, Index step) : step_(step) {
        cpu::detail::unroll<groups>([&](auto g) { group_[g] = unrelated(first + 3 * g * step); });
    }
    T* operator[](int i) const { return group_[i / 3] + (i % 3) * step_; }
    void advance(Index by) {
        cpu::detail::unroll<groups>([&](auto g) { group_[g] = unrelated(group_[g] + by); });
    }

  private:
    static constexpr int groups = (Count + 2) / 3;
    static T* unrelated(T* pointer) {
        asm("" : "+r"(pointer));
        return pointer;
    }

    T* group_[groups];
    Index step_;
};

namespace detail {

/// First the rows of `in`, then the columns of what comes of them.
template <class Mat, class P, class T, class Load, class Store>
inline void transform_in_two_steps(Square<const T> in, Square<T> out, const Load& load, const Store& store) {
    using cpu::detail::unroll;
    P middle[Mat::columns][Mat::rows];
    Line<Mat::columns, const T> from(in.data, in.columns);
    for (int row = 0; row < Mat::columns; ++row) {
        P values[Mat::columns];
        unroll<Mat::columns>([&](auto column) { values[column] = load(from[column]); });
        apply<Mat>(values, middle[row]);
        from.advance(in.rows);
    }
    Line<Mat::rows, T> to(out.data, out.rows);
    for (int column = 0; column < Mat::rows; ++column) {
        P values[Mat::columns], results[Mat::rows];
        unroll<Mat::columns>([&](auto row) { values[row] = middle[row][column]; });
        apply<Mat>(values, results);
        unroll<Mat::rows>([&](auto row) { store(to[row], results[row]); });
        to.advance(out.columns);
    }
}

/// Whether two columns of the result are made at a time: what is between the steps stays in registers then.
/// Loads are cheaper than the stores that this spares. With few values between the steps they stay there
/// anyway, and compilers take longer for pairs.
template <class Mat>
inline constexpr bool by_pairs = !columns_mirror_each_other<Mat> && Mat::rows * Mat::columns > 36;

/// The same for the columns of one pair, to the same bits.
template <class Mat, class P, int Pair, class T, class Load, class Store>
inline void transform_pair(Square<const T> in, Square<T> out, const Load& load, const Store& store) {
    using cpu::detail::unroll;
    constexpr int columns[] = {RowPairs<Mat>::pairs[Pair].first, RowPairs<Mat>::pairs[Pair].second};
    P middle[2][Mat::columns];
    Line<Mat::columns, const T> from(in.data, in.columns);
    unroll<Mat::columns>([&](auto row) {
        P values[Mat::columns];
        unroll<Mat::columns>([&](auto column) { values[column] = load(from[column]); });
        apply_pair<Mat, Pair>(values, middle[0][row], middle[1][row]);
        from.advance(in.rows);
    });
    unroll<2>([&](auto i) {
        constexpr int column = columns[i];
        if constexpr (column >= 0) {
            P results[Mat::rows];
            apply<Mat>(middle[i], results);
            const Line<Mat::rows, T> to(out.data + column * out.columns, out.rows);
            unroll<Mat::rows>([&](auto row) { store(to[row], results[row]); });
        }
    });
}

/// The same of one channel, for those that fill no packet: loops, which compilers have less work with.
template <class Mat, class T, class Load, class Store>
inline void transform_channel(Square<const T> in, Square<T> out, const Load& load, const Store& store) {
    const auto add_product = [](T& sum, Index row, Index column, T value) {
        const T factor = coefficient<Mat, T>(row, column);
        if (factor != 0) sum += factor * value;
    };
    T middle[Mat::columns][Mat::rows] = {};
    for (Index row = 0; row < Mat::columns; ++row) {
        for (Index column = 0; column < Mat::columns; ++column) {
            const T value = load(in.data + row * in.rows + column * in.columns);
            for (Index r = 0; r < Mat::rows; ++r) add_product(middle[row][r], r, column, value);
        }
    }
    for (Index column = 0; column < Mat::rows; ++column) {
        for (Index r = 0; r < Mat::rows; ++r) {
            T sum = 0;
            for (Index row = 0; row < Mat::columns; ++row) add_product(sum, r, row, middle[row][column]);
            store(out.data + r * out.rows + column * out.columns, sum);
        }
    }
}

}  // namespace detail

/// In how many parts a transform is done.
template <class Mat>
inline constexpr int parts = detail::by_pairs<Mat> ? RowPairs<Mat>::count : 1;

/// A part of Mat in Mat^T of one packet of channels, or one channel, whose first part is all. load(pointer)
/// gives a packet of `in`; store(pointer, packet) takes one of `out`. Both are lambdas: g++ does not inline
/// functions here.
template <class Mat, class P, int Part, class T, class Load, class Store>
inline void transform(Square<const T> in, Square<T> out, const Load& load, const Store& store) {
    if constexpr (std::is_same_v<P, T>) {
        if constexpr (Part == 0) detail::transform_channel<Mat>(in, out, load, store);
    } else if constexpr (detail::by_pairs<Mat>) {
        detail::transform_pair<Mat, P, Part>(in, out, load, store);
    } else {
        detail::transform_in_two_steps<Mat, P>(in, out, load, store);
    }
}

/// Where the channels of a transformed tile go: `width` of them side by side in each panel. {channels, 0, 0}:
/// all side by side.
struct Panels {
    Index width;   // channels in a panel: whole packets, or all
    Index stride;  // from panel to panel
    Index row;     // of the tile in its panel

    /// body(first, count, at) for runs of channels that go side by side, the first of a run to `at`. In all
    /// the pixels of a tile they fit a core's nearest cache.
    template <class T, class Body>
    void for_each_run(Index channels, const Body& body) const {
        constexpr Index most = 256 / static_cast<Index>(sizeof(T));
        Index start = row * width;
        for (Index panel = 0; panel < channels; panel += width, start += stride) {
            const Index last = std::min(panel + width, channels);
            for (Index c = panel; c < last; c += most) body(c, std::min(most, last - c), start + c - panel);
        }
    }
    /// body<P>(c, at) for every packet of channels: channel c goes to `at`.
    template <class T, class Body>
    void for_each_packet(Index channels, const Body& body) const {
        for_each_run<T>(channels, [&](Index first, Index count, Index at) {
            cpu::for_each_packet<T>(
                count, [&]<class P>(Index c) { body.template operator()<P>(first + c, at + c); });
        });
    }
};

/// The points of a transformed tile.
template <class Way, class T>
constexpr Square<T> square_of_points(T* data, Index stride) {
    return {data, Way::points * stride, stride};
}

/// Mat pixels Mat^T for each of a run's channels. A part of the points has all of them before the next part:
/// processors follow that many streams of stores, and not one for each point.
template <class Way, class Mat, class T>
inline void to_points(const Square<const T>& pixels, Index channels, T* to, Index stride) {
    cpu::detail::unroll<parts<Mat>>([&](auto part) {
        for_each_packet<T>(channels, [&]<class P>(Index c) {
            transform<Mat, P, part, T>(
                pixels.from(c), square_of_points<Way>(to + c, stride),
                [](const T* from) { return packet::ploadu<P>(from); },
                [](T* point, const P& value) {
                    // A store that misses the caches waits for its line: ask for a later packet's now.
                    __builtin_prefetch(point + 4 * lanes<T>, 1);
                    packet::pstoreu(point, value);
                });
        });
    });
}

/// v = B^T x B of a window of pixels: what a tile of outputs is a convolution of.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void window(const Square<const T>& pixels, Index channels, T* v,
                                            Index stride) {
    to_points<Way, typename Way::Input>(pixels, channels, v, stride);
}

/// w = A x A^T of a patch of pixels, as many as the outputs: times a window's v, point by point, the weights'
/// gradient.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void patch(const Square<const T>& pixels, Index channels, T* w,
                                           Index stride) {
    to_points<Way, matrix::Transposed<typename Way::Output>>(pixels, channels, w, stride);
}

/// Where the tile's outputs go: rows x columns of them, the rest lies outside the map.
template <class T>
struct OutputTile {
    T* y;
    Index row;  // elements from a row of the map to the next
    Index rows, columns;
    const T* bias;     // for Finish::bias_relu
    bool past_caches;  // for Finish::overwrite: where takes_far_stores() says so
};

namespace detail {

/// Of a tile that lies inside the map.
template <class Way, Finish F, class T>
[[gnu::noinline, gnu::flatten]] void whole_output(const T* m, Index stride, Index channels,
                                                  const OutputTile<T>& tile) {
    static_assert(parts<typename Way::Output> == 1);
    for_each_packet<T>(channels, [&]<class P>(Index c) {
        P bias = packet::pset1<P>(T(0));
        if constexpr (F == Finish::bias_relu) bias = packet::ploadu<P>(tile.bias + c);
        transform<typename Way::Output, P, 0, T>(
            square_of_points<Way>(m + c, stride), {tile.y + c, tile.row, channels},
            [](const T* at) { return packet::ploadu<P>(at); },
            [&](T* at, P value) {
                if constexpr (F == Finish::overwrite && packet_size<P> == lanes<T>) {
                    if (tile.past_caches) return store_far(at, value);
                }
                // A store that misses the caches waits for its line: ask for a later tile's now.
                __builtin_prefetch(at + 4 * Way::outputs * channels, 1);
                if constexpr (F == Finish::bias_relu) value = rectified(packet::padd(value, bias));
                packet::pstoreu(at, value);
            });
    });
}

/// The pixels of a tile that lie in the map, out of one that was made aside.
template <class T>
[[gnu::noinline]] void put_part(const T* made, Index made_row, Index width, Index channels, Finish finish,
                                const OutputTile<T>& tile) {
    for (Index row = 0; row < tile.rows; ++row) {
        for (Index column = 0; column < tile.columns; ++column) {
            const T* from = made + row * made_row + column * width;
            T* to = tile.y + row * tile.row + column * channels;
            for_each_packet<T>(width, [&]<class P>(Index c) {
                P value = packet::ploadu<P>(from + c);
                if (finish == Finish::accumulate) value = packet::padd(value, packet::ploadu<P>(to + c));
                if (finish == Finish::bias_relu)
                    value = rectified(packet::padd(value, packet::ploadu<P>(tile.bias + c)));
                packet::pstoreu(to + c, value);
            });
        }
    }
}

/// Of a tile at the map's edge, or one that is added to what is there: made aside.
template <class Way, class T>
void part_output(const T* m, Index stride, Index channels, Finish finish, OutputTile<T> tile) {
    constexpr Index side = Way::outputs;
    T made[side * side * channel_block];
    for_each_channel_block(channels, [&](Index first, Index width) {
        const OutputTile<T> aside{made, side * width, side, side, nullptr, false};
        whole_output<Way, Finish::overwrite>(m + first, stride, width, aside);
        put_part(made, side * width, width, channels, finish, tile);
        tile.y += width;
        if (tile.bias != nullptr) tile.bias += width;
    });
}

}  // namespace detail

/// y = A^T m A
template <class Way, Finish F, class T>
void output(const T* m, Index stride, Index channels, const OutputTile<T>& tile) {
    if constexpr (F != Finish::accumulate) {
        if (tile.rows == Way::outputs && tile.columns == Way::outputs)
            return detail::whole_output<Way, F>(m, stride, channels, tile);
    }
    detail::part_output<Way>(m, stride, channels, F, tile);
}

/// Some rows of the points of u = G w G^T for `inputs` channels of x, `in_row` elements apart in w; the first
/// such row's first point goes to `u`. w: 3 x 3 taps, tap by tap `tap` elements apart. panels.row: the first
/// input's row.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void weights(const T* w, Index tap, Index in_row, Index inputs,
                                             Index channels, Range rows, T* u, Index stride, Panels panels) {
    using cpu::detail::unroll;
    using G = typename Way::Weight;
    constexpr Index ahead = 4, line = 64 / static_cast<Index>(sizeof(T));
    for (Index i = 0; i < inputs; ++i, w += in_row, ++panels.row) {
        if (channels < in_row) {  // an input's channels end where nobody would ask for the next one's ahead
            const T* later = w + std::min(ahead, inputs - 1 - i) * in_row;
            for (Index t = 0; t < 9; ++t, later += tap) {
                for (Index c = 0; c < channels; c += line) __builtin_prefetch(later + c);
            }
        }
        panels.for_each_packet<T>(channels, [&]<class P>(Index c, Index at) {
            P taps[3][3];
            const Line<9, const T> from(w + c, tap);
            unroll<9>([&](auto t) { taps[t / 3][t % 3] = packet::ploadu<P>(from[t]); });
            Line<Way::points, T> to(u + at, stride);
            for (Index row = rows.first; row < rows.last; ++row) {
                P across[3], results[Way::points];
                unroll<3>([&](auto column) {
                    across[column] =
                        packet::pmul(packet::pset1<P>(coefficient<G, T>(row, 0)), taps[0][column]);
                    unroll<2>([&](auto r) {
                        across[column] = packet::pmadd(packet::pset1<P>(coefficient<G, T>(row, r + 1)),
                                                       taps[r + 1][column], across[column]);
                    });
                });
                apply<G>(across, results);
                unroll<Way::points>([&](auto k) { packet::pstoreu(to[k], results[k]); });
                to.advance(Way::points * stride);
            }
        });
    }
}

/// dw += what some rows of the points of du give to G^T du G, for `inputs` channels of x. du, from its first
/// such row on, is summed over `copies`, `copy` elements apart, in their order; from an input to the next du
/// and dw go on by du_row and dw_row.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void weight_gradients(const T* du, Index stride, Index du_row, Index copies,
                                                      Index copy, Index inputs, Index channels, Range rows,
                                                      T* dw, Index tap, Index dw_row) {
    using cpu::detail::unroll;
    using G = typename Way::Weight;
    for (Index i = 0; i < inputs; ++i, du += du_row, dw += dw_row) {
        for_each_packet<T>(channels, [&]<class P>(Index c) {
            P taps[3][3];
            const Line<9, T> sums(dw + c, tap);
            unroll<9>([&](auto t) { taps[t / 3][t % 3] = packet::ploadu<P>(sums[t]); });
            Line<Way::points, const T> from(du + c, stride);
            for (Index row = rows.first; row < rows.last; ++row) {
                P values[Way::points], across[3];
                unroll<Way::points>([&](auto k) {
                    values[k] = packet::ploadu<P>(from[k]);
                    for (Index n = 1; n < copies; ++n)
                        values[k] = packet::padd(values[k], packet::ploadu<P>(from[k] + n * copy));
                });
                apply<matrix::Transposed<G>>(values, across);
                unroll<9>([&](auto t) {
                    P& sum = taps[t / 3][t % 3];
                    sum = packet::pmadd(packet::pset1<P>(coefficient<G, T>(row, t / 3)), across[t % 3], sum);
                });
                from.advance(Way::points * stride);
            }
            unroll<9>([&](auto t) { packet::pstoreu(sums[t], taps[t / 3][t % 3]); });
        });
    }
}

}  // namespace daf::cpu::winograd
