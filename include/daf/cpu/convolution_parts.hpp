#pragma once
// What the convolution's algorithms share: how a pass meets the maps that it reads and writes.
#include <daf/core/convolution_size.hpp>
#include <daf/cpu/far_store.hpp>
#include <daf/cpu/map_rows.hpp>
#include <daf/cpu/thread_scratch.hpp>

namespace daf::cpu {

/// Maps in memory as a pass reads them.
template <class T>
constexpr PlainRows<T> rows_of_x(const ConvolutionSize& size, const T* x) {
    return {x, size.width * size.channels, size.height};
}
template <class T>
constexpr PlainRows<T> rows_of_y(const ConvolutionSize& size, const T* y) {
    return {y, size.out_width() * size.features, size.out_height()};
}

/// What becomes of an output.
enum class Finish {
    overwrite,
    accumulate,  // added to what is there
    bias_relu,   // a bias is added, then rectified: what is left of a layer with folded normalisation
};
template <class T>
struct OutputFinish {
    Finish kind = Finish::overwrite;
    const T* bias = nullptr;
    /// More than 1: of each window of so many pixels a side the largest alone is stored, as max_pool does,
    /// and nobody else sees the pixels. For passes that say pools(window).
    Index pool = 1;
};

/// Called once for each run of an output's pixels, when they are complete and in the cache, but perhaps not
/// yet in their place: it reads and changes them through `pixels`, and keeps no pointer. Calls of one slot
/// come one after another, in an order that the shapes fix.
template <class T>
using AfterPixels = FunctionRef<void(T* pixels, Index count, Index slot)>;

/// Where a pass makes its output, strip by strip. Of one that goes past the caches (far_store.hpp) each
/// thread makes a strip in memory of its own, AfterPixels has it there, and then it is copied to its place.
/// Any other is made in its place.
template <class T>
class OutputStrips {
  public:
    /// Elements that a thread takes: `strip` of an output of so many elements and channels, or none.
    static Index size(Index elements, Index channels, Index strip) {
        return stored_past_caches<T>(elements, channels) ? strip : 0;
    }
    /// size: the above.
    OutputStrips(ThreadScratch& own, Index size, const T* y, Finish finish)
        : far_(size > 0 && takes_far_stores(y) && finish != Finish::accumulate), aside_(own.take<T>(size)) {}

    /// Where a thread makes the strip that goes to `place`, and what it does when that is done.
    T* begin(int thread, T* place) const { return far_ ? aside_.of(thread) : place; }
    void finish(const T* made, Index elements, T* place) const {
        if (far_) copy_far(made, elements, place);
    }

  private:
    bool far_;
    PerThread<T> aside_;
};

/// pass.run on weights as they stand, all of which are transformed before it begins.
template <class T, class Pass>
void transform_then_run(const Pass& pass, Cpu& ctx, ScratchFrame& frame, const T* weight, const MapRows<T>& x,
                        T* y, const AfterPixels<T>& after) {
    T* transformed = frame.take<T>(pass.transformed());
    pass.transform(ctx, weight, transformed);
    pass.run(ctx, frame, transformed, x, y, {}, after);
}

}  // namespace daf::cpu
