#pragma once
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct batch_norm {
    static constexpr const char* name = "batch_norm";
};
}  // namespace header

/// y = (x - mean) / sqrt(var + eps) * weight + bias, per channel (Ioffe and Szegedy 2015; section 3.1 of the
/// paper has one behind every convolution).
///   train: mean and var of the batch over images and pixels (var biased); running = 0.9 running + 0.1 batch,
///          where the running variance takes the unbiased one. eval: the running mean and variance.
///   x, y  any shape, normalised over its channels
///   weight, bias (C), undecayed, ones and zeros      running_mean, running_var (C), state, zeros and ones
/// Saved: the batch's mean and 1 / sqrt(var + eps). Backward reads x, and differentiates through the batch's
/// mean and variance. x and y may not overlap.
/// Sums run in double (on Cpu, over runs of at most 64 pixels in T), of differences from a mean: a large mean
/// costs no digits.
/// Throws ArgumentError in training where a channel has a single value. Bits do not depend on threads.
template <AnyShape S>
struct BatchNorm {
    using Header = header::batch_norm;
    using Input = S;
    using Output = S;
    static constexpr Index channels = S::channels;
    static constexpr double eps = 1e-5;
    static constexpr double momentum = 0.1;
    static constexpr Index least_training_batch = S::area > 1 ? 1 : 2;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    template <class T, class Space = Host>
    struct Parameters {
        View<Shape<S::channels>, T, Space> weight, bias, running_mean, running_var;

        static constexpr auto fields() {
            return Tuple{
                Parameter{"weight", &Parameters::weight, Role::undecayed, init::ones},
                Parameter{"bias", &Parameters::bias, Role::undecayed},
                Parameter{"running_mean", &Parameters::running_mean, Role::state},
                Parameter{"running_var", &Parameters::running_var, Role::state, init::ones},
            };
        }
    };

    template <class T, class Space = Host>
    struct Saved {
        View<Shape<S::channels>, Wide<T>, Space> mean, inverse_std;

        static constexpr auto fields() {
            return Tuple{SavedTensor{"mean", &Saved::mean}, SavedTensor{"inverse_std", &Saved::inverse_std}};
        }
    };
};

}  // namespace daf
