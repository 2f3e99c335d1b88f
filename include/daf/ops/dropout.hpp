#pragma once
#include <daf/core/figures.hpp>
#include <daf/core/operator.hpp>

namespace daf {

namespace header {
struct dropout {
    static constexpr const char* name = "dropout";
};
}  // namespace header

/// Training: y = x * m, dx = dy * m, where m is 0 with probability `rate`, else 1 / (1 - rate). Eval: y = x.
///   x, y  any shape     rate  in [0, 1), else ArgumentError
/// The mask is a function of where it stands: element k of sample s is kept where word k%4 of draw(stream, s,
/// k/4), as a number in [0, 1), is not below rate. s is the sample's global position (Draw::first_sample +
/// image), so neither the split of a batch over calls or ranks nor the number of threads changes it. Saved:
/// nothing; backward draws the mask again, so it wants the same Draw with the step unchanged. A dropped NaN
/// stays visible (it is multiplied by 0). x and y may not overlap.
template <AnyShape S>
struct Dropout {
    using Header = header::dropout;
    using Input = S;
    using Output = S;
    static constexpr bool draws = true;
    static constexpr bool backward_reads_x = false;
    static constexpr bool backward_reads_y = false;

    double rate = 0.5;

    /// Throws ArgumentError for a rate outside [0, 1).
    void check() const { detail::check_share("dropout", "rate", rate); }
};

}  // namespace daf
