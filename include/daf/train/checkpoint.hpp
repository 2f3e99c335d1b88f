#pragma once
// Checkpoints: one safetensors file with all that training changes, so that a learner made with the same
// seed, network, objective and optimizer goes on to the same bits. Seed and kind of optimizer are checked
// then, and the rate is restored; the figures of the network (a margin), of the objective (lambda) and of the
// optimizer (momentum) are not in it: give the same. PyTorch's names and layouts, so that Python reads it
// too. Written whole or not at all; a load that fails changes nothing.
#include <charconv>
#include <daf/io/pytorch_layout.hpp>
#include <daf/io/safetensors.hpp>
#include <daf/net/learner.hpp>
#include <daf/train/plateau.hpp>
#include <deque>
#include <limits>

namespace daf {

/// What a checkpoint says beside its tensors.
struct CheckpointInfo {
    std::string architecture;  // who can use the parameters, "daf-cnn lite attention=full" say
    int epoch = 0;             // epochs done
    Plateau schedule{};
    Metadata notes{};  // the application's own entries
};

/// Everything, to train on; or the parameters and their state alone.
enum class Restore { everything, parameters };

namespace checkpoint_detail {

inline constexpr const char* format = "daf-checkpoint";
inline constexpr const char* version = "1";
inline constexpr const char* note = "note.";

/// A number as text that reads back to the same bits.
template <class N>
std::string text_of(N number) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, number).ptr;
    return {text, end};
}

template <class N>
N number_of(const Safetensors& file, const std::string& key) {
    const std::string& text = file.metadata(key);
    N number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw FormatError(file.origin() + ": metadata '" + key + "': expected a number, found '" + text +
                          "'. The file was not written by daf; take another copy.");
    }
    return number;
}

/// The schedule's numbers, by name.
template <class Schedule, class Visit>
void for_each_number(Schedule& schedule, Visit&& visit) {
    visit("schedule.rate", schedule.rate);
    visit("schedule.best_accuracy", schedule.best_accuracy);
    visit("schedule.reference", schedule.reference);
    visit("schedule.waited", schedule.waited);
    visit("schedule.factor", schedule.rule.factor);
    visit("schedule.threshold", schedule.rule.threshold);
    visit("schedule.patience", schedule.rule.patience);
    visit("schedule.floor", schedule.rule.floor);
}

inline const char* name_of(const Optimizer& optimizer) {
    return std::holds_alternative<Adam>(optimizer) ? "adam" : "sgd";
}

/// A slab of a learner's in host memory: itself where that is where it lies, else a copy.
template <class L>
class HostSlab {
  public:
    using T = typename L::Number;

    HostSlab(L& learner, std::span<T> slab) : learner_(&learner), slab_(slab) {
        if constexpr (!L::in_host_memory) {
            copy_ = HostMemory(static_cast<Index>(slab.size_bytes()));
            learner.context().copy_out(data(), static_cast<const T*>(slab.data()), size());
        }
    }
    T* data() const {
        if constexpr (L::in_host_memory) {
            return slab_.data();
        } else {
            return copy_.as<T>();
        }
    }
    void write_back() const {
        if constexpr (!L::in_host_memory) {
            learner_->context().copy_in(slab_.data(), static_cast<const T*>(data()), size());
        }
    }

  private:
    Index size() const { return static_cast<Index>(slab_.size()); }
    L* learner_;
    std::span<T> slab_;
    HostMemory copy_;
};

/// What a checkpoint holds of a learner: parameters first and, if wanted, moments.
template <class L>
std::vector<HostSlab<L>> slabs_of(L& learner, Restore what) {
    std::vector<HostSlab<L>> slabs;
    slabs.emplace_back(learner, learner.parameters());
    const Index kept = what == Restore::parameters ? 0 : moments(learner.optimizer());
    for (Index which = 0; which < kept; ++which) slabs.emplace_back(learner, learner.moment(which));
    return slabs;
}

/// A tensor as a checkpoint holds it, whatever its shape: so the code that writes and reads it is compiled
/// once.
template <class T>
struct StoredTensor {
    std::string name;
    PytorchLayout layout;
    std::span<const Index> extents;  // ours
    T* data;
    Index size;

    TensorShape shape() const { return pytorch_extents(layout, extents); }
};

/// Every tensor in slabs_of(learner).
template <class L>
std::vector<StoredTensor<typename L::Number>> tensors_of(const std::vector<HostSlab<L>>& slabs) {
    using Net = typename L::Network;
    using T = typename L::Number;
    std::vector<StoredTensor<T>> all, trained;  // a moment's slab ends before the states
    auto bound = bind_all_parameters<Net, T>(slabs[0].data());
    for_each_parameter(
        operator_names<Net>(), bound, [&](std::string name, const auto& field, const auto& view) {
            using V = std::remove_cvref_t<decltype(view)>;
            all.push_back({std::move(name), field.layout, V::Shape::extents, view.data(), view.size()});
            if (field.role != Role::state) trained.push_back(all.back());
        });
    for (std::size_t which = 1; which < slabs.size(); ++which) {
        for (const StoredTensor<T>& parameter : trained) {
            StoredTensor<T>& moment = all.emplace_back(parameter);
            moment.name = "optimizer.moment" + std::to_string(which) + "." + parameter.name;
            moment.data = slabs[which].data() + (parameter.data - slabs[0].data());
        }
    }
    return all;
}

}  // namespace checkpoint_detail

