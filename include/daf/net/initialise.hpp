#pragma once
#include <daf/core/memory.hpp>
#include <daf/core/random.hpp>
#include <daf/net/sequence.hpp>

namespace daf {

/// First values of every parameter, by its operator's description (He, Glorot, the centres' N(0, 0.01), ...), in host
/// memory of parameter_count<Net> elements. A value depends on the seed, its operator's place and its own alone.
template <OperatorList Net, class T>
void initialise(T* slab, Seed seed) {
    auto bound = bind_all_parameters<Net, T>(slab);
    static_for<Net::Operators::size>([&](auto i) {
        std::uint32_t tensor = 0;
        for_each_field(get<i>(bound), [&](const auto& field, const auto& view) {
            RandomSequence random(Stream{seed, 0, static_cast<std::uint32_t>(i)}, tensor++);
            for (Index k = 0; k < view.size(); ++k) {
                switch (field.init.kind) {
                    case Init::Kind::zeros: view[k] = T(0); break;
                    case Init::Kind::ones: view[k] = T(1); break;
                    case Init::Kind::normal:
                        view[k] = static_cast<T>(field.init.spread * random.normal());
                        break;
                    case Init::Kind::uniform:
                        view[k] = static_cast<T>(random.uniform(-field.init.spread, field.init.spread));
                        break;
                }
            }
        });
    });
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
