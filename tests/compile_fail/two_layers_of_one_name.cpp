// expect: two layers of a network have the same name
// errors: 1
#include <daf/net/layers.hpp>
#include <daf/net/network.hpp>

namespace layer = daf::layer;
#ifdef DAF_FAIL
#define NAME "fc1"
#else
#define NAME "fc2"
#endif
using Trunk = daf::Sequence<daf::Shape<8>, layer::Named<"fc1", layer::Linear<8>>, layer::Relu>;
using Head = daf::Sequence<daf::Shape<8>, layer::Named<NAME, layer::Linear<3>>>;

daf::Index classes() {
    return daf::Network<Trunk, Head>::classes;
}
