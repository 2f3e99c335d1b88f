#pragma once
// Eq 1-2 beside the passes over the map. A kernel walks the map's rows, once for as many stages as need them,
// and hands each row to the stages: ChannelForward and ChannelBackward here, their spatial counterparts in
// spatial_gate.hpp.
#include <daf/cpu/attention_rows.hpp>
#include <daf/ops/channel_attention.hpp>

namespace daf::cpu {

/// What the gate's work depends on, at run time: shapes select, they do not multiply code.
struct ChannelShape {
    Index positions, channels, hidden;
    Hidden activation;

    template <class Op>
    static constexpr ChannelShape of() {
        static_assert(Op::Input::area <= Index{1} << 24,  // places are counted in floats while a map is read
                      "daf: a map of channel attention may have at most 2^24 positions on Cpu");
        return {Op::Input::area, Op::channels, Op::hidden_channels, Op::hidden};
    }
};

template <class T>
using Vector = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>;
template <class T>
using ConstVector = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;
/// A weight (in, out).
template <class T>
using Weight = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// The net's weights, and the saved tensors of image n.
template <class T>
struct ChannelTensors {
    ChannelShape shape;
    const T *fc1_weight, *fc1_bias, *fc2_weight, *fc2_bias;
    T *pools, *hidden, *gate;
    std::int32_t* argmax;

    template <class Params, class Saved>
    ChannelTensors(const ChannelShape& s, const Params& params, const Saved& saved)
        : shape(s),
          fc1_weight(params.fc1_weight.data()),
          fc1_bias(params.fc1_bias.data()),
          fc2_weight(params.fc2_weight.data()),
          fc2_bias(params.fc2_bias.data()),
          pools(saved.channel_pools.data()),
          hidden(saved.hidden.data()),
          gate(saved.channel_gate.data()),
          argmax(saved.channel_argmax.data()) {}

    Weight<T> first() const { return {fc1_weight, shape.channels, shape.hidden}; }
    Weight<T> second() const { return {fc2_weight, shape.hidden, shape.channels}; }
    T* average_of(Index n) const { return pools + 2 * n * shape.channels; }
    T* largest_of(Index n) const { return average_of(n) + shape.channels; }
    T* hidden_of(Index n, Index pool) const { return hidden + (2 * n + pool) * shape.hidden; }
    T* gate_of(Index n) const { return gate + n * shape.channels; }
    std::int32_t* argmax_of(Index n) const { return argmax + n * shape.channels; }
};

/// The gate of each image, from its rows.
template <class T>
class ChannelForward {
  public:
    static Index scratch_bytes(const ChannelShape& shape, Index chunks) {
        return RowSums<T>::scratch_bytes(chunks, shape.channels) + scratch_size<T>(chunks * shape.channels) +
               scratch_size<T>(chunks * shape.hidden);
    }

    ChannelForward(const ChannelTensors<T>& tensors, Index chunks, ScratchFrame& scratch)
        : tensors_(tensors),
          sums_(chunks, tensors.shape.channels, scratch),
          places_(scratch.take<T>(chunks * tensors.shape.channels)),
          hidden_sums_(scratch.take<T>(chunks * tensors.shape.hidden)) {}

    /// One image's gate. Images of a chunk follow one another.
    class Image {
      public:
        Image(const ChannelForward& of, Index chunk, Index n)
            : tensors_(of.tensors_),
              sums_(of.sums_.cleared(chunk)),
              places_(of.places_ + chunk * tensors_.shape.channels),
              hidden_sum_(of.hidden_sums_ + chunk * tensors_.shape.hidden),
              n_(n) {}

        /// Adds one row to both pools. Rows come in their order, from position 0 on.
        void pool(const T* x, Index position) const {
            T* largest = tensors_.largest_of(n_);
            T* places = places_;
            sums_.add(position, [&]<class P>(Index c) {
                auto met = position == 0 ? Largest<T, P>(x + c) : Largest<T, P>(largest + c, places + c);
                met.meet(x + c, position);
                met.store(largest + c, places + c);
                return packet::ploadu<P>(x + c);
            });
        }

