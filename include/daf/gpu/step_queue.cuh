#pragma once
// The steps of a training loop on a GPU: input copied beside the work of the step before, and the step itself
// started by one call from its third time on.
#include <cstring>
#include <daf/core/step_queue.hpp>
#include <daf/gpu/captured_work.cuh>
#include <daf/gpu/context.cuh>
#include <daf/gpu/stream.cuh>
#include <map>
#include <optional>
#include <utility>

namespace daf {

/// See core/step_queue.hpp. What a step's input passes through:
///
///   the caller's memory -> pinned memory, one of two -> `arriving` on the device, by a stream of its own
///                       -> `input` on the device, where the step's work reads it at one place every time
///
/// So while a step runs, the next one's input is copied as far as `arriving`. Events keep each copy from the
/// memory of the one before. Figures are copied to pinned memory behind the step.
///
/// The first step of a batch's size is queued call by call: scratch grows, cuDNN's plans are made and code is
/// loaded then. The second is recorded, and from then on the recording is launched. Should the context's
/// scratch move, or its choice for cuDNN change, it begins anew. A step then neither allocates nor waits;
/// finish() waits for its step alone. A recording that fails is tried again at the next step, once, and
/// meanwhile the step is queued call by call: a thread that waits for the whole GPU, as a library may that
/// gives a handle back, spoils what another one records, and neither did anything wrong.
template <AnyShape S, class T, class Numbers, class Figures>
class StepQueue<Gpu, S, T, Numbers, Figures> {
    static_assert(std::is_trivially_copyable_v<Numbers> && std::is_trivially_copyable_v<Figures>);

  public:
    StepQueue(Gpu& gpu, Index largest)
        : gpu_(&gpu),
          arriving_(gpu.allocate(Slot(largest).bytes)),
          input_(gpu.allocate(Slot(largest).bytes)),
          figures_(gpu.allocate(align_up(sizeof(Figures)))),
          turns_{Turn(largest), Turn(largest)} {}
    StepQueue(const StepQueue&) = delete;
    StepQueue& operator=(const StepQueue&) = delete;
    /// Pinned memory is not given back while a copy may be under way.
    ~StepQueue() {
        static_cast<void>(cudaStreamSynchronize(copies_.raw()));
        static_cast<void>(cudaStreamSynchronize(gpu_->stream()));
    }

    static constexpr Index bytes(Index largest) {
        return 2 * Slot(largest).bytes + align_up(sizeof(Figures));
    }

    template <class Body>
    void queue(Batch<S, const T, Host> x, Labels<Host> labels, const Numbers& numbers, const Body& body) {
        const Slot slot(x.count());
        std::byte* pinned = turn(queued_).input.data();
        std::memcpy(pinned + slot.labels, labels.data(), bytes_of<std::int32_t>(labels.size()));
        std::memcpy(pinned + slot.images, x.data(), bytes_of<T>(x.size()));
        send(numbers, slot.bytes);
        run(x.count(), body);
    }
    template <class Body>
    void queue(Batch<S, const T, Device> x, Labels<Device> labels, const Numbers& numbers, const Body& body) {
        const Slot slot(x.count());
        send(numbers, align_up(sizeof(Numbers)));
        gpu_->copy(input_.as<std::int32_t>(slot.labels), labels.data(), labels.size());
        gpu_->copy(input_.as<T>(slot.images), x.data(), x.size());
        run(x.count(), body);
    }

    /// Whether a step of this size has been queued, and nothing has changed under it since: all that it needs
    /// is there.
    bool knows(Index count) const {
        const auto found = known_.find(count);
        return found != known_.end() && found->second.surroundings == surroundings();
    }

    Figures finish() {
        const Turn& oldest = turn(finished_);
        oldest.done.wait();
        ++finished_;
        Figures figures;
        std::memcpy(&figures, oldest.figures.data(), sizeof(Figures));
        return figures;
    }

