#pragma once
// What the Cpu kernels of the losses with centres share: distances, and sums over the samples of each class.
#include <cmath>
#include <daf/cpu/context.hpp>
#include <daf/ops/class_centres.hpp>

namespace daf::cpu {

/// |a - b|^2 / 2, in double from the subtraction on. Eight sums side by side are what the compiler
/// vectorises.
template <class T>
double half_squared_distance(const T* a, const T* b, Index size) {
    constexpr Index lanes = 8;
    double sum[lanes] = {};
    const Index whole = size / lanes * lanes;
    for (Index d = 0; d < whole; d += lanes) {
        for (Index lane = 0; lane < lanes; ++lane) {
            const double difference = static_cast<double>(a[d + lane]) - static_cast<double>(b[d + lane]);
            sum[lane] += difference * difference;
        }
    }
    for (Index d = whole; d < size; ++d) {
        const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
        sum[d - whole] += difference * difference;
    }
    return (((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]))) / 2;
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
/// width) table: in double and in the batch's order.
template <class T, class Term>
void add_class_sums(const ClassMembers& members, Range columns, Index width, T* table, const Term& term) {
    constexpr Index tile = 64;
    for (Index j = 0; j < members.classes(); ++j) {
        const auto samples = members.of(j);
        if (samples.empty()) continue;
        for (Index first = columns.first; first < columns.last; first += tile) {
            const Index size = std::min(tile, columns.last - first);
            double sum[tile] = {};
            for (const Index i : samples) {
                for (Index d = 0; d < size; ++d) sum[d] += static_cast<double>(term(i, j, first + d));
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
    const Index groups = (width + group - 1) / group, chunks = chunks_for(groups, group * rows * operations);
    ctx.parallel(chunks, [&](Index chunk) {
        const auto [first, last] = part_of(groups, chunks, chunk);
        body(Range{first * group, std::min(last * group, width)});
    });
}

}  // namespace daf::cpu
