#pragma once
// What the Cpu kernels of the losses with centres share: distances, and sums over the samples of each class.
#include <cmath>
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>
#include <daf/ops/class_centres.hpp>

namespace daf::cpu {

/// Operations that fill SIMD registers, in the measure of chunks_for.
constexpr Index vectorised(Index operations) {
    return operations / 4;
}

namespace detail {

/// to[i] = the sum of the lanes of row i, added up as sum_of_lanes does. Two rows share a packet once half of
/// their lanes have joined the others.
template <int Bit, class P, int Rows, class T>
inline void sums_of_lanes(const P (&rows)[Rows], T* to) {
    if constexpr (Bit == 0) {
        static_assert(Rows == 1);
        packet::pstoreu(to, rows[0]);
    } else {
        P joined[Rows / 2];
        unroll<Rows / 2>([&](auto i) {
            P lower = rows[i], upper = rows[i + Rows / 2];
            exchange_corners<Bit>(lower, upper,
                                  std::make_integer_sequence<int, static_cast<int>(packet_size<P>)>{});
            joined[i] = packet::padd(lower, upper);
        });
        sums_of_lanes<Bit / 2>(joined, to);
    }
}

}  // namespace detail

/// to[r * Columns + c] = the sum of (a - b)^2 over some columns, whole packets of them, for Rows rows of a
/// and Columns rows of b, each of `size` elements. Registers hold as many sums of lanes as there are pairs. A
/// function of its own: g++ 12 keeps the sums on the stack where it is inlined.
template <int Rows, int Columns, class T>
[[gnu::noinline, gnu::flatten]] void squared_distances(const T* a, const T* b, Index size, Range columns,
                                                       T (&to)[Rows * Columns]) {
    using P = Packet<T>;
    constexpr int pairs = Rows * Columns;
    P sum[pairs];
    detail::unroll<pairs>([&](auto i) { sum[i] = packet::pset1<P>(T(0)); });
    for (Index d = columns.first; d < columns.last; d += lanes<T>) {
        P right[Columns];
        detail::unroll<Columns>([&](auto c) { right[c] = in_register(packet::ploadu<P>(b + c * size + d)); });
        detail::unroll<Rows>([&](auto r) {
            const P left = packet::ploadu<P>(a + r * size + d);
            detail::unroll<Columns>([&](auto c) {
                const P difference = packet::psub(left, right[c]);
                sum[r * Columns + c] = packet::pmadd(difference, difference, sum[r * Columns + c]);
            });
        });
    }
    constexpr int together = pairs % lanes<T> == 0 ? static_cast<int>(lanes<T>) : 1;
    detail::unroll<pairs / together>([&](auto group) {
        if constexpr (together > 1) {
            P some[together];
            detail::unroll<together>([&](auto i) { some[i] = sum[group * together + i]; });
            detail::sums_of_lanes<together / 2>(some, to + group * together);
        } else {
            T lane[lanes<T>];
            packet::pstoreu(lane, sum[group]);
            to[group] = sum_of_lanes(lane);
        }
    });
}

/// to[r][c] = |row r of a - row c of b|^2 / 2 for Rows rows of a and Columns rows of b, each of `size`
/// elements, each row read once. Sums run in T over at most 16 terms a lane, then in double; a pair's order
/// is the same in whatever company it is compared.
template <int Rows, int Columns, class T>
void half_squared_distances(const T* a, const T* b, Index size, double (&to)[Rows][Columns]) {
    constexpr Index block = 16 * lanes<T>;
    const Index whole = whole_packets<T>(size);
    double sum[Rows][Columns] = {};
    T part[Rows * Columns];
    for (Index first = 0; first < whole; first += block) {
        squared_distances<Rows, Columns>(a, b, size, {first, std::min(first + block, whole)}, part);
        for (Index r = 0; r < Rows; ++r) {
            for (Index c = 0; c < Columns; ++c) sum[r][c] += static_cast<double>(part[r * Columns + c]);
        }
    }
    for (Index r = 0; r < Rows; ++r) {
        for (Index c = 0; c < Columns; ++c) {
            for (Index d = whole; d < size; ++d) {
                const double difference =
                    static_cast<double>(a[r * size + d]) - static_cast<double>(b[c * size + d]);
                sum[r][c] += difference * difference;
            }
            to[r][c] = sum[r][c] / 2;
        }
    }
}

/// The same for one pair.
template <class T>
double half_squared_distance(const T* a, const T* b, Index size) {
    double out[1][1];
    half_squared_distances(a, b, size, out);
    return out[0][0];
}

/// by * (a - b), for a packet or one element.
template <class P, class T>
P scaled_difference(T by, const T* a, const T* b) {
    return packet::pmul(packet::pset1<P>(by), packet::psub(packet::ploadu<P>(a), packet::ploadu<P>(b)));
}

/// The samples of each class, in the batch's order: a counting sort, so that sums over classes stay linear in
/// the batch however many classes there are.
class ClassMembers {
  public:
    static constexpr Index scratch_bytes(Index classes, Index count) {
        return scratch_size<std::int32_t>(classes + 1) + scratch_size<std::int32_t>(count);
    }