  private:
    /// Where the parts of an input lie, in bytes from its start: the numbers first.
    struct Slot {
        Index labels = align_up(sizeof(Numbers)), images, bytes;
        explicit constexpr Slot(Index count)
            : images(labels + align_up(count * static_cast<Index>(sizeof(std::int32_t)))),
              bytes(images + align_up(count * S::size * static_cast<Index>(sizeof(T)))) {}
    };
    /// What the host shares with one of two steps.
    struct Turn {
        explicit Turn(Index largest) : input(Slot(largest).bytes), figures(sizeof(Figures)) {}
        PinnedMemory input, figures;
        gpu::Event done;
    };
    /// What a recording depends on beside the batch's size.
    struct Surroundings {
        const std::byte* scratch;
        std::size_t scratch_size;  // a smaller arena may come to lie where a larger one lay
        CudnnChoice choice;
        friend bool operator==(const Surroundings&, const Surroundings&) = default;
    };
    struct Known {
        Surroundings surroundings{};
        std::optional<gpu::CapturedWork> recording{};
        bool has_failed = false;
    };

    template <class U>
    static std::size_t bytes_of(Index count) {
        return static_cast<std::size_t>(count) * sizeof(U);
    }
    Turn& turn(std::size_t step) { return turns_[step % 2]; }
    Surroundings surroundings() const {
        const auto scratch = gpu_->arena().memory();
        return {scratch.data(), scratch.size(), gpu_->cudnn()};
    }

    /// The first `bytes` of this turn's input, with the numbers, to `input`. The turn's earlier step is
    /// finished, so that its memory is free.
    void send(const Numbers& numbers, Index bytes) {
        gpu_->make_current();
        const std::byte* pinned = turn(queued_).input.data();
        std::memcpy(turn(queued_).input.data(), &numbers, sizeof(Numbers));
        taken_.hold_up(copies_.raw());
        gpu::check_cuda(cudaMemcpyAsync(arriving_.data(), pinned, static_cast<std::size_t>(bytes),
                                        cudaMemcpyHostToDevice, copies_.raw()),
                        "cudaMemcpyAsync");
        arrived_.record(copies_.raw());
        arrived_.hold_up(gpu_->stream());
        gpu_->copy(input_.data(), arriving_.as<const std::byte>(), bytes);
        taken_.record(gpu_->stream());
    }

    template <class Body>
    void run(Index count, const Body& body) {
        try {
            start(count, body);
        } catch (...) {
            // It gives no figures, and the next step takes its place in pinned memory.
            static_cast<void>(cudaStreamSynchronize(copies_.raw()));
            throw;
        }
        const Turn& now = turn(queued_);
        gpu::check_cuda(cudaMemcpyAsync(now.figures.data(), figures_.data(), sizeof(Figures),
                                        cudaMemcpyDeviceToHost, gpu_->stream()),
                        "cudaMemcpyAsync");
        now.done.record(gpu_->stream());
        ++queued_;
    }
    template <class Body>
    void start(Index count, const Body& body) {
        const Slot slot(count);
        const Batch<S, const T, Device> x(input_.as<const T>(slot.images), count);
        const Labels<Device> labels(input_.as<const std::int32_t>(slot.labels), count);
        const auto work = [&] { body(x, labels, input_.as<const Numbers>(), figures_.as<Figures>()); };

        if (!knows(count)) {
            work();
            known_[count] = {surroundings(), {}};
        } else {
            Known& known = known_[count];
            if (!known.recording && !record(known, work)) return work();
            known.recording->launch(gpu_->stream());
        }
    }
    /// Whether it could; throws what it failed by the second time.
    template <class Work>
    bool record(Known& known, const Work& work) {
        try {
            known.recording.emplace(gpu_->stream(), work);
            return true;
        } catch (const Error&) {
            if (std::exchange(known.has_failed, true)) throw;
            return false;
        }
    }

    Gpu* gpu_;
    DeviceMemory arriving_, input_, figures_;
    gpu::WorkStream copies_;
    gpu::Event arrived_, taken_;
    std::array<Turn, 2> turns_;
    std::map<Index, Known> known_;  // by the batch's size
    std::size_t queued_ = 0, finished_ = 0;
};

}  // namespace daf
