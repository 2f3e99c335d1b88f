#pragma once
// A Sequence's activations, saved tensors and gradients on the way, for batches up to a maximum, and the
// passes that run in them. Allocated once; smaller batches use the same memory.
#include <algorithm>
#include <array>
#include <daf/core/scratch.hpp>
#include <daf/net/sequence.hpp>

namespace daf {

namespace detail {
constexpr void check_batch_size(const char* what, Index count) {
    if (count < 1 || count > most_images) {
        throw ArgumentError(std::string(what) + ": expected 1 to " + std::to_string(most_images) +
                            " images, got " + std::to_string(count));
    }
}
}  // namespace detail

/// The largest batch that something is made for.
struct MaxBatch {
    Index count;
};
/// Throws ArgumentError unless 1 <= count <= most_images: sizes in bytes stay countable.
constexpr MaxBatch max_batch(Index count) {
    detail::check_batch_size("max_batch", count);
    return {count};
}

/// The batch that something should be fastest for; others will do.
struct UsualBatch {
    Index count = 1;
};
/// Throws ArgumentError unless 1 <= count <= most_images.
constexpr UsualBatch usual_batch(Index count) {
    detail::check_batch_size("usual_batch", count);
    return {count};
}

/// The default observer: does nothing.
struct NoObserver {
    template <class... Seen>
    void operator()(const Seen&...) const {}
};

namespace detail {
/// Scratch for batches of 1 to `largest`, of bytes_of(count) each. In host memory that of the one which takes
/// most: a convolution cuts a larger batch differently, so that it may need less. On a GPU that of the
/// largest: each size that is asked for is planned by cuDNN, which takes time.
template <class Backend, class BytesOf>
Index scratch_up_to(Index largest, const BytesOf& bytes_of) {
    Index most = bytes_of(largest);
    if constexpr (std::is_same_v<typename Backend::Space, Host>) {
        for (Index count = 1; count < largest; ++count) most = std::max(most, bytes_of(count));
    }
    return most;
}
/// Reserves that in host memory. A GPU's scratch grows as batches come.
template <class Backend, class BytesOf>
void reserve_up_to(Backend& ctx, Index largest, const BytesOf& bytes_of) {
    if constexpr (std::is_same_v<typename Backend::Space, Host>) {
        ctx.reserve(scratch_up_to<Backend>(largest, bytes_of));
    }
}
}  // namespace detail

/// Activations of one Sequence on one backend, of T.
///   train: every operator's saved tensors have a place of their own, and its output too, unless it is
///          deferred: where an operator's kernel can make its output of what it saved, and the next one's can
///          read it row by row, it is never stored (core/deferred.hpp). The gradient on its way back lies
///          where outputs and saved tensors lay that backward is done with, so it takes next to no memory of
///          its own, and backward uses up what forward kept. Nor is a gradient stored that the operator
///          before makes from what the one behind it saved, whose backward is not run.
///   eval:  two buffers take turns at holding the activations.
template <class Seq, class T, class Backend, Mode M>
class Workspace {
  public:
    using Space = typename Backend::Space;
    static constexpr std::size_t length = Seq::length;
    template <class S>
    using BatchOf = Batch<S, T, Space>;

    /// In memory of its own.
    Workspace(const Backend& ctx, Index max_batch) : Workspace(nullptr, max_batch) {
        memory_ = ctx.allocate(plan_.bytes);
        base_ = memory_.template as<std::byte>();
    }
    /// In the caller's, 64-byte aligned, bytes(max_batch) of it: workspaces that are never in use at the same
    /// time may share it.
    Workspace(std::byte* memory, Index max_batch)
        : max_batch_(daf::max_batch(max_batch).count), plan_(max_batch), base_(memory) {}

    Index max_batch() const { return max_batch_; }
    /// What a workspace for batches up to max_batch takes.
    static constexpr Index bytes(Index max_batch) { return Plan(max_batch).bytes; }
    /// Scratch of ctx that its operators use, one after another, for a batch of `count`.
    static Index scratch_bytes(const Backend& ctx, Index count) {
        Index most = 0;
        static_for<length>(
            [&](auto i) { most = std::max(most, daf::scratch_bytes<Op<i>, T, M>(ctx, count)); });
        return most;
    }

