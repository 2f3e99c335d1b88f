#pragma once
#include <cmath>
#include <daf/cpu/context.hpp>
#include <daf/ops/dropout.hpp>

namespace daf {

namespace cpu {

/// Philox blocks that are drawn side by side, so that its rounds vectorise. (g++ unrolls loops of 16 and
/// fewer instead.)
inline constexpr Index mask_blocks = 32;
/// The elements of a mask that they make.
inline constexpr Index mask_run = 4 * mask_blocks;

/// words[4 * i + j] = draw(stream, sample, first + i)[j] for i < mask_blocks. The generator of
/// core/random.hpp with the loop over blocks inside the loop over rounds.
inline void draw_run(const Stream& stream, std::uint32_t sample, std::uint32_t first,
                     std::uint32_t* __restrict words) {
    std::uint32_t c0[mask_blocks], c1[mask_blocks], c2[mask_blocks], c3[mask_blocks];
    for (Index i = 0; i < mask_blocks; ++i) {
        c0[i] = first + static_cast<std::uint32_t>(i);
        c1[i] = sample;
        c2[i] = stream.layer;
        c3[i] = stream.step;
    }
    auto k0 = static_cast<std::uint32_t>(stream.seed.value);
    auto k1 = static_cast<std::uint32_t>(stream.seed.value >> 32);
    for (int round = 0; round < Philox::rounds; ++round) {
        for (Index i = 0; i < mask_blocks; ++i) {
            const std::uint64_t p0 = Philox::multiplier0 * c0[i];
            const std::uint64_t p1 = Philox::multiplier1 * c2[i];
            c0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = static_cast<std::uint32_t>(p1);
            c2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = static_cast<std::uint32_t>(p0);
        }
        k0 += Philox::key_step0;
        k1 += Philox::key_step1;
    }
    for (Index i = 0; i < mask_blocks; ++i) {
        words[4 * i] = c0[i];
        words[4 * i + 1] = c1[i];
        words[4 * i + 2] = c2[i];
        words[4 * i + 3] = c3[i];
    }
}

}  // namespace cpu

template <class S>
struct Kernel<Dropout<S>, Cpu> {
    using Op = Dropout<S>;

    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space>& call) {
        const double rate = M == Mode::train ? call.op.rate : 0;
        each_image(ctx, call.count(), chunks(call.count()), [&](Index n) {
            mask_image(rate, call.side.draw, n, call.x[n].data(), call.y[n].data(), false);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        each_image(ctx, call.count(), chunks(call.count()), [&](Index n) {
            mask_image(call.op.rate, call.side.draw, n, call.dy[n].data(), call.dx.batch[n].data(),
                       call.dx.accumulates());
        });
    }

  private:
    static Index chunks(Index count) {
        constexpr Index operations = 8;  // an element, most of them Philox's
        return chunks_for(count, operations * S::size);
    }

    /// to (+)= from * the image's mask. Nothing is drawn at rate 0.
    template <class T>
    static void mask_image(double rate, const Draw& place, Index image, const T* __restrict from,
                           T* __restrict to, bool accumulate) {
        // unit_interval(word) >= rate, in integers.
        const auto threshold = static_cast<std::uint32_t>(std::ceil(rate * 0x1p24));
        const T scale = static_cast<T>(1 / (1 - rate));
        std::uint32_t words[cpu::mask_run]{};
        T mask[cpu::mask_run];
        std::fill_n(mask, cpu::mask_run, scale);
        for (Index first = 0; first < S::size; first += cpu::mask_run) {
            if (rate > 0) {
                const auto sample = place.now().first_sample + static_cast<std::uint32_t>(image);
                cpu::draw_run(place.stream(), sample, static_cast<std::uint32_t>(first / 4), words);
                for (Index i = 0; i < cpu::mask_run; ++i) mask[i] = words[i] >> 8 >= threshold ? scale : T(0);
            }
            const Index size = std::min(cpu::mask_run, S::size - first);
            if (accumulate) {
                for (Index i = 0; i < size; ++i) to[first + i] += from[first + i] * mask[i];
            } else {
                for (Index i = 0; i < size; ++i) to[first + i] = from[first + i] * mask[i];
            }
        }
    }
};

}  // namespace daf
