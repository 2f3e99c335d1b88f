#pragma once
// The weights of Winograd's convolution: transformed whole, or a piece at a time where they are used.
#include <daf/cpu/winograd_parts.hpp>

namespace daf::cpu {

/// Where the taps of a 3x3 kernel lie: that from channel i of x to channel o of y at
/// o / width * slice + i * row + tap * this->tap + o % width.
struct TapPlaces {
    Index width;  // channels of y side by side
    Index slice, row, tap;

    /// (3,3,in,out)
    static constexpr TapPlaces plain(Index in, Index out) { return {out, 0, out, in * out}; }
    /// A slice of y's channels after the other, and in it all that one channel of x has. Taps of the plain
    /// order that are read together lie a power of two apart, and push each other out of the caches.
    static constexpr TapPlaces by_slices(Index in, Index width) {
        return {width, in * 9 * width, 9 * width, width};
    }

    constexpr Index at(Index t, Index i, Index o) const {
        return o / width * slice + i * row + t * tap + o % width;
    }
};

/// The plain weights (3,3,in,out), laid out so.
template <class T>
void lay_out_weights(Cpu& ctx, const T* weight, Index in, Index out, const TapPlaces& places, T* to) {
    ctx.parallel(chunks_for(in), [&](Index part) {
        const Range inputs = part_of(in, chunks_for(in), part);
        for (Index i = inputs.first; i < inputs.last; ++i) {
            for (Index t = 0; t < 9; ++t) {
                const T* from = weight + (t * in + i) * out;
                for (Index o = 0; o < out; o += places.width)
                    std::copy_n(from + o, std::min(places.width, out - o), to + places.at(t, i, o));
            }
        }
    });
}

/// The weights of the convolution that takes dy to dx: the plain ones turned round. places.width: whole
/// packets, or `in`.
template <class T>
void turn_weights(Cpu& ctx, const T* weight, Index in, Index features, const TapPlaces& places, T* to) {
    constexpr Index side = lanes<T>, taps = 9;
    const Index slices = (in + places.width - 1) / places.width;
    ctx.parallel(slices * taps, [&](Index piece) {
        const Index tap = piece % taps, slice = piece / taps;
        const Index first = slice * places.width, last = std::min(first + places.width, in);
        const T* from = weight + tap * in * features;
        for (Index o = 0; o < features; o += side) {
            const Index count = std::min(side, features - o);
            for (Index i = first; i < last; i += side) {
                T* turned = to + places.at(8 - tap, o, i);
                // A store that misses the caches waits for its line: ask for the next rows' now.
                for (Index r = count; r < std::min(count + side, features - o); ++r)
                    __builtin_prefetch(turned + r * places.row, 1);
                if (count == side && i + side <= last) {
                    transpose_square(from + i * features + o, features, turned, places.row);
                    continue;
                }
                for (Index r = 0; r < count; ++r) {
                    for (Index c = i; c < std::min(i + side, last); ++c)
                        turned[r * places.row + c - i] = from[c * features + o + r];
                }
            }
        }
    });
}

/// Transformed weights, [point][panel][in][channel of the panel], from in to `out` channels: all of them, or
/// a piece, which is a part of the rows of points of one slice of the output channels, and of some input
/// channels.
template <class T>
class WinogradWeights {
  public:
    WinogradWeights(Index in, Index out, WinogradTile tile)
        : in_(in),
          out_(out),
          tile_(tile),
          width_(panel_width<T>(out)),
          panel_(in * width_),
          stride_(spread_point<T>(panels() * panel_)),
          slice_(std::min(slice_width(width_), panels() * width_)),
          piece_in_(in <= most_inputs_at_once ? in : piece_inputs),
          piece_stride_(spread_point<T>(piece_in_ * slice_)) {}

    Index size() const { return side() * side() * stride_; }
    Index piece_size() const { return WinogradTiling::rows_at_once * side() * piece_stride_; }
    Index slices() const { return (out_ + slice_ - 1) / slice_; }

    /// Where pieces are made of weights that lie by slices, in so many elements.
    TapPlaces by_slices() const { return TapPlaces::by_slices(in_, slice_); }
    Index laid_out_size() const { return slices() * by_slices().slice; }

    /// From weights that lie so.
    void transform(Cpu& ctx, const T* weight, const TapPlaces& places, T* transformed) const {
        if (out_ % width_ != 0)
            clear_panels(transformed + (panels() - 1) * panel_, panel_, side() * side(), stride_);
        const bool past_caches =
            takes_far_stores(transformed) && hands_past_caches<T>(size(), ctx.cores_apart());
        const Index parts = chunks_for(in_);
        with_tile(tile_, [&]<class Way> {
            ctx.parallel(parts, [&](Index part) {
                const Range in = part_of(in_, parts, part);
                for (Index first = 0; first < out_; first += places.width) {
                    winograd::weights<Way>(weight + places.at(0, in.first, first), places.tap, places.row,
                                           in.size(), std::min(places.width, out_ - first), {0, side()},
                                           transformed + first / width_ * panel_, stride_,
                                           {width_, panel_, in.first}, past_caches);
                }
                if (past_caches) finish_far_stores();
            });
        });
    }

