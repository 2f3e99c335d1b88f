#pragma once
// Everything that one operator needs to run once on one backend, in buffers whose edges are watched.
#include <sanitizer/asan_interface.h>  // without the sanitizer its macros are nothing

#include <algorithm>
#include <cmath>
#include <cstring>
#include <daf/core/entry.hpp>
#include <limits>
#include <vector>

namespace daf_test {

using daf::Index;

/// Elements between two canaries, which AddressSanitizer lets nobody touch. 64-byte aligned.
template <class T>
class Guarded {
  public:
    explicit Guarded(Index count) : count_(count), memory_(bytes() + 2 * edge + 64, std::byte{canary}) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        offset_ = static_cast<std::size_t>((64 - address % 64) % 64) + edge;
        close_edges();
    }
    ~Guarded() { open_edges(); }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    T* data() { return reinterpret_cast<T*>(memory_.data() + offset_); }
    Index size() const { return count_; }
    T& operator[](Index i) { return data()[i]; }
    std::span<T> span() { return {data(), static_cast<std::size_t>(count_)}; }
    std::vector<T> copy() { return {data(), data() + count_}; }

    /// All bits set: a NaN, a -1.
    void poison() { std::memset(static_cast<void*>(data()), 0xFF, bytes()); }
    void fill(T value) {
        for (Index i = 0; i < count_; ++i) data()[i] = value;
    }
    bool edges_whole() {
        open_edges();
        const auto whole = [&](std::size_t first, std::size_t last) {
            return std::all_of(memory_.data() + first, memory_.data() + last,
                               [](std::byte b) { return b == std::byte{canary}; });
        };
        const bool both = whole(0, offset_) && whole(offset_ + bytes(), memory_.size());
        close_edges();
        return both;
    }

  private:
    void close_edges() {
        ASAN_POISON_MEMORY_REGION(memory_.data(), offset_);
        ASAN_POISON_MEMORY_REGION(memory_.data() + offset_ + bytes(), memory_.size() - offset_ - bytes());
    }
    void open_edges() { ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size()); }

    static constexpr std::size_t edge = 256;
    static constexpr unsigned char canary = 0xA5;
    std::size_t bytes() const { return static_cast<std::size_t>(count_) * sizeof(T); }
    Index count_;
    std::vector<std::byte> memory_;
    std::size_t offset_ = 0;
};

/// One operator, one element type, one backend: inputs drawn from a seed, outputs poisoned. Every number that is drawn is one
/// that T can hold.
template <class Op, class T, class Backend>
struct Workbench {
    using In = typename Op::Input;
    using Out = typename Op::Output;
    using Number = daf::Wide<T>;               // of parameters and gradients
    using Result = daf::OutputElement<Op, T>;  // of y and dy

    Workbench(Backend& context, Op the_op, Index images, std::uint64_t seed)
        : ctx(context),
          op(the_op),
          count(images),
          slab(daf::parameter_count<Op>),
          gradient_slab(daf::gradient_count<Op>),
          saved_memory(daf::saved_bytes<Op, T>(images)),
          x(images * In::size),
          dx(images * In::size),
          y(images * Out::size),
          dy(images * Out::size),
          labels(images) {
        daf::RandomSequence random(daf::Stream{daf::Seed{seed}, 0, 77});
        for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<T>(random.normal());
        for (Index i = 0; i < dy.size(); ++i) dy[i] = static_cast<T>(random.normal());
        auto bound = parameters();
        daf::for_each_field(bound, [&](const auto& field, const auto& view) {
            for (Index i = 0; i < view.size(); ++i) {
                // A state may be a variance: keep it positive.
                view[i] = static_cast<T>(field.role == daf::Role::state ? random.uniform(0.5, 1.5)
                                                                        : 0.5 * random.normal());
            }
        });
        for (Index i = 0; i < images; ++i) {
            labels[i] = 0;
            if constexpr (daf::reads_labels<Op>) {
                labels[i] = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(Op::classes)));
            }
        }
        poison_outputs();
        gradient_slab.fill(Number(0));
    }

    auto parameters() { return daf::bind<Op>(slab.span()); }
    auto gradients() { return daf::bind_gradients<Op>(gradient_slab.span()); }
    auto saved() { return daf::bind_saved<Op, T>(saved_memory.data(), count); }
    daf::SideInput<daf::Host> side() { return {{labels.data(), count}, {daf::Seed{5}, &step, 3, 10}}; }
    daf::Batch<In, T> x_batch() { return {x.data(), count}; }
    daf::Batch<Out, Result> y_batch() { return {y.data(), count}; }
    daf::Batch<In, T> dx_batch() { return {dx.data(), count}; }

    void poison_outputs() {
        y.poison();
        dx.poison();
        saved_memory.poison();
        poison_scratch();
    }
    void poison_scratch() {
        const auto memory = ctx.arena().memory();
        if (!memory.empty()) std::memset(memory.data(), 0xFF, memory.size());
    }

    void forward_train() {
        daf::forward<daf::train>(ctx, op, x_batch(), y_batch(), parameters(), saved(), side());
    }
    void forward_eval() {
        daf::forward<daf::eval>(ctx, op, x_batch(), y_batch(), daf::read_only<Op, Number>(parameters()),
                                daf::Nothing{}, side());
    }
    template <class DX>
    void backward(DX into) {
        daf::backward(ctx, op, x_batch(), y_batch(), daf::Batch<Out, Result>{dy.data(), count}, into,
                      parameters(), gradients(), saved(), side());
    }

    bool edges_whole() {
        return slab.edges_whole() && gradient_slab.edges_whole() && saved_memory.edges_whole() &&
               x.edges_whole() && y.edges_whole() && dy.edges_whole() && dx.edges_whole() &&
               labels.edges_whole();
    }

    Backend& ctx;
    Op op;
    Index count;
    std::uint32_t step = 11;
    Guarded<Number> slab, gradient_slab;
    Guarded<std::byte> saved_memory;
    Guarded<T> x, dx;
    Guarded<Result> y, dy;
    Guarded<std::int32_t> labels;
};

/// max |a - b| / max |b|, infinite where a NaN stands on either side. 0 for empty or equal.
template <class A, class B>
double relative_difference(const A& a, const B& b) {
    if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
    double difference = 0, largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(d >= 0)) return std::numeric_limits<double>::infinity();
        difference = std::max(difference, d);
        largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    }
    return difference == 0 ? 0 : difference / std::max(largest, 1e-300);
}

}  // namespace daf_test
