#pragma once
// How a block of threads goes over one image of an attention operator: positions by channels. What is read is
// read several times 16 bytes at once, before any of it is used: with a block or two on a multiprocessor
// little else is on its way. Numbers inside an image have 32 bits, which divide faster.
#include <algorithm>
#include <cmath>
#include <daf/core/scratch.hpp>
#include <daf/gpu/columns.hpp>
#include <daf/gpu/grid.hpp>

namespace daf::gpu {

/// A number inside an image: those of 64 bits cost a GPU twice the registers, and divisions far more.
using Small = std::int32_t;
inline constexpr Small warp_lanes = warp_size;
template <BlockContext B>
DAF_HOST_DEVICE Small thread_of(const B& block) {
    return static_cast<Small>(block.thread());
}
template <BlockContext B>
DAF_HOST_DEVICE Small threads_of(const B& block) {
    return static_cast<Small>(block.threads());
}

/// Of a block that works on an image, and how many a multiprocessor holds: with 80 registers a thread, and
/// more for doubles.
inline constexpr unsigned image_threads = 384;
template <class T>
inline constexpr unsigned images_at_once = sizeof(T) < sizeof(double) ? 2 : 1;

template <class T>
DAF_HOST_DEVICE T sigmoid(T a) {
    return T(1) / (T(1) + std::exp(-a));
}

/// How many neighbouring weights are read at once where maps are read W at a time. T is the weights' type.
template <class T, Index W>
inline constexpr Index weight_width = W > 1 ? widest<T> : 1;

/// An image: (positions, channels).
template <class T>
struct Image {
    T* data;
    Small channels;

    DAF_HOST_DEVICE T* at(Small p, Small c) const { return data + (static_cast<Index>(p) * channels + c); }
    template <Index W>
    DAF_HOST_DEVICE auto read(Small p, Small c) const {
        return gpu::read<W>(at(p, c));
    }
};

/// What backward reads of an image.
template <class T, Index W>
struct GivenAndSlope {
    Pack<T, W> x, dy;
};

/// What the threads of a block share while they work on an image. T is the type that is computed in; `Figure`
/// what a thread finds of a channel.
template <class T, Index W, class Figure>
struct ImageShared {
    static constexpr Small channel_room = 8192 / Small{sizeof(T)}, spatial_room = 4096 / Small{sizeof(T)};

    // One after the other, each until a barrier.
    union {
        Figure figures[W][image_threads];
        T partial[2 * weight_width<T, W>][image_threads];
    };
    // Vectors of the two stages, where they are no longer than this. Else they are kept in global memory.
    alignas(16) T channel[channel_room];
    alignas(16) T spatial[spatial_room];
};

/// Behind all places.
inline constexpr Small nowhere = std::numeric_limits<std::int32_t>::max();

/// A maximum as it is sought in the order of memory: is_larger(), where what comes next always stands later.
template <class T>
struct LargestSoFar {
    T value;
    Small at;

