#pragma once
// What the attention kernels do to one position's channels: a row, contiguous, which the SIMD lanes run over.
#include <Eigen/Core>
#include <cmath>
#include <cstdint>
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>
#include <type_traits>

namespace daf::cpu {

/// `size` contiguous elements as an Eigen array.
template <class T>
auto row(T* data, Index size) {
    using Array = Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>;
    return Eigen::Map<std::conditional_t<std::is_const_v<T>, const Array, Array>>(data, size);
}

/// The positions of one image, each a row of channels.
template <class T>
class Rows {
  public:
    Rows(T* data, Index channels) : data_(data), channels_(channels) {}
    auto operator[](Index position) const { return row(data_ + position * channels_, channels_); }
    T& at(Index position, Index channel) const { return data_[position * channels_ + channel]; }

  private:
    T* data_;
    Index channels_;
};

/// to = values, or to += values.
template <class Row, class Values>
void write(Row to, const Values& values, bool accumulate) {
    if (accumulate) {
        to += values;
    } else {
        to = values;
    }
}

/// a = 1 / (1 + exp(-a)), in place.
template <class T>
void apply_sigmoid(T* a, Index size) {
    for (Index i = 0; i < size; ++i) a[i] = T(1) / (T(1) + std::exp(-a[i]));
}

/// The sum of a row. As an expression, so that its order does not depend on where the row lies in memory.
template <class Row>
auto sum_of(const Row& values) {
    using T = typename Row::Scalar;
    return (values * T(1)).sum();
}

/// The first of `count` values that equals `wanted`; 0 where none does (NaN).
template <class T>
Index first_of(const T* values, Index count, T wanted) {
    using P = Packet<T>;
    constexpr int together = 4;  // packets, looked through at once
    const P sought = packet::pset1<P>(wanted);
    Index i = 0;
    for (; i + together * lanes<T> <= count; i += together * lanes<T>) {
        P found = packet::pset1<P>(T(0));
        detail::unroll<together>([&](auto p) {
            const P equal = packet::pcmp_eq(packet::ploadu<P>(values + i + p * lanes<T>), sought);
            found = packet::por(found, packet::pand(equal, packet::pset1<P>(T(1))));
        });
        alignas(64) T lane[lanes<T>];
        packet::pstoreu(lane, found);
        if (sum_of_lanes(lane) > T(0)) break;
    }
    while (i < count && !(values[i] == wanted)) ++i;
    return i < count ? i : 0;
}

/// Sums of many rows, channel by channel: in T over a few rows, then in double. The memory is the caller's.
template <class T>
class RowSums {
  public:
    static Index scratch_bytes(Index chunks, Index channels) {
        return scratch_size<double>(chunks * channels) + scratch_size<T>(chunks * channels);
    }
    /// Room for as many sums as there are chunks.
    RowSums(Index chunks, Index channels, ScratchFrame& scratch)
        : channels_(channels),
          total_(scratch.take<double>(chunks * channels)),
          part_(scratch.take<T>(chunks * channels)) {}

    /// The chunk's sums, set to 0.
    RowSums cleared(Index chunk) const {
        RowSums of_chunk = *this;
        of_chunk.total_ += chunk * channels_;
        of_chunk.part_ += chunk * channels_;
        std::fill_n(of_chunk.total_, channels_, 0.0);
        std::fill_n(of_chunk.part_, channels_, T(0));
        return of_chunk;
    }

    /// Adds row number `position`, whose channels from c on are term.operator()<P>(c). Rows come in order.
    template <class Term>
    void add(Index position, const Term& term) const {
        T* part = part_;
        for_each_packet<T>(channels_, [&]<class P>(Index c) {
            packet::pstoreu(part + c,
                            packet::padd(packet::ploadu<P>(part + c), term.template operator()<P>(c)));
        });
        if ((position + 1) % run == 0) widen();
    }
    /// Adds to one channel alone.
    void add_to(Index channel, T value) const { total_[channel] += static_cast<double>(value); }
    /// After the last row.
    const double* close() const {
        widen();
        return total_;
    }

  private:
    static constexpr Index run = 16;

    void widen() const {
        for (Index c = 0; c < channels_; ++c) {
            total_[c] += static_cast<double>(part_[c]);
            part_[c] = T(0);
        }
    }

    Index channels_;
    double* total_;
    T* part_;
};

}  // namespace daf::cpu
