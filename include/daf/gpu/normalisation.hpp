#pragma once
// Batch normalisation in pieces, for BatchNorm and for operators that have it inside. Sums are of differences
// from a value of the channel's own, so that a large mean costs no digits.
#include <cmath>
#include <daf/gpu/channel_sums.hpp>

namespace daf::gpu {

/// What a ReLU behind the normalisation does to it.
enum class Rectify { no, yes };

/// y = (z - centre) * scale + offset for W neighbouring channels. The centre is subtracted first.
template <class T, Index W>
struct AffinePack {
    Pack<T, W> centre, scale, offset;

    /// The same bits wherever it is computed.
    DAF_HOST_DEVICE T operator()(T z, Index k) const { return std::fma(z - centre[k], scale[k], offset[k]); }
};

/// The same for all channels: scale = weight * inverse_std.
template <class T>
struct ChannelAffine {
    const T *centre, *inverse_std, *weight, *offset;

    /// From channel c on.
    template <Index W>
    DAF_HOST_DEVICE AffinePack<T, W> at(Index c, Width<W>) const {
        return {load_parameters<W>(centre + c),
                load_parameters<W>(weight + c) * load_parameters<W>(inverse_std + c),
                load_parameters<W>(offset + c)};
    }
};

/// A thread reads four figures for each of its channels: it should have some rows for that.
inline constexpr Index rows_for_affine = 4;

template <class T>
struct InverseOfRunning {
    const T* running_var;
    double eps;
    T* inverse_std;
    DAF_HOST_DEVICE void operator()(Index c) const {
        inverse_std[c] = static_cast<T>(1 / std::sqrt(static_cast<double>(running_var[c]) + eps));
    }
};

template <class T>
struct Normalise {
    ChannelAffine<Wide<T>> affine;
    Rectify rectify;
    Index channels;
    const T* z;
    T* y;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this, affine = affine.at(c, width)](Index row) {
            const Index i = row * channels + c;
            return [=, this, &affine, given = read<W>(z + i)] {
                Pack<Wide<T>, W> pack = widened(given);
                for (Index k = 0; k < W; ++k) {
                    const Wide<T> value = affine(pack[k], k);
                    pack[k] = rectify == Rectify::yes && value < 0 ? 0 : value;
                }
                store(y + i, pack);
            };
        };
    }
};

/// y = the normalised z, rectified if asked.
template <GridBackend Backend, class T>
void normalise(Backend& ctx, SumSize size, const ChannelAffine<Wide<T>>& affine, Rectify rectify, const T* z,
               T* y) {
    for_each_row<T>(ctx, size.rows, size.channels, aligned(z, y),
                    Normalise<T>{affine, rectify, size.channels, z, y}, rows_for_affine);
}

/// Deviations from the channel's first value, and their squares.
template <class T>
struct MomentTerms {
    const T* z;
    Index channels;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W>) const {
        return [=, this, first = load<W>(z + c)](Index row, Pack<TermsOf<Wide<T>>, W>& sums) {
            const Pack<Wide<T>, W> pack = load<W>(z + row * channels + c);
            for (Index k = 0; k < W; ++k) {
                const Wide<T> deviation = pack[k] - first[k];
                sums[k] += TermsOf<Wide<T>>{deviation, deviation * deviation};
            }
        };
    }
};

/// A channel's moments from the sums of its deviations from `origin` and of their squares: what backward
/// reads, and the step of the running figures.
template <class T>
struct KeepMoments {
    Index rows;
    double eps, momentum;
    T *mean, *inverse_std, *running_mean, *running_var;

    DAF_HOST_DEVICE void operator()(Index c, double origin, Terms sum) const {
        const double n = static_cast<double>(rows), shift = sum.first / n;
        const double squares = sum.second - sum.first * shift;
        const double variance = squares < 0 ? 0 : squares / n;  // rounding may leave a constant just below
        const double batch_mean = origin + shift;
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

template <class T>
struct MomentsFromFirst {
    const T* z;
    KeepMoments<Wide<T>> keep;
    DAF_HOST_DEVICE void operator()(Index c, Terms sum) const { keep(c, static_cast<double>(z[c]), sum); }
};

template <class T>
struct MomentsOfSums {
    const float *sums, *squares;
    KeepMoments<T> keep;
    DAF_HOST_DEVICE void operator()(Index c) const {
        keep(c, 0, {static_cast<double>(sums[c]), static_cast<double>(squares[c])});
    }
};

/// The moments of z's channels.
template <GridBackend Backend, class T>
void find_moments(Backend& ctx, Index channels, const T* z, const KeepMoments<Wide<T>>& keep) {
    sum_over_rows<T>(ctx, SumSize{keep.rows, channels}, aligned(z), MomentTerms<T>{z, channels},
                     MomentsFromFirst<T>{z, keep});
}

// ---- The gradient through a training normalisation, and a ReLU behind it if asked:
//   dz = dy' * scale + (z - centre) * by_z + constant,     dy' = dy where the rectified output is positive

/// dy in memory: at(channel, width) gives what is called with a row and the place of that element, and reads
/// what widened() takes.
template <class T>
struct StoredSlopes {
    const T* data;

    bool wide() const { return aligned(data); }
    template <Index W>
    DAF_HOST_DEVICE auto at(Index, Width<W>) const {
        return [from = data](Index, Index i) { return read<W>(from + i); };
    }
};

/// dy', where its output is known again from z. dy: StoredSlopes, or slopes that are made as they are read.
template <class T, class DY>
struct RectifiedSlope {
    ChannelAffine<Wide<T>> affine;
    Rectify rectify;
    Index channels;
    const T* z;
    DY dy;

    bool wide() const { return aligned(z) && dy.wide(); }
    template <Index W>
    DAF_HOST_DEVICE Wide<T> operator()(const AffinePack<Wide<T>, W>& by, Index k, Wide<T> value,
                                       Wide<T> slope) const {
        return rectify == Rectify::no || by(value, k) > 0 ? slope : 0;
    }
};

/// dy' and dy' * (z - centre).
template <class T, class DY>
struct GradientTerms {
    RectifiedSlope<T, DY> slope;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this, affine = slope.affine.at(c, width), dy = slope.dy.at(c, width)](
                   Index row, Pack<TermsOf<Wide<T>>, W>& sums) {
            const Index i = row * slope.channels + c;
            const Pack<Wide<T>, W> z = load<W>(slope.z + i), outer = widened(dy(row, i));
            for (Index k = 0; k < W; ++k) {
                const Wide<T> inner = slope(affine, k, z[k], outer[k]);
                sums[k] += TermsOf<Wide<T>>{inner, inner * (z[k] - affine.centre[k])};
            }
        };
    }
};

