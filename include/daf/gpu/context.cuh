#pragma once
// The Gpu backend's context: one GPU, a stream of its own, and its scratch. One thread uses a context at a
// time; any number of contexts live side by side.
#include <algorithm>
#include <cstdint>
#include <daf/core/scratch.hpp>
#include <daf/gpu/cudnn/convolutions.cuh>
#include <daf/gpu/device.cuh>
#include <daf/gpu/memory.cuh>
#include <daf/gpu/stream.cuh>
#include <optional>

namespace daf {

/// Which GPU, as CUDA counts them.
struct DeviceNumber {
    int value = 0;
};

/// A GPU: own kernels and cuDNN's, in the order of one stream, behind which the host runs ahead until wait().
/// It owns the stream, the scratch, which grows to what the largest call needs and then stays, and cuDNN's
/// plans. The bits of a result are the same in every run on one kind of device, unless set_cudnn allows
/// others.
class Gpu {
  public:
    using Space = Device;
    using Memory = DeviceMemory;
    using Folder = folder::gpu;
    static constexpr bool has_bf16 = true;

    /// Throws CudaError where there is no driver, no such device, or none that this program has code for; the
    /// message says which, and what to do.
    explicit Gpu(DeviceNumber device = {}) : device_(gpu::usable(device.value)) { set_cudnn({}); }
    Gpu(const Gpu&) = delete;
    Gpu& operator=(const Gpu&) = delete;
    /// What is queued still uses the scratch and cuDNN's plans.
    ~Gpu() { static_cast<void>(cudaStreamSynchronize(stream())); }

    /// Scratch for what is to come; an operator's entry point asks for it by itself. Where it grows, what is
    /// queued runs first.
    void reserve(Index bytes) {
        make_current();
        if (0 < arena_.capacity() && arena_.capacity() < bytes) wait();
        arena_.reserve(bytes);
    }
    /// The scratch itself, to see whether it has moved.
    const BasicScratchArena<DeviceMemory>& arena() const { return arena_; }
    /// Given back when the frame ends, though kernels may still wait to run: later ones come after them in
    /// the stream.
    BasicScratchFrame<DeviceMemory> scratch() { return BasicScratchFrame<DeviceMemory>(arena_); }

    /// It may go, or outlive the context, whatever the context has queued.
    Memory allocate(Index bytes) const {
        make_current();
        return DeviceMemory(bytes, stream_);
    }
    template <class T>
    void zero(T* data, Index count) const {
        if (count == 0) return;
        make_current();
        gpu::check_cuda(cudaMemsetAsync(data, 0, bytes_of<T>(count), stream()), "cudaMemsetAsync");
    }

    /// Between two places of the GPU's memory, in the stream's order.
    template <class T>
    void copy(T* to, const T* from, Index count) const {
        queue_copy(to, from, bytes_of<T>(count), cudaMemcpyDeviceToDevice);
    }
    /// From host memory, which may be reused at once.
    template <class T>
    void copy_in(T* to, const T* from_host, Index count) const {
        queue_copy(to, from_host, bytes_of<T>(count), cudaMemcpyHostToDevice);
        wait();
    }
    /// To host memory, complete when the call returns.
    template <class T>
    void copy_out(T* to_host, const T* from, Index count) const {
        queue_copy(to_host, from, bytes_of<T>(count), cudaMemcpyDeviceToHost);
        wait();
    }

    /// A copy of x in the GPU's memory, which lives as long as what is returned: keep it in an `auto`,
    /// not in a Batch.
    template <AnyShape S, class T>
    OwnedBatch<S, T, Device, DeviceMemory> upload(Batch<S, T, Host> x) const {
        DeviceMemory memory = allocate(static_cast<Index>(bytes_of<T>(x.size())));
        copy_in(memory.as<std::remove_const_t<T>>(), x.data(), x.size());
        return {std::move(memory), x.count()};
    }
    /// A copy of x in host memory, complete when the call returns.
    template <AnyShape S, class T>
    OwnedBatch<S, std::remove_const_t<T>, Host, HostMemory> download(Batch<S, T, Device> x) const {
        HostMemory memory(static_cast<Index>(bytes_of<T>(x.size())));
        copy_out(memory.as<std::remove_const_t<T>>(), x.data(), x.size());
        return {std::move(memory), x.count()};
    }

