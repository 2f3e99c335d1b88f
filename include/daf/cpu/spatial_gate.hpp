#pragma once
// Eq 3 beside the passes over the map; the counterpart of channel_gate.hpp.
#include <daf/cpu/attention_rows.hpp>
#include <daf/ops/spatial_attention.hpp>

namespace daf::cpu {

struct SpatialShape {
    Index height, width, channels, kernel;

    template <class Op>
    static constexpr SpatialShape of() {
        return {Op::Input::height, Op::Input::width, Op::Input::channels, Op::kernel};
    }
    constexpr Index positions() const { return height * width; }
    constexpr Index weights() const { return 2 * kernel * kernel; }

    /// visit(tap, output, input, count): the positions output .. output + count - 1 meet input .. through
    /// this tap, for every tap and every row of the map.
    template <class Visit>
    void for_each_meeting(const Visit& visit) const {
        const Index half = kernel / 2;
        for (Index ky = 0; ky < kernel; ++ky) {
            const Range rows = inside(ky - half, height);
            for (Index kx = 0; kx < kernel; ++kx) {
                const Range columns = inside(kx - half, width);
                if (columns.size() <= 0) continue;
                for (Index r = rows.first; r < rows.last; ++r) {
                    const Index output = r * width + columns.first;
                    visit(ky * kernel + kx, output, output + (ky - half) * width + kx - half, columns.size());
                }
            }
        }
    }

  private:
    /// The i for which both i and i + shift lie in [0, extent).
    static constexpr Range inside(Index shift, Index extent) {
        return {std::max<Index>(0, -shift), std::min(extent, extent - shift)};
    }
};

/// The convolution's parameters, and the saved tensors of image n.
template <class T>
struct SpatialTensors {
    SpatialShape shape;
    const T *weight, *bias;
    T *pools, *gate;
    std::int32_t* argmax;

    template <class Params, class Saved>
    SpatialTensors(const SpatialShape& s, const Params& params, const Saved& saved)
        : shape(s),
          weight(params.conv_weight.data()),
          bias(params.conv_bias.data()),
          pools(saved.spatial_pools.data()),
          gate(saved.spatial_gate.data()),
          argmax(saved.spatial_argmax.data()) {}

    T* pools_of(Index n, Index pool) const { return pools + (2 * n + pool) * shape.positions(); }
    T* gate_of(Index n) const { return gate + n * shape.positions(); }
    std::int32_t* argmax_of(Index n) const { return argmax + n * shape.positions(); }
};

/// One image's gate, from its rows.
template <class T>
class SpatialForward {
  public:
    SpatialForward(const SpatialTensors<T>& tensors, Index n) : tensors_(tensors), n_(n) {}

    /// Pools one position.
    void pool(const T* x, Index position) const {
        const Index channels = tensors_.shape.channels;
        const auto values = row(x, channels);
        const T largest = values.maxCoeff();
        tensors_.pools_of(n_, 0)[position] = sum_of(values) / static_cast<T>(channels);
        tensors_.pools_of(n_, 1)[position] = largest;
        tensors_.argmax_of(n_)[position] = static_cast<std::int32_t>(first_of(x, channels, largest));
    }

    /// After the last row: the gate.
    void close() const {
        auto gate = row(tensors_.gate_of(n_), tensors_.shape.positions());
        gate.setConstant(tensors_.bias[0]);
        tensors_.shape.for_each_meeting([&](Index tap, Index output, Index input, Index count) {
            const T* mean = tensors_.pools_of(n_, 0) + input;
            const T* largest = tensors_.pools_of(n_, 1) + input;
            const T w0 = tensors_.weight[2 * tap], w1 = tensors_.weight[2 * tap + 1];
            T* __restrict to = &gate[output];
            for (Index i = 0; i < count; ++i) to[i] += w0 * mean[i] + w1 * largest[i];
        });
        apply_sigmoid(gate.data(), gate.size());
    }

    T gate(Index position) const { return tensors_.gate_of(n_)[position]; }

