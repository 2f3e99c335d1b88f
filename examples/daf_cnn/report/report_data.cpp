#include "report/report_data.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "training/settings.hpp"
#include "training/trained_network.hpp"
#include "training/trained_with.hpp"

namespace daf_cnn {

namespace {

constexpr Index most_images = 128;         // at a time, however many training took
constexpr std::size_t train_points = 512;  // as in the paper's Fig 4
constexpr std::size_t most_mistakes = 14;

/// `wanted` numbers below `count` at equal distances; all of them where there are fewer.
std::vector<std::uint32_t> evenly_spaced(std::size_t count, std::size_t wanted) {
    std::vector<std::uint32_t> which(std::min(count, wanted));
    for (std::size_t i = 0; i < which.size(); ++i) {
        which[i] = static_cast<std::uint32_t>(i * count / which.size());
    }
    return which;
}

std::vector<Reading> read_images(const TrainedNetwork& trained, const Dataset& data,
                                 std::span<const std::uint32_t> which, Index batch) {
    std::vector<Reading> readings;
    BatchBuffer buffer(trained.network->side(), batch);
    while (!which.empty()) {
        const auto now = which.first(std::min(which.size(), static_cast<std::size_t>(batch)));
        which = which.subspan(now.size());
        buffer.fill(data, now);
        std::ranges::move(trained.read(buffer.images()), std::back_inserter(readings));
    }
    return readings;
}

/// readings: of the images that `which` numbers.
EmbeddedSplit embedded(daf::Cpu& cpu, const Dataset& data, std::span<const std::uint32_t> which,
                       std::span<const Reading* const> readings) {
    EmbeddedSplit split;
    split.images = data.size();
    std::vector<float> rows;
    for (std::size_t i = 0; i < which.size(); ++i) {
        const std::vector<float>& e = readings[i]->embedding;
        rows.insert(rows.end(), e.begin(), e.end());
        split.labels.push_back(data.labels[which[i]]);
    }
    split.layout = tsne(cpu, rows, static_cast<Index>(which.size()));
    return split;
}

double distance(std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (std::size_t d = 0; d < a.size(); ++d) {
        const double apart = static_cast<double>(a[d]) - static_cast<double>(b[d]);
        sum += apart * apart;
    }
    return std::sqrt(sum);
}

/// points: a class's after another's, each as long as an embedding.
ClassDistances distances_from(std::span<const float> points, const std::vector<Reading>& readings,
                              std::span<const std::int32_t> labels) {
    const std::size_t width = points.size() / static_cast<std::size_t>(class_count);
    const auto point = [&](std::size_t k) { return points.subspan(k * width, width); };
    ClassDistances result;
    std::array<double, class_count> members{};
    for (std::size_t i = 0; i < readings.size(); ++i) {
        const auto k = static_cast<std::size_t>(labels[i]);
        result.spread[k] += distance(readings[i].embedding, point(k));
        members[k] += 1;
    }
    for (std::size_t a = 0; a < members.size(); ++a) {
        result.spread[a] = members[a] > 0 ? result.spread[a] / members[a] : std::nan("");
        for (std::size_t b = 0; b < members.size(); ++b) result.between[a][b] = distance(point(a), point(b));
    }
    return result;
}

/// Each class's mean embedding, one after another; NaN for a class without images.
std::vector<float> class_means(const std::vector<Reading>& readings, std::span<const std::int32_t> labels) {
    const std::size_t width = readings.front().embedding.size();
    std::vector<double> sums(width * static_cast<std::size_t>(class_count));
    std::array<double, class_count> members{};
    for (std::size_t i = 0; i < readings.size(); ++i) {
        const auto k = static_cast<std::size_t>(labels[i]);
        members[k] += 1;
        for (std::size_t d = 0; d < width; ++d) {
            sums[k * width + d] += static_cast<double>(readings[i].embedding[d]);
        }
    }
    std::vector<float> means(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const double count = members[i / width];
        means[i] = static_cast<float>(count > 0 ? sums[i] / count : std::nan(""));
    }
    return means;
}

double sureness(const Reading& reading) {
    return reading.probabilities[static_cast<std::size_t>(reading.prediction)];
}

JudgedFace judged(const Dataset& data, std::size_t index, const Reading& reading) {
    const auto pixels = data.image(index);
    return {index,
            data.labels[index],
            reading.prediction,
            sureness(reading),
            data.side,
            {pixels.begin(), pixels.end()}};
}

std::vector<JudgedFace> surest_mistakes(const Dataset& data, const std::vector<Reading>& readings) {
    std::vector<std::size_t> wrong;
    for (std::size_t i = 0; i < readings.size(); ++i) {
        if (readings[i].prediction != data.labels[i]) wrong.push_back(i);
    }
    std::ranges::stable_sort(wrong, std::ranges::greater{},
                             [&](std::size_t i) { return sureness(readings[i]); });
    wrong.resize(std::min(wrong.size(), most_mistakes));
    std::vector<JudgedFace> faces;
    for (const std::size_t i : wrong) faces.push_back(judged(data, i, readings[i]));
    return faces;
}

/// Of each class the image that shows it most clearly to the model, with where the attention looks.
std::vector<JudgedFace> clearest_faces(FaceNetwork& network, const Dataset& data,
                                       const std::vector<Reading>& readings) {
    std::vector<JudgedFace> faces;
    BatchBuffer buffer(network.side(), 1);
    for (std::size_t k = 0; k < static_cast<std::size_t>(class_count); ++k) {
        std::optional<std::uint32_t> best;
        for (std::uint32_t i = 0; i < readings.size(); ++i) {
            if (static_cast<std::size_t>(data.labels[i]) != k) continue;
            if (!best || readings[i].probabilities[k] > readings[*best].probabilities[k]) best = i;
        }
        if (!best) continue;
        buffer.fill(data, std::span(&*best, 1));
        std::vector<Gaze> gaze = network.gaze(buffer.images());
        if (gaze.empty()) return {};  // no attention
        faces.push_back(judged(data, *best, readings[*best]));
        faces.back().gaze = std::move(gaze.front());
    }
    return faces;
}

const Splits& data_of(daf::Cpu& cpu, const TrainConfig& config, Index side, DataCache& cache) {
    const DataSource source = config.data_source();
    const bool same = cache.source && cache.side == side && cache.source->name == source.name &&
                      cache.source->seed.value == source.seed.value && cache.source->limit == source.limit &&
                      cache.source->skip_bad == source.skip_bad;
    if (!same) {
        cache.source.reset();
        cache.splits = load_data(cpu, source, side, {Split::train, Split::validation});
        cache.side = side;
        cache.source = source;
    }
    return cache.splits;
}

void check_run(const RunFolder& folder) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(folder.path(), ignored)) {
        throw BadUse("--run: expected the folder of a run, but there is none at '" + folder.path().string() +
                     "'");
    }
    if (!std::filesystem::exists(folder.config(), ignored)) {
        throw BadUse("--run: '" + folder.path().string() +
                     "' holds no config.json, so there is no run to report on; name the folder that "
                     "daf-cnn train or ablate wrote");
    }
    if (!std::filesystem::exists(folder.best(), ignored)) {
        const std::string what = folder.best().string() + ": expected the best epoch's model, found none";
        if (folder.whole_lines() > 0) throw daf::FileError(what + ", though epochs have ended. Restore it.");
        throw daf::FileError(what + ": no epoch of this run has ended yet. " +
                             "Go on with it by daf-cnn train --resume.");
    }
}