    /// Before the first is seen, which stands at `first`; `nowhere` if none will be.
    DAF_HOST_DEVICE static LargestSoFar before(Small first) {
        return {static_cast<T>(minus_infinity), first};
    }
    DAF_HOST_DEVICE void see(T next, Small where) {
        if (!(next <= value) && !is_nan(value)) *this = {next, where};
    }
    DAF_HOST_DEVICE void join(const LargestSoFar& other) {
        if (is_larger(Found<T>{other.value, other.at}, Found<T>{value, at})) *this = other;
    }
};

/// use(i, read(i)) for i = first, first + step, ... < end: several are read before the first is used.
template <Small AtOnce, class Read, class Use>
DAF_HOST_DEVICE void for_each_read(Small first, Small end, Small step, const Read& read, const Use& use) {
    using What = decltype(read(first));
    DAF_KEEP_LOOP
    for (Small i = first; i < end; i += AtOnce * step) {
        What what[AtOnce];
        for (Small u = 0; u < AtOnce; ++u) {
            const Small here = i + u * step;
            what[u] = read(here < end ? here : i);  // always something: a branch would wait
        }
        for (Small u = 0; u < AtOnce; ++u) {
            const Small here = i + u * step;
            if (here < end) use(here, what[u]);
        }
    }
}

/// *to.at(p, c) = value(p, c, read(p, c)), rounded, for every pack of W elements, neighbouring threads on
/// neighbouring packs.
template <Small AtOnce, Index W, BlockContext B, class T, class Read, class Value>
DAF_HOST_DEVICE void write_map(const B& block, Small positions, Image<T> to, const Read& read,
                               const Value& value) {
    const Small packs = to.channels / Small{W};
    const Columns mine(block, packs);
    if (mine.part >= mine.parts) return;
    DAF_KEEP_LOOP
    for (Small pack = mine.column; pack < packs; pack += mine.width) {
        const Small c = pack * Small{W};
        for_each_read<AtOnce>(
            mine.part, positions, mine.parts, [&](Small p) { return read(p, c); },
            [&](Small p, const auto& what) { store(to.at(p, c), value(p, c, what)); });
    }
}

/// The same for the image of a gradient output that begins at `image`; nothing where it is not wanted.
template <Small AtOnce, Index W, BlockContext B, class T, class Read, class Value>
DAF_HOST_DEVICE void write_slopes(const B& block, Small positions, Small channels, Slopes<T> dx, Index image,
                                  const Read& read, const Value& value) {
    if (dx.data == nullptr) return;
    const Image<T> to{dx.data + image, channels};
    write_map<AtOnce, W>(block, positions, to, read, [&](Small p, Small c, const auto& what) {
        const Pack<Wide<T>, W> slope = value(p, c, what);
        return dx.accumulate ? load<W>(to.at(p, c)) + slope : slope;
    });
}

/// What a thread finds of a channel at the positions that it sees: of several threads, `see` in the
/// positions' order.
template <class T>
struct ColumnSum {
    T sum;

    DAF_HOST_DEVICE static ColumnSum before(Small) { return {T(0)}; }
    DAF_HOST_DEVICE void see(T, Small) {}
    DAF_HOST_DEVICE void join(const ColumnSum&) {}
};

/// out(c, sum, figure) on one thread a channel, for all that value(p, c, read(p, c)), a pack of W, is at its
/// positions. Up to 16 terms are added in T, and so are these sums; what the threads have is added in double,
/// in their order. Every thread has passed a barrier when it returns.
template <Small AtOnce, Index W, BlockContext B, class Figure, std::size_t Threads, class Read, class Value,
          class Out>
DAF_HOST_DEVICE void for_each_column(const B& block, Figure (&shared)[W][Threads], Small positions,
                                     Small channels, const Read& read, const Value& value, const Out& out) {
    using T = decltype(Figure::sum);
    const Small rows = positions, packs = channels / Small{W};
    const Columns mine(block, packs);
    DAF_KEEP_LOOP
    for (Small first = 0; first < packs; first += mine.width) {
        const Small pack = first + mine.column;
        Figure figures[W];
        for (Index k = 0; k < W; ++k) figures[k] = Figure::before(mine.part < rows ? mine.part : nowhere);
        if (pack < packs && mine.part < mine.parts) {
            const Small many = 16 * mine.parts;
            DAF_KEEP_LOOP
            for (Small begin = mine.part; begin < rows; begin += many) {
                T sums[W]{};
                for_each_read<AtOnce>(
                    begin, rows - begin < many ? rows : begin + many, mine.parts,
                    [&](Small p) { return read(p, pack * Small{W}); },
                    [&](Small p, const auto& what) {
                        const Pack<T, W> values = value(p, pack * Small{W}, what);
                        for (Index k = 0; k < W; ++k) {
                            sums[k] += values[k];
                            figures[k].see(values[k], p);
                        }
                    });
                for (Index k = 0; k < W; ++k) figures[k].sum += sums[k];
            }
        }
        for (Index k = 0; k < W; ++k) shared[k][block.thread()] = figures[k];
        block.sync();
        const Small outputs = Small{W} * mine.width;
        DAF_KEEP_LOOP
        for (Small o = thread_of(block); o < outputs; o += threads_of(block)) {
            const Small k = o / mine.width, column = o % mine.width;
            if (first + column >= packs) continue;
            Figure figure = shared[k][column];
            double sum = static_cast<double>(figure.sum);
            for_each_read<4>(
                1, mine.parts, 1, [&](Small part) { return shared[k][part * mine.width + column]; },
                [&](Small, const Figure& other) {
                    sum += static_cast<double>(other.sum);
                    figure.join(other);
                });
            out((first + column) * Small{W} + k, sum, figure);
        }
        block.sync();
    }
}

}  // namespace daf::gpu
