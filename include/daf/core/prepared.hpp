#pragma once
// Operators made ready for inference: their parameters no longer change, so a kernel may keep them in the
// form in which it reads them. A kernel that has such a form declares it,
//
//   template <class T>
//   class Prepared {
//       Prepared(Backend&, Op, const ParametersOf<Op, const Wide<T>, Space>&, Index usual_batch);
//       Index scratch_bytes(const Backend&, Index count) const;
//       void forward(Backend&, x, y) const;      // y as forward<eval> gives it, up to rounding
//   };
//
// and for every other one a copy of the parameters is kept.
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
        : op_(op), memory_(ctx.allocate(parameter_count<Op> * static_cast<Index>(sizeof(W)))) {
        const std::span<W> slab(memory_.template as<W>(), static_cast<std::size_t>(parameter_count<Op>));
        auto bound = bind<Op, Space>(slab);
        for_each_pair(bound, parameters, [&](const auto&, auto& to, const auto& from) {
            ctx.copy(to.data(), from.data(), from.size());
        });
        parameters_ = parameters_as<ParametersOf<Op, const W, Space>>(bound);
    }

    Index scratch_bytes(const Backend& ctx, Index count) const {
        return daf::scratch_bytes<Op, T>(ctx, count);
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

template <class Op, class T, class Backend>
struct prepared_form {
    using type = PlainPrepared<Op, T, Backend>;
};
template <class Op, class T, class Backend>
requires requires {
    sizeof(typename Kernel<Op, Backend>::template Prepared<T>);
}
struct prepared_form<Op, T, Backend> {
    using type = typename Kernel<Op, Backend>::template Prepared<T>;
};

}  // namespace detail

/// Op for inference, with parameters of its own. Threads may share it, each with a context of its own.
template <Operator Op, class T, class Backend>
class Prepared {
  public:
    using Space = typename Backend::Space;

    /// usual_batch: the number of images that it should be fastest for; any other works too.
    Prepared(Backend& ctx, Op op, const ParametersOf<Op, const Wide<T>, Space>& parameters, Index usual_batch)
        : form_(ctx, op, parameters, usual_batch) {}

    /// y = op(x). x and y may not overlap and hold equally many images, at least one: throws ArgumentError
    /// otherwise.
    void forward(Backend& ctx, Batch<typename Op::Input, const T, Space> x,
                 Batch<typename Op::Output, T, Space> y) const {
        const char* name = Op::Header::name;
        detail::check_not_empty(name, x.count());
        detail::check_batch(name, "x", x.data(), x.count(), x.count());
        detail::check_batch(name, "y", y.data(), y.count(), x.count());
        ctx.reserve(scratch_bytes(ctx, x.count()));
        form_.forward(ctx, x, y);
    }

    /// Scratch of ctx that forward uses.
    Index scratch_bytes(const Backend& ctx, Index count) const { return form_.scratch_bytes(ctx, count); }

  private:
    typename detail::prepared_form<Op, T, Backend>::type form_;
};

}  // namespace daf