    /// Returns when everything launched has run. Throws CudaError if something of it failed.
    void wait() const { gpu::check_cuda(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

    /// Queues a kernel; see GridBackend.
    template <class Kernel>
    void launch(Index blocks, const Kernel& kernel) const {
        make_current();
        gpu::launch(stream(), blocks, kernel);
    }

    /// How convolutions and linear layers may be computed from here on.
    void set_cudnn(const CudnnChoice& choice) {
        choice_ = choice;
        if (choice.most_workspace) return;
        make_current();
        choice_.most_workspace = std::min(CudnnChoice::usual_workspace, gpu::device_memory() / 16);
    }
    /// With the most workspace, whether it was set or not.
    const CudnnChoice& cudnn() const { return choice_; }

    /// Scratch for a convolution; see ConvolvingBackend. Makes its plan if there is none yet, which may take
    /// a second: ask for an operator's scratch_bytes before its work is captured. Throws CudnnError where
    /// cuDNN has no plan.
    template <class T>
    Index convolution_bytes(const gpu::ConvolutionTask& task) const {
        return workspace_bytes(plan_of<T>(task));
    }
    /// Whether cuDNN adds statistics up on a convolution's way; see ConvolvingBackend. Makes the plan as
    /// convolution_bytes does.
    template <class T>
    bool fuses(const gpu::ConvolutionTask& task) const {
        return choice_.fused_statistics && convolutions().has_plan(task, gpu::cudnn::data_type<T>, choice_);
    }
    /// Queues it.
    template <class T>
    void convolve(const gpu::ConvolutionTask& task, const gpu::ConvolutionOperands<T>& operands) {
        const gpu::cudnn::Plan& plan = plan_of<T>(task);
        auto frame = scratch();
        std::byte* workspace = nullptr;
        if (plan.workspace > 0) {
            workspace = frame.take<std::byte>(plan.workspace + before_workspace);
            workspace += -reinterpret_cast<std::uintptr_t>(workspace) % workspace_alignment;
        }
        convolutions_->run(plan, planned<T>(task), operands, workspace);
        if constexpr (!fuses_bias<T>) {
            if (task.pass != gpu::Pass::forward_bias_relu) return;
            const Index features = task.size.features;
            gpu::add_bias(*this, task.batch * task.size.y_size() / features, features, operands.bias, true,
                          operands.result);
        }
    }

    /// "NVIDIA H200 (compute capability 9.0)".
    std::string name() const { return gpu::device_text(device_); }

    /// Throws CudaError, which says how much is missing, unless the GPU has `bytes` free for `what`.
    void require_free(Index bytes, const std::string& what) const {
        make_current();
        gpu::require_free(bytes, what);
    }

    /// What the context's work runs on, for those who add their own to it.
    cudaStream_t stream() const { return stream_->raw(); }
    /// What this thread makes next belongs to the context's GPU.
    void make_current() const { gpu::check_cuda(cudaSetDevice(device_), "cudaSetDevice"); }

  private:
    template <class T>
    static std::size_t bytes_of(Index count) {
        return static_cast<std::size_t>(count) * sizeof(T);
    }
    void queue_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) const {
        if (bytes == 0) return;
        make_current();
        gpu::check_cuda(cudaMemcpyAsync(to, from, bytes, kind, stream()), "cudaMemcpyAsync");
    }

    /// Room for a plan's workspace where memory that the device allocates would begin: libraries below cuDNN
    /// may count on that.
    static constexpr std::uintptr_t workspace_alignment = 256;
    static constexpr Index before_workspace = static_cast<Index>(workspace_alignment) - alignment;
    static Index workspace_bytes(const gpu::cudnn::Plan& plan) {
        return plan.workspace == 0 ? 0 : scratch_size<std::byte>(plan.workspace + before_workspace);
    }

    /// cuDNN adds no bias to doubles on the way: a kernel of ours does it afterwards.
    template <class T>
    static constexpr bool fuses_bias = !std::is_same_v<T, double>;
    template <class T>
    static gpu::ConvolutionTask planned(gpu::ConvolutionTask task) {
        if (!fuses_bias<T> && task.pass == gpu::Pass::forward_bias_relu) task.pass = gpu::Pass::forward;
        return task;
    }
    template <class T>
    const gpu::cudnn::Plan& plan_of(const gpu::ConvolutionTask& task) const {
        return convolutions().plan(planned<T>(task), gpu::cudnn::data_type<T>, choice_);
    }
    gpu::cudnn::Convolutions& convolutions() const {
        make_current();
        if (!convolutions_) convolutions_.emplace(stream());
        return *convolutions_;
    }

    int device_;
    DeviceMemory::Work stream_ = std::make_shared<const gpu::WorkStream>();  // and of the memory it allocated
    BasicScratchArena<DeviceMemory> arena_;
    CudnnChoice choice_;
    mutable std::optional<gpu::cudnn::Convolutions> convolutions_;  // from the first convolution on
};

}  // namespace daf
