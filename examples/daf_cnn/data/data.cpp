#include "data/data.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "data/fer_csv.hpp"
#include "data/image_folder.hpp"

namespace daf_cnn {

namespace {

using daf::Index;

Dataset drawn(daf::Cpu& cpu, daf::Seed seed, Split split, std::uint32_t count, int side) {
    Dataset data;
    data.source = "generated faces";
    data.side = side;
    data.images.resize(count * data.image_bytes());
    data.labels.resize(count);
    cpu.parallel(count, [&](Index i) {
        const auto face = static_cast<std::uint32_t>(i);
        draw_face(seed, split, face, side,
                  std::span(data.images).subspan(face * data.image_bytes(), data.image_bytes()));
        data.labels[face] = static_cast<std::int32_t>(face_label(seed, split, face));
    });
    return data;
}

void tell_left_out(Splits& splits, const std::vector<Split>& wanted) {
    LeftOut all;
    for (const Split split : wanted) all += splits[split].left_out;
    if (all.empty()) return;
    std::cerr << "daf-cnn: skipped " << all.text() << (all.images + all.folders == 1 ? ": " : ", the first: ")
              << one_line(all.first) << std::endl;
}

Splits read_files(daf::Cpu& cpu, const DataSource& source, Index side, const std::vector<Split>& wanted) {
    try {
        if (!is_image_folder(source.name))
            return read_fer_csv(source.name, {wanted, source.limit, source.skip_bad});
        return read_image_folder(cpu, source.name,
                                 {wanted, static_cast<int>(side), source.limit, source.skip_bad});
    } catch (const BadImage& bad) {
        if (!source.offers_skipping) throw;
        throw daf::FormatError(std::string(bad.what()) + " Or leave out what is bad: --skip-bad.");
    }
}

/// Where a pixel of the new image falls in the old one: between two neighbours, this far from the first.
struct Between {
    std::size_t first, second;
    float share;
};

Between position(std::size_t at, std::size_t from_side, std::size_t to_side) {
    const double scale = static_cast<double>(from_side) / static_cast<double>(to_side);
    const auto last = static_cast<double>(from_side - 1);
    const double centre = std::clamp((static_cast<double>(at) + 0.5) * scale - 0.5, 0.0, last);
    const auto first = static_cast<std::size_t>(centre);
    return {first, std::min(first + 1, from_side - 1), static_cast<float>(centre - std::floor(centre))};
}

}  // namespace

int default_threads() {
    return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, unsigned{most_threads}));
}

bool is_image_folder(const std::string& name) {
    std::error_code ignored;
    return name != generated_data && std::filesystem::is_directory(name, ignored);
}

std::uint32_t generated_count(Split split, std::optional<std::uint32_t> limit) {
    return limit.value_or(split == Split::train ? 7000 : 1400);
}

Splits load_data(daf::Cpu& cpu, const DataSource& source, Index side, const std::vector<Split>& wanted) {
    Splits splits;
    if (source.name == generated_data) {
        for (const Split split : wanted) {
            splits[split] =
                drawn(cpu, source.seed, split, generated_count(split, source.limit), static_cast<int>(side));
        }
    } else {
        splits = read_files(cpu, source, side, wanted);
    }
    tell_left_out(splits, wanted);
    return splits;
}

std::vector<std::uint32_t> epoch_order(daf::Seed seed, int epoch, std::uint32_t count) {
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    daf::RandomSequence random(daf::Stream{seed, static_cast<std::uint32_t>(epoch), shuffle_layer});
    for (std::uint32_t left = count; left > 1; --left) std::swap(order[left - 1], order[random.below(left)]);
    return order;
}

void to_unit_image(std::span<const std::uint8_t> from, std::size_t from_side, std::span<float> to,
                   std::size_t to_side) {
    constexpr float white = 255.0f;
    if (from_side == to_side) {
        std::transform(from.begin(), from.end(), to.begin(),
                       [](std::uint8_t p) { return static_cast<float>(p) / white; });
        return;
    }
    const auto mixed = [](float first, float second, float share) {
        return first + share * (second - first);
    };
    for (std::size_t y = 0; y < to_side; ++y) {
        const Between row = position(y, from_side, to_side);
        const std::uint8_t* above = from.data() + row.first * from_side;
        const std::uint8_t* below = from.data() + row.second * from_side;
        for (std::size_t x = 0; x < to_side; ++x) {
            const Between column = position(x, from_side, to_side);
            const float top = mixed(above[column.first], above[column.second], column.share);
            const float bottom = mixed(below[column.first], below[column.second], column.share);
            to[y * to_side + x] = mixed(top, bottom, row.share) / white;
        }
    }
}

BatchBuffer::BatchBuffer(Index side, Index largest)
    : side_(static_cast<std::size_t>(side)), images_(static_cast<std::size_t>(largest) * image_size()) {
    labels_.reserve(static_cast<std::size_t>(largest));
}

void BatchBuffer::fill(const Dataset& data, std::span<const std::uint32_t> which) {
    labels_.clear();
    std::span<float> rest(images_);
    for (const std::uint32_t i : which) {
        to_unit_image(data.image(i), static_cast<std::size_t>(data.side), rest.first(image_size()), side_);
        rest = rest.subspan(image_size());
        labels_.push_back(data.labels[i]);
    }
}

}  // namespace daf_cnn
