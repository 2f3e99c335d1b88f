#pragma once
// Everything that one operator needs to run once on one backend, in buffers whose edges are watched.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <daf/core/entry.hpp>
#include <limits>

#include "guarded.hpp"

namespace daf_test {

/// What a workbench holds, drawn from a seed. Of the parameters, as many are trained; the rest is state.
void draw(Buffer& x, Buffer& dy, Buffer& parameters, Index trained, Guarded<std::int32_t>& labels,
          Index classes, std::uint64_t seed);

/// One operator, one element type, one backend: inputs drawn from a seed, outputs poisoned. Every number that
/// is drawn is one that T can hold.
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
        Index classes = 1;
        if constexpr (daf::reads_labels<Op>) classes = Op::classes;
        draw(x, dy, slab, daf::parameter_segments<Op>.trained(), labels, classes, seed);
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
