#pragma once
// The convolution behind Conv2d and ConvBnRelu: which algorithm runs, and the passes as operators call them.
#include <daf/cpu/direct_convolution.hpp>
#include <daf/cpu/split_gradient.hpp>
#include <daf/cpu/winograd.hpp>
#include <daf/cpu/winograd_gradient.hpp>
#include <variant>

namespace daf::cpu {

/// Whether a pass has to transform its weights first.
enum class Weights { transformed_now, transformed_before };

/// How a pass computes.
struct ConvolutionChoice {
    Convolution algorithm;
    WinogradTile tile = 0;  // where that is winograd

    friend constexpr bool operator==(const ConvolutionChoice&, const ConvolutionChoice&) = default;
};

/// What an algorithm takes in time, in multiplications of one channel of x by one of y: those it does, and
/// what it does beside them in multiplications that would take as long. The transforms cost some for each
/// transformed value; the weights cost their way through memory, which for a single image of many channels is
/// more than the product. The direct product works on rows of pixels, and the shorter they are the fewer of
/// its accumulators are in use; of a small map it takes all pixels, and then reads the weights for each
/// image.
template <class T>
struct ConvolutionCost {
    static constexpr double for_value = 8;  // a value of a transformed tile, written and read again
    // A weight that a product reads from memory.
    static constexpr double for_far_weight = 4.0 * sizeof(T);
    // From a cache, behind other layers' weights. Cores with 64-byte registers have larger caches, but
    // Intel's multiply twice as fast as AMD's (which have SSE4a) and read no faster: measured on one with
    // VNNI.
#if defined(__AVX512VNNI__) && !defined(__SSE4A__)
    static constexpr double for_near_weight = 2.5 * sizeof(T);
#else
    static constexpr double for_near_weight = (lanes<T> * sizeof(T) < 64 ? 3.0 : 1.25) * sizeof(T);
#endif
    // To transform it first.
    static constexpr double for_transform = 3.0 * sizeof(T);
    static constexpr double most_near = 4 << 20;  // bytes of weights that stay in a cache

    ConvolutionSize size;
    Index count;
    Weights weights;

