#include "every_layer.hpp"

TEST_CASE_TEMPLATE("cuDNN has a plan for every layer of every preset", Preset, daf_cnn::Lite, daf_cnn::Half,
                   daf_cnn::Paper) {
    for (const char* device : {"sm_80", "sm_90", "sm_100"}) {
        daf_test::check_every_layer(daf_test::layers_of<Preset>(), device, {1, 32, 128, 512});
        daf_test::check_statistics(daf_test::layers_of<Preset>(), device, 128);
    }
}
