#pragma once
// Batch normalisation in pieces, for BatchNorm and for operators that have it inside: the statistics of a
// batch, the sums of its gradients, and the passes over the map. Sizes are known at run time, so that one
// piece of code serves every layer. A map is `pixels` rows of `channels` elements; SIMD lanes run over the
// channels. Sums are kept for each chunk of images and combined in the chunks' order.
#include <cmath>
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>
#include <type_traits>

namespace daf::cpu {

/// y = (z - centre) * scale + offset, channel by channel. The centre is subtracted first, so that a large
/// mean costs no digits.
template <class T>
struct ChannelAffine {
    const T* centre;
    const T* scale;
    const T* offset;
};

/// What a ReLU behind the normalisation does to it.
enum class Rectify { no, yes };

/// Positions that are added up in T before the sum is widened to double.
inline constexpr Index pixels_per_sum = 64;

namespace detail {

/// sum and squares of z - shift over the pixels, for one strip.
template <class P, int Count, class T>
void sum_deviations(const T* z, Index pixels, Index channels, const T* shift, T* sum, T* squares) {
    constexpr Index lane = packet_size<P>;
    P centre[Count], s1[Count], s2[Count];
    unroll<Count>([&](auto i) {
        centre[i] = packet::ploadu<P>(shift + i * lane);
        s1[i] = s2[i] = packet::pset1<P>(T(0));
    });
    for (Index p = 0; p < pixels; ++p, z += channels) {
        unroll<Count>([&](auto i) {
            const P d = packet::psub(packet::ploadu<P>(z + i * lane), centre[i]);
            s1[i] = packet::padd(s1[i], d);
            s2[i] = packet::pmadd(d, d, s2[i]);
        });
    }
    unroll<Count>([&](auto i) {
        packet::pstoreu(sum + i * lane, s1[i]);
        packet::pstoreu(squares + i * lane, s2[i]);
    });
}

/// An affine of one strip, in registers.
template <class P, int Count>
struct AffineStrip {
    P centre[Count], scale[Count], offset[Count];

