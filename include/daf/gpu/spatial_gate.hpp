#pragma once
// Eq 3 as a stage of a kernel in which a block works on one image; the counterpart of channel_gate.hpp.
#include <daf/gpu/attention_block.hpp>
#include <daf/ops/spatial_attention.hpp>

namespace daf::gpu {

template <class T>
struct SpatialStage {
    Small height, width, channels, kernel;
    const T *weight, *bias;
    // What forward saves, of all images.
    T *pools, *gates;
    std::int32_t* argmaxes;
    // Backward's scratch, of all images.
    T* weight_sums =
        nullptr;          // (2 K K + 1, N): what an image adds to the weights' gradients and to the bias's
    T* dt = nullptr;      // (N, H W): by what the sigmoid is given
    T* dpools = nullptr;  // (N, 2, H W)

    template <class Op, class Params, class Saved>
    static SpatialStage of(Op, const Params& params, const Saved& saved) {
        return {Op::Input::height,          Op::Input::width,
                Op::Input::channels,        Op::kernel,
                params.conv_weight.data(),  params.conv_bias.data(),
                saved.spatial_pools.data(), saved.spatial_gate.data(),
                saved.spatial_argmax.data()};
    }

    template <class Op>
    static constexpr Index scratch_bytes(Index count) {
        return scratch_size<T>(count * (2 * Op::kernel * Op::kernel + 1)) +
               scratch_size<T>(count * Op::Input::area) + scratch_size<T>(2 * count * Op::Input::area);
    }
    template <class Frame>
    void take(Frame& frame, Index count) {
        weight_sums = frame.template take<T>(count * (weights() + 1));
        dt = frame.template take<T>(count * positions());
        dpools = frame.template take<T>(2 * count * positions());
    }

    DAF_HOST_DEVICE Small positions() const { return height * width; }
    DAF_HOST_DEVICE Small weights() const { return 2 * kernel * kernel; }

    /// Where a block keeps what it found of the image that it works on: in shared memory if it fits, else
    /// where forward saves it and in backward's scratch. In backward both are slopes, `gate` that of what the
    /// sigmoid is given.
    struct Maps {
        T *gate, *pools;
    };
    template <class Shared>
    DAF_HOST_DEVICE bool fits(const Shared&) const {
        return 3 * positions() <= Shared::spatial_room;
    }
    template <class Shared>
    DAF_HOST_DEVICE Maps forward_maps(Shared& shared, Index n) const {
        if (fits(shared)) return {shared.spatial, shared.spatial + positions()};
        return {gates + n * positions(), pools + 2 * n * positions()};
    }
    template <class Shared>
    DAF_HOST_DEVICE Maps backward_maps(Shared& shared, Index n) const {
        if (fits(shared)) return {shared.spatial, shared.spatial + positions()};
        return {dt + n * positions(), dpools + 2 * n * positions()};
    }

    DAF_HOST_DEVICE T gate(Index n, Small p) const { return gates[n * positions() + p]; }

    /// Image n's gate from value(p, c, read(p, c)), a pack of W that is asked once for every element: one
    /// pass for both pools. Returns where the block keeps it.
    template <Index W, BlockContext B, class Shared, class Read, class Value>
    DAF_HOST_DEVICE const T* find_gate(const B& block, Shared& shared, Index n, const Read& read,
                                       const Value& value) const {
        const Maps here = forward_maps(shared, n);
        const Small area = positions();
        T *pools_of_image = pools + 2 * n * area, *gate_of_image = gates + n * area;
        const Small lane = thread_of(block) % warp_lanes;
        const Small packs = channels / Small{W};
        DAF_KEEP_LOOP
        for (Small p = thread_of(block) / warp_lanes; p < area; p += threads_of(block) / warp_lanes) {
            LargestSoFar<T> largest = LargestSoFar<T>::before(lane < packs ? lane * Small{W} : nowhere);
            T sum = 0;
            for_each_read<4>(
                lane, packs, warp_lanes, [&](Small pack) { return read(p, pack * Small{W}); },
                [&](Small pack, const auto& what) {
                    const Pack<T, W> values = value(p, pack * Small{W}, what);
                    T of_pack = 0;
                    for (Small k = 0; k < W; ++k) {
                        of_pack += values[k];
                        largest.see(values[k], pack * Small{W} + static_cast<Small>(k));
                    }
                    sum += of_pack;
                });
            sum = warp_sum(block, sum);
            const Found<T> found = warp_largest(block, Found<T>{largest.value, largest.at});
            if (lane != 0) continue;
            here.pools[p] = pools_of_image[p] = sum / static_cast<T>(channels);
            here.pools[area + p] = pools_of_image[area + p] = found.value;
            argmaxes[n * area + p] = found.at;
        }
        block.sync();
        const T *means = here.pools, *maxima = here.pools + area;
        for_each_position<1>(
            block, shared.partial,
            [=, this](Place at, Small ky, T(&sums)[1]) {
                for_each_tap(at, ky, 1, [&](const T* of_tap, Small q) {
                    sums[0] += of_tap[0] * means[q] + of_tap[1] * maxima[q];
                });
            },
            [=, this](Small p, const T(&sums)[1]) {
                here.gate[p] = gate_of_image[p] = sigmoid(*bias + sums[0]);
            });
        return here.gate;
    }

