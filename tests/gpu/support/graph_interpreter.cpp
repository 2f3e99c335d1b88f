#include "graph_interpreter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <daf/core/bf16.hpp>
#include <stdexcept>

namespace daf_test {
namespace {

using nlohmann::json;
using Index = std::ptrdiff_t;

/// body(n, c, h, w) for every element.
template <class Body>
void for_each_place(const GraphTensor& t, const Body& body) {
    for (Index n = 0; n < t.extent(0); ++n) {
        for (Index c = 0; c < t.extent(1); ++c) {
            for (Index h = 0; h < t.extent(2); ++h) {
                for (Index w = 0; w < t.extent(3); ++w) body(n, c, h, w);
            }
        }
    }
}

constexpr const char* statistics_operation = "CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR";

/// A float with 10 bits of fraction, the nearest.
double in_tf32(double value) {
    if (!std::isfinite(value)) return value;
    constexpr std::uint32_t half = 1u << 12;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value)) + half;
    return static_cast<double>(std::bit_cast<float>(bits & ~(2 * half - 1)));
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

GraphTensor::Element GraphTensor::element_of(const std::string& type) {
    if (type == "CUDNN_DATA_FLOAT") return Element::single;
    if (type == "CUDNN_DATA_DOUBLE") return Element::twice;
    if (type == "CUDNN_DATA_BFLOAT16") return Element::half;
    throw std::runtime_error("a tensor of neither float nor double nor bf16");
}

GraphTensor::GraphTensor(const json& described, void* memory)
    : extents_(described.at("dim").get<std::vector<Index>>()),
      strides_(described.at("stride").get<std::vector<Index>>()),
      element_(element_of(described.at("dataType"))),
      memory_(memory) {
    if (extents_.size() != 4) throw std::runtime_error("a tensor of other than four extents");
    const bool nowhere = described.at("isVirtual").get<bool>();
    if (nowhere != (memory == nullptr)) throw std::runtime_error("a tensor without memory, or too many");
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    if (address % described.at("ptrAlignment").get<std::uintptr_t>() != 0) {
        throw std::runtime_error("memory that is not aligned as its tensor says");
    }
    if (nowhere) kept_.resize(size());
}

std::size_t GraphTensor::place(Index n, Index c, Index h, Index w) const {
    return static_cast<std::size_t>(n * strides_[0] + c * strides_[1] + h * strides_[2] + w * strides_[3]);
}

template <class Use>
auto GraphTensor::elements(const Use& use) const {
    switch (element_) {
        case Element::twice: return use(static_cast<double*>(memory_));
        case Element::half: return use(static_cast<daf::bf16*>(memory_));
        case Element::single: break;
    }
    return use(static_cast<float*>(memory_));
}

double GraphTensor::get(Index n, Index c, Index h, Index w) const {
    const std::size_t at = place(n, c, h, w);
    if (memory_ == nullptr) return kept_[at];
    return elements([at](const auto* all) { return static_cast<double>(all[at]); });
}

void GraphTensor::set(Index n, Index c, Index h, Index w, double value) {
    const std::size_t at = place(n, c, h, w);
    if (memory_ == nullptr) {
        kept_[at] = value;
        return;
    }
    elements(
        [at, value](auto* all) { all[at] = static_cast<std::remove_reference_t<decltype(*all)>>(value); });
}

std::size_t GraphTensor::size() const {
    return place(extents_[0] - 1, extents_[1] - 1, extents_[2] - 1, extents_[3] - 1) + 1;
}

std::size_t GraphTensor::bytes() const {
    return size() * elements([](const auto* all) { return sizeof(*all); });
}

GraphRun::GraphRun(const json& graph, const std::map<std::string, void*>& memory)
    : nodes_(graph.at("nodes")) {
    std::size_t bound = 0;
    for (const json& tensor : graph.at("tensors")) {
        const std::string name = tensor.at("name");
        const auto found = memory.find(name);
        bound += found != memory.end();
        tensors_.emplace(name, GraphTensor(tensor, found == memory.end() ? nullptr : found->second));
    }
    if (bound != memory.size()) throw std::runtime_error("memory for a tensor that the graph does not have");
}

GraphTensor& GraphRun::tensor(const json& node, const char* role) {
    return tensors_.at(node.at(role).get<std::string>());
}

bool GraphRun::holds(const std::string& operation) const {
    return std::ranges::any_of(nodes_, [&](const json& node) { return node.at("operation") == operation; });
}

void GraphRun::run() {
    for (const json& node : nodes_) {
        const std::string operation = node.at("operation");
        if (operation.find("CONVOLUTION") != std::string::npos) {
            convolve(node);
        } else if (operation == "CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR") {
            apply(node);
        } else if (operation == statistics_operation) {
            add_statistics(node);
        } else {
            throw std::runtime_error("an operation that is not interpreted: " + operation);
        }
    }
}

std::vector<double> GraphRun::factors(const GraphTensor& from) const {
    std::vector<double> values;
    for_each_place(from, [&](Index n, Index c, Index h, Index w) {
        const double value = from.get(n, c, h, w);
        values.push_back(rounds_factors_ ? in_tf32(value) : value);
    });
    return values;
}

void GraphRun::convolve(const json& node) {
    if (node.at("alpha") != 1.0 || node.at("beta") != 0.0) throw std::runtime_error("a scaled convolution");
    const std::string operation = node.at("operation");
    const bool to_x = ends_with(operation, "BACKWARD_DATA_DESCRIPTOR");
    const bool to_w = ends_with(operation, "BACKWARD_FILTER_DESCRIPTOR");
    GraphTensor& x = tensor(node, to_x ? "dX" : "X");
    GraphTensor& w = tensor(node, to_w ? "dW" : "W");
    GraphTensor& y = tensor(node, to_x || to_w ? "dY" : "Y");
    GraphTensor& result = to_x ? x : to_w ? w : y;
    const auto pad = node.at("pad").get<std::vector<Index>>();
    const auto stride = node.at("stride").get<std::vector<Index>>();

    const Index channels = x.extent(1), height = x.extent(2), width = x.extent(3);
    const Index rows = w.extent(2), columns = w.extent(3);
    // All three in the order of their extents; the result's are sums that begin with zeros.
    const auto numbers = [&](const GraphTensor& of) {
        if (&of != &result) return factors(of);
        return std::vector<double>(
            static_cast<std::size_t>(of.extent(0) * of.extent(1) * of.extent(2) * of.extent(3)));
    };
    std::vector<double> of_x = numbers(x), of_w = numbers(w), of_y = numbers(y);
    double *const all_x = of_x.data(), *const all_w = of_w.data();
    double* at_y = of_y.data();
    for_each_place(y, [&](Index n, Index o, Index row, Index column) {
        double& at = *at_y++;
        const Index top = row * stride[0] - pad[0], left = column * stride[1] - pad[1];
        for (Index i = 0; i < channels; ++i) {
            double* const map = all_x + (n * channels + i) * height * width;
            double* const taps = all_w + (o * channels + i) * rows * columns;
            for (Index ky = std::max<Index>(0, -top); ky < std::min(rows, height - top); ++ky) {
                for (Index kx = std::max<Index>(0, -left); kx < std::min(columns, width - left); ++kx) {
                    double& input = map[(top + ky) * width + left + kx];
                    double& tap = taps[ky * columns + kx];
                    if (to_x) {
                        input += at * tap;
                    } else if (to_w) {
                        tap += at * input;
                    } else {
                        at += input * tap;
                    }
                }
            }
        }
    });
    const double* next = (to_x ? of_x : to_w ? of_w : of_y).data();
    for_each_place(result, [&](Index n, Index c, Index h, Index v) { result.set(n, c, h, v, *next++); });
}

void GraphRun::apply(const json& node) {
    const GraphTensor& x = tensor(node, "X");
    GraphTensor& y = tensor(node, "Y");
    const std::string mode = node.at("pointwiseMode");
    if (mode == "CUDNN_POINTWISE_RELU_FWD") {
        for_each_place(y, [&](Index n, Index c, Index h, Index w) {
            const double value = x.get(n, c, h, w);
            y.set(n, c, h, w, value > 0 ? value : 0);  // of a NaN too: cuDNN promises nothing else
        });
    } else if (mode == "CUDNN_POINTWISE_ADD") {
        const GraphTensor& b = tensor(node, "B");
        const auto within = [&](int axis, Index i) { return b.extent(axis) == 1 ? 0 : i; };
        for_each_place(y, [&](Index n, Index c, Index h, Index w) {
            y.set(n, c, h, w,
                  x.get(n, c, h, w) + b.get(within(0, n), within(1, c), within(2, h), within(3, w)));
        });
    } else {
        throw std::runtime_error("a function that is not interpreted: " + mode);
    }
}

/// To what is there: an engine might, and who asks for the graph is to have put zeros there.
void GraphRun::add_statistics(const json& node) {
    const GraphTensor& x = tensor(node, "X");
    GraphTensor &sums = tensor(node, "Sum"), &squares = tensor(node, "SqSum");
    for_each_place(x, [&](Index n, Index c, Index h, Index w) {
        const double value = x.get(n, c, h, w);
        sums.set(0, c, 0, 0, sums.get(0, c, 0, 0) + value);
        squares.set(0, c, 0, 0, squares.get(0, c, 0, 0) + value * value);
    });
}

}  // namespace daf_test
