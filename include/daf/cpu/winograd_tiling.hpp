#pragma once
// How Winograd's convolution cuts a batch of maps: into tiles, strips of tile rows, and blocks of strips
// whose transformed tiles exist at one time. A function of the shapes and the count; in inference, where
// nothing is summed over blocks, of the number of threads too.
#include <daf/cpu/convolution_parts.hpp>

namespace daf::cpu {

/// Elements from a row of so many to the next: an odd number of cache lines, so that rows spread over a
/// cache's sets.
template <class T>
constexpr Index spread_row(Index elements) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    return ((elements + line - 1) / line | 1) * line;
}

/// Elements from a point's values to the next point's: a cache line more than whole pages, for the same
/// reason.
template <class T>
constexpr Index spread_point(Index elements) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T)), page = 64 * line;
    return (elements + page - 1) / page * page + line;
}

/// What maps are cut into: tiles for F(MxM,3x3), or whole maps of 3 x 3.
struct WinogradTile {
    Index outputs, points;  // along a side: winograd::Tile's and WholeMap's
    Index border = 1;       // of pixels that are read about the outputs

    constexpr WinogradTile(Index m) : outputs(m), points(m + 2) {}
    static constexpr WinogradTile whole_map() {
        WinogradTile tile(3);
        tile.points = 4;
        tile.border = 0;
        return tile;
    }
    /// Whether maps of that size can be cut so.
    constexpr bool fits(Index height, Index width) const {
        return border > 0 || (height == outputs && width == outputs);
    }

    friend constexpr bool operator==(const WinogradTile&, const WinogradTile&) = default;
};

/// What a pass keeps of a block.
struct WinogradTraffic {
    Index tile_channels;   // of all its transformed tiles, together
    Index map_channels;    // of the widest map
    Index weight_tensors;  // that it reads or adds to once a block
    Index element;         // bytes
};

struct WinogradTiling {
    Index height, width, count;  // of the maps
    WinogradTile tile = 0;
    Index rows, columns;  // tiles of an image
    Index strip_rows;     // tile rows of a strip; divides `rows`
    Index block_strips;
    Index chunks;    // groups of blocks that may run at the same time
    bool by_slices;  // weights exist a piece at a time on each thread, if the pass transforms them

    static constexpr WinogradTiling of(const ConvolutionSize& size, Index count, WinogradTile tile,
                                       const WinogradTraffic& traffic);
    /// For a pass by transformed weights whose bits do not depend on blocks: so many threads' own, where each
    /// may well read all weights; else the same as `of`.
    static constexpr WinogradTiling for_threads(const ConvolutionSize& size, Index count, WinogradTile tile,
                                                const WinogradTraffic& traffic, int threads);

    constexpr Index side() const { return tile.points; }  // of the square of a tile's points
    constexpr Index points() const { return side() * side(); }
    constexpr Index strips_of_image() const { return rows / strip_rows; }
    constexpr Index strips() const { return count * strips_of_image(); }
    constexpr Index strip_tiles() const { return strip_rows * columns; }
    constexpr Index block_tiles() const { return block_strips * strip_tiles(); }
    constexpr Index blocks() const { return (strips() + block_strips - 1) / block_strips; }

    /// Whether transformed tiles, of which a block has so many elements, go past the caches: not those that a
    /// thread alone writes and reads.
    template <class T>
    bool hands_past_caches(Cpu& ctx, Index block_elements) const {
        return has_far_stores<T> && chunks == 1 &&
               cpu::hands_past_caches<T>(block_elements, ctx.cores_apart());  // which may measure
    }

    /// body(row, column, tile) for every tile of a block's strip s: its place in the strip, and its number in
    /// the block.
    template <class Body>
    void for_each_tile(Index s, const Body& body) const {
        Index number = s * strip_tiles();
        for (Index row = 0; row < strip_rows; ++row) {
            for (Index column = 0; column < columns; ++column) body(row, column, number++);
        }
    }

    /// So many rows of a tile's points are taken at once, where weights or their gradients exist by slices:
    /// they come from far, and go there.
    static constexpr Index rows_at_once = 2;

    /// body(slice, rows, worker) for each slice of channels and all rows of a tile's points, some at once.
    template <class Body>
    void for_each_piece(Cpu& ctx, Index slices, const Body& body) const {
        const Index parts = (side() + rows_at_once - 1) / rows_at_once;
        ctx.parallel(slices * parts, [&](Index i, int worker) {
            body(i / parts, rows_from(i % parts * rows_at_once), worker);
        });
    }
    constexpr Range rows_from(Index row) const { return {row, std::min(row + rows_at_once, side())}; }

