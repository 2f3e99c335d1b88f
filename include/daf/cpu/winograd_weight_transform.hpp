#pragma once
// Winograd's transforms of 3 x 3 weights, SIMD lanes over the channels of y: from taps to points, and of
// gradients back.
#include <daf/cpu/winograd_transform.hpp>

namespace daf::cpu::winograd {

namespace detail {

/// Some rows of the points of G w G^T, for whole packets of channels; the first such row's first point goes
/// to `u`.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void weight_packets(const T* w, Index tap, Index channels, Range rows, T* u,
                                                    Index stride, bool past_caches) {
    using P = Packet<T>;
    using G = typename Way::Weight;
    using cpu::detail::unroll;
    for (Index c = 0; c < channels; c += lanes<T>) {
        P taps[3][3];
        const Line<9, const T> from(w + c, tap);
        unroll<9>([&](auto t) { taps[t / 3][t % 3] = packet::ploadu<P>(from[t]); });
        Line<Way::points, T> to(u + c, stride);
        for (Index row = rows.first; row < rows.last; ++row) {
            P across[3], results[Way::points];
            unroll<3>([&](auto column) {
                across[column] = packet::pmul(packet::pset1<P>(coefficient<G, T>(row, 0)), taps[0][column]);
                unroll<2>([&](auto r) {
                    across[column] = packet::pmadd(packet::pset1<P>(coefficient<G, T>(row, r + 1)),
                                                   taps[r + 1][column], across[column]);
                });
            });
            apply<G>(across, results);
            unroll<Way::points>([&](auto k) {
                if (past_caches) return store_far(to[k], results[k]);
                packet::pstoreu(to[k], results[k]);
            });
            to.advance(Way::points * stride);
        }
    }
}

/// dw += what some rows of the points of du give to G^T du G, for whole packets of channels.
template <class Way, class T>
[[gnu::noinline, gnu::flatten]] void weight_gradient_packets(const T* du, Index stride, Index copies,
                                                             Index copy, Index channels, Range rows, T* dw,
                                                             Index tap) {
    using P = Packet<T>;
    using G = typename Way::Weight;
    using cpu::detail::unroll;
    for (Index c = 0; c < channels; c += lanes<T>) {
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
    }
}

/// The same for channels that fill no packet: as one, aside.
template <class Way, class T>
void part_of_weight_gradients(const T* du, Index stride, Index copies, Index copy, Index channels, Range rows,
                              T* dw, Index tap) {
    alignas(64) T sums[Way::points * Way::points][lanes<T>] = {}, taps[9][lanes<T>] = {};
    for (Index k = 0; k < rows.size() * Way::points; ++k, du += stride) {
        copy_part_of_packet(du, channels, sums[k]);
        for (Index n = 1; n < copies; ++n) {
            for (Index c = 0; c < channels; ++c) sums[k][c] += du[n * copy + c];
        }
    }
    for (Index t = 0; t < 9; ++t) copy_part_of_packet(dw + t * tap, channels, taps[t]);
    weight_gradient_packets<Way>(sums[0], lanes<T>, 1, 0, lanes<T>, rows, taps[0], lanes<T>);
    for (Index t = 0; t < 9; ++t) copy_part_of_packet(taps[t], channels, dw + t * tap);
}

}  // namespace detail

/// Some rows of the points of u = G w G^T for `inputs` channels of x, `in_row` elements apart in w; the first
/// such row's first point goes to `u`, in whole packets: with zeros beside the last channels. w: 3 x 3 taps,
/// tap by tap `tap` elements apart. panels.row: the first input's row. Past the caches: as for window().
template <class Way, class T>
void weights(const T* w, Index tap, Index in_row, Index inputs, Index channels, Range rows, T* u,
             Index stride, Panels panels, bool past_caches) {
    constexpr Index ahead = 4, line = 64 / static_cast<Index>(sizeof(T));
    for (Index i = 0; i < inputs; ++i, w += in_row, ++panels.row) {
        if (channels < in_row) {  // an input's channels end where nobody would ask for the next one's ahead
            const T* later = w + std::min(ahead, inputs - 1 - i) * in_row;
            for (Index t = 0; t < 9; ++t, later += tap) {
                for (Index c = 0; c < channels; c += line) __builtin_prefetch(later + c);
            }
        }
        panels.for_each_run<T>(channels, [&](Index first, Index count, Index at) {
            const T* from = w + first;
            T* to = u + at;
            const Index whole = whole_packets<T>(count);
            detail::weight_packets<Way>(from, tap, whole, rows, to, stride, past_caches);
            if (whole == count) return;
            alignas(64) T taps[9][lanes<T>] = {};
            for (Index t = 0; t < 9; ++t) copy_part_of_packet(from + t * tap + whole, count - whole, taps[t]);
            detail::weight_packets<Way>(taps[0], lanes<T>, lanes<T>, rows, to + whole, stride, past_caches);
        });
    }
}

/// dw += what some rows of the points of du give to G^T du G, for `inputs` channels of x. du, from its first
/// such row on, is summed over `copies`, `copy` elements apart, in their order; from an input to the next du
/// and dw go on by du_row and dw_row.
template <class Way, class T>
void weight_gradients(const T* du, Index stride, Index du_row, Index copies, Index copy, Index inputs,
                      Index channels, Range rows, T* dw, Index tap, Index dw_row) {
    const Index whole = whole_packets<T>(channels);
    for (Index i = 0; i < inputs; ++i, du += du_row, dw += dw_row) {
        detail::weight_gradient_packets<Way>(du, stride, copies, copy, whole, rows, dw, tap);
        if (whole < channels)
            detail::part_of_weight_gradients<Way>(du + whole, stride, copies, copy, channels - whole, rows,
                                                  dw + whole, tap);
    }
}

}  // namespace daf::cpu::winograd
