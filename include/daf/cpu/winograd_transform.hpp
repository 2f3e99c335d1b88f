#pragma once
// Winograd's transforms of one tile, SIMD lanes over the channels: Mat tile Mat^T for each channel. A
// transformed tile lies spread over its points; point k is `stride` elements from point k - 1. `Way` is
// Tile<M> or WholeMap.
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/convolution_parts.hpp>
#include <daf/cpu/far_store.hpp>
#include <daf/cpu/winograd_matrices.hpp>
#include <type_traits>

namespace daf::cpu::winograd {

/// What a transform reads or writes: element (row, column) at data + row * rows + column * columns.
template <class T>
struct Square {
    T* data;
    Index rows, columns;

    Square from(Index offset) const { return {data + offset, rows, columns}; }
    operator Square<const T>() const requires(!std::is_const_v<T>) { return {data, rows, columns}; }
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
[[gnu::always_inline]] inline void transform_in_two_steps(Square<const T> in, Square<T> out, const Load& load,
                                                          const Store& store) {
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
[[gnu::always_inline]] inline void transform_pair(Square<const T> in, Square<T> out, const Load& load,
                                                  const Store& store) {
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

/// Copies a square of `side` x `side` pixels of fewer channels than a packet holds.
template <class T>
[[gnu::noinline]] void copy_square(Index side, const Square<const T>& from, Index channels,
                                   const Square<T>& to) {
    for (Index row = 0; row < side; ++row) {
        for (Index column = 0; column < side; ++column)
            copy_part_of_packet(from.data + row * from.rows + column * from.columns, channels,
                                to.data + row * to.rows + column * to.columns);
    }
}

/// body(in, out) for channels that fill no packet, as for one that does: copied aside, with zeros beside
/// them, and what becomes of them copied to its place.
template <int In, int Out, class T, class Body>
inline void in_whole_packet(const Square<const T>& in, const Square<T>& out, Index channels,
                            const Body& body) {
    constexpr Index width = lanes<T>;
    alignas(64) T copy[In * In * width] = {}, made[Out * Out * width];
    const Square<T> copied{copy, In * width, width}, result{made, Out * width, width};
    copy_square<T>(In, in, channels, copied);
    body(copied, result);
    copy_square<T>(Out, result, channels, out);
}

}  // namespace detail

/// In how many parts a transform is done.
template <class Mat>
inline constexpr int parts = detail::by_pairs<Mat> ? RowPairs<Mat>::count : 1;

/// A part of Mat in Mat^T of one packet of channels. load(pointer) gives a packet of `in`; store(pointer,
/// packet) takes one of `out`. Both are lambdas: g++ does not inline functions here.
template <class Mat, int Part, class T, class Load, class Store>
[[gnu::always_inline]] inline void transform(Square<const T> in, Square<T> out, const Load& load,
                                             const Store& store) {
    if constexpr (detail::by_pairs<Mat>) {
        detail::transform_pair<Mat, Packet<T>, Part>(in, out, load, store);
    } else {
        detail::transform_in_two_steps<Mat, Packet<T>>(in, out, load, store);
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
};

/// The points of a transformed tile.
template <class Way, class T>
constexpr Square<T> square_of_points(T* data, Index stride) {
    return {data, Way::points * stride, stride};
}

namespace detail {

/// Mat pixels Mat^T for each of a run's channels, whole packets of them. A part of the points has all of them
/// before the next part: processors follow that many streams of stores, and not one for each point.
template <class Way, class Mat, class T>
[[gnu::noinline, gnu::flatten]] void packets_to_points(const Square<const T>& pixels, Index channels, T* to,
                                                       Index stride, bool past_caches) {
    using P = Packet<T>;
    cpu::detail::unroll<parts<Mat>>([&](auto part) {
        for (Index c = 0; c < channels; c += lanes<T>) {
            transform<Mat, part, T>(
                pixels.from(c), square_of_points<Way>(to + c, stride),
                [](const T* from) { return packet::ploadu<P>(from); },
                [&](T* point, const P& value) {
                    if (past_caches) return store_far(point, value);
                    // A store that misses the caches waits for its line: ask for a later packet's now.
                    __builtin_prefetch(point + 4 * lanes<T>, 1);
                    packet::pstoreu(point, value);
                });
        }
    });
}

/// The same of any channels.
template <class Way, class Mat, class T>
void to_points(const Square<const T>& pixels, Index channels, T* to, Index stride, bool past_caches) {
    const Index whole = whole_packets<T>(channels);
    packets_to_points<Way, Mat>(pixels, whole, to, stride, past_caches);
    if (whole == channels) return;
    in_whole_packet<Mat::columns, Way::points>(
        pixels.from(whole), square_of_points<Way>(to + whole, stride), channels - whole,
        [](const Square<const T>& copy, const Square<T>& made) {
            packets_to_points<Way, Mat>(copy, lanes<T>, made.data, made.columns, false);
        });
}

}  // namespace detail

/// v = B^T x B of a window of pixels: what a tile of outputs is a convolution of. Past the caches: where
/// takes_far_stores() says so, also of what is `stride` further on; finish_far_stores() comes after.
template <class Way, class T>
void window(const Square<const T>& pixels, Index channels, T* v, Index stride, bool past_caches) {
    detail::to_points<Way, typename Way::Input>(pixels, channels, v, stride, past_caches);
}

/// w = A x A^T of a patch of pixels, as many as the outputs: times a window's v, point by point, the weights'
/// gradient.
template <class Way, class T>
void patch(const Square<const T>& pixels, Index channels, T* w, Index stride, bool past_caches) {
    detail::to_points<Way, matrix::Transposed<typename Way::Output>>(pixels, channels, w, stride,
                                                                     past_caches);
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

/// Of whole packets of a tile that lies inside the map.
template <class Way, Finish F, class T>
[[gnu::noinline, gnu::flatten]] void output_packets(const T* m, Index stride, Index channels,
                                                    const Square<T>& y, const T* biases, bool past_caches) {
    static_assert(parts<typename Way::Output> == 1);
    using P = Packet<T>;
    for (Index c = 0; c < channels; c += lanes<T>) {
        P bias = packet::pset1<P>(T(0));
        if constexpr (F == Finish::bias_relu) bias = packet::ploadu<P>(biases + c);
        transform<typename Way::Output, 0, T>(
            square_of_points<Way>(m + c, stride), y.from(c),
            [](const T* at) { return packet::ploadu<P>(at); },
            [&](T* at, P value) {
                if constexpr (F == Finish::overwrite) {
                    if (past_caches) return store_far(at, value);
                }
                // A store that misses the caches waits for its line: ask for a later tile's now.
                __builtin_prefetch(at + 4 * Way::outputs * y.columns, 1);
                if constexpr (F == Finish::bias_relu) value = rectified(packet::padd(value, bias));
                packet::pstoreu(at, value);
            });
    }
}

/// Of a tile that lies inside the map.
template <class Way, Finish F, class T>
void whole_output(const T* m, Index stride, Index channels, const OutputTile<T>& tile) {
    const Index whole = whole_packets<T>(channels), rest = channels - whole;
    const Square<T> y{tile.y, tile.row, channels};
    output_packets<Way, F>(m, stride, whole, y, tile.bias, tile.past_caches);
    if (rest == 0) return;
    T bias[lanes<T>] = {};
    if constexpr (F == Finish::bias_relu) copy_part_of_packet(tile.bias + whole, rest, bias);
    in_whole_packet<Way::points, Way::outputs>(square_of_points<Way>(m + whole, stride), y.from(whole), rest,
                                               [&](const Square<const T>& copy, const Square<T>& made) {
                                                   output_packets<Way, F>(copy.data, copy.columns, lanes<T>,
                                                                          made, bias, false);
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

}  // namespace daf::cpu::winograd
