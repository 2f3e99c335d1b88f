// An operator that daf does not have, made outside it: docs/adding_an_operator.md walks through this file.
#include <cmath>
#include <cstdio>
#include <daf/cpu/conv2d.hpp>
#include <daf/net/gradient_check.hpp>
#include <daf/net/layers.hpp>
#include <vector>

// [operator]
/// y = x where x > 0, else slope * x: one learned slope per channel (He et al. 2015).
///   x, y  any shape     slope (C), undecayed, 0.25 at first
/// Saved: nothing; backward reads x. x and y may not overlap. Bits do not depend on threads.
template <daf::AnyShape S>
struct PRelu {
    struct Header {
        static constexpr const char* name = "prelu";  // as messages call it
    };
    using Input = S;
    using Output = S;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = daf::Host>
    struct Parameters {
        daf::View<daf::Shape<S::channels>, T, Space> slope;
        static constexpr auto fields() {
            return daf::Tuple{daf::Parameter{"weight", &Parameters::slope, daf::Role::undecayed,
                                             daf::init::constant(0.25)}};
        }
    };
};
// [/operator]

// [kernel]
template <class S>
struct daf::Kernel<PRelu<S>, daf::Cpu> {
    template <Mode M, class T, class Space>
    static void forward(Cpu& ctx, const ForwardCall<PRelu<S>, M, T, Space>& call) {
        ctx.parallel(call.count(), [&](Index n) {
            for (Index i = 0; i < S::size; ++i)
                call.y[n][i] = call.x[n][i] * (call.x[n][i] > 0 ? 1 : call.params.slope[i % S::channels]);
        });
    }

    template <class T, class Space>
    static void backward(Cpu& ctx, const BackwardCall<PRelu<S>, T, Space>& call) {
        // A chunk is a channel, so that no two threads add to one sum and each sum has one order.
        ctx.parallel(S::channels, [&](Index c) {
            double dslope = 0;
            for (Index i = c; i < call.x.size(); i += S::channels) {
                const T x = call.x.data()[i], dy = call.dy.data()[i];
                if (!(x > 0)) dslope += static_cast<double>(dy * x);
                if (!call.dx) continue;
                T& dx = call.dx.batch.data()[i];
                dx = (call.dx.accumulates() ? dx : T(0)) + (x > 0 ? dy : call.params.slope[c] * dy);
            }
            call.dparams.slope[c] += static_cast<T>(dslope);
        });
    }
};
// [/kernel]

// [check]
struct PReluLayer {
    template <class In>
    using On = PRelu<In>;
};
using Net = daf::Sequence<daf::Shape<5, 5, 2>, daf::layer::Conv2d<4>, PReluLayer, daf::layer::Conv2d<3>>;

int main() {
    std::vector<double> pixels(3 * Net::Input::size);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::sin(static_cast<double>(i * i));
    daf::Cpu cpu;
    daf::Model<Net, daf::Cpu, double> net(cpu, daf::max_batch(3), daf::Seed{2});
    const double error = daf::gradient_error(net, daf::batch_of<Net::Input>(std::as_const(pixels)));
    std::printf("%td gradients, the largest difference %.1e\n", daf::gradient_count<Net>, error);
    return error < 1e-6 ? 0 : 1;
}
// [/check]
