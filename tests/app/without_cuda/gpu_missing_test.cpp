// What daf-cnn says of --device gpu in a build without CUDA, tested in any build.
#include <doctest/doctest.h>

#include "../../support/scratch_folder.hpp"
#include "network/gpu_preset.hpp"

TEST_CASE("a build without CUDA says so, and how to get one with it") {
    const std::string want =
        "--device gpu: this daf-cnn was built without CUDA; build it where the CUDA Toolkit 12 or later and "
        "cuDNN 9.8 or later are installed (cmake -DDAF_CUDA=ON says what is missing), or take --device cpu";
    const auto says = [](auto&& call) { return daf_test::message_of<daf::Error>(call); };
    CHECK(says([] { daf_cnn::gpu_name(); }) == want);
    CHECK(says([] { daf_cnn::make_gpu_network<daf_cnn::Lite>({}); }) == want);
    CHECK(says([] {
              daf_cnn::make_gpu_bench<daf_cnn::Paper>(daf_cnn::Precision::single, daf_cnn::BenchMode::tc, 1);
          }) == want);
}
