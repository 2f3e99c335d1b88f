#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/dropout.hpp>

namespace daf {

namespace gpu {

/// to (+)= from * mask.
template <class T>
struct Mask {
    const T* from;
    Slopes<T> to;
    Index size;  // of a sample
    Stream stream;
    std::uint32_t first_sample;
    const DrawPlace* place;   // where it is given, step and first sample stand there
    std::uint32_t threshold;  // the upper 24 bits of a word that keeps its element
    Wide<T> scale;

    /// The random block that four elements of a sample share.
    DAF_HOST_DEVICE RandomBlock words(Index sample, Index block) const {
        Stream from_here = stream;
        std::uint32_t start = first_sample;
        if (place != nullptr) {
            from_here.step = place->step;
            start = place->first_sample;
        }
        return draw(from_here, start + static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(block));
    }
    DAF_HOST_DEVICE Wide<T> factor(const RandomBlock& words, Index k) const {
        return words[static_cast<std::size_t>(k)] >> 8 >= threshold ? scale : 0;
    }
};

/// Whole random blocks, as many as are moved at once.
template <class T>
struct MaskPacks {
    static constexpr Index width = widest<T> < 4 ? 4 : widest<T>;
    Mask<T> mask;

    DAF_HOST_DEVICE void operator()(Index pack) const {
        const Index i = pack * width, sample = i / mask.size, first = i % mask.size / 4;
        Pack<Wide<T>, width> values = load<width>(mask.from + i);
        for (Index block = 0; block < width / 4; ++block) {
            const RandomBlock words = mask.words(sample, first + block);
            for (Index k = 0; k < 4; ++k) values[4 * block + k] *= mask.factor(words, k);
        }
        mask.to.write(i, values);
    }
};

/// One random block after the other, of samples of any size.
template <class T>
struct MaskBlocks {
    Mask<T> mask;
    Index blocks;  // of a sample

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index sample = i / blocks, block = i % blocks, first = 4 * block;
        const RandomBlock words = mask.words(sample, block);
        for (Index k = 0; k < 4 && first + k < mask.size; ++k) {
            const Index at = sample * mask.size + first + k;
            mask.to.write(at, mask.from[at] * mask.factor(words, k));
        }
    }
};

}  // namespace gpu

/// A step in the host's memory is read when the kernel is launched.
template <class S, GridBackend Backend>
struct Kernel<Dropout<S>, Backend> {
    using Op = Dropout<S>;

    template <Mode M, class T, class Space>
    static void forward(Backend& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const bool draws = M == Mode::train;
        apply(ctx, draws ? call.op.rate : 0, draws ? call.side.draw : Draw{}, call.count(), call.x.data(),
              gpu::Slopes<T>{call.y.data(), false});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        apply(ctx, call.op.rate, call.side.draw, call.count(), call.dy.data(), gpu::slopes_of(call.dx));
    }

  private:
    template <class T>
    static void apply(Backend& ctx, double rate, const Draw& draw, Index count, const T* from,
                      gpu::Slopes<T> to) {
        if (rate == 0) return gpu::convert(ctx, count * S::size, from, to);  // as drawing takes time
        // unit_interval(word) >= rate, in integers.
        const auto threshold = static_cast<std::uint32_t>(std::ceil(rate * 0x1p24));
        const Stream stream{draw.seed, draw.step != nullptr ? *draw.step : 0, draw.layer};
        const gpu::Mask<T> mask{from,
                                to,
                                S::size,
                                stream,
                                draw.first_sample,
                                draw.place,
                                threshold,
                                static_cast<Wide<T>>(1 / (1 - rate))};
        constexpr Index width = gpu::MaskPacks<T>::width, blocks = (S::size + 3) / 4;
        if (S::size % width == 0 && gpu::aligned(from, to.data)) {
            gpu::for_each(ctx, count * (S::size / width), gpu::MaskPacks<T>{mask});
        } else {
            gpu::for_each(ctx, count * blocks, gpu::MaskBlocks<T>{mask, blocks});
        }
    }
};

}  // namespace daf
