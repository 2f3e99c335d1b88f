// What a training network on a GPU never stores, maps before a pool and the gradients behind them
// (core/deferred.hpp), against the same operators one after another, each with memory of its own: the same
// bits.
#include <doctest/doctest.h>

#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/linear.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/workspace.hpp>
#include <vector>

#include "../support/workbench.hpp"
#include "support/host_gpu.hpp"

using daf::Index;
using daf::Shape;
using daf_test::HostGpu;
namespace layer = daf::layer;

namespace {

// A row and a column that no window covers; channels with packs and without; pools in a row, and one at the
// end.
using Net = daf::Sequence<Shape<9, 13, 2>, layer::ConvBnRelu<8>, layer::MaxPool<2>, layer::ConvBnRelu<5>,
                          layer::ConvBnRelu<16>, layer::MaxPool<2>, layer::MaxPool<1>, layer::ConvBnRelu<8>,
                          layer::MaxPool<2>>;

template <class T>
std::vector<T> noise(Index count, std::uint64_t seed) {
    std::vector<T> values(static_cast<std::size_t>(count));
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    for (T& v : values) v = static_cast<T>(random.normal());
    return values;
}

template <class T>
struct Pass {
    std::vector<T> y, dx;
    std::vector<daf::Wide<T>> gradients, parameters;
    bool operator==(const Pass&) const = default;
};

template <class T>
struct Given {
    static constexpr Index count = 3;
    std::vector<T> x = noise<T>(count * Net::Input::size, 1), dy = noise<T>(count * Net::Output::size, 2);
    Pass<T> pass() const {
        return {{},
                std::vector<T>(x.size()),
                std::vector<daf::Wide<T>>(daf::gradient_count<Net>),
                noise<daf::Wide<T>>(daf::parameter_count<Net>, 3)};
    }
};

template <class T>
Pass<T> one_by_one(HostGpu& gpu, const Given<T>& given) {
    Pass<T> pass = given.pass();
    const auto parameters = daf::bind_all_parameters<Net>(pass.parameters.data());
    const auto gradients = daf::bind_all_gradients<Net>(pass.gradients.data());
    std::vector<std::vector<T>> maps{given.x};
    std::vector<daf::HostMemory> saved;
    daf::static_for<Net::length>([&](auto i) {
        using Op = Net::Operator<i>;
        maps.emplace_back(static_cast<std::size_t>(given.count * Op::Output::size));
        saved.emplace_back(daf::saved_bytes<Op, T>(given.count));
        daf::forward<daf::train>(gpu, Op{}, daf::batch_of<typename Op::Input>(maps[i]),
                                 daf::batch_of<typename Op::Output>(maps[i + 1]), daf::get<i>(parameters),
                                 daf::bind_saved<Op, T>(saved[i].data(), given.count));
    });
    pass.y = maps.back();
    std::vector<T> dy = given.dy;
    daf::static_for<Net::length>([&](auto reversed) {
        constexpr std::size_t i = Net::length - 1 - reversed;
        using Op = Net::Operator<i>;
        std::vector<T> dx(maps[i].size());
        daf::backward(gpu, Op{}, daf::batch_of<typename Op::Input>(maps[i]),
                      daf::batch_of<typename Op::Output>(maps[i + 1]), daf::batch_of<typename Op::Output>(dy),
                      daf::overwrite(daf::batch_of<typename Op::Input>(dx)), daf::get<i>(parameters),
                      daf::get<i>(gradients), daf::bind_saved<Op, T>(saved[i].data(), given.count));
        dy = dx;
    });
    pass.dx = dy;
    return pass;
}

template <class T>
Pass<T> in_a_workspace(HostGpu& gpu, const Given<T>& given) {
    Pass<T> pass = given.pass();
    const auto parameters = daf::bind_all_parameters<Net>(pass.parameters.data());
    const auto gradients = daf::bind_all_gradients<Net>(pass.gradients.data());
    using Workspace = daf::Workspace<Net, T, HostGpu, daf::train>;
    daf_test::Guarded<std::byte> memory(Workspace::bytes(given.count));
    memory.poison();
    Workspace workspace(memory.data(), given.count);
    const auto x = daf::batch_of<Net::Input>(given.x);
    const auto y = workspace.forward(gpu, {}, parameters, x);
    pass.y.assign(y.data(), y.data() + y.size());
    workspace.backward(gpu, {}, parameters, gradients, x, daf::batch_of<Net::Output>(given.dy),
                       daf::overwrite(daf::batch_of<Net::Input>(pass.dx)));
    CHECK(memory.edges_whole());
    return pass;
}

}  // namespace

TEST_CASE_TEMPLATE(
    "a network that stores no map before a pool, nor its gradient, has the bits of one that does", T, float,
    double, daf::bf16) {
    static_assert(daf::output_can_be_deferred<Net::Operator<0>, HostGpu, T> &&
                  daf::gradient_can_be_deferred<Net::Operator<1>, HostGpu, T> &&
                  daf::reads_deferred_gradient<Net::Operator<0>, HostGpu> &&
                  !daf::reads_deferred_gradient<Net::Operator<4>, HostGpu>);
    HostGpu gpu;
    const Given<T> given;
    const Pass<T> stored = one_by_one(gpu, given), deferred = in_a_workspace(gpu, given);
    CHECK(deferred.y == stored.y);
    CHECK(deferred.dx == stored.dx);
    CHECK(deferred.gradients == stored.gradients);
    CHECK(deferred.parameters == stored.parameters);
}
