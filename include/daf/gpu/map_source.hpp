#pragma once
// Where a kernel takes a map or its gradient from: memory, or what an operator saved (core/deferred.hpp).
#include <daf/core/deferred.hpp>
#include <daf/gpu/normalisation.hpp>

namespace daf::gpu {

/// at(channel, width) gives what is called with an element's index, and returns it and its neighbours.
template <class T>
struct StoredMap {
    const T* data;

    bool wide() const { return aligned(data); }
    template <Index W>
    DAF_HOST_DEVICE auto at(Index, Width<W>) const {
        return [from = data](Index i) { return load<W>(from + i); };
    }
};

/// relu(normalised z), to the bits that it would have in memory.
template <class T>
struct RectifiedMap {
    ChannelAffine<Wide<T>> affine;
    const T* z;

    bool wide() const { return aligned(z); }
    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W> width) const {
        return [from = z, affine = affine.at(c, width)](Index i) {
            Pack<Wide<T>, W> pack = load<W>(from + i);
            for (Index k = 0; k < W; ++k) {
                const Wide<T> value = affine(pack[k], k);
                pack[k] = value < 0 ? 0 : value;
            }
            return widened<T>(narrowed<T>(pack));
        };
    }
};

template <class Backend, AnyShape S, class T, class Space>
StoredMap<std::remove_const_t<T>> map_source(Batch<S, T, Space> x) {
    return {x.data()};
}
template <class Backend, Operator Op, class T, class Space>
auto map_source(const Deferred<Op, T, Space>& x) {
    return typename Kernel<Op, Backend>::template OutputRows<T>(x.params, x.saved).source();
}

template <class Backend, AnyShape S, class T, class Space>
StoredSlopes<std::remove_const_t<T>> slope_source(Batch<S, T, Space> dy) {
    return {dy.data()};
}
template <class Backend, Operator Op, class T, class Space>
auto slope_source(const DeferredGradient<Op, T, Space>& dx) {
    return typename Kernel<Op, Backend>::template InputSlopes<T>(dx.dy, dx.saved).source();
}

}  // namespace daf::gpu
