#pragma once
// Whether a backward pass is the derivative of its forward pass: for those who write operators.
#include <algorithm>
#include <cmath>
#include <daf/net/model.hpp>
#include <vector>

namespace daf {

/// The largest difference between a model's gradients, by its parameters and by x, and central differences of
/// the sum of y^2 / 2. Below 1e-6 for a backward pass that is right, unless x stands on a kink; of the
/// gradients' own size for one that is wrong. It runs the model twice for every number, so make it small, and
/// without dropout, which draws anew every time. Leaves parameters as they were, running statistics moved and
/// gradients replaced.
template <class Seq, class Backend>
double gradient_error(Model<Seq, Backend, double>& model, Batch<typename Seq::Input, const double> images,
                      double step = 1e-5) {
    using Input = Batch<typename Seq::Input, double>;
    std::vector<double> x(images.data(), images.data() + images.size()), dx(x.size());
    const Input in{x.data(), images.count()};
    const auto objective = [&] {
        const auto y = model.forward_train(in);
        double sum = 0;
        for (Index i = 0; i < y.size(); ++i) sum += y.data()[i] * y.data()[i] / 2;
        return sum;
    };
    model.zero_gradients();
    const auto y = model.forward_train(in);
    const std::vector<double> dy(y.data(), y.data() + y.size());  // the objective's derivative by y is y
    model.backward(in, Batch<typename Seq::Output, const double>{dy.data(), y.count()},
                   overwrite(Input{dx.data(), images.count()}));

    double error = 0;
    const auto compare = [&](double& value, double gradient) {
        const double before = value;
        value = before + step;
        const double above = objective();
        value = before - step;
        const double difference = (above - objective()) / (2 * step) - gradient;
        value = before;
        if (!std::isnan(error) && !(std::abs(difference) <= error)) error = std::abs(difference);
    };
    constexpr auto trained = static_cast<std::size_t>(parameter_segments<Seq>.trained());
    for (std::size_t i = 0; i < trained; ++i) compare(model.parameters()[i], model.gradients()[i]);
    for (std::size_t i = 0; i < x.size(); ++i) compare(x[i], dx[i]);
    return error;
}

}  // namespace daf
