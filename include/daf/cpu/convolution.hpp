#pragma once
// The convolution behind Conv2d and ConvBnRelu: which algorithm runs, and the passes as the operators call them.
#include <daf/cpu/direct_convolution.hpp>
#include <daf/cpu/split_gradient.hpp>
#include <daf/cpu/winograd.hpp>
#include <daf/cpu/winograd_gradient.hpp>
#include <variant>

namespace daf::cpu {

/// Whether a pass has to transform its weights first.
enum class Weights { transformed_now, transformed_before };

/// Winograd where it should take less time: both algorithms' multiplications are counted, and what they do beside them in
/// multiplications that would take as long. The transforms cost some for each transformed value; the weights cost their
/// way through memory, which for a single image of many channels is more than the product. The direct product works on
/// rows of pixels, and the shorter they are the fewer of its accumulators are in use.
template <class T>
constexpr bool winograd_pays(const ConvolutionSize& size, Index count, Weights weights) {
    constexpr double for_value = 8;                  // a value of a transformed tile, written and read again
    constexpr double for_weight = 15.0 * sizeof(T);  // a weight that a product reads
    // a weight that is transformed first
    const double for_transform = weights == Weights::transformed_now ? 20.0 * sizeof(T) : 0.0;
    const double channels = static_cast<double>(size.in * size.features);
    const double pixels = static_cast<double>(count * size.out_area());
    const double short_rows = 1 + 3.0 / static_cast<double>(size.width);
    const double direct = channels * 9 * (pixels * short_rows + for_weight);
    const Index tile = winograd_tile(size.height, size.width);
    const double points = static_cast<double>((tile + 2) * (tile + 2));
    const double tiles =
        static_cast<double>(count * ((size.height + tile - 1) / tile) * ((size.width + tile - 1) / tile));
    const double values = points * tiles * static_cast<double>(size.in + size.features);
    const double winograd = points * channels * (tiles + for_weight + for_transform) + values * for_value;
    return winograd < direct;
}

/// From how many channels, on either side, the product on matrix tiles takes less time than any other: laying out the tiles
/// costs the same for few as for many (docs/performance.md).
inline constexpr Index split_channels = 32;

/// How a pass over batches of `count` computes. Of itself only inference takes the split product: a whole network's gradients
/// come out noisier by it than by Winograd (docs/performance.md), so training has to ask for it.
template <class T>
Convolution algorithm_for(const Cpu& ctx, const ConvolutionSize& size, Index count,
                          Weights weights = Weights::transformed_now) {
    if (size.kernel != 3 || size.stride != 1) return Convolution::direct;
    const bool splits = std::is_same_v<T, float>;
    switch (ctx.convolution()) {
        case Convolution::automatic: break;
        case Convolution::split: return splits ? Convolution::split : Convolution::direct;
        default: return ctx.convolution();
    }
    if (splits && ctx.matrix_tiles() && weights == Weights::transformed_before &&
        std::min(size.in, size.features) >= split_channels) {
        return Convolution::split;
    }
    return winograd_pays<T>(size, count, weights) ? Convolution::winograd : Convolution::direct;
}

/// One of a pass's algorithms.
template <class T, class Direct, class Winograd, class Split>
using AnyPass = std::conditional_t<std::is_same_v<T, float>, std::variant<Direct, Winograd, Split>,
                                   std::variant<Direct, Winograd>>;
template <class T, class Direct, class Winograd, class Split>
AnyPass<T, Direct, Winograd, Split> pass_of(Convolution algorithm, const ConvolutionSize& size, Index count) {
    if (algorithm == Convolution::winograd) return Winograd(size, count);
    if constexpr (std::is_same_v<T, float>) {
        if (algorithm == Convolution::split) return Split(size, count);
    }
    return Direct(size, count);
}

/// y of x for batches of `count`.
template <class T>
class ConvolutionForward {
  public:
    ConvolutionForward(const Cpu& ctx, const ConvolutionSize& size, Index count)
        : ConvolutionForward(algorithm_for<T>(ctx, size, count), size, count) {}
    ConvolutionForward(Convolution algorithm, const ConvolutionSize& size, Index count)
        : pass_(pass_of<T, DirectForward<T>, WinogradForward<T>, SplitForward>(algorithm, size, count)) {}

    /// Elements of the weights as the pass reads them: a function of the shapes and the algorithm.
    Index transformed() const {
        return std::visit([](const auto& pass) { return pass.transformed(); }, pass_);
    }
    void transform(Cpu& ctx, const T* weight, T* transformed) const {
        std::visit([&](const auto& pass) { pass.transform(ctx, weight, transformed); }, pass_);
    }
    /// Parts of the output that `after` may be called for at the same time.
    Index slots() const {
        return std::visit([](const auto& pass) { return pass.slots(); }, pass_);
    }
    /// Of run with transformed weights.
    Index scratch(int threads) const {
        return std::visit([&](const auto& pass) { return pass.scratch(threads); }, pass_);
    }
    void run(Cpu& ctx, ScratchFrame& frame, const T* transformed, const MapRows<T>& x, T* y,
             const OutputFinish<T>& finish, const AfterPixels& after) const {
        std::visit([&](const auto& pass) { pass.run(ctx, frame, transformed, x, y, finish, after); }, pass_);
    }

    /// Of transform_and_run.
    Index whole_scratch(int threads) const { return scratch_size<T>(transformed()) + scratch(threads); }
    void transform_and_run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, T* y,
                           const AfterPixels& after) const {
        T* weights = frame.take<T>(transformed());
        transform(ctx, weight, weights);
        run(ctx, frame, weights, x, y, {}, after);
    }

  private:
    AnyPass<T, DirectForward<T>, WinogradForward<T>, SplitForward> pass_;
};

/// dx and dweight of dy for batches of `count`.
template <class T>
class ConvolutionBackward {
  public:
    ConvolutionBackward(const Cpu& ctx, const ConvolutionSize& size, Index count)
        : pass_(pass_of<T, DirectBackward<T>, WinogradBackward<T>, SplitBackward>(
              algorithm_for<T>(ctx, size, count), size, count)) {}

    Index scratch(int threads) const {
        return std::visit([&](const auto& pass) { return pass.scratch(threads); }, pass_);
    }
    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, const MapRows<T>& dy, T* dx,
             bool accumulate, T* dweight) {
        std::visit([&](auto& pass) { pass.run(ctx, frame, weight, x, dy, dx, accumulate, dweight); }, pass_);
    }

  private:
    AnyPass<T, DirectBackward<T>, WinogradBackward<T>, SplitBackward> pass_;
};

}  // namespace daf::cpu
