// Layouts between the library and PyTorch: hand-written tensors, and every layout that an operator uses.
#include <array>
#include <cstdint>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

#include <daf/io/pytorch_layout.hpp>

#include "support/scratch_folder.hpp"

namespace {

using daf::Index;
using daf::PytorchLayout;
using daf::TensorShape;

/// 0, 1, 2, ... in our layout, as PyTorch's has them.
template <class T = int>
std::vector<T> counted(const PytorchLayout& layout, const std::vector<Index>& extents) {
    Index count = 1;
    for (const Index extent : extents) count *= extent;
    std::vector<T> ours(static_cast<std::size_t>(count)), theirs(ours.size(), T(77));
    std::iota(ours.begin(), ours.end(), T(0));
    daf::to_pytorch(layout, extents, ours.data(), theirs.data());

    std::vector<T> back(ours.size(), T(77));
    daf::from_pytorch(layout, extents, theirs.data(), back.data());
    CHECK(back == ours);
    return theirs;
}

/// Where ours[a][b][c][d] lies.
Index at(const std::vector<Index>& e, Index a, Index b, Index c, Index d) {
    return ((a * e[1] + b) * e[2] + c) * e[3] + d;
}

}  // namespace

TEST_CASE("pytorch_layout: equal layouts are copied, whatever their rank") {
    CHECK(counted(daf::same_layout, {5}) == std::vector{0, 1, 2, 3, 4});
    CHECK(counted(daf::same_layout, {2, 3}) == std::vector{0, 1, 2, 3, 4, 5});
    CHECK(daf::pytorch_extents(daf::same_layout, std::array<Index, 2>{2, 3}) == TensorShape{2, 3});
}

TEST_CASE("pytorch_layout: a linear weight is transposed") {
    CHECK(counted(daf::linear_layout, {2, 3}) == std::vector{0, 3, 1, 4, 2, 5});
    CHECK(daf::pytorch_extents(daf::linear_layout, std::array<Index, 2>{2, 3}) == TensorShape{3, 2});
}

TEST_CASE("pytorch_layout: a convolution's (K,K,in,out) becomes (out,in,K,K)") {
    const std::vector<Index> extents{3, 5, 2, 4};  // the two sides unequal, to tell them apart
    const std::vector<double> theirs = counted<double>(daf::convolution_layout, extents);
    std::size_t next = 0;
    for (Index out = 0; out < 4; ++out) {
        for (Index in = 0; in < 2; ++in) {
            for (Index ky = 0; ky < 3; ++ky) {
                for (Index kx = 0; kx < 5; ++kx) {
                    CHECK(theirs[next++] == static_cast<double>(at(extents, ky, kx, in, out)));
                }
            }
        }
    }
    CHECK(daf::pytorch_extents(daf::convolution_layout, extents) == TensorShape{4, 2, 3, 5});
}

TEST_CASE("pytorch_layout: a linear weight on a map (H,W,C,out) becomes (out,C*H*W)") {
    const std::vector<Index> extents{2, 3, 4, 5};
    const std::vector<float> theirs = counted<float>(daf::linear_map_layout, extents);
    std::size_t next = 0;
    for (Index out = 0; out < 5; ++out) {
        for (Index channel = 0; channel < 4; ++channel) {
            for (Index row = 0; row < 2; ++row) {
                for (Index column = 0; column < 3; ++column) {
                    CHECK(theirs[next++] == static_cast<float>(at(extents, row, column, channel, out)));
                }
            }
        }
    }
    CHECK(daf::pytorch_extents(daf::linear_map_layout, extents) == TensorShape{5, 24});
}

TEST_CASE("pytorch_layout: a layout that does not fit the tensor is refused") {
    const std::array<Index, 2> extents{2, 3};
    int ours[6] = {}, theirs[6] = {};
    const PytorchLayout wrong[] = {
        daf::convolution_layout,  // of four axes
        {{0, 0, 0, 0}, 2},        // an axis twice
        {{1, 0, 0, 0}, 3},        // more axes than there are
    };
    for (const PytorchLayout& layout : wrong) {
        const std::string message =
            daf_test::message_of<daf::ArgumentError>([&] { daf::to_pytorch(layout, extents, ours, theirs); });
        CHECK(daf_test::contains(message, "names each of the tensor's 2 axes once"));
        CHECK_THROWS_AS(daf::from_pytorch(layout, extents, theirs, ours), daf::ArgumentError);
        CHECK_THROWS_AS(daf::pytorch_extents(layout, extents), daf::ArgumentError);
    }
}
