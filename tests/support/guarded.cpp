#include "guarded.hpp"

#include <sanitizer/asan_interface.h>  // without the sanitizer its macros are nothing

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace daf_test {

namespace {

constexpr std::size_t edge = 256;
constexpr std::byte canary{0xA5};

}  // namespace

Buffer::Buffer(Element element, Index count, std::size_t element_bytes)
    : element_(element),
      count_(count),
      bytes_(static_cast<std::size_t>(count) * element_bytes),
      memory_(bytes_ + 2 * edge + 64, canary) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    offset_ = static_cast<std::size_t>((64 - address % 64) % 64) + edge;
    close_edges();
}
Buffer::~Buffer() {
    open_edges();
}

template <class T>
T* Buffer::as() const {
    return reinterpret_cast<T*>(const_cast<std::byte*>(memory_.data()) + offset_);
}

double Buffer::get(Index i) const {
    switch (element_) {
        case Element::f64: return as<double>()[i];
        case Element::f32: return static_cast<double>(as<float>()[i]);
        case Element::bf16: return static_cast<double>(as<daf::bf16>()[i]);
        default: std::abort();
    }
}
void Buffer::set(Index i, double value) {
    switch (element_) {
        case Element::f64: as<double>()[i] = value; return;
        case Element::f32: as<float>()[i] = static_cast<float>(value); return;
        case Element::bf16: as<daf::bf16>()[i] = static_cast<daf::bf16>(value); return;
        default: std::abort();
    }
}
std::vector<double> Buffer::widened() const {
    std::vector<double> values(static_cast<std::size_t>(count_));
    for (Index i = 0; i < count_; ++i) values[static_cast<std::size_t>(i)] = get(i);
    return values;
}
void Buffer::set_all(const std::vector<double>& values) {
    for (Index i = 0; i < count_; ++i) set(i, values[static_cast<std::size_t>(i)]);
}

void Buffer::poison() {
    std::memset(begin(), 0xFF, bytes_);
}

bool Buffer::edges_whole() {
    open_edges();
    const auto whole = [&](std::size_t first, std::size_t last) {
        return std::all_of(memory_.data() + first, memory_.data() + last,
                           [](std::byte b) { return b == canary; });
    };
    const bool both = whole(0, offset_) && whole(offset_ + bytes_, memory_.size());
    close_edges();
    return both;
}

void Buffer::close_edges() {
    ASAN_POISON_MEMORY_REGION(memory_.data(), offset_);
    ASAN_POISON_MEMORY_REGION(memory_.data() + offset_ + bytes_, memory_.size() - offset_ - bytes_);
}
void Buffer::open_edges() {
    ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size());
}

}  // namespace daf_test