    /// Throws ArgumentError for a batch that does not fit, or that an operator cannot be trained on.
    void check(Index count) const {
        if (count < 1 || count > max_batch_) {
            throw ArgumentError(std::string("batch: expected 1 to ") + std::to_string(max_batch_) +
                                " images, which the owner or workspace was made for, got " +
                                std::to_string(count));
        }
        if constexpr (M == Mode::train) {
            static_for<length>([&](auto i) { detail::check_training_batch<Op<i>>(count); });
        }
    }

    /// The same, and where the pass would write over x while x is still read.
    void check(Batch<typename Seq::Input, const T, Space> x) const {
        check(x.count());
        if (overwrites(x.data()))
            throw ArgumentError("Workspace: x lies in memory that its outputs are written to: copy x first");
    }

    /// The Sequence's output for x. The view lives until the next call; as that call's x it is refused where
    /// it would be overwritten.  observe(i, op, input, output) is called for every operator once it has run;
    /// in training a deferred input or output is a Deferred.
    template <class Parameters, class Observer = NoObserver>
    BatchOf<typename Seq::Output> forward(Backend& ctx, const Seq& net, const Parameters& parameters,
                                          Batch<typename Seq::Input, const T, Space> x, Draw draw = {},
                                          Observer&& observe = {}) {
        check(x);
        kept_ = 0;
        static_for<length>([&](auto i) {
            const auto in = input<i>(x, parameters);
            const auto out = output<i>(x.count(), parameters);
            const auto& op = get<i>(net.operators);
            if constexpr (M == Mode::train) {
                daf::forward<train>(ctx, op, in, out, get<i>(parameters), saved<i>(x.count()),
                                    side_of(i, draw));
            } else {
                daf::forward<eval>(ctx, op, in, out, get<i>(parameters));
            }
            observe(i, op, in, out);
        });
        if constexpr (M == Mode::train) kept_ = x.count();
        return stored<length - 1>(x.count());
    }

    /// The same by operators that were prepared for inference: a tuple of Prepared, one after another.
    template <class PreparedTuple>
    BatchOf<typename Seq::Output> forward(Backend& ctx, const PreparedTuple& prepared,
                                          Batch<typename Seq::Input, const T, Space> x) requires(M ==
                                                                                                 Mode::eval) {
        check(x);
        static_for<PreparedTuple::size>([&](auto i) {
            using Step = TypeAt<i, PreparedTuple>;
            const auto y = in_turn<typename Step::Output>(i, x.count());
            if constexpr (i == 0) {
                get<i>(prepared).forward(ctx, x, y);
            } else {
                static_assert(
                    std::same_as<typename Step::Input, typename TypeAt<i - 1, PreparedTuple>::Output>);
                get<i>(prepared).forward(ctx, in_turn<typename Step::Input>(i - 1, x.count()), y);
            }
        });
        return in_turn<typename Seq::Output>(PreparedTuple::size - 1, x.count());
    }

    /// Between forward and backward in training, with forward's parameters: visit(i, y) for every operator's
    /// output, in their order. Those that are deferred are made for it, in scratch.
    template <class Parameters, class Visit>
    void each_output(Backend& ctx, const Parameters& parameters, Visit&& visit) const
        requires(M == Mode::train) {
        static_for<length>([&](auto i) {
            if (kept_ < 1) return;
            const auto y = output<i>(kept_, parameters);
            if constexpr (defers<i>) {
                const Index size = kept_ * Op<i>::Output::size;
                ctx.reserve(scratch_size<T>(size));
                auto frame = ctx.scratch();
                const BatchOf<typename Op<i>::Output> written(frame.template take<T>(size), kept_);
                write_out(ctx, y, written);
                visit(i, written);
            } else {
                visit(i, y);
            }
        });
    }

    /// What the last training forward kept is of no use any more.
    void forget() { kept_ = 0; }

