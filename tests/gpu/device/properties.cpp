// Prints the properties of a GPU as cuDNN writes them: what tests/gpu/cudnn/devices/ holds of devices that
// are not here.
#include <cstdio>

#include "../cudnn/devices.hpp"

int main() {
    const auto properties = daf::gpu::cudnn::Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
                                .set(CUDNN_ATTR_DEVICEPROP_DEVICE_ID, std::int32_t{0})
                                .finalised("device properties");
    std::printf("%s\n", daf_test::text_of(properties).c_str());
}