    template <class T>
    AffineStrip(const ChannelAffine<T>& affine, Index first) {
        load(affine.centre + first, centre);
        load(affine.scale + first, scale);
        load(affine.offset + first, offset);
    }
    template <class T>
    static void load(const T* from, P (&to)[Count]) {
        unroll<Count>([&](auto i) { to[i] = packet::ploadu<P>(from + i * packet_size<P>); });
    }
    /// The normalised values of the i-th packet: the same bits wherever they are computed.
    P operator()(int i, P deviation) const { return packet::pmadd(deviation, scale[i], offset[i]); }
};

/// Asks for what a pass over a map reads a little later than its i-th packet `at`, a line at a time.
/// Processors do it of themselves, but not so far, nor across pages. Forced inline: g++ leaves out the call
/// of a function that does nothing but ask.
template <class P, int I, class T>
[[gnu::always_inline]] inline void ask_ahead(const T* at, std::integral_constant<int, I>) {
    constexpr Index line = 64 / sizeof(T), ahead = 4096 / sizeof(T);
    if constexpr (!std::is_same_v<P, T> && I * packet_size<P> % line == 0) __builtin_prefetch(at + ahead);
}

/// body(pixels, elements before the run's first) for runs of so many pixels that stay in the nearest cache
/// while strip after strip of them is read.
template <class Body>
void for_each_run(Index pixels, Index channels, const Body& body) {
    for (Index start = 0; start < pixels; start += pixels_per_sum)
        body(std::min(pixels_per_sum, pixels - start), start * channels);
}

/// sum of dy and of dy * (z - centre) over the pixels, for one strip; dy counts where its output was
/// positive.
template <Rectify R, class P, int Count, class T>
void sum_gradients(const T* z, const T* dy, Index pixels, Index channels, const ChannelAffine<T>& affine,
                   Index first, T* sum_dy, T* sum_dy_z) {
    constexpr Index lane = packet_size<P>;
    const P zero = packet::pset1<P>(T(0));
    const AffineStrip<P, Count> forward(affine, first);
    P s1[Count], s2[Count];
    unroll<Count>([&](auto i) { s1[i] = s2[i] = zero; });
    z += first;
    dy += first;
    for (Index p = 0; p < pixels; ++p, z += channels, dy += channels) {
        unroll<Count>([&](auto i) {
            ask_ahead<P>(z + i * lane, i);
            ask_ahead<P>(dy + i * lane, i);
            const P d = packet::psub(packet::ploadu<P>(z + i * lane), forward.centre[i]);
            P slope = packet::ploadu<P>(dy + i * lane);
            if constexpr (R == Rectify::yes)
                slope = packet::pand(slope, packet::pcmp_lt(zero, forward(i, d)));
            s1[i] = packet::padd(s1[i], slope);
            s2[i] = packet::pmadd(slope, d, s2[i]);
        });
    }
    unroll<Count>([&](auto i) {
        packet::pstoreu(sum_dy + i * lane, s1[i]);
        packet::pstoreu(sum_dy_z + i * lane, s2[i]);
    });
}

}  // namespace detail

/// A normalisation by saved (or running) figures: scale = weight * inverse_std, in memory of `channels`
/// elements.
template <class T>
ChannelAffine<T> normalisation(Index channels, const T* mean, const T* inverse_std, const T* weight,
                               const T* bias, T* scale) {
    for (Index c = 0; c < channels; ++c) scale[c] = weight[c] * inverse_std[c];
    return {mean, scale, bias};
}

/// The same by running figures.
template <class T>
ChannelAffine<T> running_normalisation(Index channels, const T* running_mean, const T* running_var,
                                       double eps, const T* weight, const T* bias, T* scale) {
    for (Index c = 0; c < channels; ++c) {
        scale[c] = static_cast<T>(static_cast<double>(weight[c]) /
                                  std::sqrt(static_cast<double>(running_var[c]) + eps));
    }
    return {running_mean, scale, bias};
}

/// y = affine(z), rectified if asked. y may be z.
template <Rectify R, class T>
void normalise(const T* z, Index pixels, Index channels, const ChannelAffine<T>& affine, T* y) {
    detail::for_each_run(pixels, channels, [&](Index run, Index offset) {
        for_each_strip<T>(channels, [&]<class P, int Count>(Index first) {
            constexpr Index lane = packet_size<P>;
            const detail::AffineStrip<P, Count> forward(affine, first);
            const T* from = z + offset + first;
            T* to = y + offset + first;
            for (Index p = 0; p < run; ++p, from += channels, to += channels) {
                detail::unroll<Count>([&](auto i) {
                    detail::ask_ahead<P>(from + i * lane, i);
                    P value = forward(i, packet::psub(packet::ploadu<P>(from + i * lane), forward.centre[i]));
                    if constexpr (R == Rectify::yes) value = rectified(value);
                    packet::pstoreu(to + i * lane, value);
                });
            }
        });
    });
}

/// Mean and variance of each channel of a batch. A chunk adds its images in their order; chunks may run in
/// parallel.
///
/// Deviations are taken from the chunk's mean so far (for its first pixels, from a first estimate of their
/// own), so that nothing cancels, however large the mean beside the deviation; runs of pixels and chunks are
/// joined by Chan's update.
template <class T>
class BatchMoments {
  public:
    BatchMoments(Index channels, Index chunks) : channels_(channels), chunks_(chunks) {}

    /// What take() takes from the frame.
    Index scratch() const { return chunks_ * scratch_size<double>(chunk_size()); }
    void take(ScratchFrame& frame) {
        chunk_moments_ = frame.take_pieces<double>(chunks_, chunk_size());
        for (Index chunk = 0; chunk < chunks_; ++chunk) std::fill_n(chunk_moments_[chunk], chunk_size(), 0.0);
    }

    /// Adds `pixels` pixels to a chunk.
    void add(const T* z, Index pixels, Index chunk) const {
        detail::for_each_run(pixels, channels_,
                             [&](Index run, Index offset) { add_run(z + offset, run, at(chunk)); });
    }

