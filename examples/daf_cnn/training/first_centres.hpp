#pragma once
// Where the classes' centres stand when training goes on from another run's parameters.
#include <string_view>

#include "data/dataset.hpp"
#include "network/face_network.hpp"

namespace daf_cnn {

/// Takes the parameters of `weights` and places the centres: as that file has them (`checkpoint`), as the
/// network has drawn them (`gaussian`), or at the mean embedding of each class's training images (`means`; a
/// class without an image keeps the file's). Throws what FaceNetwork::take_parameters throws.
void take_weights(FaceLearner& network, const daf::Safetensors& weights, std::string_view first_centres,
                  const Dataset& train, Index batch);

}  // namespace daf_cnn
