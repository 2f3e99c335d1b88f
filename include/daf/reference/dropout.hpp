#pragma once
#include <daf/ops/dropout.hpp>
#include <daf/reference/context.hpp>

namespace daf {

template <class S>
struct Kernel<Dropout<S>, Reference> {
    using Op = Dropout<S>;

    template <Mode M, class T, class Space>
    static void forward(Reference&, const ForwardCall<Op, M, T, Space>& call) {
        for (Index n = 0; n < call.count(); ++n) {
            for (Index k = 0; k < S::size; ++k) {
                const T x = call.x[n][k];
                call.y[n][k] = M == Mode::train ? x * mask<T>(call.op.rate, call.side.draw, n, k) : x;
            }
        }
    }

    template <class T, class Space>
    static void backward(Reference&, const BackwardCall<Op, T, Space>& call) {
        if (!call.dx) return;
        for (Index n = 0; n < call.count(); ++n) {
            for (Index k = 0; k < S::size; ++k) {
                const T slope = call.dy[n][k] * mask<T>(call.op.rate, call.side.draw, n, k);
                T& dx = call.dx.batch[n][k];
                dx = call.dx.accumulates() ? dx + slope : slope;
            }
        }
    }

  private:
    template <class T>
    static T mask(double rate, const Draw& place, Index image, Index k) {
        const std::uint32_t sample = place.now().first_sample + static_cast<std::uint32_t>(image);
        const RandomBlock words = draw(place.stream(), sample, static_cast<std::uint32_t>(k / 4));
        const bool kept = unit_interval(words[static_cast<std::size_t>(k % 4)]) >= rate;
        return kept ? static_cast<T>(1 / (1 - rate)) : T(0);
    }
};

}  // namespace daf
