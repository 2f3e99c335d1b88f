#pragma once
#include <daf/core/memory.hpp>
#include <daf/core/random.hpp>
#include <daf/net/sequence.hpp>
#include <span>

namespace daf {

namespace detail {

/// First values of one tensor.
template <class T>
[[gnu::noinline]] void fill(const Init& init, RandomSequence random, std::span<T> values) {
    for (T& value : values) {
        switch (init.kind) {
            case Init::Kind::constant: value = static_cast<T>(init.size); break;
            case Init::Kind::normal: value = static_cast<T>(init.size * random.normal()); break;
            case Init::Kind::uniform: value = static_cast<T>(random.uniform(-init.size, init.size)); break;
        }
    }
}

/// First values of an operator's bound parameters; `place`: its own in a list.
template <class T, class Fields>
void fill_fields(Fields& fields, Seed seed, std::uint32_t place) {
    std::uint32_t tensor = 0;
    for_each_field(fields, [&](const auto& field, const auto& view) {
        fill<T>(field.init, RandomSequence(Stream{seed, 0, place}, tensor++),
                {view.data(), static_cast<std::size_t>(view.size())});
    });
}

}  // namespace detail

/// First values of every parameter, by its operator's description (He, Glorot, a normal distribution for
/// centres, ...), in host memory of parameter_count<Net> elements. A value depends on the seed, its
/// operator's place and its own alone.
template <OperatorList Net, class T>
void initialise(T* slab, Seed seed) {
    auto bound = bind_all_parameters<Net, T>(slab);
    static_for<Net::Operators::size>(
        [&](auto i) { detail::fill_fields<T>(get<i>(bound), seed, static_cast<std::uint32_t>(i)); });
}

/// The same of a slab that knows its size. Throws ArgumentError unless it is parameter_count<Net> elements.
template <OperatorList Net, class T>
void initialise(std::span<T> slab, Seed seed) {
    detail::check_count("initialise", parameter_count<Net>, slab.size());
    initialise<Net>(slab.data(), seed);
}

/// The same of one operator, as bind<Op> lays its parameters out. Throws ArgumentError unless the slab holds
/// parameter_count<Op> elements.
template <Operator Op, class T>
void initialise(std::span<T> slab, Seed seed) {
    auto bound = bind<Op>(slab);
    detail::fill_fields<T>(bound, seed, 0);
}

/// The same of a vector or an array.
template <class Net, detail::LastingMemory Memory>
void initialise(Memory&& memory, Seed seed) {
    initialise<Net>(std::span(memory), seed);
}

/// The same, in the memory of a context.
template <OperatorList Net, class Backend, class T>
void initialise(const Backend& ctx, T* slab, Seed seed) {
    if constexpr (std::is_same_v<typename Backend::Space, Host>) {
        initialise<Net>(slab, seed);
    } else {
        const HostMemory values(parameter_count<Net> * static_cast<Index>(sizeof(T)));
        initialise<Net>(values.template as<T>(), seed);
        ctx.copy_in(slab, values.template as<const T>(), parameter_count<Net>);
    }
}

}  // namespace daf
