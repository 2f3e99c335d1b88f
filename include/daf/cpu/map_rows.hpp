#pragma once
// A batch of maps as a pass reads it, row by row: rows that lie in memory, or that are made as they are read.
#include <algorithm>
#include <daf/cpu/context.hpp>
#include <daf/cpu/function_ref.hpp>

namespace daf::cpu {

/// A pass's maps, row by row: writes row `row` of image n to `to`.
template <class T>
using MapRows = FunctionRef<void(Index n, Index row, T* to)>;
/// A pass's dy: points to `count` rows of image n from `first` on, which lie in memory or are made in `room`.
template <class T>
using SlopeRows = FunctionRef<const T*(Index n, Index first, Index count, T* room)>;

/// Rows that lie in memory, as MapRows or SlopeRows reads them.
template <class T>
struct PlainRows {
    const T* maps;
    Index row_size, rows;
    const T* at(Index n, Index row) const { return maps + (n * rows + row) * row_size; }

    void operator()(Index n, Index row, T* to) const { std::copy_n(at(n, row), row_size, to); }
    const T* operator()(Index n, Index first, Index, T*) const { return at(n, first); }
};
template <class S, class T>
PlainRows<T> plain_rows(const Batch<S, const T, Host>& maps) {
    return {maps.data(), S::width * S::channels, S::height};
}

/// The rows of a call's x.
template <class S, class T>
auto rows_of(const Batch<S, const T, Host>& x) {
    return plain_rows(x);
}
template <class Op, class T>
auto rows_of(const Deferred<Op, T, Host>& x) {
    return typename Kernel<Op, Cpu>::template OutputRows<T>(x.params, x.saved);
}

/// The rows of a call's dy.
template <class S, class T>
auto slopes_of(const Batch<S, const T, Host>& dy) {
    return plain_rows(dy);
}
template <class Op, class T>
auto slopes_of(const DeferredGradient<Op, T, Host>& dx) {
    return typename Kernel<Op, Cpu>::template InputSlopes<T>(dx.dy, dx.saved);
}

}  // namespace daf::cpu
