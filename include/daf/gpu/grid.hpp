#pragma once
// What the kernels of gpu/ ask of the backend that launches them, and the launches that most of them need.
#include <daf/core/entry.hpp>
#include <daf/gpu/block.hpp>

namespace daf {

namespace folder {
struct gpu;  // daf/gpu/
}

/// A backend that runs the kernels of daf/gpu: Gpu (context.cuh). The tests have another one, which runs them as
/// fibers on the CPU. Beside what every context has:
///   ctx.launch(blocks, kernel)    runs kernel(block, shared) on every thread of `blocks` blocks of Kernel::threads,
///                                 after what was launched before
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

/// Enough blocks to fill any GPU of today several times over; a longer loop is shared out among them.
inline constexpr Index most_blocks = 2048;

template <GridBackend Backend, class Body>
void for_each(Backend& ctx, Index size, const Body& body) {
    using Kernel = ForEach<Body>;
    constexpr Index threads = Kernel::threads;
    const Index blocks = (size + threads - 1) / threads;
    ctx.launch(blocks < most_blocks ? blocks : most_blocks, Kernel{size, body});
}

/// A gradient output as a kernel sees it.
template <class T>
struct Slopes {
    T* data;
    bool accumulate;

    DAF_HOST_DEVICE void write(Index i, T slope) const { data[i] = accumulate ? data[i] + slope : slope; }
};

template <class B>
auto slopes_of(const GradientInto<B>& dx) {
    return Slopes<typename B::Element>{dx.batch.data(), dx.accumulates()};
}

}  // namespace gpu
}  // namespace daf