    /// Joins the chunks; mean() and variance() hold from here on. To be called once.
    void join() const {
        const Moments all = at(0);
        for (Index chunk = 1; chunk < chunks_; ++chunk) {
            const Moments part = at(chunk);
            if (*part.count == 0) continue;
            const double share = *part.count / (*all.count + *part.count), spread = *all.count * share;
            for (Index c = 0; c < channels_; ++c) {
                const double apart = part.mean[c] - all.mean[c];
                all.mean[c] += apart * share;
                all.squares[c] += part.squares[c] + apart * apart * spread;
            }
            *all.count += *part.count;
        }
    }
    double count() const { return *at(0).count; }
    double mean(Index c) const { return at(0).mean[c]; }
    /// Biased: the mean square deviation.
    double variance(Index c) const {
        const double squares = at(0).squares[c];
        return squares < 0 ? 0 : squares / count();  // rounding may leave a constant channel just below zero
    }

    /// After join(): what backward reads, and the step of the running figures.
    void finish(double eps, double momentum, T* mean_out, T* inverse_std, T* running_mean,
                T* running_var) const {
        const double unbiased = count() / (count() - 1);
        const auto move = [momentum](T& running, double to) {
            running = static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * to);
        };
        for (Index c = 0; c < channels_; ++c) {
            mean_out[c] = static_cast<T>(mean(c));
            inverse_std[c] = static_cast<T>(1 / std::sqrt(variance(c) + eps));
            move(running_mean[c], mean(c));
            move(running_var[c], variance(c) * unbiased);
        }
    }

  private:
    /// One chunk's: for each channel the mean and the sum of squares around it, and over how many pixels.
    struct Moments {
        double *mean, *squares, *count;
    };
    Index chunk_size() const { return 2 * channels_ + 1; }
    Moments at(Index chunk) const {
        double* mean = chunk_moments_[chunk];
        return {mean, mean + channels_, mean + 2 * channels_};
    }

    void add_run(const T* z, Index pixels, const Moments& to) const {
        const auto count = static_cast<double>(pixels);
        const double share = count / (*to.count + count), spread = *to.count * share;
        for_each_strip<T>(channels_, [&]<class P, int Count>(Index first) {
            constexpr Index width = Count * packet_size<P>;
            T shift[width], sum[width], squares[width];
            for (Index i = 0; i < width; ++i) shift[i] = static_cast<T>(to.mean[first + i]);
            if (*to.count == 0) {
                detail::sum_deviations<P, Count>(z + first, pixels, channels_, shift, sum, squares);
                for (Index i = 0; i < width; ++i) shift[i] = sum[i] / static_cast<T>(pixels);
            }
            detail::sum_deviations<P, Count>(z + first, pixels, channels_, shift, sum, squares);
            for (Index i = 0; i < width; ++i) {
                const double s = static_cast<double>(sum[i]), from_shift = s / count;
                const double apart = static_cast<double>(shift[i]) + from_shift - to.mean[first + i];
                to.mean[first + i] += apart * share;
                to.squares[first + i] +=
                    static_cast<double>(squares[i]) - s * from_shift + apart * apart * spread;
            }
        });
        *to.count += count;
    }

    Index channels_, chunks_;
    ScratchPieces<double> chunk_moments_;
};

/// The gradient through a training normalisation (and a ReLU behind it, if asked): first the sums over the
/// batch, then
///   dz = dy' * scale + (z - centre) * by_z + constant,     dy' = dy where the rectified output is positive
template <class T, Rectify R>
class NormalisationGradient {
  public:
    NormalisationGradient(Index channels, Index chunks) : channels_(channels), chunks_(chunks) {}

    Index scratch() const {
        return chunks_ * scratch_size<double>(2 * channels_) + 2 * scratch_size<T>(channels_);
    }
    /// affine: of the forward pass, of the saved figures.
    void take(ScratchFrame& frame, const ChannelAffine<T>& affine) {
        affine_ = affine;
        sums_ = frame.take_pieces<double>(chunks_, 2 * channels_);
        by_z_ = frame.take<T>(channels_);
        constant_ = frame.take<T>(channels_);
        for (Index chunk = 0; chunk < chunks_; ++chunk) std::fill_n(sums_[chunk], 2 * channels_, 0.0);
    }

