#pragma once
// Checkpoints: one safetensors file with all that training changes, so that a learner (a Learner, or a
// Descent with its Model) made with the same seed, network, objective and optimizer goes on to the same bits.
// Seed and kind of optimizer are checked then, and the rate is restored; the figures of the network (a
// margin), of the objective (lambda) and of the optimizer (momentum) are not in it: give the same. Or the
// parameters alone, of a Network or a Sequence, for those who have no learner. PyTorch's names and layouts,
// so that Python reads it too. Written whole or not at all; a load that fails changes nothing.
#include <cmath>
#include <daf/io/safetensors.hpp>
#include <daf/net/descent.hpp>
#include <daf/net/learner.hpp>
#include <daf/train/plateau.hpp>
#include <daf/train/read_options.hpp>
#include <daf/train/stored_tensors.hpp>
#include <ranges>

namespace daf {

/// What a checkpoint says beside its tensors.
struct CheckpointInfo {
    std::string architecture;  // who can use the parameters, "daf-cnn lite attention=full" say
    int epoch = 0;             // epochs done
    Plateau schedule{};
    Metadata notes{};  // the application's own entries

    /// One of the notes; `otherwise` where there is no such note.
    std::string note(const std::string& name, const std::string& otherwise = "") const {
        const auto found = notes.find(name);
        return found == notes.end() ? otherwise : found->second;
    }
};

/// The metadata entry in which a checkpoint has one of the notes.
inline std::string note_key(const std::string& name) {
    return "note." + name;
}

namespace checkpoint_detail {

inline constexpr const char* format = "daf-checkpoint";
inline constexpr const char* version = "1";

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

/// The metadata of any checkpoint, behind what it says of training.
inline Metadata described(const CheckpointInfo& info, Metadata metadata) {
    metadata["format"] = format;
    metadata["format_version"] = version;
    metadata["architecture"] = info.architecture;
    metadata["epoch"] = metadata_text(info.epoch);
    for_each_number(info.schedule,
                    [&](const char* key, const auto& number) { metadata[key] = metadata_text(number); });
    for (const auto& [key, text] : info.notes) metadata[note_key(key)] = text;
    return metadata;
}

/// A Model's gradients, and the pass that it has begun, were those of other parameters. A Learner has neither
/// between its steps.
template <class Owner>
void begin_anew(Owner& owner) {
    if constexpr (requires { owner.begin_anew(); }) owner.begin_anew();
}

}  // namespace checkpoint_detail

/// Writes a checkpoint of a Learner or a Descent; returns the checksum that it holds. It takes the memory of
/// the largest tensor. Throws FileError, for too little memory too, or ArgumentError where two layers have
/// one name, and leaves an older file as write_atomically does.
template <class L>
std::string save_checkpoint(const std::filesystem::path& path, const L& learner, const CheckpointInfo& info) {
    using namespace checkpoint_detail;
    static_assert(
        requires { learner.updates(); },
        "daf: save_checkpoint: only a Learner or a Descent has what training goes on from; of a Model or "
        "an Evaluator use save_parameters");
    return written(path, [&] {
        Metadata training;
        training["updates"] = metadata_text(learner.updates());
        training["draws"] = metadata_text(learner.draws());
        training["seed"] = metadata_text(learner.seed().value);
        training["optimizer"] = name_of(learner.optimizer());
        training["optimizer.learning_rate"] = metadata_text(learning_rate(learner.optimizer()));
        return write_owner(path, learner, tensors_of_owner<true>(learner), learner.batches_seen(),
                           described(info, std::move(training)));
    });
}

/// Writes the parameters and statistics of a Learner, a Descent, a Model or an Evaluator alone: a checkpoint
/// that load_parameters reads. Throws as save_checkpoint does.
template <class Owner>
std::string save_parameters(const std::filesystem::path& path, const Owner& owner,
                            const CheckpointInfo& info) {
    using namespace checkpoint_detail;
    return written(path, [&] {
        return write_owner(path, owner, tensors_of_owner<false>(owner), 0, described(info, {}));
    });
}
/// The same of a Network's or a Sequence's slab in host memory, [decayed | undecayed | state]. Throws
/// ArgumentError too unless it is parameter_count<Net> elements.
template <class Net, std::ranges::contiguous_range Range>
std::string save_parameters(const std::filesystem::path& path, const Range& parameters,
                            const CheckpointInfo& info) {
    using namespace checkpoint_detail;
    const std::span slab(parameters);
    detail::check_count("save_parameters", parameter_count<Net>, slab.size());
    using T = std::remove_const_t<typename decltype(slab)::element_type>;
    return written(path, [&] {
        const auto in_host = [](const T* data, Index) { return data; };
        return write_tensors<T>(path, tensors_of<Net>(static_cast<const T*>(slab.data())), in_host, 0,
                                described(info, {}));
    });
}

/// What an open checkpoint says of itself. Throws MismatchError for a file of another kind or version.
inline CheckpointInfo checkpoint_info(const Safetensors& file) {
    using namespace checkpoint_detail;
    if (file.metadata("format") != format || file.metadata("format_version") != version) {
        throw MismatchError(file.origin() + ": metadata 'format': expected " + format + " version " +
                            version + ", found " + json::shown(file.metadata("format")) + " version " +
                            json::shown(file.metadata("format_version")) +
                            ". Use the version of daf that wrote the file.");
    }
    CheckpointInfo info;
    info.architecture = file.metadata("architecture");
    info.epoch = file.number<int>("epoch");
    for_each_number(info.schedule, [&](const char* key, auto& number) {
        number = file.number<std::remove_cvref_t<decltype(number)>>(key);
    });
    const std::string prefix = note_key("");
    for (const auto& [key, text] : file.metadata()) {
        if (key.starts_with(prefix)) info.notes[key.substr(prefix.size())] = text;
    }
    return info;
}

/// Opens a checkpoint; its checksum must be there and right. Throws FileError or FormatError.
inline Safetensors open_checkpoint(const std::filesystem::path& path) {
    return read_safetensors(path, ChecksumPolicy::required);
}

/// The same; throws MismatchError for another architecture too.
inline CheckpointInfo checkpoint_info(const Safetensors& file, const std::string& architecture) {
    CheckpointInfo info = checkpoint_info(file);
    if (info.architecture != architecture) {
        throw MismatchError(file.origin() + ": metadata 'architecture': expected '" + architecture +
                            "', found " + json::shown(info.architecture) +
                            ". Load it into the network that it was trained with.");
    }
    return info;
}

/// Puts the tensors of any safetensors file that has a Network's or a Sequence's, named and laid out as in
/// PyTorch, into a slab in host memory, of parameter_count<Net> elements: ArgumentError otherwise.
/// Elements of another type are taken where the slab's holds them exactly: F16 and BF16, and F32 in double.
/// MismatchError for a tensor that is missing or has another shape or type, and for one that the network does
/// not have (see Extra); then the slab is as it was.
/// Columns of a Linear behind a layer::Flatten are taken as they stand: see there.
template <class Net, std::ranges::contiguous_range Range>
void read_parameters(const Safetensors& file, Range&& parameters, const ReadOptions& options = {}) {
    const std::span slab(parameters);
    static_assert(!std::is_const_v<typename decltype(slab)::element_type>,
                  "daf: read_parameters: the slab must be writable");
    detail::check_count("read_parameters", parameter_count<Net>, slab.size());
    const auto sought = checkpoint_detail::sought<Net>(options);
    checkpoint_detail::read_tensors(file, checkpoint_detail::tensors_of<Net>(slab.data(), sought.names),
                                    sought, checkpoint_detail::Types::exact);
}

/// Puts an open checkpoint's parameters and statistics into a Model or an Evaluator, or into a Learner or a
/// Descent, whose moments and counters stay as they are; element types and options as in read_parameters. A
/// Model begins anew. Throws MismatchError for another architecture; then, as for any error, the owner is as
/// it was.
template <class Owner>
CheckpointInfo restore_parameters(const Safetensors& file, Owner& owner, const std::string& architecture,
                                  const ReadOptions& options = {}) {
    using namespace checkpoint_detail;
    CheckpointInfo info = checkpoint_info(file, architecture);
    take_parameters(file, owner, sought<typename Owner::Network>(options));
    begin_anew(owner);
    return info;
}

/// Puts a trunk out of any safetensors file into that of an owner of a Network, a Learner or an Evaluator:
/// parameters and statistics, as read_parameters takes them. Head, centres, moments and counters stay as they
/// are. The trunk's numbered layers are sought as trunk.N unless the options have another prefix. Throws
/// MismatchError as read_parameters does; then the owner is as it was.
template <class Owner>
void read_trunk(const Safetensors& file, Owner& owner, const ReadOptions& options = {}) {
    static_assert(
        AnyNetwork<typename Owner::Network>,
        "daf: read_trunk: only a Network has a trunk; of a Model or a Descent use load_parameters with "
        "the prefix \"trunk.\"");
    if constexpr (AnyNetwork<typename Owner::Network>) {
        checkpoint_detail::take_trunk(file, owner,
                                      checkpoint_detail::sought_trunk<typename Owner::Network>(options));
    }
}

/// Puts an open checkpoint into a Learner or a Descent, to train on: parameters, moments, learning rate and
/// counters. Throws MismatchError for another architecture, optimizer, seed or element type; then, as for any
/// error, the learner is as it was.
template <class L>
CheckpointInfo restore_checkpoint(const Safetensors& file, L& learner, const std::string& architecture) {
    using namespace checkpoint_detail;
    static_assert(
        requires { learner.updates(); },
        "daf: load_checkpoint: only a Learner or a Descent goes on training from a checkpoint; of a Model or "
        "an Evaluator use load_parameters");
    CheckpointInfo info = checkpoint_info(file, architecture);
    if (!file.metadata().contains("optimizer")) {
        throw MismatchError(file.origin() +
                            ": metadata 'optimizer': expected what training goes on from, "
                            "found parameters alone. Load them with load_parameters.");
    }
    if (file.metadata("optimizer") != name_of(learner.optimizer())) {
        throw MismatchError(file.origin() + ": metadata 'optimizer': expected " +
                            name_of(learner.optimizer()) + ", found " + file.metadata("optimizer") +
                            ". Go on with the optimizer that the file was trained with.");
    }
    if (file.number<std::uint64_t>("seed") != learner.seed().value) {
        throw MismatchError(file.origin() + ": metadata 'seed': expected " +
                            metadata_text(learner.seed().value) + ", found " + file.metadata("seed") +
                            ". Go on with the seed that the file was trained with.");
    }
    const auto rate = file.number<double>("optimizer.learning_rate");
    const auto updates = file.number<std::uint32_t>("updates");
    const auto draws = file.number<std::uint32_t>("draws");
    if (!(rate >= 0 && std::isfinite(rate))) {
        throw FormatError(file.origin() + ": metadata 'optimizer.learning_rate': expected a finite number " +
                          "from 0 on, found " + metadata_text(rate) + ". Take another copy of the file.");
    }
    take_checkpoint(file, learner);
    begin_anew(learner);
    learner.updates() = updates;
    learner.draws() = draws;
    learner.set_learning_rate(rate);
    return info;
}

/// open_checkpoint and restore_checkpoint in one.
template <class L>
CheckpointInfo load_checkpoint(const std::filesystem::path& path, L& learner,
                               const std::string& architecture) {
    return restore_checkpoint(open_checkpoint(path), learner, architecture);
}

/// open_checkpoint and restore_parameters in one.
template <class Owner>
CheckpointInfo load_parameters(const std::filesystem::path& path, Owner& owner,
                               const std::string& architecture, const ReadOptions& options = {}) {
    return restore_parameters(open_checkpoint(path), owner, architecture, options);
}
/// The same into the slab of a Network or a Sequence in host memory; ArgumentError unless it is
/// parameter_count<Net> elements:
///
///   std::vector<float> parameters(daf::parameter_count<Net>);
///   daf::load_parameters<Net>("best.safetensors", parameters, "daf-cnn lite attention=full");
///   const daf::Inference<Net, daf::Cpu> net(cpu, parameters);
template <class Net, std::ranges::contiguous_range Range>
CheckpointInfo load_parameters(const std::filesystem::path& path, Range&& parameters,
                               const std::string& architecture, const ReadOptions& options = {}) {
    const Safetensors file = open_checkpoint(path);
    CheckpointInfo info = checkpoint_info(file, architecture);
    read_parameters<Net>(file, parameters, options);
    return info;
}

/// open_checkpoint and read_trunk in one, out of another network's checkpoint. Throws MismatchError unless
/// that is of the architecture too:
///
///   daf::Learner<OtherNet, daf::Cpu> learner(cpu, daf::max_batch(64), daf::Seed{1});   the same trunk
///   daf::load_trunk("best.safetensors", learner, "daf-cnn lite attention=full");
template <class Owner>
CheckpointInfo load_trunk(const std::filesystem::path& path, Owner& owner, const std::string& architecture,
                          const ReadOptions& options = {}) {
    const Safetensors file = open_checkpoint(path);
    CheckpointInfo info = checkpoint_info(file, architecture);
    read_trunk(file, owner, options);
    return info;
}

}  // namespace daf
