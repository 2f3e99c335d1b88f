#pragma once
// Convolutions of maps with hardly any channels, as a network's first layer has: nothing for tensor cores to
// multiply, and bound by the memory that the many features take. For the first layer of the preset paper, in
// bf16 on an H100, cuDNN took 0.3 ms forward and 8.3 ms for the weight's gradient; these kernels, as they
// were then, 0.11 and 0.17.
#include <daf/gpu/column_sums.hpp>
#include <daf/gpu/convolution.hpp>

namespace daf::gpu {

/// Whether the kernels here do it. A thread keeps the weights of some features, or their gradients, in
/// registers.
constexpr bool is_direct(const ConvolutionSize& size) {
    return size.channels <= 4 && size.taps() <= 9;
}

/// Pieces of y's lines: a thread goes along one, and reads a column of x for each pixel rather than its whole
/// window.
struct Pieces {
    static constexpr Index pixels = 8;
    Index a_line, lines;  // of all images

    DAF_HOST_DEVICE constexpr Pieces(const ConvolutionSize& size, Index images)
        : a_line((size.out_width() + pixels - 1) / pixels), lines(images * size.out_height()) {}
    DAF_HOST_DEVICE constexpr Index count() const { return a_line * lines; }
};

/// What the pixels of a piece of y see of x, one after another; zeros where the kernel hangs over the map's
/// edge.
template <class T, Index K, Index C>
class Window {
  public:
    DAF_HOST_DEVICE Window(const ConvolutionSize& size, const T* x, Index piece)
        : width_(static_cast<std::int32_t>(size.width)), stride_(static_cast<std::int32_t>(size.stride)) {
        const Pieces pieces(size, 1);
        const Index line = piece / pieces.a_line, first = (piece - line * pieces.a_line) * Pieces::pixels;
        const Index image = line / size.out_height(), y = line - image * size.out_height();
        pixel_ = line * size.out_width() + first;
        left_ = static_cast<std::int32_t>(size.out_width() - first < Pieces::pixels ? size.out_width() - first
                                                                                    : Pieces::pixels);
        // The line that the window begins on may lie above the map: nothing is read there.
        const Index top = y * size.stride - K / 2;
        place_ = x + image * size.x_size();
        line_ = static_cast<std::int32_t>(top);
        height_ = static_cast<std::int32_t>(size.height);
        next_ = static_cast<std::int32_t>((first - 1) * size.stride + 1 - K / 2);
        for (Index kx = 1; kx < K; ++kx) see_next_column();
    }

    /// To the next pixel; false behind the last.
    DAF_HOST_DEVICE bool advance() {
        if (left_-- == 0) return false;
        // Mostly of one step, and that is long.
        DAF_KEEP_LOOP
        for (std::int32_t i = 0; i < stride_; ++i) see_next_column();
        ++pixel_;
        return true;
    }
    /// The pixel, of all images.
    DAF_HOST_DEVICE Index pixel() const { return pixel_ - 1; }
    /// How many are still to come.
    DAF_HOST_DEVICE std::int32_t left() const { return left_; }
    DAF_HOST_DEVICE Wide<T> operator[](Index tap) const { return taps_[tap]; }

  private:
    DAF_HOST_DEVICE void see_next_column() {
        const bool inside = next_ >= 0 && next_ < width_;
        for (std::int32_t ky = 0; ky < K; ++ky) {
            Wide<T>* taps = taps_ + ky * K * C;
            for (Index i = 0; i < (K - 1) * C; ++i) taps[i] = taps[i + C];
            const std::int32_t line = line_ + ky;
            const bool read = inside && line >= 0 && line < height_;
            for (std::int32_t c = 0; c < C; ++c) {
                taps[(K - 1) * C + c] =
                    read ? static_cast<Wide<T>>(place_[(line * width_ + next_) * std::int32_t{C} + c])
                         : Wide<T>(0);
            }
        }
        ++next_;
    }

    // Places in an image are counted in 32 bits: DirectConvolution sees to it that they do.
    std::int32_t width_, stride_, height_, line_, left_, next_;
    Index pixel_;
    const T* place_;  // the image's first element
    Wide<T> taps_[K * K * C] = {};
};

/// y = x * (weight * factor) + bias, rectified if asked; weight is (taps, features), as operators have it.
/// Nothing of these is rounded to T but y.
template <class T, Index K, Index C>
struct DirectCall {
    using Number = Wide<T>;
    ConvolutionSize size;
    Index images;
    const T* x;
    const Number* weight;
    const Number* factor;  // of each feature; null for 1
    const Number* bias;    // null for none
    bool rectify;
    T* y;
};

/// A thread keeps the weights of W features.
template <class T, Index K, Index C, Index W>
struct DirectForward {
    using Number = Wide<T>;
    static constexpr Index taps = K * K * C;
    static constexpr unsigned threads = 128, blocks_at_once = 3;
    using Shared = NothingShared;

    DirectCall<T, K, C> call;