    constexpr double direct() const {
        const auto pixels = static_cast<double>(size.out_area()), images = static_cast<double>(count);
        if (joins_pixels(size.out_height(), size.out_width())) {
            const double blocks =
                accumulators >= 24 ? 1.0 : 4.0 / 3;  // of 9 pixels: of 12 columns, or two of 6
            return 9 * images * (pixels * blocks + for_weight(9));
        }
        const double short_rows = 1 + 3.0 / static_cast<double>(size.width);
        return 9 * (images * pixels * short_rows + for_weight(9));
    }
    /// One of `tensor` weights for each pair of channels.
    constexpr double for_weight(double tensor) const {
        const double bytes = tensor * static_cast<double>(size.channels * size.features) * sizeof(T);
        return bytes > most_near ? for_far_weight : for_near_weight;
    }
    constexpr double winograd(WinogradTile tile) const {
        const Index side = tile.outputs;
        const Index down = (size.height + side - 1) / side, across = (size.width + side - 1) / side;
        const auto points = static_cast<double>(tile.points * tile.points);
        const auto tiles = static_cast<double>(count * down * across);
        const double values_per_product = static_cast<double>(size.channels + size.features) /
                                          static_cast<double>(size.channels * size.features);
        const double weight =
            for_weight(points) + (weights == Weights::transformed_now ? for_transform : 0.0);
        return points * (tiles * (1 + for_value * values_per_product) + weight);
    }
};

/// The tile that costs least. The larger it is, the fewer the multiplications and the more the weights; one
/// that does not fit the map wastes some.
template <class T>
constexpr WinogradTile winograd_tile(const ConvolutionCost<T>& cost) {
    WinogradTile best = 2;
    for (const WinogradTile tile :
         {WinogradTile(3), WinogradTile(4), WinogradTile(6), WinogradTile::whole_map()}) {
        if (tile.fits(cost.size.height, cost.size.width) && cost.winograd(tile) < cost.winograd(best))
            best = tile;
    }
    return best;
}

/// From how many channels, on either side, the product on matrix tiles takes less time than any other: laying
/// out the tiles costs the same for few as for many (docs/performance.md).
inline constexpr Index split_channels = 32;

/// How a pass over batches of `count` computes. Of itself only inference takes the split product: a whole
/// network's gradients come out noisier by it than by Winograd (docs/performance.md), so training has to ask
/// for it.
template <class T>
ConvolutionChoice choose_convolution(const Cpu& ctx, const ConvolutionSize& size, Index count,
                                     Weights weights = Weights::transformed_now) {
    constexpr bool splits = std::is_same_v<T, float>;
    if (size.kernel != 3 || size.stride != 1) return {Convolution::direct};
    const ConvolutionCost<T> cost{size, count, weights};
    const ConvolutionChoice winograd{Convolution::winograd, winograd_tile(cost)};
    switch (ctx.convolution()) {
        case Convolution::automatic: break;
        case Convolution::split: return {splits ? Convolution::split : Convolution::direct};
        case Convolution::winograd: return winograd;
        case Convolution::direct: return {Convolution::direct};
    }
    if (splits && ctx.matrix_tiles() && weights == Weights::transformed_before &&
        std::min(size.channels, size.features) >= split_channels) {
        return {Convolution::split};
    }
    return cost.winograd(winograd.tile) < cost.direct() ? winograd : ConvolutionChoice{Convolution::direct};
}

/// One of a pass's algorithms.
template <class T, class Direct, class Winograd, class Split>
using AnyPass = std::conditional_t<std::is_same_v<T, float>, std::variant<Direct, Winograd, Split>,
                                   std::variant<Direct, Winograd>>;
/// winograd: makes that one.
template <class T, class Direct, class Split, class Winograd>
AnyPass<T, Direct, std::invoke_result_t<Winograd>, Split> pass_of(ConvolutionChoice choice,
                                                                  const ConvolutionSize& size, Index count,
                                                                  const Winograd& winograd) {
    if (choice.algorithm == Convolution::winograd) return winograd();
    if constexpr (std::is_same_v<T, float>) {
        if (choice.algorithm == Convolution::split) return Split(size, count);
    }
    return Direct(size, count);
}

/// y of x for batches of `count`.
template <class T>
class ConvolutionForward {
  public:
    ConvolutionForward(const Cpu& ctx, const ConvolutionSize& size, Index count)
        : ConvolutionForward(choose_convolution<T>(ctx, size, count), size, count) {}
    /// threads: for how many its work is cut, which moves no bit of y, but slots() depend on it.
    ConvolutionForward(ConvolutionChoice choice, const ConvolutionSize& size, Index count,
                       int threads = any_threads)
        : pass_(pass_of<T, DirectForward<T>, SplitForward>(
              choice, size, count, [&] { return WinogradForward<T>(size, count, choice.tile, threads); })) {}

    /// Elements of the weights as the pass reads them: a function of the shapes and the choice.
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
    /// Whether its outputs may be pooled as they are made (OutputFinish::pool).
    bool pools(Index window) const {
        const auto* winograd = std::get_if<WinogradForward<T>>(&pass_);
        return winograd != nullptr && winograd->pools(window);
    }
    /// Of run with transformed weights.
    Index scratch(int threads, Index pool = 1) const {
        if (pool > 1) return std::get<WinogradForward<T>>(pass_).scratch(threads, pool);
        return std::visit([&](const auto& pass) { return pass.scratch(threads); }, pass_);
    }
    void run(Cpu& ctx, ScratchFrame& frame, const T* transformed, const MapRows<T>& x, T* y,
             const OutputFinish<T>& finish, const AfterPixels<T>& after) const {
        std::visit([&](const auto& pass) { pass.run(ctx, frame, transformed, x, y, finish, after); }, pass_);
    }

    /// Of transform_and_run.
    Index whole_scratch(int threads) const {
        return std::visit([&](const auto& pass) { return pass.whole_scratch(threads); }, pass_);
    }
    void transform_and_run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, T* y,
                           const AfterPixels<T>& after) const {
        std::visit([&](const auto& pass) { pass.transform_and_run(ctx, frame, weight, x, y, after); }, pass_);
    }

