#pragma once
// A callable that somebody else owns, without its type: a parameter that makes no second copy of the code
// behind it.
#include <memory>
#include <type_traits>
#include <utility>

namespace daf::cpu {

template <class Signature>
class FunctionRef;

template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
  public:
    /// The callable must outlive the reference: pass it to a function, do not keep it.
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(const F& function)
        : function_(std::addressof(function)), call_([](const void* f, Arguments... arguments) -> Result {
              return (*static_cast<const F*>(f))(std::forward<Arguments>(arguments)...);
          }) {}

    Result operator()(Arguments... arguments) const {
        return call_(function_, std::forward<Arguments>(arguments)...);
    }

  private:
    const void* function_;
    Result (*call_)(const void*, Arguments...);
};

}  // namespace daf::cpu
