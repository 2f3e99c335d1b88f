#pragma once
// Counter-based random numbers: a draw is a pure function of where it stands, so the same numbers come out
// whatever the number of threads, ranks or devices, and a backward pass draws its forward's mask again.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <daf/core/host_device.hpp>
#include <numbers>

namespace daf {

/// A seed with a name, so that it cannot be mistaken for another number.
struct Seed {
    std::uint64_t value = 0;
};

/// One stream of random numbers: who draws (layer) and when (step) under a seed. Networks take, of the seed
/// that they are given, the streams of their operators' places: step 0 for first values, and each step's for
/// dropout. Data that is drawn should have another seed.
struct Stream {
    Seed seed;
    std::uint32_t step = 0;
    std::uint32_t layer = 0;
};

/// Four words. (std::array's operators do not exist in a GPU's kernels.)
struct RandomBlock {
    std::uint32_t words[4];

    DAF_HOST_DEVICE constexpr std::uint32_t operator[](std::size_t i) const { return words[i]; }
    friend constexpr bool operator==(const RandomBlock&, const RandomBlock&) = default;
};

/// The figures of Philox 4x32-10: what words are multiplied by, and what the key's two halves grow by.
struct Philox {
    static constexpr int rounds = 10;
    static constexpr std::uint64_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u;
    static constexpr std::uint32_t key_step0 = 0x9E3779B9u, key_step1 = 0xBB67AE85u;
};

/// Philox 4x32-10 (Salmon et al. 2011): four 32-bit words for a (64-bit key, 128-bit counter).
DAF_HOST_DEVICE constexpr RandomBlock philox(std::uint64_t key, RandomBlock counter) {
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < Philox::rounds; ++round) {
        const std::uint64_t p0 = Philox::multiplier0 * counter[0];
        const std::uint64_t p1 = Philox::multiplier1 * counter[2];
        counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
                   static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
        k0 += Philox::key_step0;
        k1 += Philox::key_step1;
    }
    return counter;
}

/// The block-th four words of one sample in a stream.  sample: its global position, not its place in a shard.
DAF_HOST_DEVICE constexpr RandomBlock draw(const Stream& stream, std::uint32_t sample, std::uint32_t block) {
    return philox(stream.seed.value, {block, sample, stream.layer, stream.step});
}

/// A word as a number in [0, 1), exact in float: the upper 24 bits.
DAF_HOST_DEVICE constexpr float unit_interval(std::uint32_t word) {
    return static_cast<float>(word >> 8) * 0x1p-24f;
}

/// Draws one after another from one sample of a stream. For start-up work (initial values, generated data);
/// operators index `draw` directly.
class RandomSequence {
  public:
    constexpr explicit RandomSequence(Stream stream, std::uint32_t sample = 0)
        : stream_(stream), sample_(sample) {}

    constexpr std::uint32_t word() {
        if (used_ == 4) {
            words_ = draw(stream_, sample_, block_++);
            used_ = 0;
        }
        return words_[used_++];
    }

    /// [0, 1) with 53 bits.
    constexpr double uniform() {
        const std::uint64_t high = word() >> 5;
        const std::uint64_t low = word() >> 6;
        return static_cast<double>((high << 26) + low) * 0x1p-53;
    }

    constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }

    /// An integer in [0, n), n > 0, without bias (Lemire's multiplication, rejecting the short tail).
    constexpr std::uint32_t below(std::uint32_t n) {
        const std::uint32_t tail = (0u - n) % n;
        for (;;) {
            const std::uint64_t product = std::uint64_t{word()} * n;
            if (static_cast<std::uint32_t>(product) >= tail) return static_cast<std::uint32_t>(product >> 32);
        }
    }

    /// Standard normal (Box-Muller; two words pairs a number).
    double normal() {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
        return radius * std::cos(2.0 * std::numbers::pi * uniform());
    }

  private:
    Stream stream_;
    std::uint32_t sample_;
    std::uint32_t block_ = 0;
    std::size_t used_ = 4;
    RandomBlock words_{};
};

}  // namespace daf
