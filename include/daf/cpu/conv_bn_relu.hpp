#pragma once
#include <array>
#include <concepts>
#include <daf/cpu/normalised_convolution.hpp>
#include <daf/ops/conv_bn_relu.hpp>
#include <daf/ops/max_pool.hpp>
#include <type_traits>

namespace daf {

template <class In, Index Features, Index K>
struct Kernel<ConvBnRelu<In, Features, K>, Cpu> {
    using Op = ConvBnRelu<In, Features, K>;
    using Bn = typename Op::Normalisation;
    static constexpr ConvolutionSize size = convolution_size<Op>();

    // A y need not be stored, nor an x (core/deferred.hpp): y is one step from the z that backward reads
    // anyway. Nor a dy.
    static constexpr bool reads_rows = true, reads_slopes = true;
    template <class T>
    class OutputRows {
      public:
        template <class Parameters>
        OutputRows(const Parameters& p, const SavedOf<Op, T>& saved)
            : rows_{saved.z.data(), Op::Output::height, Op::Output::width, Features,
                    cpu::normalisation<T>(Features, saved.mean.data(), saved.inverse_std.data(),
                                          p.gamma.data(), p.beta.data(), scale_.data())} {}
        OutputRows(const OutputRows&) = delete;
        OutputRows& operator=(const OutputRows&) = delete;

        void operator()(Index n, Index row, T* to) const { rows_(n, row, to); }
        void write_all(Cpu& ctx, const Batch<typename Op::Output, T>& y) const {
            rows_.write(ctx, y.count(), y.data());
        }

      private:
        std::array<T, Features> scale_;
        cpu::RectifiedRows<T> rows_;
    };

    template <class T>
    static Index scratch_bytes(const Cpu& ctx, Index count) {
        return cpu::NormalisedConvolution<T>(ctx, size, count).scratch(ctx.threads());
    }

    template <Mode M, class T, class Space, class X>
    static void forward(Cpu& ctx, const ForwardCall<Op, M, T, Space, X>& call) {
        const auto& p = call.params;
        const cpu::NormalisedConvolution<T> layer(ctx, size, call.count());
        if constexpr (M == Mode::train) {
            layer.train(ctx, tensors<T>(p, call.saved), cpu::rows_of(call.x),
                        {p.running_mean.data(), p.running_var.data(), Bn::eps, Bn::momentum});
            if (call.y.data() != nullptr) OutputRows<T>(p, call.saved).write_all(ctx, call.y);
        } else {
            std::array<T, Features> scale;
            layer.infer(ctx, p.weight.data(), running_affine<T>(p, scale), cpu::rows_of(call.x),
                        call.y.data());
        }
    }

    template <class T, class Space, class X, class DY>
    static void backward(Cpu& ctx, const BackwardCall<Op, T, Space, X, DY>& call) {
        const auto& gradients = call.dparams;
        cpu::NormalisedConvolution<T>(ctx, size, call.count())
            .backward(ctx, tensors<T>(call.params, call.saved), cpu::rows_of(call.x), cpu::slopes_of(call.dy),
                      call.dx ? call.dx.batch.data() : nullptr, call.dx.accumulates(),
                      gradients.weight.data(), gradients.gamma.data(), gradients.beta.data());
    }

    /// For inference: see core/prepared.hpp. Next: a max pool behind it, whose input then is never stored.
    template <class T, class Next = void>
    requires std::is_void_v<Next> || std::same_as<Next, MaxPool<typename Op::Output, Next::window>>
    class Prepared {
        static constexpr bool alone = std::is_void_v<Next>;
        using Output = typename std::conditional_t<alone, Op, Next>::Output;

      public:
        Prepared(Cpu& ctx, Op, const ParametersOf<Op, const T>& p, Index usual_batch)
            : folded_(fold(ctx, p, usual_batch)) {}

        static Index bytes(const Cpu& ctx, Index usual_batch) {
            return cpu::FoldedConvolution<T>::bytes(ctx, size, usual_batch);
        }
        Index scratch_bytes(const Cpu& ctx, Index count) const { return folded_.scratch_bytes(ctx, count); }
        void forward(Cpu& ctx, Batch<In, const T> x, Batch<Output, T> y) const {
            folded_.forward(ctx, x.data(), y.data(), x.count());
        }

      private:
        static constexpr Index window() {
            if constexpr (alone) {
                return 1;
            } else {
                return Next::window;
            }
        }
        static cpu::FoldedConvolution<T> fold(Cpu& ctx, const ParametersOf<Op, const T>& p,
                                              Index usual_batch) {
            std::array<T, Features> scale;
            return {ctx, size, p.weight.data(), running_affine<T>(p, scale), usual_batch, window()};
        }
        cpu::FoldedConvolution<T> folded_;
    };

  private:
    template <class T, class Parameters>
    static cpu::NormalisedTensors<T> tensors(const Parameters& p, const SavedOf<Op, T>& saved) {
        return {p.weight.data(), p.gamma.data(),    p.beta.data(),
                saved.z.data(),  saved.mean.data(), saved.inverse_std.data()};
    }
    template <class T, class Parameters>
    static cpu::ChannelAffine<T> running_affine(const Parameters& p, std::array<T, Features>& scale) {
        return cpu::running_normalisation<T>(Features, p.running_mean.data(), p.running_var.data(), Bn::eps,
                                             p.gamma.data(), p.beta.data(), scale.data());
    }
};

}  // namespace daf