    /// A panel, as what a product reads next.
    Upcoming<T> panel(const T* transformed, Index k, Index panel) const {
        return {transformed + k * stride_ + panel * panel_, panel_};
    }
    /// out = tiles[k] U[k] for `count` tiles, `out` being the k-th point's; perhaps past the caches. `next`
    /// is read after that.
    template <class Tiles>
    void multiply(const T* transformed, Index k, const Tiles& layout, const T* tiles, Index count, T* out,
                  Index out_row, bool past_caches, const Upcoming<T>& next) const {
        const TileColumns<T> columns = layout.tiles(tiles, k, {0, in_});
        const Store store = past_caches ? Store::past_caches : Store::overwrite;
        for (Index panel = 0; panel < panels(); ++panel)
            multiply_panel(this->panel(transformed, k, panel).data, columns, count, out + panel * width_,
                           out_row, store,
                           panel + 1 < panels() ? this->panel(transformed, k, panel + 1) : next);
        if (past_caches) finish_far_stores();
    }

    /// out[k] = tiles[k] U[k] for the channels of a slice and the points of some rows, out of weights that
    /// lie by slices. Rows are made together, since their taps come from far; `piece` takes them for some
    /// channels of x at a time. Only where it takes them all the result may go past the caches.
    template <class Tiles>
    void transform_and_multiply(const T* weight, Index slice, Range rows, T* piece, const Tiles& layout,
                                const T* tiles, Index count, const WinogradTiles<T>& out_layout, T* out,
                                bool past_caches) const {
        const TapPlaces places = by_slices();
        const Range channels{slice * slice_, std::min((slice + 1) * slice_, out_)};
        const Range points{rows.first * side(), rows.last * side()};
        past_caches = past_caches && piece_in_ == in_;
        Store store = past_caches ? Store::past_caches : Store::overwrite;
        for (Index first = 0; first < in_; first += piece_in_, store = Store::add) {
            const Range in{first, std::min(first + piece_in_, in_)};
            const Index panel_size = in.size() * width_;
            if (channels.last % width_ != 0)
                clear_panels(piece + channels.size() / width_ * panel_size, panel_size, points.size(),
                             piece_stride_);
            with_tile(tile_, [&]<class Way> {
                winograd::weights<Way>(weight + places.at(0, in.first, channels.first), places.tap,
                                       places.row, in.size(), channels.size(), rows, piece, piece_stride_,
                                       {width_, panel_size, 0}, false);
            });
            // What the next piece is made of, a part of it at each point.
            const Range next = next_inputs(in, rows);
            const T* taps = weight + places.at(0, next.first, channels.first);
            const T* point = piece;
            for (Index k = points.first; k < points.last; ++k, point += piece_stride_) {
                const TileColumns<T> columns = layout.tiles(tiles, k, in);
                const Range part = part_of(next.size() * places.row, points.size(), k - points.first);
                const T* panel = point;
                for (Index c = channels.first; c < channels.last; c += width_, panel += panel_size) {
                    multiply_panel(panel, columns, count, out_layout.at(out, k) + c, out_layout.row(), store,
                                   {taps + part.first, c > channels.first ? 0 : part.size()});
                }
            }
        }
        if (past_caches) finish_far_stores();
    }

  private:
    Index side() const { return tile_.points; }
    Index panels() const { return (out_ + width_ - 1) / width_; }
    /// Zeros for the channels beyond the last one: of the panel that it is in, at some points.
    static void clear_panels(T* panel, Index size, Index points, Index stride) {
        for (Index k = 0; k < points; ++k) std::fill_n(panel + k * stride, size, T(0));
    }
    /// Channels of x that a piece holds: so few that it stays in a core's cache until it is read. AMD's
    /// processors (which have SSE4a) with 64-byte registers take up to twice as many in one piece.
    static constexpr Index piece_inputs = 128;
#if defined(__SSE4A__)
    static constexpr Index most_inputs_at_once = has_far_stores<T> ? 2 * piece_inputs : piece_inputs;
#else
    static constexpr Index most_inputs_at_once = piece_inputs;
#endif
    /// Of the piece after one of these channels of x.
    Range next_inputs(Range in, Range rows) const {
        if (in.last < in_) return {in.last, std::min(in.last + piece_in_, in_)};
        return {0, rows.last < side() ? piece_in_ : 0};
    }
    /// Panels of tiles that a product sums over at once. Columns that lie in more pieces come slower than a
    /// result that is added to (docs/what_helped.md).
    static constexpr Index most_panels = 8;

    void multiply_panel(const T* panel, const TileColumns<T>& tiles, Index count, T* out, Index out_row,
                        Store store, const Upcoming<T>& next) const {
        const T* end = panel + (tiles.first_sum.size() + tiles.rest_sum.size()) * width_;
        const auto add = [&](Sum sum, const Columns<T>& columns) {
            if (sum.size() == 0) return;
            const T* behind = panel + sum.size() * width_;
            cpu::multiply_panel(
                width_ / lanes<T>, sum, panel, columns, count, out, out_row, width_,
                store == Store::past_caches && behind < end ? Store::overwrite : store,
                behind < end ? Upcoming<T>{behind, std::min(sum.size() * width_, end - behind)} : next);
            panel = behind;
            store = Store::add;
        };
        const auto [panels, channels] = tiles.first_sum;
        for (Index done = 0; done < panels; done += most_panels) {
            Columns<T> columns = tiles.first;
            columns.data += done * columns.outer;
            add({std::min(panels - done, most_panels), channels}, columns);
        }
        add(tiles.rest_sum, tiles.rest);
    }

    Index in_, out_;
    WinogradTile tile_;
    Index width_, panel_, stride_;
    Index slice_, piece_in_, piece_stride_;
};

}  // namespace daf::cpu
