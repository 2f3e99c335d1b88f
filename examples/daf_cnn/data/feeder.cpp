#include "data/feeder.hpp"

#include <chrono>

#include "data/data.hpp"

namespace daf_cnn {

Feeder::Feeder(daf::Cpu& cpu, const Dataset& data, const Settings& settings)
    : cpu_(cpu), data_(data), settings_(settings) {
    const auto batch = static_cast<std::size_t>(settings.batch),
               side = static_cast<std::size_t>(settings.side);
    for (Slot& slot : slots_) {
        slot.images.resize(batch * side * side);
        slot.labels.resize(batch);
    }
}

int Feeder::steps() const {
    return static_cast<int>(data_.size() / static_cast<std::size_t>(settings_.batch));
}

void Feeder::begin(int epoch, int step) {
    work_.drop();
    epoch_ = epoch;
    order_ = epoch_order(settings_.seed, epoch, static_cast<std::uint32_t>(data_.size()));
    start(step);
}

Feeder::Batch Feeder::next() {
    using Clock = std::chrono::steady_clock;
    const auto asked = Clock::now();
    cpu_.finish(work_);
    const double waited = std::chrono::duration<double>(Clock::now() - asked).count();
    const Slot& ready = slots_[static_cast<std::size_t>(step_ % 2)];
    start(step_ + 1);
    return {ready.images, ready.labels, waited};
}

/// Nothing behind an epoch's last step.
void Feeder::start(int step) {
    step_ = step;
    cpu_.start(work_, step < steps() ? settings_.batch : 0, body_);
}

void Feeder::prepare(std::size_t i) {
    const auto side = static_cast<std::size_t>(settings_.side),
               from_side = static_cast<std::size_t>(data_.side);
    Slot& slot = slots_[static_cast<std::size_t>(step_ % 2)];
    const std::size_t position = static_cast<std::size_t>(step_) * slot.labels.size() + i;
    const std::uint32_t image = order_[position];
    const std::span<float> to = std::span(slot.images).subspan(i * side * side, side * side);
    if (settings_.augmentation.acts()) {
        const Change change = drawn_change(settings_.augmentation, settings_.seed, epoch_,
                                           static_cast<std::uint32_t>(position));
        to_changed_image(data_.image(image), from_side, to, side, change);
    } else {
        to_unit_image(data_.image(image), from_side, to, side);
    }
    slot.labels[i] = data_.labels[image];
}

}  // namespace daf_cnn
