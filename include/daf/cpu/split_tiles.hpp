#pragma once
// Products of floats on a processor's matrix tiles (AMX), which multiply bf16 and add in float. A float is
// taken as the sum of two bf16, high and low, and
//
//   a b = a_high b_high + a_low b_high + a_high b_low        what is left out is at most 2^-16 of a b
//
// Where there are no tiles, plain loops do the same: for tests; nobody would choose them.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <daf/core/bf16.hpp>
#include <daf/core/shape.hpp>
#if defined(__AVX512BF16__) || defined(__AMX_TILE__)
#include <immintrin.h>
#endif
#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__linux__)
#define DAF_MATRIX_TILES 1
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace daf::cpu {

inline constexpr Index tile_side = 16;              // rows and columns of a tile of a product
inline constexpr Index tile_depth = 32;             // elements that one step sums over
inline constexpr Index block_side = 2 * tile_side;  // of the products that are made at a time
inline constexpr Index tile_size = tile_side * tile_depth;

/// 16 floats as 16 high and 16 low bf16, and their first `count` written.
class SplitSixteen {
  public:
#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
    explicit SplitSixteen(const float* from) : SplitSixteen(_mm512_loadu_ps(from)) {}
    explicit SplitSixteen(__m512 values) {
        const __m256bh high = _mm512_cvtneps_pbh(values);
        high_ = bits(high);
        // With masks of ones: g++ 12 finds undefined values in the plain forms (GCC bug 105593).
        constexpr __mmask16 all = 0xffff;
        const __m512i wide = _mm512_maskz_slli_epi32(all, _mm512_maskz_cvtepu16_epi32(all, high_), 16);
        low_ = bits(_mm512_cvtneps_pbh(_mm512_sub_ps(values, _mm512_castsi512_ps(wide))));
    }
    void store(bf16* high, bf16* low) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(high), high_);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(low), low_);
    }
    void store(bf16* high, bf16* low, Index count) const {
        const auto mask = static_cast<__mmask16>((1U << count) - 1);
        _mm256_mask_storeu_epi16(high, mask, high_);
        _mm256_mask_storeu_epi16(low, mask, low_);
    }

  private:
    static __m256i bits(__m256bh values) {
        return std::bit_cast<__m256i>(values);
    }
    __m256i high_, low_;
#else
    explicit SplitSixteen(const float* from) {
        for (std::size_t i = 0; i < 16; ++i) {
            high_[i] = bf16(from[i]);
            low_[i] = bf16(from[i] - high_[i]);
        }
    }
    void store(bf16* high, bf16* low) const {
        store(high, low, tile_side);
    }
    void store(bf16* high, bf16* low, Index count) const {
        std::copy_n(high_.data(), count, high);
        std::copy_n(low_.data(), count, low);
    }

  private:
    std::array<bf16, 16> high_, low_;
#endif
};

/// from = high + low, element by element, but for 2^-17 of its size.
inline void split(const float* from, Index count, bf16* high, bf16* low) {
    const Index whole = count - count % tile_side;
    for (Index i = 0; i < whole; i += tile_side) SplitSixteen(from + i).store(high + i, low + i);
    if (whole < count) {
        float rest[tile_side] = {};
        for (Index i = 0; i < tile_side; ++i) rest[i] = whole + i < count ? from[whole + i] : 0.0F;
        SplitSixteen(rest).store(high + whole, low + whole, count - whole);
    }
}

/// Two tiles of A, 16 rows each: row i, element k of the first at first[i * row + k], its low part `low`
/// further.
struct SplitRows {
    const bf16* first;
    const bf16* second;
    Index row, low;
};

/// Two tiles of B, 16 columns each. Elements k and k + 1 of the sum, k even, are a pair: column j's stand
/// side by side at pair_size * k / 2 + 2 j of the high parts; the low parts are `low` further.
struct SplitColumns {
    const bf16* first;
    const bf16* second;
    Index low;
};
inline constexpr Index pair_size = 2 * tile_side;

