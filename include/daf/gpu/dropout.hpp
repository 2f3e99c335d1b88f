#pragma once
#include <cmath>
#include <daf/gpu/grid.hpp>
#include <daf/ops/dropout.hpp>

namespace daf {

namespace gpu {

/// to (+)= from * mask, four elements of one sample at a time: those of one random block.
template <class T>
struct Mask {
    const T* from;
    Slopes<T> to;
    Index size;    // of a sample
    Index blocks;  // that it draws
    Stream stream;
    std::uint32_t first_sample;
    const DrawPlace* place;   // where it is given, step and first sample stand there
    std::uint32_t threshold;  // the upper 24 bits of a word that keeps its element
    Wide<T> scale;

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index sample = i / blocks, block = i % blocks, first = 4 * block;
        Stream from_here = stream;
        std::uint32_t start = first_sample;
        if (place != nullptr) {
            from_here.step = place->step;
            start = place->first_sample;
        }
        const RandomBlock words =
            draw(from_here, start + static_cast<std::uint32_t>(sample), static_cast<std::uint32_t>(block));
        for (Index k = 0; k < 4 && first + k < size; ++k) {
            const Wide<T> kept = words[static_cast<std::size_t>(k)] >> 8 >= threshold ? scale : 0;
            to.write(sample * size + first + k, from[sample * size + first + k] * kept);
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
        call.op.require_valid_rate();
        const bool draws = M == Mode::train;
        apply(ctx, draws ? call.op.rate : 0, draws ? call.side.draw : Draw{}, call.count(), call.x.data(),
              gpu::Slopes<T>{call.y.data(), false});
    }

    template <class T, class Space>
    static void backward(Backend& ctx, const BackwardCall<Op, T, Space>& call) {
        call.op.require_valid_rate();
        if (!call.dx) return;
        apply(ctx, call.op.rate, call.side.draw, call.count(), call.dy.data(), gpu::slopes_of(call.dx));
    }

  private:
    template <class T>
    static void apply(Backend& ctx, double rate, const Draw& draw, Index count, const T* from,
                      gpu::Slopes<T> to) {
        constexpr Index blocks = (S::size + 3) / 4;
        // unit_interval(word) >= rate, in integers.
        const auto threshold = static_cast<std::uint32_t>(std::ceil(rate * 0x1p24));
        const Stream stream{draw.seed, draw.step != nullptr ? *draw.step : 0, draw.layer};
        gpu::for_each(ctx, count * blocks,
                      gpu::Mask<T>{from, to, S::size, blocks, stream, draw.first_sample, draw.place,
                                   threshold, static_cast<Wide<T>>(1 / (1 - rate))});
    }
};

}  // namespace daf
