#pragma once
// Runs the graph that a cuDNN plan says it was made from: plain loops over the tensors as the graph describes
// them, so that extents, strides, operations and the names of operands are what is tested. Sums run in
// double.
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace daf_test {

/// A tensor of four extents: count, channels, height, width.
class GraphTensor {
  public:
    /// memory: null for one that lies nowhere, and is kept here.
    GraphTensor(const nlohmann::json& described, void* memory);

    std::ptrdiff_t extent(int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
    double get(std::ptrdiff_t n, std::ptrdiff_t c, std::ptrdiff_t h, std::ptrdiff_t w) const;
    void set(std::ptrdiff_t n, std::ptrdiff_t c, std::ptrdiff_t h, std::ptrdiff_t w, double value);
    /// From its first element to its last one's end.
    std::size_t bytes() const;

  private:
    enum class Element { single, twice, half };  // float, double, bf16
    static Element element_of(const std::string& type);
    std::size_t size() const;  // elements from its first to its last
    std::size_t place(std::ptrdiff_t n, std::ptrdiff_t c, std::ptrdiff_t h, std::ptrdiff_t w) const;
    /// use(the memory as elements of their type), for one that lies in memory.
    template <class Use>
    auto elements(const Use& use) const;

    std::vector<std::ptrdiff_t> extents_, strides_;
    Element element_;
    void* memory_;
    std::vector<double> kept_;
};

/// A plan's graph with its operands' memory, by the tensors' names.
class GraphRun {
  public:
    GraphRun(const nlohmann::json& graph, const std::map<std::string, void*>& memory);
    const std::map<std::string, GraphTensor>& tensors() const { return tensors_; }
    /// The factors of convolutions are rounded to TF32 before they are multiplied, as tensor cores do it.
    void round_factors() { rounds_factors_ = true; }
    void run();
    /// Whether one of its operations is called so.
    bool holds(const std::string& operation) const;

  private:
    void convolve(const nlohmann::json& node);
    void apply(const nlohmann::json& node);
    void add_statistics(const nlohmann::json& node);
    GraphTensor& tensor(const nlohmann::json& node, const char* role);

    /// All elements of one of a convolution's factors, as they are multiplied.
    std::vector<double> factors(const GraphTensor& from) const;

    nlohmann::json nodes_;
    bool rounds_factors_ = false;
    std::map<std::string, GraphTensor> tensors_;
};

}  // namespace daf_test