        /// After the last row: the gate.
        void close() const {
            const auto [positions, channels, hidden, activation] = tensors_.shape;
            store_places(places_, channels, tensors_.argmax_of(n_));
            T* average = tensors_.average_of(n_);
            const double* sums = sums_.close();
            for (Index c = 0; c < channels; ++c) {
                average[c] = static_cast<T>(sums[c] / static_cast<double>(positions));
            }
            auto hidden_sum = row(hidden_sum_, hidden);
            hidden_sum.setZero();
            for (Index pool = 0; pool < 2; ++pool) {
                auto h = row(tensors_.hidden_of(n_, pool), hidden);
                h = row(tensors_.fc1_bias, hidden);
                h.matrix().noalias() +=
                    tensors_.first().transpose() * ConstVector<T>(average + pool * channels, channels);
                if (activation == Hidden::relu) {
                    for (Index j = 0; j < hidden; ++j) h[j] = h[j] < T(0) ? T(0) : h[j];
                } else if (activation == Hidden::sigmoid) {
                    apply_sigmoid(h.data(), hidden);
                }
                hidden_sum += h;
            }
            auto gate = row(tensors_.gate_of(n_), channels);
            gate = T(2) * row(tensors_.fc2_bias, channels);  // once per net
            gate.matrix().noalias() += tensors_.second().transpose() * ConstVector<T>(hidden_sum_, hidden);
            apply_sigmoid(gate.data(), channels);
        }

        auto gate() const {
            return row(static_cast<const T*>(tensors_.gate_of(n_)), tensors_.shape.channels);
        }

      private:
        const ChannelTensors<T>& tensors_;
        RowSums<T> sums_;
        T *places_, *hidden_sum_;
        Index n_;
    };

  private:
    ChannelTensors<T> tensors_;
    RowSums<T> sums_;
    T *places_, *hidden_sums_;  // of each chunk's image
};

/// From the gates' slopes to the pools' and to the net's gradients.
template <class T>
class ChannelBackward {
  public:
    static Index scratch_bytes(const ChannelShape& shape, Index count, Index chunks) {
        return RowSums<T>::scratch_bytes(chunks, shape.channels) +
               scratch_size<T>(2 * chunks * shape.channels) + scratch_size<T>(count * shape.channels) +
               scratch_size<T>(2 * count * shape.hidden) + scratch_size<T>(count * shape.hidden) +
               scratch_size<T>(pieces * 2 * count);
    }

    ChannelBackward(const ChannelTensors<T>& tensors, Index count, Index chunks, ScratchFrame& scratch)
        : tensors_(tensors),
          count_(count),
          dgates_(chunks, tensors.shape.channels, scratch),
          dpools_(scratch.take<T>(2 * chunks * tensors.shape.channels)),
          da_(scratch.take<T>(count * tensors.shape.channels)),
          du_(scratch.take<T>(2 * count * tensors.shape.hidden)),
          hidden_sums_(scratch.take<T>(count * tensors.shape.hidden)),
          columns_(scratch.take<T>(pieces * 2 * count)) {}

    class Image {
      public:
        Image(const ChannelBackward& of, Index chunk, Index n)
            : of_(of),
              tensors_(of.tensors_),
              dgate_(of.dgates_.cleared(chunk)),
              daverage_(of.dpools_ + 2 * chunk * tensors_.shape.channels),
              dlargest_(daverage_ + tensors_.shape.channels),
              n_(n) {}

        auto gate() const {
            return row(static_cast<const T*>(tensors_.gate_of(n_)), tensors_.shape.channels);
        }

        /// One row's part of the gate's slope, where what the gate is multiplied with is x, and the slope of
        /// their product dy * scale + offset. Rows come in their order.
        void add(Index position, const T* x, const T* dy, T scale, T offset) const {
            dgate_.add(position, [=]<class P>(Index c) {
                const P slope = packet::pmadd(packet::ploadu<P>(dy + c), packet::pset1<P>(scale),
                                              packet::pset1<P>(offset));
                return packet::pmul(packet::ploadu<P>(x + c), slope);
            });
        }
        void add_to(Index channel, T slope) const { dgate_.add_to(channel, slope); }

        /// After the last row: back through the net, as far as its weights.
        void close() const {
            const auto [positions, channels, hidden, activation] = tensors_.shape;
            T* da = of_.da_ + n_ * channels;
            const T* gate = tensors_.gate_of(n_);
            const double* dgate = dgate_.close();
            for (Index c = 0; c < channels; ++c)
                da[c] = static_cast<T>(dgate[c]) * gate[c] * (T(1) - gate[c]);

            T* du = du_of(0);
            T* du_largest = du_of(1);
            Vector<T>(du, hidden).noalias() = tensors_.second() * ConstVector<T>(da, channels);
            std::copy_n(du, hidden, du_largest);
            for (Index pool = 0; pool < 2; ++pool) scale_by_slope(du_of(pool), tensors_.hidden_of(n_, pool));
            row(of_.hidden_sums_ + n_ * hidden, hidden) =
                row(tensors_.hidden_of(n_, 0), hidden) + row(tensors_.hidden_of(n_, 1), hidden);
        }