  private:
    const SpatialTensors<T>& tensors_;
    Index n_;
};

/// From the gates' slopes to the pools' and to the convolution's gradients, which each chunk sums by itself.
template <class T>
class SpatialBackward {
  public:
    static Index scratch_bytes(const SpatialShape& shape, Index chunks) {
        return scratch_size<double>(chunks * (shape.weights() + 1)) +
               scratch_size<T>(chunks * 3 * shape.positions());
    }

    SpatialBackward(const SpatialTensors<T>& tensors, Index chunks, ScratchFrame& scratch)
        : tensors_(tensors),
          chunks_(chunks),
          sums_(scratch.take<double>(chunks * (tensors.shape.weights() + 1))),
          slopes_(scratch.take<T>(chunks * 3 * tensors.shape.positions())) {
        std::fill_n(sums_, chunks * (tensors.shape.weights() + 1), 0.0);
    }

    class Image {
      public:
        Image(const SpatialBackward& of, Index chunk, Index n)
            : tensors_(of.tensors_),
              dweight_(of.sums_ + chunk * (tensors_.shape.weights() + 1)),
              dgate_(of.slopes_ + chunk * 3 * tensors_.shape.positions()),
              dmean_(dgate_ + tensors_.shape.positions()),
              dlargest_(dmean_ + tensors_.shape.positions()),
              n_(n) {}

        T gate(Index position) const { return tensors_.gate_of(n_)[position]; }

        /// The gate's slope at each position: the sum over channels of what the gate is multiplied with times
        /// the slope of their product.
        T& dgate(Index position) const { return dgate_[position]; }

        /// After all dgate are set: back through the convolution.
        void close() const {
            const SpatialShape& shape = tensors_.shape;
            const Index positions = shape.positions();
            T* dt = dgate_;  // by what the sigmoid is given
            double dbias = 0;
            for (Index p = 0; p < positions; ++p) {
                dt[p] *= gate(p) * (T(1) - gate(p));
                dbias += static_cast<double>(dt[p]);
            }
            dweight_[shape.weights()] += dbias;
            std::fill_n(dmean_, 2 * positions, T(0));
            shape.for_each_meeting([&](Index tap, Index output, Index input, Index count) {
                const T* mean = tensors_.pools_of(n_, 0) + input;
                const T* largest = tensors_.pools_of(n_, 1) + input;
                const T w0 = tensors_.weight[2 * tap], w1 = tensors_.weight[2 * tap + 1];
                T dw0 = 0, dw1 = 0;
                for (Index i = 0; i < count; ++i) {
                    const T slope = dt[output + i];
                    dw0 += slope * mean[i];
                    dw1 += slope * largest[i];
                    dmean_[input + i] += slope * w0;
                    dlargest_[input + i] += slope * w1;
                }
                dweight_[2 * tap] += static_cast<double>(dw0);
                dweight_[2 * tap + 1] += static_cast<double>(dw1);
            });
            row(dmean_, positions) /= static_cast<T>(shape.channels);
        }
        /// What the mean adds to the slope of each of a position's channels.
        T from_mean(Index position) const { return dmean_[position]; }
        /// The channel that was the maximum, and what that adds to its slope.
        Index argmax(Index position) const { return tensors_.argmax_of(n_)[position]; }
        T from_maximum(Index position) const { return dlargest_[position]; }

      private:
        const SpatialTensors<T>& tensors_;
        double* dweight_;
        T *dgate_, *dmean_, *dlargest_;
        Index n_;
    };

    /// After all images: adds the chunks' sums in their order.
    template <class Gradients>
    void add_parameter_gradients(const Gradients& dparams) const {
        const Index weights = tensors_.shape.weights();
        for (Index i = 0; i <= weights; ++i) {
            double sum = 0;
            for (Index chunk = 0; chunk < chunks_; ++chunk) sum += sums_[chunk * (weights + 1) + i];
            T& to = i < weights ? dparams.conv_weight[i] : dparams.conv_bias[0];
            to += static_cast<T>(sum);
        }
    }

  private:
    SpatialTensors<T> tensors_;
    Index chunks_;
    double* sums_;  // (chunks, K K 2 + 1): by weight and bias
    T* slopes_;     // (chunks, 3, positions): by the gate, by both pools
};

}  // namespace daf::cpu