    /// class_of(i): the class of sample i, negative for none.
    template <class ClassOf>
    ClassMembers(ScratchFrame& frame, Index classes, Index count, const ClassOf& class_of)
        : classes_(classes),
          first_(frame.take<std::int32_t>(classes + 1)),
          samples_(frame.take<std::int32_t>(count)) {
        std::fill_n(first_, classes + 1, 0);
        for (Index i = 0; i < count; ++i) {
            if (class_of(i) >= 0) ++first_[class_of(i)];
        }
        // first_[j] becomes where class j ends, and moves down to where it begins as the samples take their
        // places.
        for (Index j = 1; j <= classes; ++j) first_[j] += first_[j - 1];
        for (Index i = count - 1; i >= 0; --i) {
            if (class_of(i) >= 0) samples_[--first_[class_of(i)]] = static_cast<std::int32_t>(i);
        }
    }

    Index classes() const { return classes_; }
    std::span<const std::int32_t> of(Index j) const {
        return {samples_ + first_[j], samples_ + first_[j + 1]};
    }

    /// Adds how many samples each class has.
    template <class T>
    void add_counts(T* counts) const {
        for (Index j = 0; j < classes_; ++j) counts[j] += static_cast<T>(first_[j + 1] - first_[j]);
    }

  private:
    Index classes_;
    std::int32_t* first_;
    std::int32_t* samples_;
};

/// table[j][d] += the sum of term(i, j, d) over the samples i of class j, for the columns d of a (classes,
/// width) table, in the batch's order: in T over at most 8 samples, then in double.
/// term.operator()<P>(i, j, d) gives the packet of columns from d on, or with P = T one column.
template <class T, class Term>
void add_class_sums(const ClassMembers& members, Range columns, Index width, T* table, const Term& term) {
    constexpr Index tile = 64;
    constexpr std::size_t run = 8;
    for (Index j = 0; j < members.classes(); ++j) {
        const auto samples = members.of(j);
        if (samples.empty()) continue;
        for (Index first = columns.first; first < columns.last; first += tile) {
            const Index size = std::min(tile, columns.last - first);
            double sum[tile] = {};
            for (std::size_t next = 0; next < samples.size(); next += run) {
                const auto some = samples.subspan(next, std::min(run, samples.size() - next));
                T part[tile];
                for_each_strip<T>(size, [&]<class P, int Count>(Index d) {
                    P acc[Count];
                    detail::unroll<Count>([&](auto p) { acc[p] = packet::pset1<P>(T(0)); });
                    for (const Index i : some) {
                        detail::unroll<Count>([&](auto p) {
                            acc[p] = packet::padd(
                                acc[p], term.template operator()<P>(i, j, first + d + p * packet_size<P>));
                        });
                    }
                    detail::unroll<Count>(
                        [&](auto p) { packet::pstoreu(part + d + p * packet_size<P>, acc[p]); });
                });
                for (Index d = 0; d < size; ++d) sum[d] += static_cast<double>(part[d]);
            }
            T* row = table + j * width + first;
            for (Index d = 0; d < size; ++d) row[d] = static_cast<T>(static_cast<double>(row[d]) + sum[d]);
        }
    }
}

/// body(columns) for ranges that together are all columns of (N, width) tables, where `operations` is the
/// work on one element of each row. Work over columns gives sums over the batch without partial ones.
template <class Body>
void parallel_columns(Cpu& ctx, Index rows, Index width, Index operations, const Body& body) {
    constexpr Index group = 16;  // a cache line of floats
    const Index groups = (width + group - 1) / group;
    const Index chunks = chunks_for(groups, vectorised(group * rows * operations));
    ctx.parallel(chunks, [&](Index chunk) {
        const auto [first, last] = part_of(groups, chunks, chunk);
        body(Range{first * group, std::min(last * group, width)});
    });
}

}  // namespace daf::cpu
