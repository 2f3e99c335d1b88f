#pragma once
#include <daf/ops/batch_norm.hpp>
#include <daf/ops/conv2d.hpp>
#include <daf/ops/relu.hpp>

namespace daf {

namespace header {
struct conv_bn_relu {
    static constexpr const char* name = "conv_bn_relu";
};
}  // namespace header

/// y = relu(batch_norm(conv(x))): one layer of the paper's blocks (section 3.1), as one operator. In training
/// the batch's statistics normalise and move the running ones; in eval the running ones normalise (see
/// BatchNorm, Conv2d, Relu: this is their composition).
///   x (H,W,C)   y (H,W,Features)
///   weight (K,K,C,Features), decayed, He    gamma, beta (Features), undecayed, ones and zeros
///   running_mean, running_var (Features), state
/// Saved: z = conv(x), the batch's mean and 1/deviation; backward reads x, not y. x and y may not overlap.
/// Throws ArgumentError in training where a channel has a single value. Bits do not depend on threads.
template <MapShape In, Index Features, Index K = 3>
struct ConvBnRelu {
    using Header = header::conv_bn_relu;
    using Convolution = Conv2d<In, Features, K>;
    using Normalisation = BatchNorm<typename Convolution::Output>;
    using Input = In;
    using Output = typename Convolution::Output;
    static constexpr Index kernel = K;
    static constexpr Index stride = 1;
    static constexpr Index least_training_batch = Normalisation::least_training_batch;
    static constexpr bool backward_reads_x = true;
    static constexpr bool backward_reads_y = false;

    /// Named as in PyTorch's Sequential(Conv2d, BatchNorm2d, ReLU).
    template <class T, class Space = Host>
    struct Parameters {
        View<Shape<K, K, In::channels, Features>, T, Space> weight;
        View<Shape<Features>, T, Space> gamma, beta, running_mean, running_var;

        static constexpr auto fields() {
            return Tuple{
                Parameter{"0.weight", &Parameters::weight, Role::decayed, init::he(K * K * In::channels),
                          convolution_layout},
                Parameter{"1.weight", &Parameters::gamma, Role::undecayed, init::ones},
                Parameter{"1.bias", &Parameters::beta, Role::undecayed},
                Parameter{"1.running_mean", &Parameters::running_mean, Role::state},
                Parameter{"1.running_var", &Parameters::running_var, Role::state, init::ones},
            };
        }
    };

    template <class T, class Space = Host>
    struct Saved {
        Batch<Output, T, Space> z;
        View<Shape<Features>, Wide<T>, Space> mean, inverse_std;

        static constexpr auto fields() {
            return Tuple{SavedTensor{"z", &Saved::z}, SavedTensor{"mean", &Saved::mean},
                         SavedTensor{"inverse_std", &Saved::inverse_std}};
        }
    };
};

}  // namespace daf