  private:
    AnyPass<T, DirectForward<T>, WinogradForward<T>, SplitForward> pass_;
};

/// y of x by weights that are transformed once, for batches of any size.
template <class T>
class TransformedConvolution {
  public:
    /// usual_batch: the size that it should be fastest for.
    TransformedConvolution(Cpu& ctx, const ConvolutionSize& size, const T* weight, Index usual_batch)
        : size_(size),
          choice_(chosen(ctx, size, usual_batch)),
          weights_(ctx.allocate(bytes(ctx, size, usual_batch))) {
        pass(ctx, 1).transform(ctx, weight, weights_.template as<T>());
    }
    /// What one allocates.
    static Index bytes(const Cpu& ctx, const ConvolutionSize& size, Index usual_batch) {
        const ConvolutionForward<T> pass(chosen(ctx, size, usual_batch), size, 1, ctx.threads());
        return pass.transformed() * Index{sizeof(T)};
    }

    Index scratch(const Cpu& ctx, Index count) const { return pass(ctx, count).scratch(ctx.threads()); }
    void run(Cpu& ctx, const T* x, T* y, Index count, const OutputFinish<T>& finish,
             const AfterPixels<T>& after) const {
        auto frame = ctx.scratch();
        pass(ctx, count).run(ctx, frame, weights_.template as<T>(), rows_of_x(size_, x), y, finish, after);
    }

    /// The same, and of each window of y the largest alone: y itself is stored where the algorithm cannot
    /// pool it as it makes it.
    Index pooled_scratch(const Cpu& ctx, Index count, Index window) const {
        const auto pass = this->pass(ctx, count);
        if (pass.pools(window)) return pass.scratch(ctx.threads(), window);
        return scratch_size<T>(count * size_.y_size()) + pass.scratch(ctx.threads());
    }
    void run_pooled(Cpu& ctx, const T* x, T* y, Index count, OutputFinish<T> finish, Index window) const {
        auto frame = ctx.scratch();
        const auto pass = this->pass(ctx, count);
        const auto run_into = [&](T* to) {
            pass.run(ctx, frame, weights_.template as<T>(), rows_of_x(size_, x), to, finish,
                     [](T*, Index, Index) {});
        };
        if (pass.pools(window)) {
            finish.pool = window;
            return run_into(y);
        }
        T* whole = frame.template take<T>(count * size_.y_size());
        run_into(whole);
        max_pool(ctx, {size_.out_height(), size_.out_width(), size_.features, window}, whole, y, count);
    }

  private:
    static ConvolutionChoice chosen(const Cpu& ctx, const ConvolutionSize& size, Index usual_batch) {
        return choose_convolution<T>(ctx, size, usual_batch, Weights::transformed_before);
    }
    ConvolutionForward<T> pass(const Cpu& ctx, Index count) const {
        return {choice_, size_, count, ctx.threads()};
    }

    ConvolutionSize size_;
    ConvolutionChoice choice_;
    HostMemory weights_;
};

/// dx and dweight of dy for batches of `count`.
template <class T>
class ConvolutionBackward {
  public:
    ConvolutionBackward(const Cpu& ctx, const ConvolutionSize& size, Index count)
        : ConvolutionBackward(choose_convolution<T>(ctx, size, count), size, count) {}
    ConvolutionBackward(ConvolutionChoice choice, const ConvolutionSize& size, Index count)
        : pass_(pass_of<T, DirectBackward<T>, SplitBackward>(
              choice, size, count, [&] { return WinogradBackward<T>(size, count, choice.tile); })) {}

    Index scratch(int threads) const {
        return std::visit([&](const auto& pass) { return pass.scratch(threads); }, pass_);
    }
    /// dx = or += the gradient by x, unless it is null; dweight += the gradient by the weights.
    void run(Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x, const MapRows<T>& dy, T* dx,
             bool accumulate, T* dweight) const {
        std::visit([&](const auto& pass) { pass.run(ctx, frame, weight, x, dy, dx, accumulate, dweight); },
                   pass_);
    }

  private:
    AnyPass<T, DirectBackward<T>, WinogradBackward<T>, SplitBackward> pass_;
};

}  // namespace daf::cpu
