#include <doctest/doctest.h>

#include <daf/gpu/channel_sums.hpp>
#include <daf/gpu/direct_convolution.hpp>
#include <set>

using daf::Index;

namespace {

/// Whether threads that read at[k][column] for k < W, then for the next column, meet each bank once: a warp
/// at once where numbers are of 4 bytes, half a one where they are of 8.
template <class T, Index W, std::size_t Length>
bool meets_each_bank_once(const T (&rows)[W][Length]) {
    constexpr Index words = sizeof(T) / 4, together = 32 / words;
    std::set<Index> banks;
    for (Index i = 0; i < together; ++i) {
        const Index place = &rows[i % W][i / W] - &rows[0][0];
        banks.insert(place * words % 32);
    }
    return banks.size() == together;
}

template <class T, Index W>
void check_kernels() {
    using daf::Wide;
    static const typename daf::gpu::SumChunks<daf::gpu::ElementTerm<T>, Wide<T>, W>::Shared sums{};
    CHECK(meets_each_bank_once(sums.first));
    CHECK(meets_each_bank_once(sums.second));
    static const typename daf::gpu::DirectWeightSums<T, 3, 1, W>::Shared products{};
    CHECK(meets_each_bank_once(products.sums));
}

}  // namespace

TEST_CASE("what threads have found of their columns is read from a bank each") {
    check_kernels<float, 4>();
    check_kernels<float, 1>();
    check_kernels<double, 2>();
    check_kernels<double, 1>();
    check_kernels<daf::bf16, 8>();
    check_kernels<daf::bf16, 1>();
}
