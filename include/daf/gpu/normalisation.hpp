#pragma once
// Batch normalisation in pieces, for BatchNorm and for operators that have it inside. Sums run in double, of differences
// from a value of the channel's own, so that a large mean costs no digits.
#include <cmath>
#include <daf/gpu/channel_sums.hpp>

namespace daf::gpu {

/// What a ReLU behind the normalisation does to it.
enum class Rectify { no, yes };

/// y = (z - centre) * slope + offset, channel by channel. The centre is subtracted first.
template <class T>
struct ChannelAffine {
    const T* centre;
    const T* slope;
    const T* offset;

    /// The same bits wherever it is computed.
    DAF_HOST_DEVICE T operator()(T z, Index c) const { return std::fma(z - centre[c], slope[c], offset[c]); }
};

/// slope = weight * inverse_std.
template <class T>
struct SlopeOfSaved {
    const T *weight, *inverse_std;
    T* slope;
    DAF_HOST_DEVICE void operator()(Index c) const { slope[c] = weight[c] * inverse_std[c]; }
};

/// The same by running figures.
template <class T>
struct SlopeOfRunning {
    const T *weight, *running_var;
    T* slope;
    double eps;
    DAF_HOST_DEVICE void operator()(Index c) const {
        const double inverse_std = 1 / std::sqrt(static_cast<double>(running_var[c]) + eps);
        slope[c] = static_cast<T>(static_cast<double>(weight[c]) * inverse_std);
    }
};

/// The normalisation by what was saved; `slope` is memory for its factors.
template <GridBackend Backend, class T>
ChannelAffine<T> saved_normalisation(Backend& ctx, Index channels, const T* mean, const T* inverse_std,
                                     const T* weight, const T* bias, T* slope) {
    for_each(ctx, channels, SlopeOfSaved<T>{weight, inverse_std, slope});
    return {mean, slope, bias};
}

template <GridBackend Backend, class T>
ChannelAffine<T> running_normalisation(Backend& ctx, Index channels, const T* running_mean,
                                       const T* running_var, double eps, const T* weight, const T* bias,
                                       T* slope) {
    for_each(ctx, channels, SlopeOfRunning<T>{weight, running_var, slope, eps});
    return {running_mean, slope, bias};
}

template <class T>
struct Normalise {
    ChannelAffine<T> affine;
    Rectify rectify;
    Index channels;
    const T* z;
    T* y;
    DAF_HOST_DEVICE void operator()(Index i) const {
        const T value = affine(z[i], i % channels);
        y[i] = rectify == Rectify::yes && value < T(0) ? T(0) : value;
    }
};

/// Deviations from the channel's first value, and their squares.
template <class T>
struct MomentTerms {
    const T* z;
    Index channels;
    DAF_HOST_DEVICE Terms operator()(Index row, Index c) const {
        const double deviation = static_cast<double>(z[row * channels + c]) - static_cast<double>(z[c]);
        return {deviation, deviation * deviation};
    }
};

/// What backward reads, and the step of the running figures.
template <class T>
struct FinishMoments {
    const T* z;
    Index rows;
    double eps, momentum;
    T *mean, *inverse_std, *running_mean, *running_var;

    DAF_HOST_DEVICE void operator()(Index c, Terms sum) const {
        const double n = static_cast<double>(rows), shift = sum.first / n;
        const double squares = sum.second - sum.first * shift;
        const double variance = squares < 0 ? 0 : squares / n;  // rounding may leave a constant just below
        const double batch_mean = static_cast<double>(z[c]) + shift;
        mean[c] = static_cast<T>(batch_mean);
        inverse_std[c] = static_cast<T>(1 / std::sqrt(variance + eps));
        running_mean[c] = moved(running_mean[c], batch_mean);
        running_var[c] = moved(running_var[c], variance * (n / (n - 1)));
    }

  private:
    DAF_HOST_DEVICE T moved(T running, double to) const {
        return static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * to);
    }
};

