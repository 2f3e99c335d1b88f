#pragma once
// What a report says of a run, gathered from its folder, its data and its best model.
#include <array>
#include <daf/cpu/context.hpp>
#include <optional>
#include <vector>

#include "data/data.hpp"
#include "network/face_network.hpp"
#include "report/tsne.hpp"
#include "training/run_folder.hpp"
#include "training/train_config.hpp"

namespace daf_cnn {

/// One image of the validation split, and what the model makes of it.
struct JudgedFace {
    std::size_t index = 0;  // in its split
    std::int32_t label = 0;
    Index prediction = 0;
    double probability = 0;  // of the prediction
    int side = 0;
    std::vector<std::uint8_t> pixels;
    std::optional<Gaze> gaze{};
};

/// A split's embeddings in the plane.
struct EmbeddedSplit {
    Tsne layout;
    std::vector<std::int32_t> labels;  // of the points
    std::size_t images = 0;            // of the split; the points are at most as many, evenly spaced
};

/// Euclidean distances in the space of embeddings.
struct ClassDistances {
    std::array<std::array<double, class_count>, class_count>
        between{};  // of one class's point from another's
    std::array<double, class_count>
        spread{};  // mean distance of a class's images from its own point; NaN without any
};

struct RunReport {
    RunFolder folder;
    TrainConfig config;
    std::vector<EpochRecord> epochs;
    int best_epoch = 0;

    std::string architecture;
    Index parameters = 0;
    std::string data_source;
    int image_side = 0;      // of the data
    Index network_side = 0;  // of what the network sees
    std::size_t train_images = 0;
    LeftOut left_out{};  // of both splits

    daf::ConfusionMatrix confusion{class_count};
    EmbeddedSplit train;  // 512 images at most
    EmbeddedSplit validation;
    std::optional<ClassDistances> centres{};  // from the loss's centres; nothing where no TC loss moved them
    ClassDistances means;                     // from the classes' mean embeddings
    std::vector<JudgedFace>
        samples;  // one of each class, with its gaze; empty for a network without attention
    std::vector<JudgedFace> mistakes;  // those that the model is surest of, first the worst

    explicit RunReport(RunFolder of) : folder(std::move(of)) {}
    const EpochRecord* best_record() const;
    double seconds() const;
    double data_wait() const;  // seconds of those that training waited for images
};

/// The data of the run that was gathered last, so that runs on the same data read it once.
struct DataCache {
    std::optional<std::string> moved_to{};  // where the data lies, if not where the runs' config.json says
    std::optional<DataSource> source{};
    Index side = 0;
    Splits splits;
};

/// most_points: of a split in its t-SNE. Throws BadUse where `folder` is no run's, daf::Error where the run
/// has no finished epoch or a file cannot be used.
RunReport gather(daf::Cpu& cpu, const RunFolder& folder, std::size_t most_points, DataCache& cache);

}  // namespace daf_cnn
