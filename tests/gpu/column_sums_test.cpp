#include <doctest/doctest.h>

#include <daf/gpu/column_sums.hpp>
#include <vector>

#include "support/host_gpu.hpp"

using daf::Index;
using daf::gpu::Terms;

namespace {

/// HostGpu that remembers how many blocks it launched.
struct WatchedGpu : daf_test::HostGpu {
    using HostGpu::HostGpu;
    Index blocks = 0;

    template <class Kernel>
    void launch(Index count, const Kernel& kernel) {
        blocks = count;
        HostGpu::launch(count, kernel);
    }
};

template <class Sum>
struct Keep {
    Sum* to;
    void operator()(Index column, Sum sum) const { to[column] = sum; }
};

/// A column's sum by 128 lanes: each adds every 128th term, then they are joined in pairs.
double by_lanes(const std::vector<double>& matrix, Index terms, Index columns, Index column) {
    double lanes[128] = {};
    for (Index k = 0; k < terms; ++k)
        lanes[k % 128] += matrix[static_cast<std::size_t>(k * columns + column)];
    for (Index half = 64; half > 0; half /= 2) {
        for (Index lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    }
    return lanes[0];
}

}  // namespace

TEST_CASE("columns are added by many lanes in an order of their own, whatever shares a block with them") {
    for (const Index columns : {1, 2, 5, 64, 67}) {
        for (const Index terms : {1, 7, 128, 300}) {
            daf::RandomSequence random(daf::Stream{daf::Seed{7}});
            std::vector<double> matrix(static_cast<std::size_t>(terms * columns));
            for (double& value : matrix) value = random.normal();
            std::vector<Terms> pairs;
            for (const double value : matrix) pairs.push_back({value, -3 * value});
            std::vector<double> sums(static_cast<std::size_t>(columns));
            std::vector<Terms> sums_of_pairs(sums.size());
            daf_test::HostGpu gpu;
            daf::gpu::add_columns<double, 128>(gpu, terms, columns,
                                               daf::gpu::ColumnElement<double>{matrix.data(), columns},
                                               Keep<double>{sums.data()});
            daf::gpu::add_columns<Terms, 128>(gpu, terms, columns,
                                              daf::gpu::ColumnElement<Terms>{pairs.data(), columns},
                                              Keep<Terms>{sums_of_pairs.data()});
            for (Index c = 0; c < columns; ++c) {
                const auto at = static_cast<std::size_t>(c);
                CHECK(sums[at] == by_lanes(matrix, terms, columns, c));
                CHECK(sums_of_pairs[at].first == sums[at]);
            }
        }
    }
}

TEST_CASE("few columns of many terms are shared out among blocks") {
    WatchedGpu gpu;
    constexpr Index terms = 300, columns = 64;
    const std::vector<Terms> pairs(terms * columns, Terms{1, 2});
    std::vector<Terms> sums(columns);
    daf::gpu::add_columns<Terms, 128>(
        gpu, terms, columns, daf::gpu::ColumnElement<Terms>{pairs.data(), columns}, Keep<Terms>{sums.data()});
    CHECK(gpu.blocks == 32);
    for (const Terms& sum : sums) {
        CHECK(sum.first == terms);
        CHECK(sum.second == 2 * terms);
    }
}
