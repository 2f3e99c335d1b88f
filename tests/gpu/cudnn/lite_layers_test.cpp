#include "every_layer.hpp"

TEST_CASE("cuDNN has a plan for every layer of the preset lite") {
    const auto layers = daf_test::layers_of<daf_cnn::Lite>();
    CHECK(layers.convolutions.size() == 9);
    daf_test::check_every_layer(layers, "sm_90", {1, 32, 128});
}

TEST_CASE("cuDNN has a plan for every layer of the preset lite with its statistics in one pass") {
    daf_test::check_statistics(daf_test::layers_of<daf_cnn::Lite>(), "sm_90", 128);
}
