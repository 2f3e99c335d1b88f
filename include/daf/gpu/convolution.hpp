#pragma once
// What the operators with a product in them ask of a backend, and how they prepare its operands. The
// convolutions themselves are the backend's: cuDNN's on Gpu, but for those of few channels
// (direct_convolution.hpp). Everything around them is done by kernels of ours.
#include <algorithm>
#include <daf/core/convolution_size.hpp>
#include <daf/gpu/channel_sums.hpp>
#include <type_traits>

namespace daf::gpu {

/// One of the products of a convolution y = w * x. Weights are (features, kernel, kernel, channels):
///                        left   right   result
///   forward              x      w       y
///   forward_bias_relu    x      w       max(0, y + bias); of a NaN it may be 0
///   forward_statistics   x      w       y; each feature's y and y^2 are added up on the way, in float
///   data_gradient        dy     w       dx
///   weight_gradient      x      dy      dw
enum class Pass { forward, forward_bias_relu, forward_statistics, data_gradient, weight_gradient };

/// A product that a backend may prepare for: `op` is the operator in whose name errors speak, `call` what
/// that one does by it; null where that is what the pass is called.
struct ConvolutionTask {
    const char* op;
    Pass pass;
    ConvolutionSize size;
    Index batch;
    const char* call = nullptr;
};

/// What the address of a map is a multiple of, for images of so many bytes one behind the other.
constexpr Index map_alignment(Index image_bytes) {
    Index alignment = 16;
    while (image_bytes % alignment != 0) alignment /= 2;
    return alignment;
}
/// Throws ArgumentError for a map that convolutions take for aligned and that is not. Before anything has
/// been changed: operators check what they hand on first of all.
template <class T>
void check_alignment(const char* op, const char* operand, const T* map, Index image_elements) {
    const Index alignment = map_alignment(image_elements * Index{sizeof(T)});
    if (reinterpret_cast<std::uintptr_t>(map) % static_cast<std::uintptr_t>(alignment) == 0) return;
    throw ArgumentError(std::string(op) + ": " + operand + " must lie at a multiple of " +
                        std::to_string(alignment) + " bytes: give it memory of its own");
}

/// Where the operands lie. The result is overwritten; it overlaps nothing.
template <class T>
struct ConvolutionOperands {
    const T *left, *right;
    T* result;
    const T* bias = nullptr;                    // of forward_bias_relu
    float *sums = nullptr, *squares = nullptr;  // of forward_statistics, (features), zeros before it runs
};

/// A GridBackend that convolves:
///   ctx.convolution_bytes<T>(task)                     scratch that convolve takes; whatever has to be made
///                                                      for the task before it can run is made here, once
///   ctx.convolve<T>(task, operands)                    queues it
///   ctx.fuses<T>(task)                                 whether it can and may, asked of forward_statistics
///                                                      alone: everything else it can. What has to be made
///                                                      for that is made here, once
template <class Backend>
concept ConvolvingBackend = GridBackend<Backend> &&
    requires(Backend ctx, const ConvolutionTask& task, const ConvolutionOperands<float>& operands) {
    { ctx.template convolution_bytes<float>(task) } -> std::same_as<Index>;
    ctx.template convolve<float>(task, operands);
    { ctx.template fuses<float>(task) } -> std::same_as<bool>;
};

// ---- Weights: operators keep them as (taps, features), a convolution reads (features, taps) ---------------

/// to (columns, rows) = or += the transpose of from (rows, columns), its columns multiplied with `factor` if
/// there is one; rounded to what `to` holds. A block a square, through shared memory, so that both sides are
/// touched a row at a time.
template <class From, class To>
struct Turn {
    using T = Wide<From>;
    static constexpr unsigned threads = 256;
    static constexpr Index side = 32, lines = threads / side;
    struct Shared {
        T square[side][side + 1];  // a column's elements lie in different banks
    };

    Index rows, columns;
    const From* from;
    const T* factor;  // of each column; null for 1
    Slopes<To> to;

    constexpr Index blocks() const { return squares(rows) * squares(columns); }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index across = (columns + side - 1) / side;
        const Index top = block.block() / across * side, left = block.block() % across * side;
        const Index lane = block.thread() % side, first = block.thread() / side;
        // As many loads at once as a thread has lines.
        T values[side / lines];
        const Index column = left + lane;
        for (Index k = 0; k < side / lines; ++k) {
            const Index row = top + first + k * lines;
            values[k] = row < rows && column < columns ? from[row * columns + column] : From(0);
        }
        if (factor != nullptr && column < columns) {
            for (T& value : values) value *= factor[column];
        }
        for (Index k = 0; k < side / lines; ++k) shared.square[first + k * lines][lane] = values[k];
        block.sync();
        const Index row = top + lane;
        for (Index k = 0; k < side / lines; ++k) {
            const Index line = first + k * lines;
            if (row < rows && left + line < columns)
                to.write((left + line) * rows + row, shared.square[lane][line]);
        }
    }

  private:
    static constexpr Index squares(Index extent) { return (extent + side - 1) / side; }
};

/// to (features, taps) from an operator's weight (taps, features).
template <GridBackend Backend, class T>
void turn_weights(Backend& ctx, const ConvolutionSize& size, const Wide<T>* weight, const Wide<T>* factor,
                  T* to) {
    const Turn<Wide<T>, T> turn{size.taps(), size.features, weight, factor, {to, false}};
    ctx.launch(turn.blocks(), turn);
}

/// dweight (taps, features) += a convolution's dw (features, taps).
template <GridBackend Backend, class T>
void add_turned_gradient(Backend& ctx, const ConvolutionSize& size, const T* dw, Wide<T>* dweight) {
    const Turn<T, Wide<T>> turn{size.features, size.taps(), dw, nullptr, {dweight, true}};
    ctx.launch(turn.blocks(), turn);
}

/// y += bias, rectified if asked.
template <class T>
struct AddBias {
    const Wide<T>* bias;  // it may stand anywhere: it is read one by one
    Index channels;
    bool rectify;
    T* y;

    template <Index W>
    DAF_HOST_DEVICE auto at(Index c, Width<W>) const {
        const auto of_channels = pack_of<Wide<T>, W>([this, c](Index k) { return bias[c + k]; });
        return [=, this](Index row) {
            T* const place = y + row * channels + c;
            return [=, this, &of_channels, given = read<W>(place)] {
                Pack<Wide<T>, W> pack = widened(given) + of_channels;
                for (Wide<T>& value : pack.values) value = rectify && value < 0 ? 0 : value;
                store(place, pack);
            };
        };
    }
};
template <GridBackend Backend, class T>
void add_bias(Backend& ctx, Index rows, Index channels, const Wide<T>* bias, bool rectify, T* y) {
    for_each_row<T>(ctx, rows, channels, aligned(y), AddBias<T>{bias, channels, rectify, y});
}

}  // namespace daf::gpu