        /// After close: on to the pools.
        void to_pools() const {
            const auto [positions, channels, hidden, activation] = tensors_.shape;
            Vector<T>(daverage_, channels).noalias() = tensors_.first() * ConstVector<T>(du_of(0), hidden);
            row(daverage_, channels) /= static_cast<T>(positions);
            Vector<T>(dlargest_, channels).noalias() = tensors_.first() * ConstVector<T>(du_of(1), hidden);
        }
        /// What the average adds to the slope of each of a channel's positions.
        auto from_average() const { return row(static_cast<const T*>(daverage_), tensors_.shape.channels); }
        /// visit(position, channel, slope): what the maximum adds to the slope of its position.
        template <class Visit>
        void from_maximum(const Visit& visit) const {
            const std::int32_t* argmax = tensors_.argmax_of(n_);
            for (Index c = 0; c < tensors_.shape.channels; ++c) visit(argmax[c], c, dlargest_[c]);
        }

      private:
        T* du_of(Index pool) const { return of_.du_ + (2 * n_ + pool) * tensors_.shape.hidden; }

        void scale_by_slope(T* __restrict du, const T* __restrict h) const {
            const Index hidden = tensors_.shape.hidden;
            if (tensors_.shape.activation == Hidden::relu) {
                for (Index j = 0; j < hidden; ++j) du[j] = h[j] > T(0) ? du[j] : T(0);
            } else if (tensors_.shape.activation == Hidden::sigmoid) {
                for (Index j = 0; j < hidden; ++j) du[j] *= h[j] * (T(1) - h[j]);
            }
        }

        const ChannelBackward& of_;
        const ChannelTensors<T>& tensors_;
        RowSums<T> dgate_;
        T *daverage_, *dlargest_;
        Index n_;
    };

    /// After all images. Split over the weights' rows, so that no partial sums are needed.
    template <class Gradients>
    void add_parameter_gradients(Cpu& ctx, const Gradients& dparams) const {
        const auto [positions, channels, hidden, activation] = tensors_.shape;
        const Index c = channels, h = hidden;  // clang 14 captures no structured bindings
        ctx.parallel(pieces, [&, c, h](Index piece) {
            T* column = columns_ + piece * 2 * count_;
            const Range inputs = part_of(c, pieces, piece), middle = part_of(h, pieces, piece);
            add_products(dparams.fc1_weight.data(), inputs, {tensors_.pools, c}, {du_, h}, 2 * count_,
                         column);
            add_products(dparams.fc2_weight.data(), middle, {hidden_sums_, h}, {da_, c}, count_, column);
            add_sums(dparams.fc1_bias.data(), middle, {du_, h}, 2 * count_, 1);
            add_sums(dparams.fc2_bias.data(), inputs, {da_, c}, count_, 2);
        });
    }

  private:
    static constexpr Index pieces = 16;

    struct Matrix {
        const T* data;
        Index columns;
    };

    /// Rows of d += left^T right, both of `count` rows.
    static void add_products(T* d, Range rows, Matrix left, Matrix right, Index count, T* column) {
        const Weight<T> r(right.data, count, right.columns);
        for (Index i = rows.first; i < rows.last; ++i) {
            for (Index k = 0; k < count; ++k) column[k] = left.data[k * left.columns + i];
            Vector<T>(d + i * right.columns, right.columns).noalias() +=
                r.transpose() * ConstVector<T>(column, count);
        }
    }

    /// d += times * the sum of a matrix's rows, in some of its columns.
    static void add_sums(T* d, Range columns, Matrix rows, Index count, double times) {
        for (Index i = columns.first; i < columns.last; ++i) {
            double sum = 0;
            for (Index k = 0; k < count; ++k) sum += static_cast<double>(rows.data[k * rows.columns + i]);
            d[i] += static_cast<T>(times * sum);
        }
    }

    ChannelTensors<T> tensors_;
    Index count_;
    RowSums<T> dgates_;  // of each chunk's image: by the gate
    T* dpools_;          // (chunks, 2, C)
    T* da_;              // (count, C): by what the outer sigmoid is given
    T* du_;              // (count, 2, C/r): by what the hidden activation is given
    T* hidden_sums_;     // (count, C/r): what fc2.weight is multiplied with
    T* columns_;         // (pieces, 2 count)
};

}  // namespace daf::cpu
