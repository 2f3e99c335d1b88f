#pragma once
// Matrix products of run-time size, on one thread, out of operands that are laid out for them: the
// register-blocked core under convolutions and linear layers.
//
//   C[j][i] (+)= sum over t of A[t][i] * B[j][t],      i < m,  j < n,  t = (outer, inner)
//
// i is contiguous in C and in A, and is what the SIMD lanes run over (channels-last: the output channels). A
// is packed into panels. B is read where it lies, through strides, so that a convolution needs no copies of
// its patches (but for small maps): t walks a kernel row in the outer and its contiguous pixels x channels in
// the inner loop. The sum's order is fixed by the shapes.
#include <cstring>
#include <daf/core/scratch.hpp>
#include <daf/cpu/far_store.hpp>
#include <utility>

namespace daf::cpu {

/// Columns of B, j-th at data + j * column; its elements t = (o, i) at + o * outer + i * inner. inner or
/// column is 1.
template <class T>
struct Columns {
    const T* data;
    Index column;
    Index outer;
    Index inner;
};

/// The extents of the sum.
struct Sum {
    Index outer;
    Index inner;
    constexpr Index size() const { return outer * inner; }
};

/// What becomes of a product.
enum class Store {
    overwrite,
    add,          // to what is there
    past_caches,  // overwrites whole lines so (far_store.hpp), where all of the panel's rows are stored
};
constexpr Store overwrite_or_add(bool add) {
    return add ? Store::add : Store::overwrite;
}

/// What is read after a product: elements side by side, whose lines are asked for while the product runs.
template <class T>
struct Upcoming {
    const T* data = nullptr;
    Index size = 0;
};

/// How wide (in packets) panels of A are: wide ones where rows of B are short, so that there are accumulators
/// enough to hide the multiplication's latency.
template <class T>
constexpr Index panel_packets(Index m, Index columns_in_a_row) {
    const Index packets = (m + lanes<T> - 1) / lanes<T>;
    if (packets == 1) return 1;
    return accumulators >= 24 && packets >= 4 && columns_in_a_row < 12 ? 4 : 2;
}

/// The width, in elements, of a panel of m rows where B has many columns: of 4 packets where m fills them,
/// since then 24 multiplications need 10 loads and not 26.
template <class T>
constexpr Index panel_width(Index m) {
    const bool fills = accumulators >= 24 && m % (4 * lanes<T>) == 0;
    return (fills ? 4 : panel_packets<T>(m, accumulators)) * lanes<T>;
}

/// Elements of A packed.
template <class T>
constexpr Index packed_size(Index m, Index sum, Index packets) {
    const Index width = packets * lanes<T>;
    return (m + width - 1) / width * width * sum;
}

/// Packs A into panels [panel][t][packets * lanes], the rows beyond m as zeros. element(t) points to A[t][0],
/// whose i-th row is `row` further on.
template <class T, class Element>
void pack_panels(T* to, Index m, Index sum, Index packets, Index row, const Element& element) {
    const Index width = packets * lanes<T>;
    for (Index first = 0; first < m; first += width) {
        const Index rows = std::min(width, m - first);
        for (Index t = 0; t < sum; ++t, to += width) {
            const T* from = element(t) + first * row;
            for (Index i = 0; i < rows; ++i) to[i] = from[i * row];
            for (Index i = rows; i < width; ++i) to[i] = T(0);
        }
    }
}

namespace detail {

template <int N, class Body>
[[gnu::always_inline]] inline void unroll(const Body& body) {
    [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
        (body(std::integral_constant<int, I>{}), ...);
    }
    (std::make_integer_sequence<int, N>{});
}

/// Rows a and b of a matrix, whose lanes with and without `Bit` in their number are the corners of squares:
/// b's corner without it takes the place of a's with it, and the other way round.
template <int Bit, class P, int... Lane>
inline void exchange_corners(P& a, P& b, std::integer_sequence<int, Lane...>) {
    constexpr int count = sizeof...(Lane);
    const P upper = __builtin_shufflevector(a, b, ((Lane & Bit) == 0 ? Lane : count + Lane - Bit)...);
    b = __builtin_shufflevector(a, b, ((Lane & Bit) == 0 ? Lane + Bit : count + Lane)...);
    a = upper;
}
template <int Bit, class P, int Lanes>
inline void transpose(P (&rows)[Lanes]) {
    if constexpr (Bit < Lanes) {
        unroll<Lanes>([&](auto i) {
            if constexpr ((i & Bit) == 0)
                exchange_corners<Bit>(rows[i], rows[i + Bit], std::make_integer_sequence<int, Lanes>{});
        });
        transpose<2 * Bit>(rows);
    }
}

/// The first rows of `count` columns of a register block.
template <class T>
[[gnu::noinline]] void store_rows(const T* part, Index width, Index count, T* c, Index c_column, Index rows,
                                  Store store) {
    for (Index j = 0; j < count; ++j) {
        for (Index i = 0; i < rows; ++i) {
            T& at = c[j * c_column + i];
            at = store == Store::add ? at + part[j * width + i] : part[j * width + i];
        }
    }
}

/// What lies side by side in B: the elements of a column, or those of a row, which is a step of the sum.
enum class Contiguous { column, row };

/// What a panel's register blocks ask for beside their work, a little in each round of steps, since all at
/// once it would be in the way of what is read now: the lines of their result, and those of what is upcoming.
/// The lambda is forced inline: g++ leaves out the call of a function that does nothing but ask.
template <class T, int Packets>
class Requests {
  public:
    static constexpr Index line = 64 / static_cast<Index>(sizeof(T));  // steps of a round

