#pragma once
// Eq 3 as a stage of a kernel in which a block works on one image; the counterpart of channel_gate.hpp.
#include <daf/gpu/attention_block.hpp>
#include <daf/ops/spatial_attention.hpp>

namespace daf::gpu {

template <class T>
struct SpatialStage {
    Index height, width, channels, kernel;
    const T *weight, *bias;
    // What forward saves, of all images.
    T *pools, *gates;
    std::int32_t* argmaxes;
    // Backward's scratch, of all images.
    T* dt = nullptr;  // (N, H W): by what the sigmoid is given
    T* dpools =
        nullptr;  // (N, 2, H W): what the mean adds to the slope of its every channel, the maximum to its own

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
        return scratch_size<T>(count * Op::Input::area) + scratch_size<T>(2 * count * Op::Input::area);
    }
    template <class Frame>
    void take(Frame& frame, Index count) {
        dt = frame.template take<T>(count * positions());
        dpools = frame.template take<T>(2 * count * positions());
    }

    DAF_HOST_DEVICE Index positions() const { return height * width; }
    DAF_HOST_DEVICE T* pool_of(Index n, Index pool) const { return pools + (2 * n + pool) * positions(); }
    DAF_HOST_DEVICE T* dpool_of(Index n, Index pool) const { return dpools + (2 * n + pool) * positions(); }
    DAF_HOST_DEVICE T gate(Index n, Index p) const { return gates[n * positions() + p]; }

    /// The position that tap (ky, kx) meets from p; with sign -1, the one that meets p through it. -1 outside the map.
    DAF_HOST_DEVICE Index met(Index p, Index ky, Index kx, Index sign) const {
        const Index row = p / width + sign * (ky - kernel / 2), column = p % width + sign * (kx - kernel / 2);
        const bool inside = row >= 0 && row < height && column >= 0 && column < width;
        return inside ? row * width + column : -1;
    }

    /// Image n's gate from value(p, c), a pack of W that is asked once for every element: one pass for both pools.
    template <Index W, BlockContext B, class Value>
    DAF_HOST_DEVICE void find_gate(const B& block, Index n, const Value& value) const {
        for (Index p = warp_of(block); p < positions(); p += warps_of(block)) {
            double sum = 0;
            Found<T> largest{T(0), -1};
            for (Index c = lane_of(block) * W; c < channels; c += warp_size * W) {
                const Pack<T, W> pack = value(p, c);
                for (Index k = 0; k < W; ++k) {
                    const Found<T> here{pack[k], static_cast<std::int32_t>(c + k)};
                    sum += static_cast<double>(here.value);
                    if (is_larger(here, largest)) largest = here;
                }
            }
            sum = warp_sum(block, sum);
            largest = warp_largest(block, largest);
            if (lane_of(block) != 0) continue;
            pool_of(n, 0)[p] = static_cast<T>(sum / static_cast<double>(channels));
            pool_of(n, 1)[p] = largest.value;
            argmaxes[n * positions() + p] = largest.at;
        }
        block.sync();
        for (Index p = block.thread(); p < positions(); p += block.threads()) {
            T sum = *bias;
            for_each_tap([&](Index ky, Index kx, const T* of_tap) {
                const Index q = met(p, ky, kx, 1);
                if (q >= 0) sum += of_tap[0] * pool_of(n, 0)[q] + of_tap[1] * pool_of(n, 1)[q];
            });
            gates[n * positions() + p] = sigmoid(sum);
        }
        block.sync();
    }

    /// Image n's slopes by the gate and by what leads to it, where dgate(p, c), a pack of W, summed over the
    /// channels, is the gate's.
    template <Index W, BlockContext B, class Slope>
    DAF_HOST_DEVICE void find_slopes(const B& block, Index n, const Slope& dgate) const {
        T* dt_of_image = dt + n * positions();
        for_each_row_sum<W>(block, positions(), channels, dgate, [=, this](Index p, double sum) {
            dt_of_image[p] = static_cast<T>(sum) * gate(n, p) * (T(1) - gate(n, p));
        });
        block.sync();
        for (Index p = block.thread(); p < positions(); p += block.threads()) {
            T dmean = 0, dlargest = 0;
            for_each_tap([&](Index ky, Index kx, const T* of_tap) {
                const Index output = met(p, ky, kx, -1);
                if (output < 0) return;
                dmean += of_tap[0] * dt_of_image[output];
                dlargest += of_tap[1] * dt_of_image[output];
            });
            dpool_of(n, 0)[p] = dmean / static_cast<T>(channels);
            dpool_of(n, 1)[p] = dlargest;
        }
        block.sync();
    }

    /// After find_slopes: the slope of what the stage was given, where that of what it gave is `slope`.
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> back(Index n, Index p, Index c, Pack<T, W> slope) const {
        const T of_mean = dpool_of(n, 0)[p], of_maximum = dpool_of(n, 1)[p], by = gate(n, p);
        const Index at = argmaxes[n * positions() + p];
        for (Index k = 0; k < W; ++k) slope[k] = slope[k] * by + of_mean + (c + k == at ? of_maximum : T(0));
        return slope;
    }

  private:
    /// visit(ky, kx, the tap's two weights)
    template <class Visit>
    DAF_HOST_DEVICE void for_each_tap(const Visit& visit) const {
        for (Index ky = 0; ky < kernel; ++ky) {
            for (Index kx = 0; kx < kernel; ++kx) visit(ky, kx, weight + 2 * (ky * kernel + kx));
        }
    }
};

/// The convolution's gradients, from the slopes of all images: a block a weight, the last one the bias.
template <class T>
struct SpatialParameterSums {
    static constexpr unsigned threads = 128;
    struct Shared {
        double partial[threads / warp_size];
    };

    SpatialStage<T> stage;
    T *weight, *bias;
    Index count;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index pool = block.block() % 2, tap = block.block() / 2, positions = stage.positions();
        const bool is_bias = block.block() == block.blocks() - 1;
        double sum = 0;
        for (Index k = block.thread(); k < count * positions; k += block.threads()) {
            const Index n = k / positions, p = k % positions;
            const Index q = is_bias ? p : stage.met(p, tap / stage.kernel, tap % stage.kernel, 1);
            if (q < 0) continue;
            sum += static_cast<double>(is_bias ? stage.dt[k] : stage.dt[k] * stage.pool_of(n, pool)[q]);
        }
        sum = block_sum(block, sum, shared.partial);
        if (block.thread() != 0) return;
        T& to = is_bias ? *bias : weight[block.block()];
        to = static_cast<T>(static_cast<double>(to) + sum);
    }
};

template <GridBackend Backend, class T, class Gradients>
void add_spatial_gradients(Backend& ctx, const SpatialStage<T>& stage, const Gradients& to, Index count) {
    ctx.launch(2 * stage.kernel * stage.kernel + 1,
               SpatialParameterSums<T>{stage, to.conv_weight.data(), to.conv_bias.data(), count});
}

}  // namespace daf::gpu
