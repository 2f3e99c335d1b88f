// Views own nothing: what would outlive its memory does not compile, and what is not there is refused.
#include <doctest/doctest.h>

#include <daf/core/memory.hpp>
#include <daf/core/slab.hpp>
#include <daf/io/safetensors.hpp>
#include <daf/ops/max_pool.hpp>
#include <vector>

using daf::Shape;
using Pixels = std::vector<float>;
using Classes = std::vector<std::int32_t>;

namespace {

template <class Memory>
concept makes_a_batch = requires(Memory&& memory) {
    daf::batch_of<Shape<2>>(std::forward<Memory>(memory));
};
template <class Memory>
concept makes_labels = requires(Memory&& memory) {
    daf::labels_of(std::forward<Memory>(memory));
};
template <class Memory>
concept makes_a_tensor = requires(Memory&& memory) {
    daf::named_tensor<float>("w", {2}, std::forward<Memory>(memory));
};
template <class Memory>
concept makes_saved = requires(Memory&& memory) {
    daf::bind_saved<daf::MaxPool<Shape<2, 2, 1>>, float>(std::forward<Memory>(memory), 1);
};

}  // namespace

TEST_CASE("views are not made of temporaries that own their memory") {
    static_assert(makes_a_batch<Pixels&> && makes_a_batch<std::span<float>> && !makes_a_batch<Pixels>);
    static_assert(makes_labels<Classes&> && makes_labels<const Classes&> && !makes_labels<Classes>);
    static_assert(makes_labels<std::span<const std::int32_t>>);
    static_assert(makes_a_tensor<Pixels&> && makes_a_tensor<std::span<const float>> &&
                  !makes_a_tensor<Pixels>);
    static_assert(makes_saved<daf::HostMemory&> && makes_saved<const daf::HostMemory&>);
    static_assert(makes_saved<std::span<std::byte>> && !makes_saved<daf::HostMemory>);
    CHECK(makes_saved<std::byte*>);
}

TEST_CASE("a slab of a GPU's memory is none of the host's") {
    static_assert(std::is_same_v<daf::Slab<float, daf::Host>, std::span<float>>);
    using OnDevice = daf::Slab<float, daf::Device>;
    static_assert(!std::is_convertible_v<OnDevice, std::span<float>>);
    static_assert(std::is_convertible_v<OnDevice, daf::Slab<const float, daf::Device>>);
    static_assert(!std::is_convertible_v<daf::Slab<const float, daf::Device>, OnDevice>);
    static_assert(!std::ranges::range<OnDevice>);
    CHECK(OnDevice(nullptr, 3).size() == 3);
}

TEST_CASE("a slice is of images that the batch has") {
    Pixels pixels(10);
    const auto batch = daf::batch_of<Shape<2>>(pixels);
    CHECK(batch.slice(2, 3).data() == pixels.data() + 4);
    CHECK(batch.slice(5, 0).count() == 0);
    CHECK_THROWS_WITH_AS(batch.slice(3, 3), "slice: images 3 to 6 (without the last) of a batch of 5",
                         daf::ArgumentError);
    CHECK_THROWS_AS(batch.slice(-1, 2), daf::ArgumentError);
    CHECK_THROWS_AS(batch.slice(0, -1), daf::ArgumentError);
    CHECK_THROWS_AS(batch.slice(6, 0), daf::ArgumentError);
}
