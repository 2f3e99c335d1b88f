#pragma once
// cuDNN's descriptors as values that own what they describe, and its errors as exceptions. Of cuDNN's two
// interfaces this is the graph one ("backend"): a descriptor is made, given attributes, finalised, and from
// then on only read.
#include <cudnn.h>

#include <array>
#include <daf/core/error.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daf {

/// cuDNN refuses a call, or has nothing to offer for what it is asked. The message holds cuDNN's status and
/// reason.
class CudnnError : public Error {
  public:
    using Error::Error;
};
/// cuDNN found no memory for what it keeps; it may another time.
class CudnnMemoryError : public CudnnError {
  public:
    using CudnnError::CudnnError;
};
/// No engine of cuDNN's does what is asked as it may be done.
class NoEngineError : public CudnnError {
  public:
    using CudnnError::CudnnError;
};

namespace gpu::cudnn {

/// Throws CudnnError unless `status` is success, CudnnMemoryError where that was what lacked. `call` is what
/// the message says was tried.
inline void check(cudnnStatus_t status, const char* call) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    std::array<char, 1024> reason{};
    cudnnGetLastErrorString(reason.data(), reason.size());
    std::string text("cuDNN: ");
    text += std::string(call) + ": " + cudnnGetErrorString(status);
    if (reason[0] != 0) text += std::string(": ") + reason.data();
    if (status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
        status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) {
        throw CudnnMemoryError(text);
    }
    throw CudnnError(text);
}

/// What cuDNN calls the type of an attribute's value.
template <class T>
struct AttributeType;
template <cudnnBackendAttributeType_t Type>
struct AttributeTypeIs {
    static constexpr cudnnBackendAttributeType_t value = Type;
};
template <>
struct AttributeType<bool> : AttributeTypeIs<CUDNN_TYPE_BOOLEAN> {};
template <>
struct AttributeType<char> : AttributeTypeIs<CUDNN_TYPE_CHAR> {};
template <>
struct AttributeType<std::int32_t> : AttributeTypeIs<CUDNN_TYPE_INT32> {};
template <>
struct AttributeType<std::int64_t> : AttributeTypeIs<CUDNN_TYPE_INT64> {};
template <>
struct AttributeType<float> : AttributeTypeIs<CUDNN_TYPE_FLOAT> {};
template <>
struct AttributeType<double> : AttributeTypeIs<CUDNN_TYPE_DOUBLE> {};
template <>
struct AttributeType<void*> : AttributeTypeIs<CUDNN_TYPE_VOID_PTR> {};
template <>
struct AttributeType<cudnnHandle_t> : AttributeTypeIs<CUDNN_TYPE_HANDLE> {};
template <>
struct AttributeType<cudnnDataType_t> : AttributeTypeIs<CUDNN_TYPE_DATA_TYPE> {};
template <>
struct AttributeType<cudnnConvolutionMode_t> : AttributeTypeIs<CUDNN_TYPE_CONVOLUTION_MODE> {};
template <>
struct AttributeType<cudnnPointwiseMode_t> : AttributeTypeIs<CUDNN_TYPE_POINTWISE_MODE> {};
template <>
struct AttributeType<cudnnGenStatsMode_t> : AttributeTypeIs<CUDNN_TYPE_GENSTATS_MODE> {};
template <>
struct AttributeType<cudnnBackendHeurMode_t> : AttributeTypeIs<CUDNN_TYPE_HEUR_MODE> {};
template <>
struct AttributeType<cudnnBackendNumericalNote_t> : AttributeTypeIs<CUDNN_TYPE_NUMERICAL_NOTE> {};

/// A descriptor of cuDNN's. Movable; every call throws CudnnError where cuDNN refuses.
class Descriptor {
  public:
    using Name = cudnnBackendAttributeName_t;

    explicit Descriptor(cudnnBackendDescriptorType_t type) {
        cudnnBackendDescriptor_t made = nullptr;
        check(cudnnBackendCreateDescriptor(type, &made), "cudnnBackendCreateDescriptor");
        raw_.reset(made);
    }

    cudnnBackendDescriptor_t raw() const { return raw_.get(); }

    // What is set is copied. They return the descriptor, so that a line describes it.
    template <class T>
    Descriptor&& set(Name name, const T& value) && {
        put(name, AttributeType<T>::value, 1, &value);
        return std::move(*this);
    }
    template <class T>
    Descriptor&& set(Name name, std::span<const T> values) && {
        put(name, AttributeType<T>::value, values.size(), values.data());
        return std::move(*this);
    }
    Descriptor&& set(Name name, std::string_view text) && {
        put(name, CUDNN_TYPE_CHAR, text.size(), text.data());
        return std::move(*this);
    }
    Descriptor&& set(Name name, const Descriptor& part) && {
        const cudnnBackendDescriptor_t raw = part.raw();
        put(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
        return std::move(*this);
    }
    Descriptor&& set(Name name, std::span<const Descriptor> parts) && {
        std::vector<cudnnBackendDescriptor_t> raw;
        for (const Descriptor& part : parts) raw.push_back(part.raw());
        put(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.size(), raw.data());
        return std::move(*this);
    }
    /// `what` is what a refusal is said to be about.
    Descriptor&& finalised(const char* what) && {
        check(cudnnBackendFinalize(raw()), what);
        return std::move(*this);
    }

    /// All values of an attribute.
    template <class T>
    std::vector<T> values(Name name) const {
        std::vector<T> found(static_cast<std::size_t>(count(name, AttributeType<T>::value)));
        if (found.empty()) return found;
        std::int64_t given = 0;
        check(cudnnBackendGetAttribute(raw(), name, AttributeType<T>::value,
                                       static_cast<std::int64_t>(found.size()), &given, found.data()),
              "cudnnBackendGetAttribute");
        found.resize(static_cast<std::size_t>(given));
        return found;
    }
    template <class T>
    T value(Name name) const {
        T found{};
        std::int64_t given = 0;
        check(cudnnBackendGetAttribute(raw(), name, AttributeType<T>::value, 1, &given, &found),
              "cudnnBackendGetAttribute");
        return found;
    }
    /// Descriptors that are part of this one, of the given type.
    std::vector<Descriptor> parts(Name name, cudnnBackendDescriptorType_t type, std::int64_t most) const {
        std::vector<Descriptor> found;
        std::vector<cudnnBackendDescriptor_t> raws;
        for (std::int64_t i = 0; i < most; ++i) raws.push_back(found.emplace_back(type).raw());
        std::int64_t given = 0;
        if (most > 0) {
            check(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &given,
                                           raws.data()),
                  "cudnnBackendGetAttribute");
        }
        found.erase(found.begin() + given, found.end());
        return found;
    }
    std::int64_t count(Name name, cudnnBackendAttributeType_t type) const {
        std::int64_t found = 0;
        check(cudnnBackendGetAttribute(raw(), name, type, 0, &found, nullptr), "cudnnBackendGetAttribute");
        return found;
    }

  private:
    void put(Name name, cudnnBackendAttributeType_t type, std::size_t count, const void* values) {
        check(cudnnBackendSetAttribute(raw(), name, type, static_cast<std::int64_t>(count), values),
              "cudnnBackendSetAttribute");
    }
    struct Destroy {
        void operator()(void* raw) const { static_cast<void>(cudnnBackendDestroyDescriptor(raw)); }
    };
    std::unique_ptr<void, Destroy> raw_;
};

}  // namespace gpu::cudnn
}  // namespace daf