    /// Strips of the block-th block.
    constexpr Range strips_of(Index block) const {
        return {block * block_strips, std::min((block + 1) * block_strips, strips())};
    }

  private:
    static constexpr Index smallest_block = Index{3} << 17, largest_block = Index{64} << 20;  // bytes

    /// Tiles alone.
    static constexpr WinogradTiling uncut(const ConvolutionSize& size, Index count, WinogradTile tile);
    /// Strips, and blocks of about so many bytes of tiles; chunks where an image's strips are shared out.
    static constexpr WinogradTiling cut(const ConvolutionSize& size, Index count, WinogradTile tile,
                                        const WinogradTraffic& traffic, Index block_bytes);

    constexpr Index tile_bytes(const WinogradTraffic& traffic) const {
        return points() * traffic.tile_channels * traffic.element;
    }
    /// Of a block of about so many bytes.
    constexpr Index most_tiles(const WinogradTraffic& traffic, Index block_bytes) const {
        const Index bytes = std::clamp(block_bytes, smallest_block, largest_block);
        return std::max(bytes / tile_bytes(traffic), Index{1});
    }
    /// Rows of tiles of the tallest strip that suits, of at most so many tiles.
    template <class Suits>
    constexpr Index tallest_strip(const WinogradTraffic& traffic, Index most, const Suits& suits) const;
};

/// A strip's place in its image.
struct WinogradStrip {
    Index image;
    Index first_row, pixel_rows;  // of the map

    constexpr WinogradStrip(const WinogradTiling& tiling, Index strip)
        : image(strip / tiling.strips_of_image()),
          first_row(strip % tiling.strips_of_image() * tiling.strip_rows * tiling.tile.outputs),
          pixel_rows(std::min(tiling.strip_rows * tiling.tile.outputs, tiling.height - first_row)) {}

    /// The first of its pixels in the batch.
    constexpr Index first_pixel(const WinogradTiling& tiling) const {
        return (image * tiling.height + first_row) * tiling.width;
    }
};

/// Bytes of the transformed weights.
constexpr Index winograd_weight_bytes(const ConvolutionSize& size, WinogradTile tile, Index element) {
    return tile.points * tile.points * size.channels * size.features * element;
}

constexpr WinogradTiling WinogradTiling::of(const ConvolutionSize& size, Index count, WinogradTile tile,
                                            const WinogradTraffic& traffic) {
    const Index weight_bytes = winograd_weight_bytes(size, tile, traffic.element);
    const bool sums = traffic.weight_tensors > 1;
    // A block's tiles are written and read again, its weights are read once a block. Both take the same time
    // where they are about equally large; a small block stays in the nearest caches.
    WinogradTiling t = cut(size, count, tile, traffic, 2 * weight_bytes);
    // Threads take whole blocks where there are many of them and each can read all weights; all threads'
    // blocks then share the last cache. Elsewhere they share each block's steps: the weights are read once
    // for all, but each thread reads what others wrote. Gradients of weights are summed up for each chunk of
    // blocks, which leaves less room.
    constexpr Index fewest_blocks = 8;
    const Index own_bytes = sums ? Index{5} << 19 : Index{9} << 19;
    if (t.chunks == 1 && traffic.weight_tensors * weight_bytes <= own_bytes) {
        const WinogradTiling own = cut(size, count, tile, traffic, std::min(2 * weight_bytes, own_bytes));
        if (own.blocks() >= fewest_blocks) {
            t = own;
            t.chunks = chunks_for(t.blocks());
        }
    }
    // Weights too large for the caches are transformed where they are used, in memory of the thread's own:
    // that takes less than their way to memory and back. Every block does it again, so where there are many
    // the weights must be larger to make up for it, and sums of gradients, which grow from block to block, do
    // not allow it.
    constexpr Index near_bytes = Index{5} << 19, far_bytes = Index{8} << 20;
    t.by_slices =
        t.chunks == 1 && (t.blocks() == 1 ? weight_bytes > near_bytes : weight_bytes > far_bytes && !sums);
    return t;
}

