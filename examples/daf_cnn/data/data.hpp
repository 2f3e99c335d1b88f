#pragma once
// Where images come from, and how a batch of them reaches a network.
#include <algorithm>
#include <cstdint>
#include <daf/core/random.hpp>
#include <daf/cpu/context.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "faces/faces.hpp"

namespace daf_cnn {

/// --data for faces that the program draws.
inline constexpr std::string_view generated_data = "generated";
/// Fixed, so that every command sees the same faces.
inline constexpr std::uint64_t default_data_seed = 20;

struct DataSource {
    std::string name{generated_data};  // or a CSV file, or a folder of images
    daf::Seed seed{default_data_seed};
    std::optional<std::uint32_t> limit{};  // the first images of each split
    bool skip_bad = false;                 // leave out bad images instead of refusing all
    bool offers_skipping = false;          // whether who asks has --skip-bad: errors then say so
};

/// The most that --threads takes.
inline constexpr int most_threads = 4096;
/// The cores of this machine, most_threads of them at the most; 1 if it does not say.
int default_threads();

/// How many faces a generated split has: the limit, or 7000, 1400, 1400.
std::uint32_t generated_count(Split split, std::optional<std::uint32_t> limit);

/// Whether --data names a folder of images.
bool is_image_folder(const std::string& name);

/// The splits asked for. Generated faces are drawn at `side` pixels on all threads, a folder's images are
/// brought to it or left smaller (image_folder.hpp), a CSV's images stay as they are. What was skipped is
/// told in one line on standard error. Throws daf::FileError or daf::FormatError, the latter with the hint to
/// --skip-bad where that would help and is offered.
Splits load_data(daf::Cpu& cpu, const DataSource& source, daf::Index side, const std::vector<Split>& wanted);

/// Where training's shuffle draws; operators draw from layers counted from 0.
inline constexpr std::uint32_t shuffle_layer = 0x5AFF1E00u;

/// 0 .. count-1 in the order of an epoch: a fresh shuffle without replacement, a function of the arguments
/// alone.
std::vector<std::uint32_t> epoch_order(daf::Seed seed, int epoch, std::uint32_t count);

/// A grey image as numbers in [0, 1], enlarged (or reduced) bilinearly where the sides differ: pixel centres
/// at halves, edges repeated, as OpenCV's and PyTorch's bilinear resize without corner alignment.
void to_unit_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                   std::size_t to_side);

/// A batch in the making; its memory is used again and again.
class BatchBuffer {
  public:
    BatchBuffer(daf::Index side, daf::Index largest);

    /// The images of `data` that `which` numbers, in that order; at most `largest` of them.
    void fill(const Dataset& data, std::span<const std::uint32_t> which);

    std::span<const float> images() const { return std::span(images_).first(labels_.size() * image_size()); }
    std::span<const std::int32_t> labels() const { return labels_; }

  private:
    std::size_t image_size() const { return side_ * side_; }

    std::size_t side_;
    std::vector<float> images_;
    std::vector<std::int32_t> labels_;
};

/// use(BatchBuffer) for all images of `data` in their order, `batch` of them at a time.
template <class Use>
void for_each_batch(const Dataset& data, daf::Index side, daf::Index batch, Use&& use) {
    BatchBuffer buffer(side, batch);
    std::vector<std::uint32_t> which;
    for (std::size_t done = 0; done < data.size(); done += which.size()) {
        which.resize(std::min(data.size() - done, static_cast<std::size_t>(batch)));
        std::iota(which.begin(), which.end(), static_cast<std::uint32_t>(done));
        buffer.fill(data, which);
        use(std::as_const(buffer));
    }
}

}  // namespace daf_cnn