    /// Image n's slopes by the gate and by what leads to it, where dgate(p, c, read(p, c)), a pack of W,
    /// summed over the channels, is the gate's; and what the image adds to the weights' gradients. Returns
    /// where the block keeps the pools': what the mean adds to the slope of its every channel, and the
    /// maximum to its own.
    template <Index W, BlockContext B, class Shared, class Read, class Slope>
    DAF_HOST_DEVICE const T* find_slopes(const B& block, Shared& shared, Index n, Index count,
                                         const Read& read, const Slope& dgate) const {
        const Maps here = backward_maps(shared, n);
        const Small area = positions();
        const Small packs = channels / Small{W};
        DAF_KEEP_LOOP
        for (Small p = thread_of(block) / warp_lanes; p < area; p += threads_of(block) / warp_lanes) {
            T sum = 0;
            for_each_read<2>(
                thread_of(block) % warp_lanes, packs, warp_lanes,
                [&](Small pack) { return read(p, pack * Small{W}); },
                [&](Small pack, const auto& what) {
                    const Pack<T, W> values = dgate(p, pack * Small{W}, what);
                    T of_pack = 0;
                    for (Small k = 0; k < W; ++k) of_pack += values[k];
                    sum += of_pack;
                });
            sum = warp_sum(block, sum);
            if (lane_of(block) == 0) here.gate[p] = sum * gate(n, p) * (T(1) - gate(n, p));
        }
        block.sync();
        const T* slopes = here.gate;
        for_each_position<2>(
            block, shared.partial,
            [=, this](Place at, Small ky, T(&sums)[2]) {
                for_each_tap(at, ky, -1, [&](const T* of_tap, Small output) {
                    sums[0] += of_tap[0] * slopes[output];
                    sums[1] += of_tap[1] * slopes[output];
                });
            },
            [=, this](Small p, const T(&sums)[2]) {
                here.pools[p] = sums[0] / static_cast<T>(channels);
                here.pools[area + p] = sums[1];
            });
        sum_for_weights(block, shared.partial, n, count, slopes);
        return here.pools;
    }

    /// The slope of what the stage was given, where that of what it gave is `slope`, and find_slopes returned
    /// dpools.
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> back(Index n, const T* dpools_of_image, Small p, Small c,
                                    Pack<T, W> slope) const {
        const T of_mean = dpools_of_image[p], of_maximum = dpools_of_image[positions() + p], by = gate(n, p);
        const Small at = argmaxes[n * positions() + p];
        for (Small k = 0; k < W; ++k) slope[k] = slope[k] * by + of_mean + (c + k == at ? of_maximum : T(0));
        return slope;
    }

  private:
    struct Place {
        Small row, column;
    };

    /// out(p, sums) on one thread a position, sums what take(place, ky, sums) adds for all rows of the
    /// kernel, which threads share; theirs are added in their order. Every thread has passed a barrier when
    /// it returns.
    template <Index V, BlockContext B, std::size_t Rows, std::size_t Threads, class Take, class Out>
    DAF_HOST_DEVICE void for_each_position(const B& block, T (&partial)[Rows][Threads], const Take& take,
                                           const Out& out) const {
        static_assert(V <= Index{Rows});
        const Small area = positions(), across = width;
        const Small thread = thread_of(block);
        const Columns mine(block, area);
        DAF_KEEP_LOOP
        for (Small first = 0; first < area; first += mine.width) {
            const Small p = first + mine.column;
            T sums[V]{};
            if (p < area && mine.part < mine.parts) {
                const Place place{p / across, p % across};
                for (Small ky = mine.part; ky < kernel; ky += mine.parts) take(place, ky, sums);
            }
            for (Index v = 0; v < V; ++v) partial[v][thread] = sums[v];
            block.sync();
            if (p < area && mine.part == 0) {
                for_each_read<6>(
                    1, mine.parts < kernel ? mine.parts : kernel, 1,
                    [&](Small part) {
                        return pack_of<T, V>(
                            [&](Index v) { return partial[v][part * mine.width + mine.column]; });
                    },
                    [&](Small, const Pack<T, V>& of_part) {
                        for (Index v = 0; v < V; ++v) sums[v] += of_part[v];
                    });
                out(p, sums);
            }
            block.sync();
        }
    }

