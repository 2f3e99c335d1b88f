#pragma once
// Operators made ready for inference: their parameters no longer change, so a kernel may keep them in the
// form in which it reads them. A kernel that has such a form declares it,
//
//   template <class T>
//   class Prepared {
//       Prepared(Backend&, Op, const ParametersOf<Op, const Wide<T>, Space>&, Index usual_batch);
//       static Index bytes(const Backend&, Index usual_batch);      that one allocates, and keeps
//       Index scratch_bytes(const Backend&, Index count) const;     static on a GPU
//       void forward(Backend&, x, y) const;      // y as forward<eval> gives it, up to rounding
//   };
//
// and for every other one a copy of the parameters is kept. A kernel that can take the operator behind it
// along, so that what lies between the two is never stored, has a Prepared<T, Next> too: its y is Next's.
// Next is known by its type alone: it has neither parameters nor figures.
#include <daf/core/entry.hpp>

namespace daf {

namespace detail {

/// For kernels without a form of their own.
template <Operator Op, class T, class Backend>
class PlainPrepared {
  public:
    using Space = typename Backend::Space;
    using W = Wide<T>;

    PlainPrepared(Backend& ctx, Op op, const ParametersOf<Op, const W, Space>& parameters, Index)
        : op_(op), memory_(ctx.allocate(bytes(ctx, 0))) {
        auto bound = bind<Op>(Slab<W, Space>(memory_.template as<W>(), parameter_count<Op>));
        for_each_pair(bound, parameters, [&](const auto&, auto& to, const auto& from) {
            ctx.copy(to.data(), from.data(), from.size());
        });
        parameters_ = parameters_as<ParametersOf<Op, const W, Space>>(bound);
    }

    static Index bytes(const Backend&, Index) { return parameter_count<Op> * static_cast<Index>(sizeof(W)); }
    static Index scratch_bytes(const Backend& ctx, Index count) {
        return daf::scratch_bytes<Op, T, Mode::eval>(ctx, count);
    }
    template <class X, class Y>
    void forward(Backend& ctx, X x, Y y) const {
        daf::forward<eval>(ctx, op_, x, y, parameters_);
    }

  private:
    Op op_;
    typename Backend::Memory memory_;
    ParametersOf<Op, const W, Space> parameters_{};
};

template <class Op, class T, class Backend, class... Next>
inline constexpr bool has_prepared_form = requires {
    sizeof(typename Kernel<Op, Backend>::template Prepared<T, Next...>);
};

template <class Op, class T, class Backend, class... Next>
struct prepared_form;
template <class Op, class T, class Backend>
requires(!has_prepared_form<Op, T, Backend>) struct prepared_form<Op, T, Backend> {
    using type = PlainPrepared<Op, T, Backend>;
};
template <class Op, class T, class Backend, class... Next>
requires(has_prepared_form<Op, T, Backend, Next...>) struct prepared_form<Op, T, Backend, Next...> {
    using type = typename Kernel<Op, Backend>::template Prepared<T, Next...>;
};

template <class Op>
Op last_of();
template <class Op, class Next>
Next last_of();

}  // namespace detail

/// Whether the kernel of Op takes Next along.
template <class Op, class Next, class T, class Backend>
inline constexpr bool prepared_as_one = detail::has_prepared_form<Op, T, Backend, Next>;

/// Op for inference, with parameters of its own, and Next behind it where there is one that its kernel takes
/// along. Threads may share it, each with a context of its own, once the one that made it has waited.
template <Operator Op, class T, class Backend, Operator... Next>
class Prepared {
  public:
    using Space = typename Backend::Space;
    using Input = typename Op::Input;
    using Output = typename decltype(detail::last_of<Op, Next...>())::Output;

    /// usual_batch: the number of images that it should be fastest for; any other works too.
    Prepared(Backend& ctx, Op op, const ParametersOf<Op, const Wide<T>, Space>& parameters, Index usual_batch)
        : form_(ctx, op, parameters, usual_batch) {}

    /// Bytes of ctx's memory that it keeps.
    static Index bytes(const Backend& ctx, Index usual_batch) { return Form::bytes(ctx, usual_batch); }

    /// y = op(x), or next(op(x)). x and y may not overlap and hold equally many images, at least one: throws
    /// ArgumentError otherwise.
    void forward(Backend& ctx, Batch<Input, const T, Space> x, Batch<Output, T, Space> y) const {
        const char* name = Op::Header::name;
        detail::check_images_fit(name, x.count());
        detail::check_memory(name, "x", x.data());
        detail::check_batch(name, "y", y.data(), y.count(), x.count());
        detail::check_apart(name, x, y);
        ctx.reserve(scratch_bytes(ctx, x.count()));
        form_.forward(ctx, x, y);
    }

    /// Scratch of ctx that forward uses, before there is one: on a GPU, where it follows from the type.
    static Index planned_scratch_bytes(const Backend& ctx, Index count) {
        return Form::scratch_bytes(ctx, count);
    }
    /// Scratch of ctx that forward uses.
    Index scratch_bytes(const Backend& ctx, Index count) const { return form_.scratch_bytes(ctx, count); }

  private:
    using Form = typename detail::prepared_form<Op, T, Backend, Next...>::type;
    Form form_;
};

}  // namespace daf
