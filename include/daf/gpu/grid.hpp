#pragma once
// What the kernels of gpu/ ask of the backend that launches them, and the launches that most of them need.
#include <daf/core/entry.hpp>
#include <daf/gpu/columns.hpp>
#include <daf/gpu/pack.hpp>

namespace daf {

namespace folder {
struct gpu;  // daf/gpu/
}

/// A backend that runs the kernels of daf/gpu: Gpu (context.cuh). The tests have another one, which runs them
/// as fibers on the CPU. Beside what every context has:
///   ctx.launch(blocks, kernel)    runs kernel(block, shared) on every thread of `blocks` blocks of
///                                 Kernel::threads, after what was launched before
///   has_bf16                      true: activations may be of bf16
template <class Backend>
concept GridBackend = std::is_same_v<typename Backend::Folder, folder::gpu>;

namespace gpu {

/// body(i) for every i < size; the body is a functor.
template <class Body>
struct ForEach {
    static constexpr unsigned threads = 256;
    using Shared = NothingShared;

    Index size;
    Body body;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Index stride = block.blocks() * block.threads();
        for (Index i = block.block() * block.threads() + block.thread(); i < size; i += stride) body(i);
    }
};

/// body(i, width) for packs of neighbours from i on that make up all i < size; what no widest pack holds goes
/// one by one.
template <class T, class Body>
struct ForEachPack {
    static constexpr unsigned threads = 256, blocks_at_once = 2;  // else ptxas spills to fit more of them
    using Shared = NothingShared;

    Index size;
    Body body;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        constexpr Index width = widest<T>;
        const Index packs = size / width, stride = block.blocks() * block.threads();
        const Index first = block.block() * block.threads() + block.thread();
        for (Index pack = first; pack < packs; pack += stride) body(pack * width, Width<width>{});
        for (Index i = packs * width + first; i < size; i += stride) body(i, Width<1>{});
    }
};

/// The same one by one, for memory that is not aligned.
template <class Body>
struct Singly {
    Body body;
    DAF_HOST_DEVICE void operator()(Index i) const { body(i, Width<1>{}); }
};

/// body.at(column, width) is asked once for the columns that a thread keeps, and gives what is called with
/// each row. That does all the work, or only reads what it takes of the row and returns what is called to do
/// the rest: then a second row's loads are under way before the first is written. A compiler may not move
/// them there by itself, as what is written could be what they read.
template <class Body, Index W>
struct ForEachRow {
    static constexpr unsigned threads = 256, blocks_at_once = 2;
    using Shared = NothingShared;

    Index rows, columns;  // a multiple of W
    Body body;

    template <BlockContext B>
    DAF_HOST_DEVICE void operator()(const B& block, Shared&) const {
        const Columns mine(block, columns / W);
        if (mine.part >= mine.parts) return;
        const Index stride = block.blocks() * mine.parts;
        for (Index pack = mine.column; pack < columns / W; pack += mine.width) {
            const auto of_columns = body.at(pack * W, Width<W>{});
            Index row = block.block() * mine.parts + mine.part;
            if constexpr (!std::is_void_v<decltype(of_columns(row))>) {
                for (; row < rows; row += 2 * stride) {
                    const auto one = of_columns(row);
                    if (row + stride < rows) {
                        const auto other = of_columns(row + stride);
                        one();
                        other();
                    } else {
                        one();
                    }
                }
            } else {
                for (; row < rows; row += stride) of_columns(row);
            }
        }
    }
};

/// Enough blocks to fill any GPU of today several times over; a longer loop is shared out among them.
inline constexpr Index most_blocks = 2048;

template <GridBackend Backend, class Body>
void for_each(Backend& ctx, Index size, const Body& body) {
    using Kernel = ForEach<Body>;
    constexpr Index threads = Kernel::threads;
    const Index blocks = (size + threads - 1) / threads;
    ctx.launch(blocks < most_blocks ? blocks : most_blocks, Kernel{size, body});
}

/// body(i, width) for all elements i < size of T: `wide` says whether what it reads and writes is aligned().
template <class T, GridBackend Backend, class Body>
void for_each_pack(Backend& ctx, Index size, bool wide, const Body& body) {
    if (!wide) return for_each(ctx, size, Singly<Body>{body});
    using Kernel = ForEachPack<T, Body>;
    constexpr Index elements = Kernel::threads * widest<T>;
    const Index blocks = (size + elements - 1) / elements;
    ctx.launch(blocks < most_blocks ? blocks : most_blocks, Kernel{size, body});
}

/// ForEachRow for all elements of a row-major matrix of T. rows_a_thread: where what body.at
/// reads is much beside a row, how many rows a thread should have at least.
template <class T, GridBackend Backend, class Body>
void for_each_row(Backend& ctx, Index rows, Index columns, bool wide, const Body& body,
                  Index rows_a_thread = 1) {
    const auto run = [&](auto width) {
        using Kernel = ForEachRow<Body, width()>;
        const Index elements = Kernel::threads * width() * rows_a_thread;
        const Index blocks = (rows * columns + elements - 1) / elements;
        const Index most = rows_a_thread > 1 ? most_blocks / 2 : most_blocks;
        ctx.launch(blocks < most ? blocks : most, Kernel{rows, columns, body});
    };
    if (wide && columns % widest<T> == 0) {
        run(Width<widest<T>>{});
    } else {
        run(Width<1>{});
    }
}

/// A gradient output as a kernel sees it. What is there is added in the wider type, and the sum rounded.
template <class T>
struct Slopes {
    T* data;
    bool accumulate;

    DAF_HOST_DEVICE void write(Index i, Wide<T> slope) const {
        data[i] = static_cast<T>(accumulate ? data[i] + slope : slope);
    }
    template <Index W>
    DAF_HOST_DEVICE void write(Index i, const Pack<Wide<T>, W>& slopes) const {
        write(i, slopes, there(i, Width<W>{}));
    }
    /// The same in two steps: what is there is read, if it is wanted, and written some time later.
    template <Index W>
    DAF_HOST_DEVICE Pack<T, W> there(Index i, Width<W>) const {
        return accumulate ? read<W>(data + i) : Pack<T, W>{};
    }
    template <Index W>
    DAF_HOST_DEVICE void write(Index i, Pack<Wide<T>, W> slopes, const Pack<T, W>& there) const {
        if (accumulate) slopes = widened(there) + slopes;
        store(data + i, slopes);
    }
};

template <class B>
auto slopes_of(const GradientInto<B>& dx) {
    return Slopes<typename B::Element>{dx.batch.data(), dx.accumulates()};
}

/// to = or += from, rounded to what `to` holds.
template <class From, class To>
struct Convert {
    const From* from;
    Slopes<To> to;
    template <Index W>
    DAF_HOST_DEVICE void operator()(Index i, Width<W>) const {
        to.write(i, load<W>(from + i));
    }
};
template <GridBackend Backend, class From, class To>
void convert(Backend& ctx, Index size, const From* from, Slopes<To> to) {
    // As many at once as there are of the narrower type in 16 bytes.
    using Narrow = std::conditional_t<(sizeof(From) < sizeof(To)), From, To>;
    for_each_pack<Narrow>(ctx, size, aligned(from, to.data), Convert<From, To>{from, to});
}

}  // namespace gpu
}  // namespace daf
