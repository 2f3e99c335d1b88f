// Parameters out of files that no learner of the same network wrote: other element types, tensors too many,
// another network's trunk.
#include <doctest/doctest.h>

#include <daf/daf.hpp>
#include <deque>

#include "support/scratch_folder.hpp"
#include "support/tiny_network.hpp"

using daf::Dtype;
using daf_test::message_of;
using daf_test::TinyNetwork;
using Learner = daf::Learner<TinyNetwork, daf::Cpu>;

namespace {

template <class Span>
auto copy(Span span) {
    return std::vector<std::remove_const_t<typename Span::element_type>>(span.begin(), span.end());
}

/// A file's tensors, to be changed and written again.
class Edited {
  public:
    explicit Edited(const std::filesystem::path& path) : file_(daf::read_safetensors(path)) {
        for (const auto& tensor : file_.tensors()) tensors_.push_back(tensor);
    }
    void add(const std::string& name, const daf::TensorShape& shape = {4}) {
        std::size_t count = 1;
        for (const auto extent : shape) count *= extent;
        tensors_.push_back(daf::named_tensor<float>(name, shape, floats_.emplace_back(count, 0.5F)));
    }
    /// Only what number(float) leaves of each float, in elements of that type.
    template <class Stored>
    void store_as(Dtype dtype, const auto& number) {
        for (auto& tensor : tensors_) {
            if (tensor.dtype != Dtype::F32) continue;
            std::vector<std::byte>& bytes = bytes_.emplace_back();
            for (const float value : file_.values<float>(tensor.name)) {
                const Stored stored = number(value);
                const auto* first = reinterpret_cast<const std::byte*>(&stored);
                bytes.insert(bytes.end(), first, first + sizeof stored);
            }
            tensor.dtype = dtype;
            tensor.bytes = bytes;
        }
    }
    daf::Safetensors written(const std::filesystem::path& path, const daf::Metadata& metadata = {}) const {
        daf::write_safetensors(path, tensors_, metadata);
        return daf::read_safetensors(path);
    }
    const daf::Metadata& metadata() const { return file_.metadata(); }

  private:
    daf::Safetensors file_;
    std::vector<daf::NamedTensor> tensors_;
    std::deque<std::vector<float>> floats_;
    std::deque<std::vector<std::byte>> bytes_;
};

std::uint16_t upper_half(float value) {
    return daf::bf16(value).bits();
}

}  // namespace

TEST_CASE("parameters are read from narrower elements, as PyTorch users export them") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_parameters(folder / "a.safetensors", learner, {"tiny"});
    const auto exact = copy(learner.parameters());
    std::vector<float> rounded(exact.size());
    std::ranges::transform(exact, rounded.begin(), [](float v) { return static_cast<float>(daf::bf16(v)); });

    Edited narrow(folder / "a.safetensors");
    narrow.store_as<std::uint16_t>(Dtype::BF16, upper_half);
    const daf::Safetensors file = narrow.written(folder / "b.safetensors");
    std::vector<float> slab(exact.size());
    daf::read_parameters<TinyNetwork>(file, slab);
    CHECK(slab == rounded);
    std::vector<double> wide(exact.size());
    daf::read_parameters<TinyNetwork>(file, wide);
    CHECK(std::ranges::equal(wide, rounded));
    daf::read_parameters<TinyNetwork>(daf::read_safetensors(folder / "a.safetensors"), wide);
    CHECK(std::ranges::equal(wide, exact));
    daf::Evaluator<TinyNetwork, daf::Cpu, double> evaluator(cpu, daf::max_batch(4));
    daf::load_parameters(folder / "a.safetensors", evaluator, "tiny");
    CHECK(std::ranges::equal(evaluator.parameters(), exact));

    Edited ones(folder / "a.safetensors");
    ones.store_as<std::uint16_t>(Dtype::F16, [](float) { return std::uint16_t{0x3C00}; });
    daf::read_parameters<TinyNetwork>(ones.written(folder / "c.safetensors"), slab);
    CHECK(std::ranges::count(slab, 1.0F) == std::ssize(slab));
}

TEST_CASE("elements that would have to be rounded are refused and nothing is read") {
    const daf_test::ScratchFolder folder;
    daf::Cpu cpu(daf::Threads{1});
    Learner learner(cpu, daf::max_batch(4), daf::Seed{5});
    daf::save_checkpoint(folder / "a.safetensors", learner, {"tiny"});
    std::vector<float> slab(learner.parameters().size(), 3);
    Edited doubles(folder / "a.safetensors");
    doubles.store_as<double>(Dtype::F64, [](float value) { return static_cast<double>(value); });
    const daf::Safetensors file = doubles.written(folder / "b.safetensors", doubles.metadata());
    const auto message =
        message_of<daf::MismatchError>([&] { daf::read_parameters<TinyNetwork>(file, slab); });
    INFO(message);
    CHECK(message.find("': expected F32, found F64. Write it as F32 (in PyTorch: tensor.float())") !=
          std::string::npos);
    CHECK(message.find("something else") == std::string::npos);
    CHECK(std::ranges::count(slab, 3.0F) == std::ssize(slab));

    // Training goes on from what it stopped with, to the bit, or not at all.
    Edited narrow(folder / "a.safetensors");
    narrow.store_as<std::uint16_t>(Dtype::BF16, upper_half);
    narrow.written(folder / "c.safetensors", narrow.metadata());
    const auto before = copy(learner.parameters());
    CHECK_THROWS_AS(daf::load_checkpoint(folder / "c.safetensors", learner, "tiny"), daf::MismatchError);
    CHECK(copy(learner.parameters()) == before);
    CHECK_NOTHROW(daf::load_parameters(folder / "c.safetensors", learner, "tiny"));
}
