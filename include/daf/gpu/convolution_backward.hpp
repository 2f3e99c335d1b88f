#pragma once
#include <daf/gpu/direct_convolution.hpp>

namespace daf::gpu {

/// An accumulated gradient is made a few images at a time beside the map that it is added to.
template <class T>
constexpr Index images_at_a_time(Index image_size, Index count) {
    constexpr Index most_bytes = Index{1} << 24;
    return std::clamp(most_bytes / (image_size * Index{sizeof(T)}), Index{1}, count);
}

/// Both gradients of an operator's convolution, whose weight is (taps, features), on a context's scratch.
template <class Op, class T>
class ConvolutionBackward {
    static constexpr ConvolutionSize size = convolution_size<Op>();

  public:
    explicit ConvolutionBackward(Index count) : count_(count) {}

    template <ConvolvingBackend Backend>
    Index scratch_bytes(const Backend& ctx) const {
        const auto bytes = [&](Pass pass, Index batch) {
            return ctx.template convolution_bytes<T>(task(pass, batch));
        };
        Index data = std::max(bytes(Pass::data_gradient, count_), bytes(Pass::data_gradient, piece_));
        if (const Index rest = count_ % piece_; rest != 0) {
            data = std::max(data, bytes(Pass::data_gradient, rest));
        }
        data += scratch_size<T>(size.weights()) + scratch_size<T>(piece_ * size.x_size());
        if constexpr (is_direct(size)) {
            return std::max(data, DirectConvolution<Op, T>::scratch_bytes(count_));
        } else {
            return std::max(data, scratch_size<T>(size.weights()) + bytes(Pass::weight_gradient, count_));
        }
    }

    /// Throws ArgumentError for a map that the convolutions refuse. dy: null where it is scratch.
    static void check(const T* x, const T* dy, Slopes<T> dx) {
        if (!is_direct(size)) check_alignment(Op::Header::name, "x", x, size.x_size());
        if (!is_direct(size) || dx.data != nullptr) {
            check_alignment(Op::Header::name, "dy", dy, size.y_size());
        }
        if (!dx.accumulate) check_alignment(Op::Header::name, "dx", dx.data, size.x_size());
    }

    /// dx: null where it is not wanted. dweight is added to.
    template <ConvolvingBackend Backend>
    void run(Backend& ctx, const T* x, const Wide<T>* weight, const T* dy, Slopes<T> dx,
             Wide<T>* dweight) const {
        add_weight_gradient(ctx, x, dy, dweight);
        if (dx.data == nullptr) return;
        auto frame = ctx.scratch();
        auto* turned = frame.template take<T>(size.weights());
        turn_weights<Backend, T>(ctx, size, weight, nullptr, turned);
        if (dx.accumulate) {
            add_data_gradient(ctx, dy, turned, dx.data);
        } else {
            ctx.template convolve<T>(task(Pass::data_gradient, count_), {dy, turned, dx.data});
        }
    }

  private:
    static ConvolutionTask task(Pass pass, Index batch) { return {Op::Header::name, pass, size, batch}; }

    template <ConvolvingBackend Backend>
    void add_weight_gradient(Backend& ctx, const T* x, const T* dy, Wide<T>* dweight) const {
        if constexpr (is_direct(size)) {
            DirectConvolution<Op, T>::add_weight_gradient(ctx, x, dy, dweight, count_);
        } else {
            auto frame = ctx.scratch();
            auto* dw = frame.template take<T>(size.weights());
            ctx.template convolve<T>(task(Pass::weight_gradient, count_), {x, dy, dw});
            add_turned_gradient(ctx, size, dw, dweight);
        }
    }

    template <ConvolvingBackend Backend>
    void add_data_gradient(Backend& ctx, const T* dy, const T* weights, T* dx) const {
        auto frame = ctx.scratch();
        auto* some = frame.template take<T>(piece_ * size.x_size());
        for (Index first = 0; first < count_; first += piece_) {
            const Index images = std::min(piece_, count_ - first);
            ctx.template convolve<T>(task(Pass::data_gradient, images),
                                     {dy + first * size.y_size(), weights, some});
            convert(ctx, images * size.x_size(), some, Slopes<T>{dx + first * size.x_size(), true});
        }
    }

    Index count_;
    Index piece_ = images_at_a_time<T>(size.x_size(), count_);
};

}  // namespace daf::gpu
