// gradient_error tells a right backward pass from wrong ones.
#include <doctest/doctest.h>

#include <cmath>
#include <daf/daf.hpp>
#include <limits>
#include <vector>

namespace {

/// y = factor x, whose backward believes that the factor is another one.
template <class S>
struct Scale {
    struct Header {
        static constexpr const char* name = "scale";
    };
    using Input = S;
    using Output = S;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;
    double believed_for_x = 3, believed_for_factor = 1;

    template <class T, class Space = daf::Host>
    struct Parameters {
        daf::View<daf::Shape<1>, T, Space> factor;
        static constexpr auto fields() {
            return daf::Tuple{
                daf::Parameter{"factor", &Parameters::factor, daf::Role::undecayed, daf::init::normal(1)}};
        }
    };
};

struct ScaleLayer {
    template <class In>
    using On = Scale<In>;
};

using Row = daf::Shape<4>;
using Net = daf::Sequence<Row, daf::layer::Linear<3>, ScaleLayer>;

}  // namespace

template <class S>
struct daf::Kernel<Scale<S>, daf::Cpu> {
    template <Mode M, class T, class Space>
    static void forward(Cpu&, const ForwardCall<Scale<S>, M, T, Space>& call) {
        for (Index i = 0; i < call.x.size(); ++i) call.y.data()[i] = call.params.factor[0] * call.x.data()[i];
    }
    template <class T, class Space>
    static void backward(Cpu&, const BackwardCall<Scale<S>, T, Space>& call) {
        const T factor = static_cast<T>(call.op.believed_for_x);
        for (Index i = 0; i < call.x.size(); ++i) {
            const T dy = call.dy.data()[i];
            call.dparams.factor[0] += static_cast<T>(call.op.believed_for_factor) * dy * call.x.data()[i];
            if (!call.dx) continue;
            T& dx = call.dx.batch.data()[i];
            dx = (call.dx.accumulates() ? dx : T(0)) + factor * dy;
        }
    }
};

namespace {

double error_of(double believed_for_x, double believed_for_factor, double first_pixel = 0.5) {
    Net net;
    daf::get<1>(net.operators).believed_for_x = believed_for_x;
    daf::get<1>(net.operators).believed_for_factor = believed_for_factor;
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Net, daf::Cpu, double> model(cpu, daf::max_batch(2), daf::Seed{1}, net);
    model.template parameters_of<1>().factor[0] = 3;
    const std::vector<double> parameters(model.parameters().begin(), model.parameters().end());
    const std::vector<double> x{first_pixel, -1, 2, 0.25, 1, 0.75, -0.5, 3};
    const double error = daf::gradient_error(model, daf::batch_of<Row>(x));
    CHECK(parameters == std::vector<double>(model.parameters().begin(), model.parameters().end()));
    return error;
}

}  // namespace

TEST_CASE("gradient check: a backward pass that is right differs by rounding alone") {
    CHECK(error_of(3, 1) < 1e-6);
}

TEST_CASE("gradient check: a wrong dx and a wrong gradient of a parameter are found") {
    CHECK(error_of(3.01, 1) > 1e-3);
    CHECK(error_of(3, 1.01) > 1e-3);
    CHECK(error_of(3, 0) > 1e-1);
}

TEST_CASE("gradient check: a NaN is no small error") {
    CHECK(std::isnan(error_of(3, 1, std::numeric_limits<double>::quiet_NaN())));
}