    /// visit(the two weights, the position that they meet) for the taps of the kernel's row ky that meet a
    /// position from `at`; with sign -1, that are met through them by one.
    template <class Visit>
    DAF_HOST_DEVICE void for_each_tap(Place at, Small ky, Small sign, const Visit& visit) const {
        const Small size = kernel, across = width;
        const Small row = at.row + sign * (ky - size / 2);
        if (row < 0 || row >= height) return;
        // The taps that stay inside the row.
        const Small centre = size / 2, before = at.column, behind = across - 1 - at.column;
        const Small left = sign > 0 ? before : behind, right = sign > 0 ? behind : before;
        const Small begin = left < centre ? centre - left : 0,
                    end = right < centre ? centre + right + 1 : size;
        for (Small kx = begin; kx < end; ++kx) {
            visit(weight + 2 * (ky * size + kx), row * across + at.column + sign * (kx - centre));
        }
    }

    /// weight_sums[i][n] for all weights and the bias, from the slopes of what the sigmoid is given. Threads
    /// share the rows of the map. Every thread has passed a barrier before it, and passes one.
    template <BlockContext B, std::size_t Rows, std::size_t Threads>
    DAF_HOST_DEVICE void sum_for_weights(const B& block, T (&partial)[Rows][Threads], Index n, Index count,
                                         const T* slopes) const {
        const Small all = weights() + 1, size = kernel, down = height, across = width;
        const Small thread = thread_of(block);
        const Columns mine(block, all);
        DAF_KEEP_LOOP
        for (Small first = 0; first < all; first += mine.width) {
            const Small i = first + mine.column;
            T sum = 0;
            if (i < all && mine.part < mine.parts) {
                const bool is_bias = i == all - 1;
                const Small tap = i / 2;
                const Small below = is_bias ? 0 : tap / size - size / 2,
                            beside = is_bias ? 0 : tap % size - size / 2;
                const T* pooled = pools + (2 * n + i % 2) * positions();
                const Small begin = beside < 0 ? -beside : 0, end = beside > 0 ? across - beside : across;
                for (Small row = mine.part; row < down; row += mine.parts) {
                    if (row + below < 0 || row + below >= down) continue;
                    const T *of_row = slopes + row * across, *met = pooled + (row + below) * across + beside;
                    T of_taps = 0;
                    for (Small x = begin; x < end; ++x) of_taps += of_row[x] * (is_bias ? T(1) : met[x]);
                    sum += of_taps;
                }
            }
            partial[0][thread] = sum;
            block.sync();
            if (i < all && mine.part == 0) {
                DAF_KEEP_LOOP
                for (Small part = 1; part < mine.parts; ++part)
                    sum += partial[0][part * mine.width + mine.column];
                weight_sums[i * count + n] = sum;
            }
            block.sync();
        }
    }
};

/// The convolution's gradients, from what each image adds to them: a block a weight, the last one the bias.
template <class T>
struct SpatialParameterSums {
    static constexpr unsigned threads = 128;
    struct Shared {
        double partial[threads / warp_size];
    };

    const T* sums;
    T *weight, *bias;
    Index count;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        double sum = 0;
        for (Index n = block.thread(); n < count; n += block.threads())
            sum += static_cast<double>(sums[block.block() * count + n]);
        sum = block_sum(block, sum, shared.partial);
        if (block.thread() != 0) return;
        add_sum(block.block() == block.blocks() - 1 ? *bias : weight[block.block()], sum);
    }
};

template <GridBackend Backend, class T, class Gradients>
void add_spatial_gradients(Backend& ctx, const SpatialStage<T>& stage, const Gradients& to, Index count) {
    ctx.launch(stage.weights() + 1,
               SpatialParameterSums<T>{stage.weight_sums, to.conv_weight.data(), to.conv_bias.data(), count});
}

}  // namespace daf::gpu
