// A save where memory is short: it needs that of one tensor, and fails as a full disk does.
#include <doctest/doctest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <daf/cpu/linear.hpp>
#include <daf/cpu/optimizer.hpp>
#include <daf/net/layers.hpp>
#include <daf/train/checkpoint.hpp>
#include <new>

#include "support/scratch_folder.hpp"

namespace {

std::atomic<std::size_t> in_use{0}, limit{SIZE_MAX};

/// No more than so many bytes of operator new beside what is in use now.
class MemoryLimit {
  public:
    explicit MemoryLimit(std::size_t bytes) { limit = in_use + bytes; }
    ~MemoryLimit() { limit = SIZE_MAX; }
};

}  // namespace

void* operator new(std::size_t size) {
    void* memory = in_use + size > limit ? nullptr : std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    in_use += ::malloc_usable_size(memory);
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // AddressSanitizer has its own
    try {
        return operator new(size);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept {
    if (memory != nullptr) in_use -= ::malloc_usable_size(memory);
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    operator delete(memory);
}

namespace {

using Wide = daf::layer::Linear<512>;
using Net = daf::Sequence<daf::Shape<512>, Wide, Wide, Wide, Wide>;
constexpr std::size_t tensor_bytes = std::size_t{512} * 512 * sizeof(float);  // of 12 with the moments

}  // namespace

TEST_CASE("a save needs the memory of one tensor") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Net, daf::Cpu> model(cpu, daf::max_batch(1), daf::Seed{1});
    daf::Descent descent(model);
    {
        const MemoryLimit enough(tensor_bytes + tensor_bytes / 2);
        CHECK_NOTHROW(daf::save_checkpoint(folder / "a.safetensors", descent, {"wide"}));
    }
    daf::Model<Net, daf::Cpu> again(cpu, daf::max_batch(1), daf::Seed{2});
    daf::load_parameters(folder / "a.safetensors", again, "wide");
    CHECK(std::ranges::equal(again.parameters(), model.parameters()));
}

TEST_CASE("a save for which there is no memory is a FileError, and the older file stays") {
    const daf_test::ScratchFolder folder;
    const auto path = folder / "a.safetensors";
    daf::Cpu cpu(daf::Threads{1});
    daf::Model<Net, daf::Cpu> model(cpu, daf::max_batch(1), daf::Seed{1});
    daf::Descent descent(model);
    const std::string sum = daf::save_checkpoint(path, descent, {"wide", 1});
    descent.step();
    std::string message;
    for (const std::size_t bytes : {std::size_t{8192}, tensor_bytes / 2}) {
        try {
            const MemoryLimit too_little(bytes);
            daf::save_checkpoint(path, descent, {"wide", 2});
        } catch (const daf::FileError& error) {
            message = error.what();
        }
        CHECK(message.find("cannot write " + path.string()) == 0);
        CHECK(message.find("memory") != std::string::npos);
        CHECK(daf::open_checkpoint(path).metadata(daf::checksum_key) == sum);
        CHECK(folder.entries() == 1);
    }
}