    /// Adds `pixels` pixels to a chunk's sums.
    void add(const T* z, const T* dy, Index pixels, Index chunk) const {
        double* sum = sums_[chunk];
        detail::for_each_run(pixels, channels_, [&](Index run, Index offset) {
            for_each_strip<T>(channels_, [&]<class P, int Count>(Index first) {
                constexpr Index width = Count * packet_size<P>;
                T sum_dy[width], sum_dy_z[width];
                detail::sum_gradients<R, P, Count>(z + offset, dy + offset, run, channels_, affine_, first,
                                                   sum_dy, sum_dy_z);
                for (Index i = 0; i < width; ++i) {
                    sum[first + i] += static_cast<double>(sum_dy[i]);
                    sum[channels_ + first + i] += static_cast<double>(sum_dy_z[i]);
                }
            });
        });
    }

    /// Joins the chunks' sums: dweight and dbias are added to, and apply() is ready. values: pixels in the
    /// batch.
    void finish(Index values, const T* inverse_std, T* dweight, T* dbias) const {
        double* all = sums_[0];
        for (Index chunk = 1; chunk < chunks_; ++chunk) {
            for (Index i = 0; i < 2 * channels_; ++i) all[i] += sums_[chunk][i];
        }
        for (Index c = 0; c < channels_; ++c) {
            const auto inverse = static_cast<double>(inverse_std[c]);
            const double sum_dy = all[c], sum_dy_z = all[channels_ + c] * inverse;
            const double of_sum = -static_cast<double>(affine_.scale[c]) / static_cast<double>(values);
            dbias[c] += static_cast<T>(sum_dy);
            dweight[c] += static_cast<T>(sum_dy_z);
            by_z_[c] = static_cast<T>(of_sum * inverse * sum_dy_z);
            constant_[c] = static_cast<T>(of_sum * sum_dy);
        }
    }

    /// dz = or += the gradient. dz may be dy, or z.
    void apply(const T* z, const T* dy, Index pixels, T* dz, bool accumulate) const {
        detail::for_each_run(pixels, channels_, [&](Index run, Index offset) {
            for_each_strip<T>(channels_, [&]<class P, int Count>(Index first) {
                const Index at = offset + first;
                apply_strip<P, Count>(z + at, dy + at, run, first, dz + at, accumulate);
            });
        });
    }

  private:
    template <class P, int Count>
    void apply_strip(const T* z, const T* dy, Index pixels, Index first, T* dz, bool accumulate) const {
        constexpr Index lane = packet_size<P>;
        using Strip = detail::AffineStrip<P, Count>;
        const Strip forward(affine_, first);
        P by_z[Count], constant[Count];
        Strip::load(by_z_ + first, by_z);
        Strip::load(constant_ + first, constant);
        for (Index p = 0; p < pixels; ++p, z += channels_, dy += channels_, dz += channels_) {
            detail::unroll<Count>([&](auto i) {
                detail::ask_ahead<P>(z + i * lane, i);
                detail::ask_ahead<P>(dy + i * lane, i);
                const P d = packet::psub(packet::ploadu<P>(z + i * lane), forward.centre[i]);
                P slope = packet::ploadu<P>(dy + i * lane);
                if constexpr (R == Rectify::yes)
                    slope = packet::pand(slope, packet::pcmp_lt(packet::pset1<P>(T(0)), forward(i, d)));
                P value = packet::pmadd(slope, forward.scale[i], packet::pmadd(d, by_z[i], constant[i]));
                if (accumulate) value = packet::padd(value, packet::ploadu<P>(dz + i * lane));
                packet::pstoreu(dz + i * lane, value);
            });
        }
    }

    Index channels_, chunks_;
    ChannelAffine<T> affine_{};
    ScratchPieces<double> sums_;  // a chunk's
    T* by_z_ = nullptr;
    T* constant_ = nullptr;
};

}  // namespace daf::cpu
