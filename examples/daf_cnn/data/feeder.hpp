#pragma once
// Training's batches, prepared ahead on the threads that train.
#include <array>
#include <cstdint>
#include <daf/core/random.hpp>
#include <daf/cpu/context.hpp>
#include <span>
#include <vector>

#include "data/augmentation.hpp"
#include "data/dataset.hpp"

namespace daf_cnn {

/// Feeds the shuffled, augmented and enlarged batches of an epoch, one step after another. While the caller
/// trains on one, the context's threads prepare the next one whenever training has no work for them
/// (Cpu::start); what they did not come to is done when the batch is asked for, and that time is counted. A
/// batch is a function of data, seed, epoch and step alone. After the construction, a step allocates nothing.
class Feeder {
  public:
    struct Settings {
        daf::Index side = 0;   // of the network
        daf::Index batch = 0;  // images a step
        daf::Seed seed;
        Augmentation augmentation{};
    };

    /// A view of one batch, valid until the next call of next() or begin().
    struct Batch {
        std::span<const float> images;
        std::span<const std::int32_t> labels;
        double waited;  // seconds that it took to get it
    };

    /// Both must outlive it; the data must hold a batch at least.
    Feeder(daf::Cpu& cpu, const Dataset& data, const Settings& settings);

    /// Batches of an epoch.
    int steps() const;

    /// Goes to an epoch's step (counted from 0), which next() then returns.
    void begin(int epoch, int step = 0);

    /// The next step's batch; steps() of them are in an epoch.
    Batch next();

  private:
    struct Slot {
        std::vector<float> images;
        std::vector<std::int32_t> labels;
    };
    /// One image of the batch that is being prepared.
    struct Prepare {
        Feeder* feeder;
        void operator()(daf::Index i) const { feeder->prepare(static_cast<std::size_t>(i)); }
    };

    void start(int step);
    void prepare(std::size_t i);

    daf::Cpu& cpu_;
    const Dataset& data_;
    Settings settings_;
    std::array<Slot, 2> slots_;
    std::vector<std::uint32_t> order_;
    int epoch_ = 0;
    int step_ = 0;  // that is being prepared, in the slot of its parity
    Prepare body_{this};
    daf::Cpu::Background work_;  // last, so that it ends before what it works on
};

}  // namespace daf_cnn