    /// After forward in training with the same x, parameters and draw, once: dx (overwrite, accumulate or
    /// skip) from dy, the gradients of the parameters added to `gradients`. observe(i, op) is called for
    /// every operator once its backward has run, from the last to the first; deferred gradients have none.
    template <class Parameters, class Gradients, class DX, class Observer = NoObserver>
    void backward(Backend& ctx, const Seq& net, const Parameters& parameters, const Gradients& gradients,
                  Batch<typename Seq::Input, const T, Space> x,
                  Batch<typename Seq::Output, const T, Space> dy, DX dx, Draw draw = {},
                  Observer&& observe = {}) requires(M == Mode::train) {
        const Index count = x.count();
        if (count != kept_) {
            throw ArgumentError("Workspace: backward of " + std::to_string(count) +
                                " images, but the last training forward kept " + std::to_string(kept_));
        }
        detail::check_memory("Workspace", "x", x.data());
        detail::check_batch("Workspace", "dy", dy.data(), dy.count(), count);
        if constexpr (requires { dx.batch; }) {
            if (dx) detail::check_batch("Workspace", "dx", dx.batch.data(), dx.batch.count(), count);
        }
        kept_ = 0;
        static_for<length>([&](auto reversed) {
            constexpr std::size_t i = length - 1 - reversed;
            if constexpr (defers_gradient<i>) return;
            const auto run = [&](auto incoming, auto outgoing) {
                daf::backward(ctx, get<i>(net.operators), input<i>(x, parameters),
                              output<i>(count, parameters), incoming, outgoing, get<i>(parameters),
                              get<i>(gradients), saved<i>(count), side_of(i, draw));
            };
            const auto from_behind = [&](auto outgoing) {
                if constexpr (defers_gradient<i + 1>) {
                    run(DeferredGradient<Op<i + 1>, T, Space>{behind<i + 1>(dy), saved<i + 1>(count)},
                        outgoing);
                } else {
                    run(behind<i>(dy), outgoing);
                }
            };
            if constexpr (i == 0) {
                from_behind(dx);
            } else {
                from_behind(overwrite(gradient<i>(count)));
            }
            observe(std::integral_constant<std::size_t, i>{}, get<i>(net.operators));
        });
    }

  private:
    template <std::size_t I>
    using Op = typename Seq::template Operator<I>;

    /// Whether operator I's output is made where it is read, and not stored.
    template <std::size_t I>
    static constexpr bool defer() {
        if constexpr (M == Mode::train && I + 1 < length) {
            return output_can_be_deferred<Op<I>, Backend, T> && reads_deferred<Op<I + 1>, Backend>;
        } else {
            return false;
        }
    }
    template <std::size_t I>
    static constexpr bool defers = defer<I>();

    /// Whether operator I's dx is made where it is read, and not stored.
    template <std::size_t I>
    static constexpr bool defer_gradient() {
        if constexpr (M == Mode::train && I > 0 && I < length) {
            return gradient_can_be_deferred<Op<I>, Backend, T> && reads_deferred_gradient<Op<I - 1>, Backend>;
        } else {
            return false;
        }
    }
    template <std::size_t I>
    static constexpr bool defers_gradient = defer_gradient<I>();

    /// Where everything lies, in bytes from the start. gradient[i]: by operator i's input.
    struct Plan {
        std::array<Index, length> output{}, saved{}, gradient{};
        Index buffer = 0;  // of evaluation: as large as the widest output
        Index bytes = 0;

