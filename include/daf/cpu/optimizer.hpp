#pragma once
#include <Eigen/Core>
#include <cmath>
#include <daf/cpu/context.hpp>
#include <daf/ops/optimizer.hpp>

namespace daf {

namespace cpu {

template <class T>
using Slab = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
template <class T>
using ConstSlab = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;

/// body(first, size, decay) over pieces of the slab, none of which has both decayed and undecayed elements.
template <class T, class Body>
void over_slab(Cpu& ctx, const UpdateCall<T>& call, double weight_decay, const Body& body) {
    constexpr Index piece = 1 << 14;
    const Index decayed = (call.decayed + piece - 1) / piece,
                undecayed = (call.undecayed + piece - 1) / piece;
    ctx.parallel(decayed + undecayed, [&](Index chunk) {
        const bool decays = chunk < decayed;
        const Index first = decays ? chunk * piece : call.decayed + (chunk - decayed) * piece;
        const Index end = decays ? call.decayed : call.size();
        body(first, std::min(piece, end - first), static_cast<T>(decays ? weight_decay : 0));
    });
}

}  // namespace cpu

template <>
struct Kernel<Adam, Cpu> {
    template <class T>
    static void update(Cpu& ctx, const Adam& adam, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        const UpdateScale scale = call.scale_now(adam);
        const auto rate = static_cast<T>(scale.rate), root = static_cast<T>(scale.root);
        const auto epsilon = static_cast<T>(adam.epsilon);
        const auto keep1 = static_cast<T>(adam.beta1), add1 = static_cast<T>(1 - adam.beta1);
        const auto keep2 = static_cast<T>(adam.beta2), add2 = static_cast<T>(1 - adam.beta2);
        cpu::over_slab(ctx, call, adam.weight_decay, [&](Index first, Index size, T decay) {
            cpu::Slab<T> p(call.parameters + first, size), m(call.first_moment + first, size),
                v(call.second_moment + first, size);
            const cpu::ConstSlab<T> gradient(call.gradients + first, size);
            const auto g = gradient + decay * p;
            m = keep1 * m + add1 * g;
            v = keep2 * v + add2 * g.square();
            p -= rate * m / (v.sqrt() * root + epsilon);
        });
    }
};

template <>
struct Kernel<Sgd, Cpu> {
    template <class T>
    static void update(Cpu& ctx, const Sgd& sgd, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        const auto rate = static_cast<T>(call.scale_now(sgd).rate), momentum = static_cast<T>(sgd.momentum);
        cpu::over_slab(ctx, call, sgd.weight_decay, [&](Index first, Index size, T decay) {
            cpu::Slab<T> p(call.parameters + first, size), b(call.first_moment + first, size);
            const cpu::ConstSlab<T> gradient(call.gradients + first, size);
            b = momentum * b + (gradient + decay * p);
            if (sgd.nesterov) {
                p -= rate * (gradient + decay * p + momentum * b);
            } else {
                p -= rate * b;
            }
        });
    }
};

}  // namespace daf