template <class T>
struct FinishGradients {
    const T *weight, *inverse_std;
    Index rows;
    T *dweight, *dbias, *by_z, *constant;

    DAF_HOST_DEVICE void operator()(Index c, Terms sum) const {
        const double inverse = static_cast<double>(inverse_std[c]), sum_dy_z = sum.second * inverse;
        const double of_sum = -static_cast<double>(weight[c]) * inverse / static_cast<double>(rows);
        add_sum(dbias[c], sum.first);
        add_sum(dweight[c], sum_dy_z);
        by_z[c] = static_cast<T>(of_sum * inverse * sum_dy_z);
        constant[c] = static_cast<T>(of_sum * sum.first);
    }
};

template <class T, class DY>
struct ApplyGradient {
    RectifiedSlope<T, DY> slope;
    const Wide<T>* by_z;  // scratch, and so aligned
    const Wide<T>* constant;
    Slopes<T> dz;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [=, this, affine = slope.affine.at(c, width), dy = slope.dy.at(c, width),
                by_z = load<W>(by_z + c), constant = load<W>(constant + c)](Index row) {
            const Index i = row * slope.channels + c;
            const auto rest = [=, this, &affine, &by_z, &constant, given = read<W>(slope.z + i),
                               given_dy = dy(row, i), there = dz.there(i, width)] {
                const Pack<Wide<T>, W> z = widened(given), outer = widened(given_dy);
                const auto inner = pack_of<Wide<T>, W>([&](Index k) {
                    return std::fma(slope(affine, k, z[k], outer[k]), affine.scale[k],
                                    std::fma(z[k] - affine.centre[k], by_z[k], constant[k]));
                });
                dz.write(i, inner, there);
            };
            // Slopes that are made as they are read are more than registers hold of two rows.
            if constexpr (std::is_same_v<DY, StoredSlopes<T>>) {
                return rest;
            } else {
                rest();
            }
        };
    }
};

/// Bytes of scratch of NormalisationGradient: what it keeps, and more while it adds.
template <class T>
constexpr Index gradient_scratch_bytes(SumSize size) {
    return 2 * scratch_size<Wide<T>>(size.channels) + size.scratch_bytes();
}

template <class T, class DY = StoredSlopes<T>>
class NormalisationGradient {
  public:
    using Number = Wide<T>;

    /// Adds up, and adds to dweight and dbias. `frame` gives what apply() reads.
    template <GridBackend Backend, class Frame>
    NormalisationGradient(Backend& ctx, Frame& frame, SumSize size, Rectify rectify, const T* z, DY dy,
                          const Number* mean, const Number* inverse_std, const Number* weight,
                          const Number* bias, Number* dweight, Number* dbias)
        : size_(size),
          by_z_(frame.template take<Number>(size.channels)),
          constant_(frame.template take<Number>(size.channels)),
          slope_{{mean, inverse_std, weight, bias}, rectify, size.channels, z, dy} {
        sum_over_rows<T>(
            ctx, size, slope_.wide(), GradientTerms<T, DY>{slope_},
            FinishGradients<Number>{weight, inverse_std, size.rows, dweight, dbias, by_z_, constant_});
    }

    /// dz = or += the gradient. dz may be a dy in memory.
    template <GridBackend Backend>
    void apply(Backend& ctx, Slopes<T> dz) const {
        for_each_row<T>(ctx, size_.rows, size_.channels, slope_.wide() && aligned(dz.data),
                        ApplyGradient<T, DY>{slope_, by_z_, constant_, dz}, rows_for_affine);
    }

  private:
    SumSize size_;
    Number *by_z_, *constant_;
    RectifiedSlope<T, DY> slope_;
};

}  // namespace daf::gpu
