#pragma once
// Where numbers that are not finite come from.
#include <algorithm>
#include <cmath>
#include <daf/core/bf16.hpp>
#include <daf/core/view.hpp>

namespace daf {

namespace detail {

/// Whether a batch, wherever it lies, holds finite numbers alone.
template <class Backend, class S, class T, class Space>
bool all_finite(const Backend& ctx, const Batch<S, T, Space>& batch) {
    if constexpr (std::is_same_v<Space, Host>) {
        return std::all_of(batch.data(), batch.data() + batch.size(),
                           [](T v) { return std::isfinite(static_cast<Wide<T>>(v)); });
    } else {
        return all_finite(ctx, ctx.download(batch));
    }
}

/// Told of a network's outputs, which of them is the first with a number that is not finite.
template <class Backend>
class FirstNotFinite {
  public:
    /// none: what found() says while all of them are finite.
    FirstNotFinite(const Backend& ctx, Index none) : ctx_(ctx), found_(none) {}

    template <class B>
    void operator()(std::size_t at, const B& output) {
        if (!all_finite(ctx_, output)) found_ = std::min(found_, static_cast<Index>(at));
    }
    Index found() const { return found_; }

  private:
    const Backend& ctx_;
    Index found_;
};

}  // namespace detail

/// Which operator of an Evaluator's or a Learner's network, as operator_names<Net>() counts them, first puts
/// out a number that is not finite in evaluate(x), which this runs. -1 if x holds one already;
/// Net::metric_at, the losses' place, if every output is finite.
template <class Owner>
Index first_not_finite_evaluating(Owner& owner, typename Owner::Images x) {
    if (!detail::all_finite(owner.context(), x)) return -1;
    detail::FirstNotFinite look(owner.context(), static_cast<Index>(Owner::Network::metric_at));
    owner.evaluate(x, [&](auto i, const auto&, const auto&, const auto& y) { look(i, y); });
    return look.found();
}

}  // namespace daf
