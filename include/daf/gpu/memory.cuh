#pragma once
// Memory that somebody owns: a GPU's, and the host's that a GPU can reach.
#include <daf/core/view.hpp>
#include <daf/gpu/stream.cuh>
#include <memory>

namespace daf {

/// A GPU's memory of a fixed size. Movable; views of it stay valid when it moves.
class DeviceMemory {
  public:
    using Work = std::shared_ptr<const gpu::WorkStream>;

    DeviceMemory() = default;
    /// On the current device. Given back once what is queued on `user` by then has run. Without one, or where
    /// other streams use it, its owner sees to that: cudaFree is not said to wait. Throws ArgumentError for a
    /// negative size, CudaError where there is not enough.
    explicit DeviceMemory(Index bytes, Work user = nullptr)
        : bytes_(allocate(bytes), Free{std::move(user)}), size_(bytes) {}
    DeviceMemory(DeviceMemory&& other) noexcept
        : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
    DeviceMemory& operator=(DeviceMemory&& other) noexcept {
        bytes_ = std::move(other.bytes_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    std::byte* data() const { return bytes_.get(); }
    Index size() const { return size_; }
    template <class T>
    T* as(Index offset = 0) const {
        return reinterpret_cast<T*>(bytes_.get() + offset);
    }

  private:
    static std::byte* allocate(Index bytes) {
        if (bytes < 0)
            throw ArgumentError("memory of " + std::to_string(bytes) + " bytes: expected 0 or more");
        void* at = nullptr;
        if (bytes == 0) return nullptr;
        const std::string what = "cudaMalloc of " + std::to_string(bytes) + " bytes";
        gpu::check_cuda(cudaMalloc(&at, static_cast<std::size_t>(bytes)), what.c_str());
        return static_cast<std::byte*>(at);
    }
    struct Free {
        Work user;
        // Of its stream alone: to wait for the whole device is refused while another thread captures.
        void operator()(std::byte* p) const {
            if (user) static_cast<void>(cudaStreamSynchronize(user->raw()));
            static_cast<void>(cudaFree(p));
        }
    };
    std::unique_ptr<std::byte, Free> bytes_;
    Index size_ = 0;
};

/// Host memory of a fixed size that a GPU copies from and to by itself while the host goes on.
class PinnedMemory {
  public:
    /// Throws CudaError where there is not enough.
    explicit PinnedMemory(Index bytes) {
        void* at = nullptr;
        const std::string what = "cudaMallocHost of " + std::to_string(bytes) + " bytes";
        gpu::check_cuda(cudaMallocHost(&at, static_cast<std::size_t>(bytes)), what.c_str());
        bytes_.reset(static_cast<std::byte*>(at));
    }
    std::byte* data() const { return bytes_.get(); }

  private:
    struct Free {
        void operator()(std::byte* p) const { static_cast<void>(cudaFreeHost(p)); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
};

/// A batch together with its memory, which its copies share: what upload and download return.
template <AnyShape S, class T, class Space, class Memory>
class OwnedBatch : public Batch<S, T, Space> {
  public:
    OwnedBatch(Memory memory, Index count)
        : Batch<S, T, Space>(memory.template as<T>(), count),
          memory_(std::make_shared<const Memory>(std::move(memory))) {}

  private:
    std::shared_ptr<const Memory> memory_;
};

}  // namespace daf
