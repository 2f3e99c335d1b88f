#pragma once
// Many short sums side by side: what chunks of rows found, joined; gradients over a batch.
#include <daf/gpu/grid.hpp>

namespace daf::gpu {

/// Two sums at once: one pass over what is added feeds both.
template <class T>
struct TermsOf {
    T first, second;

    template <class U>
    DAF_HOST_DEVICE TermsOf& operator+=(TermsOf<U> more) {
        first += static_cast<T>(more.first);
        second += static_cast<T>(more.second);
        return *this;
    }
};
using Terms = TermsOf<double>;

/// finish(column, the sum of term(k, column) over k < terms), on one thread a column. Neighbouring columns
/// are added by neighbouring threads; `Lanes` threads share a column, and what they found is joined in pairs.
template <class Sum, Index Lanes, class Term, class Finish>
struct AddColumns {
    // Many lanes are for few columns: then a block has no more of them than fill the 32 bytes that memory
    // gives at once, so that there are many blocks.
    static constexpr Index width = Lanes > 32 ? 32 / Index{sizeof(Sum)} : 256 / Lanes;
    static constexpr unsigned threads = static_cast<unsigned>(Lanes * width);
    struct Shared {
        Sum partial[threads];
    };

    Index terms, columns;
    Term term;
    Finish finish;

    constexpr Index blocks() const { return (columns + width - 1) / width; }

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared& shared) const {
        const Index column = block.block() * width + block.thread() % width, lane = block.thread() / width;
        Sum sum{};
        if (column < columns) {
            for (Index k = lane; k < terms; k += Lanes) sum += term(k, column);
        }
        for (Index half = Lanes / 2; half > 0; half /= 2) {
            if (lane >= half && lane < 2 * half) shared.partial[block.thread()] = sum;
            block.sync();
            if (lane < half) sum += shared.partial[block.thread() + half * width];
        }
        if (lane == 0 && column < columns) finish(column, sum);
    }
};

template <class Sum, Index Lanes = 8, GridBackend Backend, class Term, class Finish>
void add_columns(Backend& ctx, Index terms, Index columns, const Term& term, const Finish& finish) {
    const AddColumns<Sum, Lanes, Term, Finish> add{terms, columns, term, finish};
    ctx.launch(add.blocks(), add);
}

/// An element of a row-major matrix, as a term of its column's sum.
template <class T>
struct ColumnElement {
    const T* data;
    Index columns;
    DAF_HOST_DEVICE T operator()(Index row, Index column) const { return data[row * columns + column]; }
};

/// to[column] += the column's sum.
template <class T>
struct AddTo {
    T* to;
    DAF_HOST_DEVICE void operator()(Index column, double sum) const { add_sum(to[column], sum); }
};

}  // namespace daf::gpu
