// The presets' layers at the batches they are trained with, by what training takes for each. (Every algorithm
// at small batches: winograd_test.cpp, split_test.cpp.)
#include "support/convolution_passes.hpp"

namespace {

void check_preset(daf::Index side, std::initializer_list<daf::Index> widths, daf::Index batch) {
    const daf::Cpu cpu(daf::Threads{1});
    auto sizes = daf_test::layers(side, widths);
    sizes.push_back({side, side, 1, *widths.begin(), 3, 1});  // the first layer
    for (const auto& size : sizes) {
        const auto choice = daf::cpu::choose_convolution<float>(cpu, size, batch);
        daf_test::check_errors(size, batch, {choice}, size.channels == 1 ? 1 : size.channels / 8);
    }
}

}  // namespace

TEST_CASE("training's convolutions in float stay close to the direct convolution in double") {
    check_preset(48, {16, 32, 64, 128, 128}, 128);   // lite
    check_preset(48, {32, 64, 128, 256, 256}, 128);  // half
    check_preset(96, {64, 128, 256, 512, 512}, 32);  // paper
}
