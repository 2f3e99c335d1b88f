#pragma once
// A workbench of any operator, element type and backend: what the checks of conformance.cpp are written for,
// so that they are compiled once and not for each of them.
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "workbench.hpp"

namespace daf_test {

class Bench {
  public:
    virtual ~Bench() = default;

    virtual void forward_train() = 0;
    virtual void forward_eval() = 0;
    virtual void backward_overwriting_dx() = 0;
    virtual void backward_adding_to_dx() = 0;
    virtual void backward_without_dx() = 0;
    virtual void poison_outputs() = 0;
    virtual void poison_scratch() = 0;
    virtual bool edges_whole() = 0;

    struct Buffers {
        Buffer &x, &dx, &y, &dy, &parameters, &gradients;
    };
    virtual Buffers buffers() = 0;

    struct Facts {
        bool backward_reads_x, backward_reads_y;
        Index trained;  // parameters and gradients share the layout of these, the first ones
    };
    virtual Facts facts() const = 0;
};

/// Of a workbench that it holds, or refers to: Held is Workbench<...> or Workbench<...>&.
template <class Held>
class BenchOf final : public Bench {
  public:
    template <class... Arguments>
    explicit BenchOf(Arguments&&... arguments) : bench_(std::forward<Arguments>(arguments)...) {}

    void forward_train() override { bench_.forward_train(); }
    void forward_eval() override { bench_.forward_eval(); }
    void backward_overwriting_dx() override { bench_.backward(daf::overwrite(bench_.dx_batch())); }
    void backward_adding_to_dx() override { bench_.backward(daf::accumulate(bench_.dx_batch())); }
    void backward_without_dx() override { bench_.backward(daf::skip); }
    void poison_outputs() override { bench_.poison_outputs(); }
    void poison_scratch() override { bench_.poison_scratch(); }
    bool edges_whole() override { return bench_.edges_whole(); }
    Buffers buffers() override {
        return {bench_.x, bench_.dx, bench_.y, bench_.dy, bench_.slab, bench_.gradient_slab};
    }
    Facts facts() const override {
        using Op = decltype(std::remove_reference_t<Held>::op);
        return {Op::backward_reads_x, Op::backward_reads_y, daf::parameter_segments<Op>.trained()};
    }

  private:
    Held bench_;
};

/// Makes benches of one operator and element type on a context: make(images, seed).
using MakeBench = std::function<std::unique_ptr<Bench>(Index images, std::uint64_t seed)>;

/// An operator and an element type, by whatever context of Backend: subject.on(ctx)(images, seed). It refers
/// to the operator.
template <class Backend>
struct Subject {
    MakeBench on(Backend& ctx) const {
        return [subject = *this, &ctx](Index images, std::uint64_t seed) {
            return subject.make(ctx, subject.op, images, seed);
        };
    }

    const void* op;
    std::unique_ptr<Bench> (*make)(Backend& ctx, const void* op, Index images, std::uint64_t seed);
};

template <class T, class Backend, class Op>
Subject<Backend> subject(const Op& op) {
    return {&op,
            [](Backend& ctx, const void* the_op, Index images, std::uint64_t seed) -> std::unique_ptr<Bench> {
                using Held = Workbench<Op, T, Backend>;
                return std::make_unique<BenchOf<Held>>(ctx, *static_cast<const Op*>(the_op), images, seed);
            }};
}

template <class T, class Backend, class Op>
Subject<Backend> subject(const Op&& gone_before_use) = delete;

/// The two that every operator has.
template <class Backend>
struct Subjects {
    template <class Op>
    explicit Subjects(const Op& op)
        : in_double(subject<double, Backend>(op)), in_float(subject<float, Backend>(op)) {}

    Subject<Backend> in_double, in_float;
};

}  // namespace daf_test