/// Writes a checkpoint; returns the checksum that it holds. Throws FileError, or ArgumentError where two
/// layers have one name, and leaves an older file as it was.
template <class L>
std::string save_checkpoint(const std::filesystem::path& path, L& learner, const CheckpointInfo& info) {
    using namespace checkpoint_detail;
    using T = typename L::Number;
    std::deque<std::vector<T>> copies;
    std::vector<NamedTensor> tensors;
    const std::int64_t batches = learner.updates();
    const auto slabs = slabs_of(learner, Restore::everything);
    for (const StoredTensor<T>& tensor : tensors_of(slabs)) {
        std::vector<T>& copy = copies.emplace_back(static_cast<std::size_t>(tensor.size));
        to_pytorch(tensor.layout, tensor.extents, tensor.data, copy.data());
        tensors.push_back(named_tensor<T>(tensor.name, tensor.shape(), copy));
        constexpr std::string_view variance = "running_var";
        if (tensor.name.ends_with(variance)) {  // PyTorch's BatchNorm counts its batches beside it
            tensors.push_back(named_tensor<std::int64_t>(
                tensor.name.substr(0, tensor.name.size() - variance.size()) + "num_batches_tracked", {},
                std::span(&batches, 1)));
        }
    }

    Metadata metadata;
    metadata["format"] = format;
    metadata["format_version"] = version;
    metadata["architecture"] = info.architecture;
    metadata["epoch"] = text_of(info.epoch);
    metadata["updates"] = text_of(learner.updates());
    metadata["draws"] = text_of(learner.draws());
    metadata["seed"] = text_of(learner.seed().value);
    metadata["optimizer"] = name_of(learner.optimizer());
    metadata["optimizer.learning_rate"] = text_of(learning_rate(learner.optimizer()));
    for_each_number(info.schedule,
                    [&](const char* key, const auto& number) { metadata[key] = text_of(number); });
    for (const auto& [key, text] : info.notes) metadata[note + key] = text;
    return write_safetensors(path, std::move(tensors), std::move(metadata));
}

/// What an open checkpoint says of itself. Throws MismatchError for a file of another kind or version.
inline CheckpointInfo checkpoint_info(const Safetensors& file) {
    using namespace checkpoint_detail;
    if (file.metadata("format") != format || file.metadata("format_version") != version) {
        throw MismatchError(file.origin() + ": metadata 'format': expected " + format + " version " +
                            version + ", found " + file.metadata("format") + " version " +
                            file.metadata("format_version") +
                            ". Use the version of daf that wrote the file.");
    }
    CheckpointInfo info;
    info.architecture = file.metadata("architecture");
    info.epoch = number_of<int>(file, "epoch");
    for_each_number(info.schedule, [&](const char* key, auto& number) {
        number = number_of<std::remove_cvref_t<decltype(number)>>(file, key);
    });
    const std::string prefix = note;
    for (const auto& [key, text] : file.metadata()) {
        if (key.starts_with(prefix)) info.notes[key.substr(prefix.size())] = text;
    }
    return info;
}

/// Opens a checkpoint; its checksum must be there and right. Throws FileError or FormatError.
inline Safetensors open_checkpoint(const std::filesystem::path& path) {
    return read_safetensors(path, ChecksumPolicy::required);
}

/// Puts an open checkpoint into a learner: the parameters, or with Restore::everything the learning rate,
/// moments and counters too. Throws MismatchError for another architecture, and for everything also for
/// another optimizer or seed; then, as for any error, the learner is as it was.
template <class L>
CheckpointInfo restore_checkpoint(const Safetensors& file, L& learner, const std::string& architecture,
                                  Restore what = Restore::everything) {
    using namespace checkpoint_detail;
    using T = typename L::Number;
    CheckpointInfo info = checkpoint_info(file);
    if (info.architecture != architecture) {
        throw MismatchError(file.origin() + ": metadata 'architecture': expected '" + architecture +
                            "', found '" + info.architecture +
                            "'. Load it into the network that it was trained with.");
    }
    if (what == Restore::everything && file.metadata("optimizer") != name_of(learner.optimizer())) {
        throw MismatchError(file.origin() + ": metadata 'optimizer': expected " +
                            name_of(learner.optimizer()) + ", found " + file.metadata("optimizer") +
                            ". Go on with the optimizer that the file was trained with.");
    }
    if (what == Restore::everything && number_of<std::uint64_t>(file, "seed") != learner.seed().value) {
        throw MismatchError(file.origin() + ": metadata 'seed': expected " + text_of(learner.seed().value) +
                            ", found " + file.metadata("seed") +
                            ". Go on with the seed that the file was trained with.");
    }
    const auto rate = number_of<double>(file, "optimizer.learning_rate");
    const auto updates = number_of<std::uint32_t>(file, "updates");
    const auto draws = number_of<std::uint32_t>(file, "draws");
    const auto slabs = slabs_of(learner, what);
    // Whatever is wrong is found before anything changes.
    const auto tensors = tensors_of(slabs);
    std::vector<std::span<const T>> values;
    for (const StoredTensor<T>& tensor : tensors)
        values.push_back(file.values<T>(tensor.name, tensor.shape()));
    for (std::size_t i = 0; i < tensors.size(); ++i)
        from_pytorch(tensors[i].layout, tensors[i].extents, values[i].data(), tensors[i].data);
    for (const auto& slab : slabs) slab.write_back();
    if (what == Restore::everything) {
        learner.updates() = updates;
        learner.draws() = draws;
        learner.set_learning_rate(rate);
    }
    return info;
}

/// open_checkpoint and restore_checkpoint in one.
template <class L>
CheckpointInfo load_checkpoint(const std::filesystem::path& path, L& learner, const std::string& architecture,
                               Restore what = Restore::everything) {
    return restore_checkpoint(open_checkpoint(path), learner, architecture, what);
}

}  // namespace daf
