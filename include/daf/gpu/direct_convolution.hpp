#pragma once
// Convolutions of maps with hardly any channels, as a network's first layer has: nothing for tensor cores to multiply, and
// bound by the memory that the many features take. On an H100 cuDNN's engines for a single channel took 3 to 80 times as long
// as these kernels' memory does.
#include <daf/gpu/column_sums.hpp>
#include <daf/gpu/convolution.hpp>

namespace daf::gpu {

/// Whether the kernels here do it. A thread keeps the weights of some features, or their gradients, in registers.
constexpr bool is_direct(const ConvolutionSize& size) {
    return size.channels <= 4 && size.taps() <= 9;
}

/// What one element of y sees of x, zeros where the kernel hangs over the map's edge.
template <class T, Index K, Index C>
struct Window {
    Wide<T> taps[K * K * C];

    /// Of row `row` of y as a matrix (images and positions, features).
    DAF_HOST_DEVICE static Window at(const ConvolutionSize& size, const T* x, Index row) {
        const Index area = size.out_height() * size.out_width(), image = row / area;
        const auto width = static_cast<std::int32_t>(size.width),
                   height = static_cast<std::int32_t>(size.height);
        const auto position = static_cast<std::int32_t>(row - image * area);
        const auto across = static_cast<std::int32_t>(size.out_width());
        const auto stride = static_cast<std::int32_t>(size.stride), border = static_cast<std::int32_t>(K / 2);
        const std::int32_t top = position / across * stride - border,
                           left = position % across * stride - border;
        const T* of_image = x + image * size.x_size();
        Window window;
        for (std::int32_t ky = 0; ky < K; ++ky) {
            for (std::int32_t kx = 0; kx < K; ++kx) {
                const std::int32_t line = top + ky, place = left + kx;
                const bool inside = line >= 0 && line < height && place >= 0 && place < width;
                for (std::int32_t c = 0; c < C; ++c) {
                    window.taps[(ky * K + kx) * C + c] =
                        inside ? static_cast<Wide<T>>(of_image[(line * width + place) * C + c]) : Wide<T>(0);
                }
            }
        }
        return window;
    }
};

/// y = x * (weight * factor) + bias, rectified if asked; weight is (taps, features), as operators have it. Nothing of these is
/// rounded to T but y.
template <class T, Index K, Index C>
struct DirectForward {
    using Number = Wide<T>;
    static constexpr Index taps = K * K * C;
    ConvolutionSize size;
    const T* x;
    const Number* weight;
    const Number* factor;  // of each feature; null for 1
    const Number* bias;    // null for none
    bool rectify;
    T* y;

    template <Index W>
    struct OfFeatures {
        DirectForward task;
        Index first;
        Pack<Number, W> weights[taps], start;

        DAF_HOST_DEVICE void operator()(Index row) const {
            const auto window = Window<T, K, C>::at(task.size, task.x, row);
            Pack<Number, W> sum = start;
            for (Index tap = 0; tap < taps; ++tap) {
                for (Index k = 0; k < W; ++k) sum[k] += window.taps[tap] * weights[tap][k];
            }
            for (Number& value : sum.values) value = task.rectify && value < 0 ? 0 : value;
            store(task.y + row * task.size.features + first, sum);
        }
    };
    template <Index W>
    DAF_HOST_DEVICE auto at(Index first, Width<W>) const {
        OfFeatures<W> all{*this, first, {}, {}};
        for (Index k = 0; k < W; ++k) {
            const Number times = factor == nullptr ? Number(1) : factor[first + k];
            for (Index tap = 0; tap < taps; ++tap)
                all.weights[tap][k] = weight[tap * size.features + first + k] * times;
            all.start[k] = bias == nullptr ? Number(0) : bias[first + k];
        }
        return all;
    }
};

/// A block a chunk of y's rows: partial[chunk] (taps, features) = the sum of x's windows times dy.
template <class T, Index K, Index C, Index W>
struct DirectWeightSums {
    using Number = Wide<T>;
    static constexpr Index taps = K * K * C;
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    struct Shared {
        Number sums[W][threads];
    };

    ConvolutionSize size;
    Index rows;
    const T *x, *dy;
    double* partial;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index packs = size.features / W;
        const Columns mine(block, packs);
        const Index begin = rows * block.block() / block.blocks();
        const Index end = rows * (block.block() + 1) / block.blocks();
        double* const of_chunk = partial + block.block() * size.weights();
        for (Index left = 0; left < packs; left += mine.width) {
            Pack<Number, W> sums[taps] = {};
            if (left + mine.column < packs && mine.part < mine.parts) {
                const T* slopes = dy + (left + mine.column) * W;
                for (Index row = begin + mine.part; row < end; row += mine.parts) {
                    const auto window = Window<T, K, C>::at(size, x, row);
                    const Pack<Number, W> slope = load<W>(slopes + row * size.features);
                    for (Index tap = 0; tap < taps; ++tap) {
                        for (Index k = 0; k < W; ++k) sums[tap][k] += window.taps[tap] * slope[k];
                    }
                }
            }
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
};

/// The convolution of an operator that is_direct(). Weights are (taps, features).
template <class Op, class T>
struct DirectConvolution {
    using Number = Wide<T>;
    static constexpr ConvolutionSize size = convolution_size<Op>();
    static constexpr Index K = Op::kernel, C = Op::Input::channels;

    static constexpr Index rows(Index count) { return count * size.out_height() * size.out_width(); }
    static constexpr Index chunks(Index count) { return SumSize{rows(count), size.features}.chunks(); }
    static constexpr Index scratch_bytes(Index count) {
        return scratch_size<double>(chunks(count) * size.weights());
    }

    template <GridBackend Backend>
    static void forward(Backend& ctx, const T* x, const Number* weight, const Number* factor,
                        const Number* bias, bool rectify, T* y, Index count) {
        const DirectForward<T, K, C> body{size, x, weight, factor, bias, rectify, y};
        for_each_row<T>(ctx, rows(count), size.features, aligned(y), body);
    }
    /// dweight += the gradient.
    template <GridBackend Backend>
    static void add_weight_gradient(Backend& ctx, const T* x, const T* dy, Number* dweight, Index count) {
        auto frame = ctx.scratch();
        auto* partial = frame.template take<double>(chunks(count) * size.weights());
        with_width<T, size.features>(aligned(dy), [&](auto w) {
            ctx.launch(chunks(count), DirectWeightSums<T, K, C, w()>{size, rows(count), x, dy, partial});
        });
        add_columns<double, 32>(ctx, chunks(count), size.weights(),
                                ColumnElement<double>{partial, size.weights()}, AddTo<Number>{dweight});
    }
};

}  // namespace daf::gpu