constexpr WinogradTiling WinogradTiling::for_threads(const ConvolutionSize& size, Index count,
                                                     WinogradTile tile, const WinogradTraffic& traffic,
                                                     int threads) {
    // Each thread reads all weights. Either they stay in its own cache, or they must not be much more than
    // its tiles.
    constexpr Index own_bytes = Index{9} << 19, near_bytes = Index{3} << 18, fewest_tiles = 4;  // of a block
    const Index weight_bytes = winograd_weight_bytes(size, tile, traffic.element);
    if (weight_bytes <= own_bytes) {
        WinogradTiling t = uncut(size, count, tile);
        const Index most = t.most_tiles(traffic, std::min(2 * weight_bytes, own_bytes));
        // No thread has an eighth more rows of tiles than it must, by blocks of so many strips of so many.
        const auto suits = [&](Index tall, Index together) {
            const auto parts = [](Index whole, Index part) { return (whole + part - 1) / part; };
            const Index all = count * t.rows, block_rows = tall * together;
            return 8 * parts(parts(all, block_rows), threads) * block_rows <= 9 * parts(all, threads);
        };
        t.strip_rows = t.tallest_strip(traffic, most, [&](Index tall) { return suits(tall, 1); });
        t.block_strips = std::clamp(most / t.strip_tiles(), Index{1}, t.strips());
        while (t.block_strips > 1 && !suits(t.strip_rows, t.block_strips)) --t.block_strips;
        t.chunks = std::min(t.blocks(), std::max(chunks_for(t.blocks()) / threads, Index{1}) * threads);
        const Index sharers = std::min(t.blocks(), Index{threads});
        const Index part_bytes = count * t.rows * t.columns / sharers * t.tile_bytes(traffic);
        if (t.block_tiles() >= fewest_tiles && weight_bytes <= std::max(near_bytes, 2 * part_bytes)) return t;
    }
    return of(size, count, tile, traffic);
}

constexpr WinogradTiling WinogradTiling::uncut(const ConvolutionSize& size, Index count, WinogradTile tile) {
    WinogradTiling t{};
    t.height = size.height;
    t.width = size.width;
    t.count = count;
    t.tile = tile;
    t.rows = (t.height + tile.outputs - 1) / tile.outputs;
    t.columns = (t.width + tile.outputs - 1) / tile.outputs;
    return t;
}

constexpr WinogradTiling WinogradTiling::cut(const ConvolutionSize& size, Index count, WinogradTile tile,
                                             const WinogradTraffic& traffic, Index block_bytes) {
    WinogradTiling t = uncut(size, count, tile);
    const Index most = t.most_tiles(traffic, block_bytes);
    const auto tallest = [&](Index fewest_strips) {
        return t.tallest_strip(traffic, most,
                               [&](Index tall) { return count * t.rows / tall >= fewest_strips; });
    };
    t.strip_rows = tallest(1);
    // An image, or two or three, make few strips, and threads that share a strip's products wait for one of
    // them to transform it. Small weights they can each read: then each takes strips of its own, from the
    // windows to the outputs.
    constexpr Index shares = 4, fewest_tiles = 4;  // of a strip
    const Index weight_bytes = winograd_weight_bytes(size, tile, traffic.element);
    const bool few = t.strips() < shares && traffic.weight_tensors * weight_bytes <= smallest_block &&
                     tallest(shares) * t.columns >= fewest_tiles;
    if (few) t.strip_rows = tallest(shares);
    const Index strips = few ? 1 : std::clamp(most / t.strip_tiles(), Index{1}, t.strips());
    const Index blocks = (t.strips() + strips - 1) / strips;
    t.block_strips = (t.strips() + blocks - 1) / blocks;  // nearly equal blocks
    t.chunks = few ? chunks_for(t.blocks()) : 1;
    return t;
}

template <class Suits>
constexpr Index WinogradTiling::tallest_strip(const WinogradTraffic& traffic, Index most,
                                              const Suits& suits) const {
    constexpr Index grid_bytes = Index{3} << 17;
    const Index side = tile.outputs, border = 2 * tile.border;
    Index tallest = 1;
    for (Index tall = 2; tall <= rows; ++tall) {
        const Index grid =
            (tall * side + border) * (columns * side + border) * traffic.map_channels * traffic.element;
        if (rows % tall == 0 && tall * columns <= most && grid <= grid_bytes && suits(tall)) tallest = tall;
    }
    return tallest;
}

}  // namespace daf::cpu
