#pragma once
// What PyTorch computed in double (make_goldens.py), in the library's layouts.
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <daf/core/operator.hpp>
#include <daf/io/pytorch_layout.hpp>
#include <daf/io/safetensors.hpp>

#include "support/workbench.hpp"

namespace daf_test {

/// A batch of maps: PyTorch's (N,C,H,W) of our (N,H,W,C).
inline constexpr daf::PytorchLayout batch_layout{{0, 3, 1, 2}, 4};

/// One file of goldens, NAME.safetensors. A tensor that is missing, or of another shape, ends the test case.
class Golden {
  public:
    explicit Golden(std::string_view name)
        : file_(daf::read_safetensors(std::filesystem::path(DAF_GOLDEN_DIR) /
                                      (std::string(name) + ".safetensors"))) {}

    bool has(const std::string& name) const { return file_.find(name) != nullptr; }

    /// A tensor's elements as they stand, in double whatever it holds.
    std::vector<double> numbers(const std::string& name) const {
        switch (file_.tensor(name).dtype) {
            case daf::Dtype::F32: return widened<float>(name);
            case daf::Dtype::U8: return widened<std::uint8_t>(name);
            case daf::Dtype::I32: return widened<std::int32_t>(name);
            default: return widened<double>(name);
        }
    }

    /// The only element of a tensor.
    double number(const std::string& name) const {
        REQUIRE(file_.tensor(name).shape == daf::TensorShape{1});
        return numbers(name)[0];
    }

    std::vector<std::int32_t> integers(const std::string& name) const {
        const auto values = file_.values<std::int32_t>(name);
        return {values.begin(), values.end()};
    }

    /// Images of shape S, one after another: (N,C,H,W) of maps, (N,C) of vectors.
    template <daf::AnyShape S>
    std::vector<double> batch(const std::string& name) const {
        const auto count = static_cast<Index>(file_.tensor(name).shape.at(0));
        if constexpr (daf::MapShape<S>) {
            return in_our_layout(name, batch_layout, std::array{count, S::height, S::width, S::channels});
        } else {
            return in_our_layout(name, daf::same_layout, std::array{count, S::size});
        }
    }

    /// A parameter, its gradient or its statistic, as its field says that PyTorch has it.
    template <class Field, class V>
    std::vector<double> like(const std::string& name, const Field& field, const V&) const {
        return in_our_layout(name, field.layout, V::Shape::extents);
    }

  private:
    template <class T>
    std::vector<double> widened(const std::string& name) const {
        const auto values = file_.values<T>(name);
        return {values.begin(), values.end()};
    }

    std::vector<double> in_our_layout(const std::string& name, const daf::PytorchLayout& layout,
                                      std::span<const Index> extents) const {
        REQUIRE_MESSAGE(file_.tensor(name).shape == daf::pytorch_extents(layout, extents), name);
        const std::vector<double> theirs = numbers(name);
        std::vector<double> ours(theirs.size());
        daf::from_pytorch(layout, extents, theirs.data(), ours.data());
        return ours;
    }

    daf::Safetensors file_;
};

/// max |error| / max |value| of one tensor (a vector, a View, a Batch), against what PyTorch has.
template <class Tensor>
void check_golden(const std::string& name, const Tensor& got, const std::vector<double>& want,
                  double tolerance = 1e-10) {
    const std::vector<double> values(got.data(), got.data() + got.size());
    const double difference = relative_difference(values, want);
    INFO(name, ": relative difference ", difference);
    CHECK(difference <= tolerance);
}

}  // namespace daf_test
