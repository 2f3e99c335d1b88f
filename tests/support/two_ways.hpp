#pragma once
// A training pass of a Sequence both ways: its operators one after another, each with memory of its own, and
// in a Workspace, which stores less (core/deferred.hpp). They have the same bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <daf/net/names.hpp>
#include <daf/net/workspace.hpp>
#include <vector>

#include "noise.hpp"
#include "workbench.hpp"

namespace daf_test {

/// What a training pass leaves behind. outputs: every operator's.
template <class T>
struct Pass {
    std::vector<T> y, dx;
    std::vector<daf::Wide<T>> gradients, parameters;
    std::vector<std::vector<T>> outputs;
};

/// What both ways are given: a batch of `count`, and parameters that are not their first values.
template <class Net, class T>
struct Given {
    explicit Given(Index images)
        : count(images),
          x(noise<T>(images * Net::Input::size, 1)),
          dy(noise<T>(images * Net::Output::size, 2)),
          parameters(noise<daf::Wide<T>>(daf::parameter_count<Net>, 3)) {
        using Wide = daf::Wide<T>;
        for (Wide& p : parameters) p = Wide(0.3) + std::abs(p) / 2;
        for (std::size_t i = 0; i < parameters.size(); i += 3) parameters[i] -= Wide(0.8);
        const auto bound = daf::bind_all_parameters<Net>(parameters.data());
        daf::for_each_parameter(daf::operator_names<Net>(), bound,
                                [](const std::string&, const auto& field, const auto& view) {
                                    if (field.role != daf::Role::state) return;
                                    for (Index i = 0; i < view.size(); ++i) view[i] = 1;
                                });
    }
    Pass<T> pass() const {
        return {{},
                std::vector<T>(x.size()),
                std::vector<daf::Wide<T>>(static_cast<std::size_t>(daf::gradient_count<Net>)),
                parameters,
                {}};
    }
    Index count;
    std::vector<T> x, dy;
    std::vector<daf::Wide<T>> parameters;
};

/// All of it in memory, through the entry points.
template <class Net, class T, class Backend>
Pass<T> one_by_one(Backend& backend, const Given<Net, T>& given) {
    Pass<T> pass = given.pass();
    const auto parameters = daf::bind_all_parameters<Net>(pass.parameters.data());
    const auto gradients = daf::bind_all_gradients<Net>(pass.gradients.data());
    std::vector<daf::HostMemory> memory;
    pass.outputs.reserve(Net::length);
    const auto input = [&](auto i) {
        return daf::batch_of<typename Net::template Operator<i>::Input>(
            i == 0 ? given.x : std::as_const(pass.outputs[i - (i > 0)]));
    };
    const auto saved = [&](auto i) {
        return daf::bind_saved<typename Net::template Operator<i>, T>(memory[i].data(), given.count);
    };
    daf::static_for<Net::length>([&](auto i) {
        using Op = typename Net::template Operator<i>;
        pass.outputs.emplace_back(static_cast<std::size_t>(given.count * Op::Output::size));
        memory.emplace_back(daf::saved_bytes<Op, T>(given.count));
        daf::forward<daf::train>(backend, Op{}, input(i), daf::batch_of<typename Op::Output>(pass.outputs[i]),
                                 daf::get<i>(parameters), saved(i));
    });
    pass.y = pass.outputs.back();
    std::vector<T> dy = given.dy;
    daf::static_for<Net::length>([&](auto reversed) {
        constexpr std::size_t i = Net::length - 1 - reversed;
        constexpr std::integral_constant<std::size_t, i> at;
        using Op = typename Net::template Operator<i>;
        std::vector<T> dx(static_cast<std::size_t>(given.count * Op::Input::size));
        daf::backward(backend, Op{}, input(at),
                      daf::batch_of<typename Op::Output>(std::as_const(pass.outputs[i])),
                      daf::batch_of<typename Op::Output>(std::as_const(dy)),
                      daf::overwrite(daf::batch_of<typename Op::Input>(dx)), daf::get<i>(parameters),
                      daf::get<i>(gradients), saved(at));
        dy = dx;
    });
    pass.dx = dy;
    return pass;
}

/// As a training network does it; what backward has used up is refused afterwards.
template <class Net, class T, class Backend>
Pass<T> in_a_workspace(Backend& backend, const Given<Net, T>& given) {
    Pass<T> pass = given.pass();
    const auto parameters = daf::bind_all_parameters<Net>(pass.parameters.data());
    const auto gradients = daf::bind_all_gradients<Net>(pass.gradients.data());
    using Workspace = daf::Workspace<Net, T, Backend, daf::train>;
    Guarded<std::byte> memory(Workspace::bytes(given.count));
    memory.poison();
    Workspace workspace(memory.data(), given.count);
    const auto copy = [](const auto& batch) {
        return std::vector<T>(batch.data(), batch.data() + batch.size());
    };
    const auto x = daf::batch_of<typename Net::Input>(given.x);
    const auto dy = daf::batch_of<typename Net::Output>(given.dy);
    pass.y = copy(workspace.forward(backend, {}, parameters, x));
    workspace.each_output(backend, parameters, [&](auto, const auto& y) { pass.outputs.push_back(copy(y)); });
    std::vector<std::size_t> gone_through;
    workspace.backward(backend, {}, parameters, gradients, x, dy,
                       daf::overwrite(daf::batch_of<typename Net::Input>(pass.dx)), {},
                       [&](std::size_t i, const auto&) { gone_through.push_back(i); });
    CHECK(gone_through.back() == 0);
    CHECK(std::is_sorted(gone_through.rbegin(), gone_through.rend()));
    CHECK(memory.edges_whole());
    CHECK_THROWS_WITH_AS(workspace.backward(backend, {}, parameters, gradients, x, dy, daf::skip),
                         doctest::Contains("the last training forward kept 0"), daf::ArgumentError);
    return pass;
}

template <class T>
void check_same_bits(const Pass<T>& got, const Pass<T>& want) {
    CHECK(got.y == want.y);
    CHECK(got.dx == want.dx);
    CHECK(got.gradients == want.gradients);
    CHECK(got.parameters == want.parameters);
    CHECK(got.outputs == want.outputs);
}

}  // namespace daf_test