        constexpr explicit Plan(Index max_batch) {
            const auto place = [&](Index size) { return std::exchange(bytes, bytes + align_up(size)); };
            const auto of = [&](Index elements) {
                return max_batch * elements * static_cast<Index>(sizeof(T));
            };
            if constexpr (M == Mode::eval) {
                Index widest = 0;
                static_for<length>([&](auto i) { widest = std::max(widest, Op<i>::Output::size); });
                buffer = align_up(of(widest));
                bytes = 2 * buffer;
            } else {
                std::array<Index, length> end{};  // of what backward needs until it has passed operator i
                static_for<length>([&](auto i) {
                    output[i] = place(defers<i> ? 0 : of(Op<i>::Output::size));
                    saved[i] = place(saved_bytes<Op<i>, T>(max_batch));
                    end[i] = bytes;
                });
                // Operator i's backward reads one gradient and writes another, both behind end[i]; where that
                // one is deferred, it reads what the operator behind it saved and the gradient behind that.
                Index read_from = 0, read_to = 0;
                static_for<length - 1>([&](auto reversed) {
                    constexpr std::size_t i = length - 1 - reversed;
                    if constexpr (defers_gradient<i>) return;
                    const Index size = align_up(of(Op<i>::Input::size));
                    const Index kept = end[defers_gradient<i + 1> ? i + 1 : i];
                    const bool before = kept + size <= read_from || read_to <= kept;
                    gradient[i] = before ? kept : read_to;
                    read_from = gradient[i];
                    read_to = gradient[i] + size;
                    bytes = std::max(bytes, read_to);
                });
            }
        }
    };

    /// In training every output has a place of its own, and backward reads x once more.
    bool overwrites(const T* x) const {
        const auto* begin = reinterpret_cast<const std::byte*>(x);
        if constexpr (M == Mode::train) return base_ <= begin && begin < base_ + plan_.bytes;
        return base_ <= begin && begin < base_ + plan_.buffer;
    }

    /// Every operator draws from a stream of its own.
    static SideInput<Space> side_of(std::size_t i, Draw draw) {
        draw.layer += static_cast<std::uint32_t>(i);
        return draw;
    }

    /// Where the i-th operator's or step's output lies in evaluation: in two buffers in turns, and its middle
    /// in that of the buffer. So of two threads, each with half of the images, neither stores to lines that
    /// hold the other's in another layer, for which it would wait on cores that share no cache
    /// (docs/what_helped.md).
    template <class S>
    BatchOf<S> in_turn(std::size_t i, Index count) const {
        const Index beside = plan_.buffer - count * S::size * static_cast<Index>(sizeof(T));
        return {at(static_cast<Index>(i % 2) * plan_.buffer + beside / 2 / alignment * alignment), count};
    }
    T* at(Index offset) const { return reinterpret_cast<T*>(base_ + offset); }

    template <std::size_t I>
    BatchOf<typename Op<I>::Output> stored(Index count) const {
        if constexpr (M == Mode::eval) return in_turn<typename Op<I>::Output>(I, count);
        return {at(plan_.output[I]), count};
    }
    /// Operator I's output, stored or deferred.
    template <std::size_t I, class Parameters>
    auto output(Index count, const Parameters& parameters) const {
        if constexpr (defers<I>) {
            return Deferred<Op<I>, T, Space>{read_only<Op<I>, Wide<T>, Space>(get<I>(parameters)),
                                             saved<I>(count), count};
        } else {
            return stored<I>(count);
        }
    }
    template <std::size_t I, class Parameters>
    auto input(Batch<typename Seq::Input, const T, Space> x, const Parameters& parameters) const {
        if constexpr (I == 0) {
            return x;
        } else {
            return output<I - 1>(x.count(), parameters);
        }
    }
    template <std::size_t I>
    auto saved(Index count) const {
        return bind_saved<Op<I>, T, Space>(base_ + plan_.saved[I], count);
    }
    /// The gradient by operator I's input.
    template <std::size_t I>
    BatchOf<typename Op<I>::Input> gradient(Index count) const {
        return {at(plan_.gradient[I]), count};
    }
    /// The gradient by operator I's output, where it is stored; `dy` is the last one's.
    template <std::size_t I>
    auto behind(Batch<typename Seq::Output, const T, Space> dy) const {
        if constexpr (I == length - 1) {
            return dy;
        } else {
            return gradient<I + 1>(dy.count());
        }
    }

    Index max_batch_;
    Index kept_ = 0;  // images whose saved tensors are there
    Plan plan_;
    typename Backend::Memory memory_;  // none where the caller's is used
    std::byte* base_;
};

}  // namespace daf