/// Writes one pair of 16 columns from two rows of A, whose low parts are `row_low` further.
inline void interleave(const bf16* even, const bf16* odd, Index row_low, bf16* pair, Index low) {
    for (int part = 0; part < 2; ++part, even += row_low, odd += row_low, pair += low) {
        for (Index j = 0; j < tile_side; ++j) {
            const std::uint32_t both = even[j].bits() | std::uint32_t{odd[j].bits()} << 16;
            std::memcpy(static_cast<void*>(pair + 2 * j), &both, sizeof both);
        }
    }
}

#ifdef DAF_MATRIX_TILES

/// Whether the split product of this build runs on the processor's tiles, and nowhere else.
inline constexpr bool needs_matrix_tiles = true;

/// Whether the system lets this process use the processor's tiles. Asks for them.
inline bool matrix_tiles_granted() {
    constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

/// Eight tiles of 16 rows of 64 bytes, as the processor is told. A constant in memory: g++'s intrinsic does
/// not say that it reads more than the first bytes.
struct alignas(64) TileLayout {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
inline constexpr TileLayout tile_layout{};

/// The calling thread's tiles are set up while it lives. What they will load must be written before.
class MatrixTiles {
  public:
    MatrixTiles() {
        asm volatile("" ::: "memory");  // g++'s intrinsics do not say that they read memory
        _tile_loadconfig(&tile_layout);
    }
    MatrixTiles(const MatrixTiles&) = delete;
    MatrixTiles& operator=(const MatrixTiles&) = delete;
    ~MatrixTiles() { _tile_release(); }
};

/// A sum of products of 32 rows with 32 columns, in the processor's tiles 0 to 3: one at a time in a thread.
class TileBlock {
  public:
    TileBlock() {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }

    /// += A B over one step. In this order eight loads do.
    void add(const SplitRows& a, const SplitColumns& b) {
        rows(a.first, a.second, a.row);
        columns(b.first + b.low, b.second + b.low);
        multiply();
        columns(b.first, b.second);
        multiply();
        rows(a.first + a.low, a.second + a.low, a.row);
        multiply();
    }

    /// Row by row, block_side columns each.
    void store(float* sums) const {
        constexpr Index row = block_side, bytes = row * 4;
        _tile_stored(0, sums, bytes);
        _tile_stored(1, sums + tile_side, bytes);
        _tile_stored(2, sums + tile_side * row, bytes);
        _tile_stored(3, sums + tile_side * row + tile_side, bytes);
    }

  private:
    static void rows(const bf16* first, const bf16* second, Index row) {
        _tile_loadd(4, first, 2 * row);
        _tile_loadd(5, second, 2 * row);
    }
    static void columns(const bf16* first, const bf16* second) {
        _tile_loadd(6, first, 2 * pair_size);
        _tile_loadd(7, second, 2 * pair_size);
    }
    static void multiply() {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
};

#else

inline constexpr bool needs_matrix_tiles = false;

inline bool matrix_tiles_granted() {
    return false;
}

class MatrixTiles {
  public:
    // Not trivial, as with tiles: a scope is a use.
    MatrixTiles() {}  // NOLINT(modernize-use-equals-default)
};

class TileBlock {
  public:
    void add(const SplitRows& a, const SplitColumns& b) {
        for (Index i = 0; i < block_side; ++i) {
            const bf16* row = i < tile_side ? a.first + i * a.row : a.second + (i - tile_side) * a.row;
            for (Index k = 0; k < tile_depth; ++k) {
                const float high = row[k], low = row[k + a.low];
                float* sums = sums_.data() + i * block_side;
                for (const bf16* columns : {b.first, b.second}) {
                    const bf16* pair = columns + k / 2 * pair_size + k % 2;
                    for (Index j = 0; j < tile_side; ++j) {
                        const float b_high = pair[2 * j];
                        const float b_low = pair[2 * j + b.low];
                        sums[j] += high * b_high + low * b_high + high * b_low;
                    }
                    sums += tile_side;
                }
            }
        }
    }
    void store(float* sums) const { std::memcpy(sums, sums_.data(), sizeof sums_); }

  private:
    std::array<float, block_side * block_side> sums_{};
};

#endif

}  // namespace daf::cpu
