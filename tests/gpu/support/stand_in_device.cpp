#include "stand_in_device.hpp"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace daf_test {
namespace {

void open(const std::map<std::byte*, std::size_t>& memory) {
    for ([[maybe_unused]] const auto& [at, bytes] : memory) ASAN_UNPOISON_MEMORY_REGION(at, bytes);
}
void close(const std::map<std::byte*, std::size_t>& memory) {
    for ([[maybe_unused]] const auto& [at, bytes] : memory) ASAN_POISON_MEMORY_REGION(at, bytes);
}

/// Memory that starts as NaNs.
void* poisoned(std::size_t bytes) {
    void* at = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(at, 0xFF, bytes);
    return at;
}

}  // namespace

StandInDevice& device() {
    static StandInDevice only;
    return only;
}

StandInDevice::~StandInDevice() {
    open(memory_);
    open(freed_);
    for (const auto& [at, bytes] : freed_) std::free(at);
    for (std::byte* at : kept_) std::free(at);
}

cudaError_t StandInDevice::refuse_while_recording() {
    if (lost != cudaSuccess) return lost;
    bool records = false;
    for (const auto& stream : streams_) {
        if (!stream->recording) continue;
        stream->recording_broken = records = true;
    }
    return records ? fail(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

cudaError_t StandInDevice::allocate(void** at, std::size_t bytes) {
    if (const cudaError_t refused = refuse_while_recording()) return refused;
    if (bytes > free_bytes()) return fail(cudaErrorMemoryAllocation);
    *at = poisoned(bytes);
    memory_[static_cast<std::byte*>(*at)] = bytes;
    peak = std::max(peak, used_bytes());
    ++figures.allocations;
    close(memory_);
    return cudaSuccess;
}

cudaError_t StandInDevice::free(void* at) {
    if (at == nullptr) return cudaSuccess;
    if (const cudaError_t refused = refuse_while_recording()) {
        kept_.push_back(static_cast<std::byte*>(at));
        return refused;
    }
    const auto found = memory_.find(static_cast<std::byte*>(at));
    if (found == memory_.end()) return fail(cudaErrorInvalidValue);
    freed_.insert(memory_.extract(found));
    open(freed_);
    std::memset(at, 0xFF, freed_[static_cast<std::byte*>(at)]);
    close(freed_);
    --figures.allocations;
    forget_freed();
    return cudaSuccess;
}

void StandInDevice::forget_freed() {
    if (!std::ranges::all_of(streams_, [](const auto& stream) { return stream->queue.empty(); })) return;
    open(freed_);
    for (const auto& [at, bytes] : freed_) {
        if (!std::all_of(at, at + bytes, [](std::byte b) { return b == std::byte{0xFF}; })) {
            lost = cudaErrorIllegalAddress;
        }
        std::free(at);
    }
    freed_.clear();
}

cudaError_t StandInDevice::allocate_pinned(void** at, std::size_t bytes) {
    if (const cudaError_t refused = refuse_while_recording()) return refused;
    *at = poisoned(bytes);
    pinned_[*at] = bytes;
    ++figures.pinned;
    return cudaSuccess;
}

cudaError_t StandInDevice::free_pinned(void* at) {
    if (const cudaError_t refused = refuse_while_recording()) return refused;
    if (pinned_.erase(at) == 0) return fail(cudaErrorInvalidValue);
    std::free(at);
    --figures.pinned;
    return cudaSuccess;
}

bool StandInDevice::holds(const void* at, std::size_t bytes) const {
    const auto* address = static_cast<const std::byte*>(at);
    auto found = memory_.upper_bound(const_cast<std::byte*>(address));
    if (found == memory_.begin()) return false;
    --found;
    return address + bytes <= found->first + found->second;
}

std::size_t StandInDevice::used_bytes() const {
    std::size_t used = 0;
    for (const auto& [at, bytes] : memory_) used += bytes;
    return used;
}

std::size_t StandInDevice::free_bytes() const {
    return machine.memory - std::min(used_bytes() + machine.elsewhere, machine.memory);
}

cudaStream_t StandInDevice::add_stream() {
    ++figures.streams;
    return streams_.emplace_back(std::make_unique<CUstream_st>()).get();
}

void StandInDevice::remove_stream(cudaStream_t stream) {
    run(stream);
    std::erase_if(streams_, [stream](const auto& owned) { return owned.get() == stream; });
    --figures.streams;
}

void StandInDevice::queue(cudaStream_t stream, std::function<void()> work) {
    if (stream->recording) {
        stream->recording->push_back(std::move(work));
    } else {
        stream->queue.push_back({std::move(work)});
    }
}

/// The stream's next piece of work, if it may run now.
bool StandInDevice::runs_one(CUstream_st& stream) {
    if (stream.queue.empty()) return false;
    const Ticket& after = stream.queue.front().after;
    if (after && !*after && lost == cudaSuccess) return false;
    const StreamWork next = std::move(stream.queue.front());
    stream.queue.erase(stream.queue.begin());
    if (lost == cudaSuccess && next.run) next.run();
    return true;
}

template <class Done>
void StandInDevice::run_while_not(const Done& done) {
    open(memory_);
    while (!done()) {
        std::shuffle(streams_.begin(), streams_.end(), order_);
        if (std::ranges::none_of(streams_, [&](const auto& stream) { return runs_one(*stream); })) {
            std::abort();  // streams that wait for each other
        }
    }
    close(memory_);
    forget_freed();
}

void StandInDevice::run(cudaStream_t stream) {
    run_while_not([stream] { return stream->queue.empty(); });
}

void StandInDevice::run_until(const Ticket& ticket) {
    run_while_not([&] { return *ticket || lost != cudaSuccess; });
}

}  // namespace daf_test
