#pragma once
// A Sequence's activations, saved tensors and gradients on the way, for batches up to a maximum, and the passes that run
// in them. Allocated once; smaller batches use the same memory.
#include <algorithm>
#include <array>
#include <daf/net/sequence.hpp>

namespace daf {

/// For those who do not look on.
struct NoObserver {
    template <class... Seen>
    void operator()(const Seen&...) const {}
};

/// Activations of one Sequence on one backend.
///   train: every operator's output and saved tensors have a place of their own, and two buffers take turns at holding
///          the gradient on its way back.
///   eval:  two buffers take turns at holding the activations.
template <class Seq, class T, class Backend, Mode M>
class Workspace {
  public:
    using Space = typename Backend::Space;
    static constexpr std::size_t length = Seq::length;
    template <class S>
    using BatchOf = Batch<S, T, Space>;

    Workspace(const Backend& ctx, Index max_batch) : max_batch_(max_batch), plan_(max_batch) {
        if (max_batch < 1) throw ArgumentError("Workspace: the largest batch must be at least 1");
        memory_ = ctx.allocate(plan_.bytes);
    }

    Index max_batch() const { return max_batch_; }
    /// What a workspace for batches up to max_batch takes.
    static constexpr Index bytes(Index max_batch) { return Plan(max_batch).bytes; }

    /// Throws ArgumentError for a batch that does not fit.
    void check(Index count) const {
        if (count < 1 || count > max_batch_) {
            throw ArgumentError(std::string("Workspace: made for batches of 1 to ") +
                                std::to_string(max_batch_) + " images, but given " + std::to_string(count));
        }
    }

    /// The Sequence's output for x. The view lives until the next call.  observe(i, op, input, output) is called for
    /// every operator once it has run.
    template <class Parameters, class Observer = NoObserver>
    BatchOf<typename Seq::Output> forward(Backend& ctx, const Seq& net, const Parameters& parameters,
                                          Batch<typename Seq::Input, const T, Space> x, Draw draw = {},
                                          Observer&& observe = {}) {
        check(x.count());
        kept_ = 0;
        static_for<length>([&](auto i) {
            const auto in = input<i>(x);
            const auto& op = std::get<i>(net.operators);
            if constexpr (M == Mode::train) {
                daf::forward<train>(ctx, op, in, output<i>(x.count()), std::get<i>(parameters),
                                    saved<i>(x.count()), side_of(i, draw));
            } else {
                daf::forward<eval>(ctx, op, in, output<i>(x.count()), std::get<i>(parameters));
            }
            observe(i, op, in, output<i>(x.count()));
        });
        if constexpr (M == Mode::train) kept_ = x.count();
        return output<length - 1>(x.count());
    }

    /// The same by operators that were prepared for inference: a tuple of Prepared.
    template <class PreparedTuple>
    BatchOf<typename Seq::Output> forward(Backend& ctx, const PreparedTuple& prepared,
                                          Batch<typename Seq::Input, const T, Space> x) requires(M ==
                                                                                                 Mode::eval) {
        check(x.count());
        static_for<length>(
            [&](auto i) { std::get<i>(prepared).forward(ctx, input<i>(x), output<i>(x.count())); });
        return output<length - 1>(x.count());
    }

    /// After forward in training: visit(i, y) for every operator's output, in their order.
    template <class Visit>
    void each_output(Visit&& visit) const requires(M == Mode::train) {
        static_for<length>([&](auto i) { visit(i, output<i>(kept_)); });
    }

    /// After forward in training with the same x and draw: dx (overwrite, accumulate or skip) from dy, the gradients
    /// of the parameters added to `gradients`.
    template <class Parameters, class Gradients, class DX>
    void backward(Backend& ctx, const Seq& net, const Parameters& parameters, const Gradients& gradients,
                  Batch<typename Seq::Input, const T, Space> x,
                  Batch<typename Seq::Output, const T, Space> dy, DX dx,
                  Draw draw = {}) requires(M == Mode::train) {
        const Index count = x.count();
        if (count != kept_) {
            throw ArgumentError("Workspace: backward of " + std::to_string(count) +
                                " images, but the last training forward kept " + std::to_string(kept_));
        }
        static_for<length>([&](auto reversed) {
            constexpr std::size_t i = length - 1 - reversed;
            const auto run = [&](auto incoming, auto outgoing) {
                daf::backward(ctx, std::get<i>(net.operators), input<i>(x), output<i>(count), incoming,
                              outgoing, std::get<i>(parameters), std::get<i>(gradients), saved<i>(count),
                              side_of(i, draw));
            };
            const auto from_behind = [&](auto outgoing) {
                if constexpr (i == length - 1) {
                    run(dy, outgoing);
                } else {
                    run(gradient<i + 1>(count), outgoing);
                }
            };
            if constexpr (i == 0) {
                from_behind(dx);
            } else {
                from_behind(overwrite(gradient<i>(count)));
            }
        });
    }

  private:
    template <std::size_t I>
    using Op = typename Seq::template Operator<I>;

    /// Where everything lies, in bytes from the start.
    struct Plan {
        std::array<Index, length> output{}, saved{};
        std::array<Index, 2> gradient{};
        Index bytes = 0;

        constexpr explicit Plan(Index max_batch) {
            const auto place = [&](Index size) { return std::exchange(bytes, bytes + align_up(size)); };
            const auto of = [&](Index elements) {
                return max_batch * elements * static_cast<Index>(sizeof(T));
            };
            Index widest = 0;
            static_for<length>([&](auto i) { widest = std::max(widest, Op<i>::Output::size); });
            if constexpr (M == Mode::eval) {
                const Index turns[2] = {place(of(widest)), place(of(widest))};
                for (std::size_t i = 0; i < length; ++i) output[i] = turns[i % 2];
            } else {
                static_for<length>([&](auto i) {
                    output[i] = place(of(Op<i>::Output::size));
                    saved[i] = place(saved_bytes<Op<i>, T>(max_batch));
                });
                for (Index& at : gradient) at = place(of(widest));
            }
        }
    };

    /// Every operator draws from a stream of its own.
    static SideInput<Space> side_of(std::size_t i, Draw draw) {
        draw.layer += static_cast<std::uint32_t>(i);
        return draw;
    }

    template <std::size_t I>
    BatchOf<typename Op<I>::Output> output(Index count) const {
        return {memory_.template as<T>(plan_.output[I]), count};
    }
    template <std::size_t I>
    auto input(Batch<typename Seq::Input, const T, Space> x) const {
        if constexpr (I == 0) {
            return x;
        } else {
            return output<I - 1>(x.count());
        }
    }
    template <std::size_t I>
    auto saved(Index count) const {
        return bind_saved<Op<I>, T, Space>(memory_.template as<std::byte>(plan_.saved[I]), count);
    }
    /// The gradient by operator I's input.
    template <std::size_t I>
    BatchOf<typename Op<I>::Input> gradient(Index count) const {
        return {memory_.template as<T>(plan_.gradient[I % 2]), count};
    }

    Index max_batch_;
    Index kept_ = 0;  // images whose saved tensors are there
    Plan plan_;
    typename Backend::Memory memory_;
};

}  // namespace daf
