#include "training/trained_network.hpp"

#include <algorithm>
#include <cmath>

#include "training/judging.hpp"

namespace daf_cnn {

namespace {

/// The margin that training noted; `otherwise` of files from elsewhere.
double margin_of(const daf::Safetensors& file, double otherwise) {
    const std::string key = daf::note_key("margin");
    if (!file.metadata().contains(key)) return otherwise;
    const auto margin = file.number<double>(key);
    if (margin >= 0 && margin <= 1e6) return margin;
    throw daf::FormatError(
        file.origin() + ": metadata '" + key + "': expected a number in [0, 1000000], found " +
        daf::json::shown(file.metadata(key)) + ". The file was not written by daf-cnn; take another copy.");
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

TrainedNetwork load_trained(daf::Cpu& cpu, daf::Safetensors checkpoint, Batches batches,
                            Placement placement) {
    const Origin origin = origin_of(checkpoint);
    TrainedNetwork trained{checkpoint.origin(), origin.preset, daf::checkpoint_info(checkpoint), nullptr};
    NetworkSettings settings;
    settings.placement = placement;
    settings.attention = origin.attention;
    settings.largest_batch = batches.largest();
    settings.last_judged = batches.last();
    settings.classifier =
        trained.info.note("objective") == "tc" ? Classifier::nearest_centre : Classifier::softmax;
    settings.margin = margin_of(checkpoint, settings.margin);
    trained.network = origin.preset->make_network(cpu, settings);
    trained.network->take_parameters(checkpoint);
    return trained;
}

std::vector<Reading> TrainedNetwork::read(std::span<const float> images) const {
    std::vector<Reading> readings = network->read(images);
    for (const Reading& reading : readings) {
        if (!std::ranges::all_of(reading.probabilities, [](double p) { return std::isfinite(p); }))
            refuse(images);
    }
    return readings;
}

Judgement TrainedNetwork::judge(const Dataset& data, Index batch) const {
    return judge_split(*network, data, batch, [&](const Judgement& so_far, std::span<const float> images) {
        if (!std::isfinite(so_far.softmax_sum) || !std::isfinite(so_far.tc_sum)) refuse(images);
    });
}

void TrainedNetwork::refuse(std::span<const float> images) const {
    throw daf::FormatError(file + ": the network makes numbers that are not finite, first in " +
                           network->first_not_finite_judging(images) + ". Name another checkpoint.");
}

}  // namespace daf_cnn
