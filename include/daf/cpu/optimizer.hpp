#pragma once
#include <algorithm>
#include <daf/cpu/channel_packets.hpp>
#include <daf/cpu/context.hpp>
#include <daf/ops/optimizer.hpp>

namespace daf {

namespace cpu {

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

/// step(p, g, m, v) on lanes<T> elements of the slabs at a time, from `first` on; v is null where the call
/// has no second moment. Those that fill no packet go through a whole one too, so that no element's bits
/// depend on where the slabs lie.
template <class T, class Step>
void step_by_packets(const UpdateCall<T>& call, Index first, Index size, const Step& step) {
    T* p = call.parameters + first;
    const T* g = call.gradients + first;
    T* m = call.first_moment + first;
    T* v = call.second_moment == nullptr ? nullptr : call.second_moment + first;
    const Index whole = size / lanes<T> * lanes<T>, left = size - whole;
    for (Index i = 0; i < whole; i += lanes<T>) step(p + i, g + i, m + i, v == nullptr ? v : v + i);
    if (left == 0) return;
    T lane[4][lanes<T>] = {};
    std::copy_n(p + whole, left, lane[0]);
    std::copy_n(g + whole, left, lane[1]);
    std::copy_n(m + whole, left, lane[2]);
    if (v != nullptr) std::copy_n(v + whole, left, lane[3]);
    step(lane[0], lane[1], lane[2], lane[3]);
    std::copy_n(lane[0], left, p + whole);
    std::copy_n(lane[2], left, m + whole);
    if (v != nullptr) std::copy_n(lane[3], left, v + whole);
}

}  // namespace cpu

template <>
struct Kernel<Adam, Cpu> {
    template <class T>
    static void update(Cpu& ctx, const Adam& adam, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        using namespace cpu;
        using P = Packet<T>;
        const auto each = [](double value) { return packet::pset1<P>(static_cast<T>(value)); };
        const UpdateScale scale = call.scale_now(adam);
        const P rate = each(scale.rate), root = each(scale.root), epsilon = each(adam.epsilon);
        const P keep1 = each(adam.beta1), add1 = each(1 - adam.beta1);
        const P keep2 = each(adam.beta2), add2 = each(1 - adam.beta2);
        over_slab(ctx, call, adam.weight_decay, [&](Index first, Index size, T weight_decay) {
            const P decay = packet::pset1<P>(weight_decay);
            step_by_packets(call, first, size, [&](T* p, const T* gradient, T* m, T* v) {
                const P before = packet::ploadu<P>(p);
                const P g = packet::pmadd(decay, before, packet::ploadu<P>(gradient));
                const P mean = packet::pmadd(keep1, packet::ploadu<P>(m), packet::pmul(add1, g));
                const P square =
                    packet::pmadd(keep2, packet::ploadu<P>(v), packet::pmul(add2, packet::pmul(g, g)));
                const P size_of_step = packet::pmadd(square_root(square), root, epsilon);
                packet::pstoreu(m, mean);
                packet::pstoreu(v, square);
                packet::pstoreu(p,
                                packet::psub(before, packet::pdiv(packet::pmul(rate, mean), size_of_step)));
            });
        });
    }
};

template <>
struct Kernel<Sgd, Cpu> {
    template <class T>
    static void update(Cpu& ctx, const Sgd& sgd, const UpdateCall<T>& call) {
        if (!call.goes_ahead()) return;
        using namespace cpu;
        using P = Packet<T>;
        const P rate = packet::pset1<P>(static_cast<T>(call.scale_now(sgd).rate));
        const P momentum = packet::pset1<P>(static_cast<T>(sgd.momentum));
        over_slab(ctx, call, sgd.weight_decay, [&](Index first, Index size, T weight_decay) {
            const P decay = packet::pset1<P>(weight_decay);
            step_by_packets(call, first, size, [&](T* p, const T* gradient, T* b, T*) {
                const P before = packet::ploadu<P>(p);
                const P g = packet::pmadd(decay, before, packet::ploadu<P>(gradient));
                const P moved = packet::pmadd(momentum, packet::ploadu<P>(b), g);
                const P step = sgd.nesterov ? packet::pmadd(momentum, moved, g) : moved;
                packet::pstoreu(b, moved);
                packet::pstoreu(p, packet::psub(before, packet::pmul(rate, step)));
            });
        });
    }
};

}  // namespace daf
