#pragma once
#include <daf/ops/conv_bn_relu.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/relu.hpp>

namespace daf {

/// The composition of its three parts.
template <class In, Index Features, Index K>
struct Kernel<ConvBnRelu<In, Features, K>, Reference> {
    using Op = ConvBnRelu<In, Features, K>;
    using Convolution = typename Op::Convolution;
    using Normalisation = typename Op::Normalisation;
    using Out = typename Op::Output;
    using Activation = Relu<Out>;

    template <class T>
    static Index scratch_bytes(const Reference& ctx, Index count) {
        return 2 * scratch_size<T>(count * Out::size) + daf::scratch_bytes<Convolution, T>(ctx, count) +
               daf::scratch_bytes<Normalisation, T>(ctx, count);
    }

    template <class P>
    static auto convolution_part(const P& params) {
        using T = typename decltype(params.weight)::Element;
        ParametersOf<Convolution, T> part{};
        part.weight = params.weight;
        return part;
    }
    template <class P>
    static auto normalisation_part(const P& params) {
        using T = typename decltype(params.weight)::Element;
        ParametersOf<Normalisation, T> part{};
        part.weight = params.gamma;
        part.bias = params.beta;
        part.running_mean = params.running_mean;
        part.running_var = params.running_var;
        return part;
    }
    template <class S>
    static auto saved_part(const S& saved) {
        using T = typename decltype(saved.mean)::Element;
        SavedOf<Normalisation, T> part{};
        part.mean = saved.mean;
        part.inverse_std = saved.inverse_std;
        return part;
    }

    template <Mode M, class T, class Space>
    static void forward(Reference& ctx, const ForwardCall<Op, M, T, Space>& call) {
        auto frame = ctx.scratch();
        const Batch<Out, T> normalised(frame.take<T>(call.count() * Out::size), call.count());
        Batch<Out, T> z(frame.take<T>(call.count() * Out::size), call.count());
        if constexpr (M == Mode::train) z = call.saved.z;
        daf::forward<M>(ctx, Convolution{}, call.x, z, convolution_part(call.params));
        if constexpr (M == Mode::train) {
            daf::forward<M>(ctx, Normalisation{}, z, normalised, normalisation_part(call.params),
                            saved_part(call.saved));
        } else {
            daf::forward<M>(ctx, Normalisation{}, z, normalised, normalisation_part(call.params));
        }
        daf::forward<M>(ctx, Activation{}, normalised, call.y);
    }

    template <class T, class Space>
    static void backward(Reference& ctx, const BackwardCall<Op, T, Space>& call) {
        const Index count = call.count();
        auto frame = ctx.scratch();
        const Batch<Out, T> y(frame.take<T>(count * Out::size), count);
        const Batch<Out, T> dnormalised(frame.take<T>(count * Out::size), count);
        const Batch<Out, T> dz = y;  // y is done with when dz is made
        // y again, from z: the pre-activation's sign decides where the gradient passes.
        for (Index i = 0; i < y.size(); ++i) {
            const Index c = i % Features;
            const T normalised = (call.saved.z.data()[i] - call.saved.mean[c]) * call.saved.inverse_std[c];
            y.data()[i] = std::max(normalised * call.params.gamma[c] + call.params.beta[c], T(0));
        }
        daf::backward(ctx, Activation{}, y, y, call.dy, overwrite(dnormalised));
        daf::backward(ctx, Normalisation{}, call.saved.z, call.y, dnormalised, overwrite(dz),
                      normalisation_part(call.params), normalisation_part(call.dparams),
                      saved_part(call.saved));
        if (call.dx) {
            daf::backward(ctx, Convolution{}, call.x, call.y, dz, call.dx, convolution_part(call.params),
                          convolution_part(call.dparams));
        } else {
            daf::backward(ctx, Convolution{}, call.x, call.y, dz, skip, convolution_part(call.params),
                          convolution_part(call.dparams));
        }
    }
};

}  // namespace daf