double sum_of(const std::vector<EpochRecord>& epochs, double EpochRecord::*figure) {
    return std::accumulate(epochs.begin(), epochs.end(), 0.0,
                           [&](double sum, const EpochRecord& epoch) { return sum + epoch.*figure; });
}

}  // namespace

const EpochRecord* RunReport::best_record() const {
    const auto found = std::ranges::find(epochs, best_epoch, &EpochRecord::epoch);
    return found == epochs.end() ? nullptr : &*found;
}

double RunReport::seconds() const {
    return sum_of(epochs, &EpochRecord::seconds);
}

double RunReport::data_wait() const {
    return sum_of(epochs, &EpochRecord::data_wait);
}

RunReport gather(daf::Cpu& cpu, const RunFolder& folder, std::size_t most_points, DataCache& cache) {
    check_run(folder);
    RunReport report(folder);
    report.config = read_config(folder.config());
    if (cache.moved_to) report.config.data = *cache.moved_to;
    report.epochs = folder.epochs();
    const Index batch = std::min<Index>(report.config.batch, most_images);
    const TrainedNetwork trained = load_trained(cpu, daf::open_checkpoint(folder.best()), {batch, batch});
    FaceNetwork& network = *trained.network;
    const Splits& data = [&]() -> const Splits& {
        try {
            return data_of(cpu, report.config, network.side(), cache);
        } catch (const daf::FileError& error) {
            if (cache.moved_to) throw;
            throw daf::FileError(std::string(error.what()) + " It is named in " + folder.config().string() +
                                 "; --data says where it is now.");
        }
    }();
    check_trained_with(folder.best().string(), trained.info, data, report.config.data,
                       cache.moved_to ? "Give the place of the run's own images by --data."
                                      : "Restore them, or say by --data where they are now.");
    const Dataset& seen = data.validation;

    report.best_epoch = trained.info.epoch;
    report.architecture = network.architecture();
    report.parameters = network.parameter_count();
    report.data_source = data.train.source;
    report.image_side = data.train.side;
    report.network_side = network.side();
    report.train_images = data.train.size();
    report.left_out = data.train.left_out;
    report.left_out += seen.left_out;

    const std::vector<Reading> readings =
        read_images(trained, seen, evenly_spaced(seen.size(), seen.size()), batch);
    for (std::size_t i = 0; i < readings.size(); ++i)
        report.confusion.add(seen.labels[i], readings[i].prediction);
    report.mistakes = surest_mistakes(seen, readings);
    report.samples = clearest_faces(network, seen, readings);
    report.means = distances_from(class_means(readings, seen.labels), readings, seen.labels);
    if (report.config.objective != "softmax") {
        report.centres = distances_from(network.centres(), readings, seen.labels);
    }

    const auto shown = evenly_spaced(seen.size(), most_points);
    std::vector<const Reading*> shown_readings;
    for (const std::uint32_t i : shown) shown_readings.push_back(&readings[i]);
    report.validation = embedded(cpu, seen, shown, shown_readings);
    const auto sample = evenly_spaced(data.train.size(), train_points);
    const std::vector<Reading> sample_readings = read_images(trained, data.train, sample, batch);
    std::vector<const Reading*> pointers;
    for (const Reading& reading : sample_readings) pointers.push_back(&reading);
    report.train = embedded(cpu, data.train, sample, pointers);
    return report;
}

}  // namespace daf_cnn
