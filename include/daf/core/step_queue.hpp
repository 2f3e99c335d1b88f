#pragma once
// How a training loop's steps come to a backend: input in, the step's own work, figures out. Two steps may be
// on their way, so that a backend that works beside the host has the next one's input when it needs it.
#include <array>
#include <cstddef>
#include <daf/core/view.hpp>

namespace daf {

/// For a backend that works in host memory and at once; Gpu has its own (gpu/step_queue.cuh).
///   S, T      what an image is
///   Numbers   what the host tells a step beside images and labels     Figures   what it learns from it
/// Both are copied as bytes, and lie in the backend's memory while the step's work runs:
///   body(x, labels, const Numbers*, Figures*)   queues it, the same work for every batch of one size
/// queue() may be called twice before finish(); finish() gives the figures of the oldest step.
template <class Backend, AnyShape S, class T, class Numbers, class Figures>
class StepQueue {
    static_assert(std::is_same_v<typename Backend::Space, Host>,
                  "daf: training on this backend needs <daf/daf.cuh>, for a StepQueue of its own");

  public:
    StepQueue(const Backend&, Index) {}
    /// Memory of the backend's that it takes for batches up to `largest`.
    static constexpr Index bytes(Index) { return 0; }

    template <class Body>
    void queue(Batch<S, const T> x, Labels<> labels, const Numbers& numbers, const Body& body) {
        body(x, labels, &numbers, &figures_[queued_ % 2]);
        ++queued_;
    }
    Figures finish() { return figures_[finished_++ % 2]; }

  private:
    std::array<Figures, 2> figures_{};
    std::size_t queued_ = 0, finished_ = 0;
};

}  // namespace daf
