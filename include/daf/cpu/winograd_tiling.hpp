#pragma once
// How Winograd's convolution cuts a batch of maps: into tiles, strips of tile rows, and blocks of strips
// whose transformed tiles exist at one time. A function of the shapes and the count alone; and of the number
// of threads in inference, where no sum goes over blocks.
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
    static constexpr int any_threads = 0;  // a tiling that does not depend on their number

    Index height, width, count;  // of the maps
    WinogradTile tile = 0;
    Index rows, columns;  // tiles of an image
    Index strip_rows;     // tile rows of a strip; divides `rows`
    Index block_strips;
    Index chunks;    // groups of blocks that may run at the same time
    bool by_slices;  // weights exist a piece at a time on each thread, if the pass transforms them

    static constexpr WinogradTiling of(const ConvolutionSize& size, Index count, WinogradTile tile,
                                       const WinogradTraffic& traffic, int threads = any_threads);

    constexpr Index side() const { return tile.points; }  // of the square of a tile's points
    constexpr Index points() const { return side() * side(); }
    constexpr Index strips_of_image() const { return rows / strip_rows; }
    constexpr Index strips() const { return count * strips_of_image(); }
    constexpr Index strip_tiles() const { return strip_rows * columns; }
    constexpr Index block_tiles() const { return block_strips * strip_tiles(); }
    constexpr Index blocks() const { return (strips() + block_strips - 1) / block_strips; }

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
    static constexpr Index smallest_block = Index{3} << 17;  // bytes
    /// Strips, and blocks of about so many bytes of tiles, which so many sharers can take equal parts of,
    /// where there are strips enough.
    static constexpr WinogradTiling cut(const ConvolutionSize& size, Index count, WinogradTile tile,
                                        const WinogradTraffic& traffic, Index block_bytes, Index sharers);
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

constexpr WinogradTiling WinogradTiling::of(const ConvolutionSize& size, Index count, WinogradTile tile,
                                            const WinogradTraffic& traffic, int threads) {
    const Index value_bytes = tile.points * tile.points * traffic.element;
    const Index weight_bytes = value_bytes * size.in * size.features;
    const Index tile_bytes = value_bytes * traffic.tile_channels;
    const bool sums = traffic.weight_tensors > 1;
    // A block's tiles are written and read again, its weights are read once a block. Both take the same time
    // where they are about equally large; a small block stays in the nearest caches.
    WinogradTiling t = cut(size, count, tile, traffic, 2 * weight_bytes, 1);
    // Threads take whole blocks where there are enough of them and each can read all weights; all threads'
    // blocks then share the last cache. Elsewhere they share each block's steps: the weights are read once
    // for all, but each thread reads what others wrote. Gradients of weights are summed up for each chunk of
    // blocks, which leaves less room.
    const Index own_bytes = sums ? Index{5} << 19 : Index{8} << 19;
    // An image, or two or three, make few strips, and threads that share a strip's products wait for one of
    // them to transform it: of small weights they take strips that are cut for them.
    const bool few = t.strips() < 4 && traffic.weight_tensors * weight_bytes <= smallest_block;
    const Index sharers = threads != any_threads ? threads : few ? 4 : 1;
    if (traffic.weight_tensors * weight_bytes <= own_bytes) {
        const WinogradTiling own =
            cut(size, count, tile, traffic, std::min(2 * weight_bytes, own_bytes), sharers);
        // Of a thread's tiles; the more there are, the less it matters that it reads all weights.
        const Index part_bytes = own.block_tiles() * own.blocks() / sharers * tile_bytes;
        const bool enough = sharers > 1 ? own.blocks() >= sharers && own.block_tiles() >= 4 &&
                                              weight_bytes <= std::max(Index{3} << 18, 2 * part_bytes)
                                        : own.blocks() >= 8;
        if (enough) {
            t = own;
            t.chunks = chunks_for(t.blocks());
            if (threads != any_threads)
                t.chunks = std::min(t.blocks(), std::max(t.chunks / sharers, Index{1}) * sharers);
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

constexpr WinogradTiling WinogradTiling::cut(const ConvolutionSize& size, Index count, WinogradTile tile,
                                             const WinogradTraffic& traffic, Index block_bytes,
                                             Index sharers) {
    constexpr Index largest = Index{64} << 20;  // bytes of a block
    constexpr Index grid_bytes = Index{3} << 17;
    WinogradTiling t{};
    t.height = size.height;
    t.width = size.width;
    t.count = count;
    t.tile = tile;
    const Index side = tile.outputs;
    t.rows = (t.height + side - 1) / side;
    t.columns = (t.width + side - 1) / side;
    const Index tile_bytes = t.points() * traffic.tile_channels * traffic.element;
    const Index most_tiles =
        std::max<Index>(std::clamp(block_bytes, smallest_block, largest) / tile_bytes, 1);
    // Rows of tiles in the tallest strip of which there are at least so many as share them.
    t.strip_rows = 1;
    for (Index tall = 2; tall <= t.rows; ++tall) {
        const Index border = 2 * tile.border;
        const Index grid =
            (tall * side + border) * (t.columns * side + border) * traffic.map_channels * traffic.element;
        if (t.rows % tall == 0 && tall * t.columns <= most_tiles && grid <= grid_bytes &&
            count * t.rows / tall >= sharers)
            t.strip_rows = tall;
    }
    // Nearly equal blocks, and smaller ones where the sharers get more equal parts by them.
    const auto parts = [](Index whole, Index part) { return (whole + part - 1) / part; };
    const auto busiest = [&](Index block) { return parts(parts(t.strips(), block), sharers) * block; };
    const Index most = std::clamp(most_tiles / t.strip_tiles(), Index{1}, t.strips());
    t.block_strips = parts(t.strips(), parts(t.strips(), most));
    for (Index smaller = t.block_strips - 1; sharers > 1 && smaller > 0; --smaller) {
        if (16 * busiest(smaller) < 15 * busiest(t.block_strips)) t.block_strips = smaller;
    }
    if (t.blocks() < sharers) t.block_strips = std::max(t.strips() / sharers, Index{1});
    t.chunks = 1;
    return t;
}

}  // namespace daf::cpu
