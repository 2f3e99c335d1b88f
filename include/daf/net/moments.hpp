#pragma once
// What an optimizer remembers from step to step.
#include <daf/ops/optimizer.hpp>
#include <string>

namespace daf {

/// The moments of an optimizer for so many trained parameters, in the backend's memory; zeros at first.
template <class Number, class Backend>
class Moments {
  public:
    using Space = typename Backend::Space;

    Moments(Backend& ctx, const Optimizer& optimizer, Index trained)
        : trained_(trained),
          count_(moment_count(optimizer)),
          memory_(ctx.allocate(bytes(optimizer, trained))) {
        ctx.zero(memory_.template as<Number>(), count_ * stride(trained));
    }

    static Index bytes(const Optimizer& optimizer, Index trained) {
        return moment_count(optimizer) * stride(trained) * element;
    }

    /// The first (0) or second (1), in the parameters' order. Throws ArgumentError for one that the optimizer
    /// does not have, in the name of `owner`.
    Slab<Number, Space> at(Index which, const char* owner) const {
        if (which < 0 || which >= count_) {
            throw ArgumentError(std::string(owner) + ": moment " + std::to_string(which) +
                                ": the optimizer has " + std::to_string(count_));
        }
        return {memory_.template as<Number>() + which * stride(trained_), static_cast<std::size_t>(trained_)};
    }
    /// Gives a call both, as far as there are two.
    void bind(UpdateCall<Number>& call) const {
        call.first_moment = memory_.template as<Number>();
        call.second_moment = count_ > 1 ? call.first_moment + stride(trained_) : nullptr;
    }

  private:
    static constexpr Index element = sizeof(Number);
    /// From one to the next: each begins where wide accesses may.
    static constexpr Index stride(Index trained) { return align_up(trained * element) / element; }

    Index trained_, count_;
    typename Backend::Memory memory_;
};

}  // namespace daf