    Index blocks() const {
        constexpr Index elements = threads * W;
        const Index wanted =
            (Pieces(call.size, call.images).count() * call.size.features + elements - 1) / elements;
        return wanted < most_blocks ? wanted : most_blocks;
    }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index packs = call.size.features / W, pieces = Pieces(call.size, call.images).count();
        const Columns mine(block, packs);
        if (mine.part >= mine.parts) return;
        for (Index pack = mine.column; pack < packs; pack += mine.width) {
            const Index first = pack * W;
            Pack<Number, W> weights[taps], start{};
            for (Index tap = 0; tap < taps; ++tap)
                weights[tap] = load_parameters<W>(call.weight + tap * call.size.features + first);
            if (call.factor != nullptr) {
                const auto times = load_parameters<W>(call.factor + first);
                for (Index tap = 0; tap < taps; ++tap) weights[tap] = weights[tap] * times;
            }
            if (call.bias != nullptr) start = load_parameters<W>(call.bias + first);
            for (Index piece = block.block() * mine.parts + mine.part; piece < pieces;
                 piece += block.blocks() * mine.parts) {
                Window<T, K, C> window(call.size, call.x, piece);
                while (window.advance()) {
                    Pack<Number, W> sum = start;
                    for (Index tap = 0; tap < taps; ++tap) {
                        for (Index k = 0; k < W; ++k) sum[k] += window[tap] * weights[tap][k];
                    }
                    for (Number& value : sum.values) value = call.rectify && value < 0 ? 0 : value;
                    store(call.y + window.pixel() * call.size.features + first, sum);
                }
            }
        }
    }
};

/// A block a chunk of y's pieces: partial[chunk] (taps, features) = the sum of x's windows times dy.
template <class T, Index K, Index C, Index W>
struct DirectWeightSums {
    using Number = Wide<T>;
    static constexpr Index taps = K * K * C;
    static constexpr unsigned threads = 128, blocks_at_once = 3;
    struct Shared {
        Number sums[W][row_apart<Number, W>(threads)];
    };

    ConvolutionSize size;
    Index images;
    const T *x, *dy;
    double* partial;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index packs = size.features / W, pieces = Pieces(size, images).count();
        const Columns mine(block, packs);
        const Index begin = pieces * block.block() / block.blocks();
        const Index end = pieces * (block.block() + 1) / block.blocks();
        double* const of_chunk = partial + block.block() * size.weights();
        for (Index left = 0; left < packs; left += mine.width) {
            Pack<Number, W> sums[taps] = {};
            if (left + mine.column < packs && mine.part < mine.parts) {
                const T* slopes = dy + (left + mine.column) * W;
                for (Index piece = begin + mine.part; piece < end; piece += mine.parts) {
                    Window<T, K, C> window(size, x, piece);
                    const T* of_pixel = slopes + (window.pixel() + 1) * size.features;
                    if (window.left() == Pieces::pixels) {
                        // All are on their way before the first is used.
                        Pack<T, W> of_pixels[Pieces::pixels];
                        for (Index i = 0; i < Pieces::pixels; ++i)
                            of_pixels[i] = read<W>(of_pixel + i * size.features);
                        DAF_UNROLL_LOOP
                        for (const Pack<T, W>& slope : of_pixels) {
                            window.advance();
                            add(sums, window, slope);
                        }
                    } else {
                        for (; window.advance(); of_pixel += size.features)
                            add(sums, window, read<W>(of_pixel));
                    }
                }
            }
            DAF_UNROLL_LOOP
            for (Index tap = 0; tap < taps; ++tap) {
                for (Index k = 0; k < W; ++k) shared.sums[k][block.thread()] = sums[tap][k];
                block.sync();
                // A thread a feature adds what the threads of its column found.
                for (Index i = block.thread(); i < mine.width * W; i += threads) {
                    const Index column = i / W, feature = left * W + i;
                    if (left + column >= packs) break;
                    double sum = 0;
                    for (Index part = 0; part < mine.parts; ++part)
                        sum += static_cast<double>(shared.sums[i % W][part * mine.width + column]);
                    of_chunk[tap * size.features + feature] = sum;
                }
                block.sync();
            }
        }
    }

  private:
    DAF_HOST_DEVICE static void add(Pack<Number, W> (&sums)[taps], const Window<T, K, C>& window,
                                    const Pack<T, W>& slope) {
        for (Index tap = 0; tap < taps; ++tap) {
            for (Index k = 0; k < W; ++k) sums[tap][k] += window[tap] * static_cast<Number>(slope[k]);
        }
    }
};

/// The convolution of an operator that is_direct(). Weights are (taps, features).
template <class Op, class T>
struct DirectConvolution {
    using Number = Wide<T>;
    static constexpr ConvolutionSize size = convolution_size<Op>();
    static constexpr Index K = Op::kernel, C = Op::Input::channels;
    static_assert(Op::Input::size < Index{1} << 31, "daf: places in a map are counted in 32 bits here");

    /// As for sums over rows, but no fewer pieces than a chunk can share out among its threads.
    static constexpr Index chunks(Index count) {
        const Index of_rows = SumSize{count * size.out_height() * size.out_width(), size.features}.chunks();
        return std::min(of_rows, (Pieces(size, count).count() + 31) / 32);
    }
    static constexpr Index scratch_bytes(Index count) {
        return scratch_size<double>(chunks(count) * size.weights());
    }

    template <GridBackend Backend>
    static void forward(Backend& ctx, const T* x, const Number* weight, const Number* factor,
                        const Number* bias, bool rectify, T* y, Index count) {
        with_width<T, size.features>(aligned(y), [&](auto width) {
            const DirectForward<T, K, C, width()> product{{size, count, x, weight, factor, bias, rectify, y}};
            ctx.launch(product.blocks(), product);
        });
    }
    /// dweight += the gradient.
    template <GridBackend Backend>
    static void add_weight_gradient(Backend& ctx, const T* x, const T* dy, Number* dweight, Index count) {
        auto frame = ctx.scratch();
        auto* partial = frame.template take<double>(chunks(count) * size.weights());
        with_width<T, size.features>(aligned(dy), [&](auto width) {
            ctx.launch(chunks(count), DirectWeightSums<T, K, C, width()>{size, count, x, dy, partial});
        });
        add_columns<double, 128>(ctx, chunks(count), size.weights(),
                                 ColumnElement<double>{partial, size.weights()}, AddTo<Number>{dweight});
    }
};

}  // namespace daf::gpu
