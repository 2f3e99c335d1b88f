#pragma once
// What a checkpoint calls the parameters: PyTorch's state_dict names. A layer without a name is numbered as
// in an nn.Sequential, where one of our layers may stand for several modules.
#include <daf/net/sequence.hpp>
#include <string>
#include <vector>

namespace daf {

/// The beginning of one operator's parameter names.
struct OperatorName {
    std::string prefix;  // "attention.", or "trunk." before a number
    int number = -1;     // of its first module; -1 for a named layer
};

namespace detail {

template <class Layer>
void name_layer(const std::string& prefix, int& number, std::vector<OperatorName>& names) {
    if constexpr (requires { Layer::name; }) {
        names.push_back({std::string(Layer::name) + ".", -1});
    } else {
        names.push_back({prefix, number});
    }
    if constexpr (requires { Layer::pytorch_modules; }) {
        number += Layer::pytorch_modules;
    } else {
        ++number;
    }
}

}  // namespace detail

/// One name for each layer of a Sequence.
template <AnySequence Seq>
std::vector<OperatorName> operator_names(const std::string& prefix = "") {
    std::vector<OperatorName> names;
    int number = 0;
    static_for<Seq::length>(
        [&](auto i) { detail::name_layer<TypeAt<i, typename Seq::LayerTypes>>(prefix, number, names); });
    return names;
}

/// "trunk." 3 and "1.weight" make "trunk.4.weight"; "trunk." 9 and "weight" make "trunk.9.weight".
inline std::string parameter_name(const OperatorName& of, std::string field) {
    if (of.number < 0) return of.prefix + field;
    int number = of.number;
    if (field.size() > 2 && field[1] == '.' && field[0] >= '0' && field[0] <= '9') {
        number += field[0] - '0';
        field = field.substr(2);
    }
    return of.prefix + std::to_string(number) + "." + field;
}

/// What messages call the layer: "trunk.4", "attention".
inline std::string layer_name(const OperatorName& of) {
    if (of.number >= 0) return of.prefix + std::to_string(of.number);
    return of.prefix.substr(0, of.prefix.size() - (of.prefix.empty() ? 0 : 1));
}

/// visit(name, field, view) for every parameter of a list of operators.
template <class Parameters, class Visit>
void for_each_parameter(const std::vector<OperatorName>& names, Parameters& parameters, Visit&& visit) {
    static_for<Parameters::size>([&](auto i) {
        for_each_field(get<i>(parameters), [&](const auto& field, auto& view) {
            visit(parameter_name(names[i], field.name), field, view);
        });
    });
}

}  // namespace daf
