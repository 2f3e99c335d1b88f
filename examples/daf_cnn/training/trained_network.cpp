#include "training/trained_network.hpp"

#include "command/option.hpp"

namespace daf_cnn {

namespace {

/// What training noted beside the parameters; files from elsewhere may lack it.
std::string note_of(const daf::CheckpointInfo& info, const std::string& name, const std::string& otherwise) {
    const auto note = info.notes.find(name);
    return note == info.notes.end() ? otherwise : note->second;
}

}  // namespace

Origin origin_of(const daf::Safetensors& file) {
    const std::string architecture = daf::checkpoint_info(file).architecture;
    for (const Preset* preset : presets()) {
        for (const Attention attention : {Attention::full, Attention::none}) {
            if (architecture_of(preset->name, attention) == architecture) return {preset, attention};
        }
    }
    throw daf::MismatchError(
        file.origin() + ": metadata 'architecture': expected a preset of daf-cnn, such as '" +
        architecture_of("lite", Attention::full) + "', found " + daf::json::shown(architecture) +
        ". Name a checkpoint that daf-cnn train wrote.");
}

TrainedNetwork load_trained(daf::Cpu& cpu, const std::filesystem::path& weights, Index largest_batch,
                            Placement placement) {
    const daf::Safetensors file = daf::open_checkpoint(weights);
    TrainedNetwork trained{nullptr, daf::checkpoint_info(file), nullptr};
    const Origin origin = origin_of(file);
    NetworkSettings settings;
    settings.placement = placement;
    settings.attention = origin.attention;
    settings.largest_batch = largest_batch;
    settings.classifier = note_of(trained.info, "objective", "joint") == "tc" ? Classifier::nearest_centre
                                                                              : Classifier::softmax;
    parse_value(Option{"margin", Interval{0, 1e6}, ""},
                note_of(trained.info, "margin", text_of(settings.margin)), settings.margin);
    trained.preset = origin.preset;
    trained.network = origin.preset->make_network(cpu, settings);
    trained.network->restore(file, daf::Restore::parameters);
    return trained;
}

}  // namespace daf_cnn