/// Mean and 1/deviation of z's channels; running figures take a step to them.
template <class Bn, GridBackend Backend, class T>
void find_moments(Backend& ctx, SumSize size, const T* z, T* mean, T* inverse_std, T* running_mean,
                  T* running_var) {
    sum_over_rows(
        ctx, size, MomentTerms<T>{z, size.channels},
        FinishMoments<T>{z, size.rows, Bn::eps, Bn::momentum, mean, inverse_std, running_mean, running_var});
}

// ---- The gradient through a training normalisation, and a ReLU behind it if asked:
//   dz = dy' * slope + (z - centre) * by_z + constant,     dy' = dy where the rectified output is positive

/// dy', where its output is known again from z.
template <class T>
struct RectifiedSlope {
    ChannelAffine<T> affine;
    Rectify rectify;
    Index channels;
    const T *z, *dy;

    DAF_HOST_DEVICE T operator()(Index i, Index c) const {
        return rectify == Rectify::no || affine(z[i], c) > T(0) ? dy[i] : T(0);
    }
};

/// dy' and dy' * (z - centre).
template <class T>
struct GradientTerms {
    RectifiedSlope<T> slope;
    DAF_HOST_DEVICE Terms operator()(Index row, Index c) const {
        const Index i = row * slope.channels + c;
        const double dy = static_cast<double>(slope(i, c));
        return {dy, dy * static_cast<double>(slope.z[i] - slope.affine.centre[c])};
    }
};

template <class T>
struct FinishGradients {
    const T *slope, *inverse_std;
    Index rows;
    T *dweight, *dbias, *by_z, *constant;

    DAF_HOST_DEVICE void operator()(Index c, Terms sum) const {
        const double inverse = static_cast<double>(inverse_std[c]), sum_dy_z = sum.second * inverse;
        const double scale = -static_cast<double>(slope[c]) / static_cast<double>(rows);
        dbias[c] += static_cast<T>(sum.first);
        dweight[c] += static_cast<T>(sum_dy_z);
        by_z[c] = static_cast<T>(scale * inverse * sum_dy_z);
        constant[c] = static_cast<T>(scale * sum.first);
    }
};

template <class T>
struct ApplyGradient {
    RectifiedSlope<T> slope;
    const T *by_z, *constant;
    Slopes<T> dz;

    DAF_HOST_DEVICE void operator()(Index i) const {
        const Index c = i % slope.channels;
        const T deviation = slope.z[i] - slope.affine.centre[c];
        dz.write(i, std::fma(slope(i, c), slope.affine.slope[c], std::fma(deviation, by_z[c], constant[c])));
    }
};

/// Bytes of scratch of NormalisationGradient: what it keeps, and more while it adds.
template <class T>
constexpr Index gradient_scratch_bytes(SumSize size) {
    return 3 * scratch_size<T>(size.channels) + size.scratch_bytes();
}

template <class T>
class NormalisationGradient {
  public:
    /// Adds up, and adds to dweight and dbias. `frame` gives what apply() reads.
    template <GridBackend Backend, class Frame>
    NormalisationGradient(Backend& ctx, Frame& frame, SumSize size, Rectify rectify, const T* z, const T* dy,
                          const T* mean, const T* inverse_std, const T* weight, const T* bias, T* dweight,
                          T* dbias)
        : size_(size),
          by_z_(frame.template take<T>(size.channels)),
          constant_(frame.template take<T>(size.channels)),
          slope_{saved_normalisation(ctx, size.channels, mean, inverse_std, weight, bias,
                                     frame.template take<T>(size.channels)),
                 rectify, size.channels, z, dy} {
        sum_over_rows(ctx, size, GradientTerms<T>{slope_},
                      FinishGradients<T>{slope_.affine.slope, inverse_std, size.rows, dweight, dbias, by_z_,
                                         constant_});
    }

    /// dz = or += the gradient. dz may be dy.
    template <GridBackend Backend>
    void apply(Backend& ctx, Slopes<T> dz) const {
        for_each(ctx, size_.rows * size_.channels, ApplyGradient<T>{slope_, by_z_, constant_, dz});
    }

  private:
    SumSize size_;
    T *by_z_, *constant_;
    RectifiedSlope<T> slope_;
};

}  // namespace daf::gpu