    Requests(Sum sum, Index blocks, Index columns, const Upcoming<T>& upcoming) : upcoming_(upcoming) {
        const Index rounds = std::max(sum.outer * (sum.inner / line), Index{1});
        columns_at_once_ = (columns + rounds - 1) / rounds;
        lines_at_once_ = (upcoming.size + blocks * rounds * line - 1) / (blocks * rounds * line);
    }

    /// The result of the block that begins: so many columns.
    void begin_block(T* c, Index c_column, Index columns) {
        c_ = c;
        c_column_ = c_column;
        columns_ = columns;
    }
    [[gnu::always_inline]] void next_round() {
        constexpr int lines = static_cast<int>(std::max(Packets * lanes<T> / line, Index{1}));
        for (Index i = 0; i < columns_at_once_ && columns_ > 0; ++i, --columns_, c_ += c_column_)
            unroll<lines>([&](auto l)
                              __attribute__((always_inline)) { __builtin_prefetch(c_ + l * line, 1); });
        for (Index i = 0; i < lines_at_once_ && upcoming_.size > 0; ++i) {
            __builtin_prefetch(upcoming_.data, 0, 2);
            upcoming_.data += line;
            upcoming_.size -= line;
        }
    }

  private:
    Upcoming<T> upcoming_;
    Index columns_at_once_, lines_at_once_;
    T* c_ = nullptr;
    Index c_column_ = 0, columns_ = 0;
};

/// A step of the sum: element(j) is B's of the j-th column.
///
/// It takes as few instructions as it can: where another thread shares the core, those and not the
/// multiplications are scarce. Its lambdas are forced inline: else g++ 12 decides that the sums lie in memory
/// before it has inlined them (tests/structure/product_registers).
template <class T, int Packets, int Count, class Element>
[[gnu::always_inline]] inline void add_step(Packet<T> (&sums)[Count][Packets], const T* a,
                                            const Element& element) {
    constexpr Index width = Packets * lanes<T>, line = 64 / static_cast<Index>(sizeof(T)), ahead = 8;
    Packet<T> rows_of_a[Packets];
    // The panel streams past, and the caches would fetch it too late.
    unroll<static_cast<int>(std::max(width / line, Index{1}))>([&](auto l) __attribute__((always_inline)) {
        __builtin_prefetch(a + ahead * width + l * line);
    });
    unroll<Packets>([&](auto p) __attribute__((always_inline)) {
        rows_of_a[p] = in_register(packet::ploadu<Packet<T>>(a + p * lanes<T>));
    });
    unroll<Count>([&](auto j) __attribute__((always_inline)) {
        auto value = packet::pset1<Packet<T>>(element(j));
        if constexpr (Packets > 1) value = in_register(value);
        unroll<Packets>([&](auto p) __attribute__((always_inline)) {
            sums[j][p] = packet::pmadd(rows_of_a[p], value, sums[j][p]);
        });
    });
}

/// sums += the inner sum, B's columns being contiguous.
template <class T, int Packets, int Count>
[[gnu::always_inline]] inline void add_columns(Packet<T> (&sums)[Count][Packets], Index steps, const T* a,
                                               const T* b, Index column, Index after,
                                               Requests<T, Packets>& requests) {
    constexpr Index width = Packets * lanes<T>, line = 64 / static_cast<Index>(sizeof(T));
    // Three columns share a pointer: one index register times 0, 1 or 2 reaches them all.
    constexpr int groups = (Count + 2) / 3;
    const T* group[groups];
    unroll<groups>([&](auto g) { group[g] = b + 3 * g * column; });
    const auto add = [&](auto step) {
        // Not seen through, or g++ makes an index of each column and step, more than there are registers.
        asm("" : "+r"(column));
        add_step<T, Packets, Count>(sums, a + step * width,
                                    [&](auto j) -> T { return group[j / 3][(j % 3) * column + step]; });
    };
    const auto advance = [&](Index by) {
        unroll<groups>([&](auto g) { group[g] += by; });
        a += by * width;
    };
    constexpr std::integral_constant<int, 0> first;
    constexpr std::integral_constant<int, 1> second;
    // The same line of the columns after these, some at each pair of steps: all at once they would be in the
    // way of what is read now. Nothing beyond B: it may be what another core is about to write.
    constexpr int pairs = line / 2, asked = (Count + pairs - 1) / pairs;
    const Index later_column = after >= pairs * asked ? column : 0;
    const T* later = b + Count * later_column;
    for (; steps >= line; steps -= line) {
        requests.next_round();
        for (int pair = 0; pair < pairs; ++pair) {
            unroll<asked>([&](auto) {
                __builtin_prefetch(later);
                later += later_column;
            });
            add(first);
            add(second);
            advance(2);
        }
        later += line - pairs * asked * later_column;
    }
    for (; steps > 0; --steps) {
        add(first);
        advance(1);
    }
}

/// The same, B's rows being contiguous.
template <class T, int Packets, int Count>
[[gnu::always_inline]] inline void add_rows(Packet<T> (&sums)[Count][Packets], Index steps, const T* a,
                                            const T* b, Index row, Index after,
                                            Requests<T, Packets>& requests) {
    constexpr Index width = Packets * lanes<T>, line = 64 / static_cast<Index>(sizeof(T)), ahead = 8;
    const Index next_blocks = after >= line ? line : 0;  // of the same row
    for (Index step = 0; step < steps; ++step, a += width, b += row) {
        if (step % line == line - 1) requests.next_round();
        __builtin_prefetch(b + ahead * row);
        __builtin_prefetch(b + next_blocks);
        add_step<T, Packets, Count>(sums, a, [&](auto j) -> T { return b[j]; });
    }
}

/// One register block: Packets x Count of C, with `after` columns after it. `rows` of the panel's rows are
/// stored.
template <class T, int Packets, int Count, Contiguous Side>
[[gnu::noinline, gnu::flatten]] void tile(Sum sum, const T* a, const Columns<T>& b, Index after, T* c,
                                          Index c_column, Index rows, Store store,
                                          Requests<T, Packets>& requests) {
    constexpr Index width = Packets * lanes<T>;
    // Lines that are stored in part may be what another core is about to write.
    const bool asks = rows >= width && store != Store::past_caches;
    requests.begin_block(c, c_column, asks ? Count : 0);
    Packet<T> sums[Count][Packets];
    unroll<Count>(
        [&](auto j) { unroll<Packets>([&](auto p) { sums[j][p] = packet::pset1<Packet<T>>(T(0)); }); });
    for (Index o = 0; o < sum.outer; ++o) {
        const T* row_of_panel = a + o * sum.inner * width;
        const T* columns = b.data + o * b.outer;
        if constexpr (Side == Contiguous::column) {
            add_columns<T, Packets, Count>(sums, sum.inner, row_of_panel, columns, b.column, after, requests);
        } else {
            add_rows<T, Packets, Count>(sums, sum.inner, row_of_panel, columns, b.inner, after, requests);
        }
    }
    if (rows >= width) {
        unroll<Count>([&](auto j) {
            unroll<Packets>([&](auto p) {
                T* at = c + j * c_column + p * lanes<T>;
                if (store == Store::past_caches) return store_far(at, sums[j][p]);
                if (store == Store::add) sums[j][p] = packet::padd(packet::ploadu<Packet<T>>(at), sums[j][p]);
                packet::pstoreu(at, sums[j][p]);
            });
        });
        return;
    }
    alignas(64) T part[Count * width];
    unroll<Count>([&](auto j) {
        unroll<Packets>([&](auto p) { packet::pstoreu(part + j * width + p * lanes<T>, sums[j][p]); });
    });
    store_rows(part, width, Count, c, c_column, rows, store);
}

template <class T, int Packets, Contiguous Side>
void multiply_panel(Sum sum, const T* a, Columns<T> b, Index n, T* c, Index c_column, Index rows, Store store,
                    const Upcoming<T>& upcoming) {
    constexpr Index widest = std::min(12, accumulators / Packets);
    const Index blocks = (n + widest - 1) / widest;
    // A single block's time is too short to ask for as much again as it reads itself.
    Requests<T, Packets> requests(sum, blocks, std::min(n, widest), blocks > 1 ? upcoming : Upcoming<T>{});
    const auto run = [&](auto count) {
        n -= count;
        tile<T, Packets, count, Side>(sum, a, b, n, c, c_column, rows, store, requests);
        b.data += count * b.column;
        c += count * c_column;
    };
    while (n >= widest) run(std::integral_constant<int, static_cast<int>(widest)>{});
    const auto run_if_fits = [&](auto count) {
        if constexpr (count < widest) {
            if (n >= count) run(count);
        }
    };
    run_if_fits(std::integral_constant<int, 9>{});  // a map of 3 x 3
    run_if_fits(std::integral_constant<int, 8>{});
    run_if_fits(std::integral_constant<int, 6>{});
    run_if_fits(std::integral_constant<int, 4>{});
    run_if_fits(std::integral_constant<int, 3>{});
    run_if_fits(std::integral_constant<int, 2>{});
    run_if_fits(std::integral_constant<int, 1>{});
}

}  // namespace detail

/// to[j][i] = from[i][j] of a square of as many rows and columns as a register has lanes.
template <class T>
inline void transpose_square(const T* from, Index from_row, T* to, Index to_row) {
    Packet<T> rows[lanes<T>];
    for (Index i = 0; i < lanes<T>; ++i) rows[i] = packet::ploadu<Packet<T>>(from + i * from_row);
    detail::transpose<1>(rows);
    for (Index i = 0; i < lanes<T>; ++i) packet::pstoreu(to + i * to_row, rows[i]);
}

/// C = or += A B with panel `a` of A alone: rows first_row .. first_row + packets * lanes of C. Past the
/// caches: where takes_far_stores(c) and columns are whole lines apart; finish_far_stores() comes after.
template <class T>
void multiply_panel(Index packets, Sum sum, const T* a, const Columns<T>& b, Index n, T* c, Index c_column,
                    Index rows, Store store, const Upcoming<T>& upcoming = {}) {
    const auto run = [&](auto count) {
        const auto multiply = b.inner == 1 ? &detail::multiply_panel<T, count, detail::Contiguous::column>
                                           : &detail::multiply_panel<T, count, detail::Contiguous::row>;
        multiply(sum, a, b, n, c, c_column, rows, store, upcoming);
    };
    switch (packets) {
        case 1: return run(std::integral_constant<int, 1>{});
        case 2: return run(std::integral_constant<int, 2>{});
        default:
            if constexpr (accumulators >= 24) run(std::integral_constant<int, 4>{});
    }
}

/// C = or += A B, A packed by pack_panels with the same m, packets and sum.size().
template <class T>
void multiply(Index m, Index packets, Sum sum, const T* a, const Columns<T>& b, Index n, T* c, Index c_column,
              Store store) {
    const Index width = packets * lanes<T>;
    for (Index first = 0; first < m; first += width) {
        const T* panel = a + first * sum.size();
        const Index size = sum.size() * width, left = first + width < m ? size : 0;
        multiply_panel(packets, sum, panel, b, n, c + first, c_column, m - first, store,
                       {panel + size, left});
    }
}

}  // namespace daf::cpu
