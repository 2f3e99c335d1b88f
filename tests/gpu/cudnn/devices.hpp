#pragma once
// Devices that are not here, by their properties: cudnn/devices/sm_90.json and so on. sm_90's were read from
// one, the others' figures are the makers' data sheets', in the form in which cuDNN writes those of a device
// that is there.
#include <algorithm>
#include <daf/gpu/cudnn/plan.cuh>
#include <fstream>
#include <iterator>
#include <string>

namespace daf_test {

/// The contents of devices/NAME.json.
inline std::string device_properties(const std::string& name) {
    std::ifstream in(DAF_TEST_DEVICES "/" + name + ".json");
    std::string text{std::istreambuf_iterator<char>(in), {}};
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

/// A device's properties as cuDNN writes them.
inline std::string text_of(const daf::gpu::cudnn::Descriptor& properties) {
    const auto text = properties.values<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
    return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

inline daf::gpu::cudnn::Target device(const std::string& name) {
    return daf::gpu::cudnn::Target(std::string_view(device_properties(name)));
}

}  // namespace daf_test
