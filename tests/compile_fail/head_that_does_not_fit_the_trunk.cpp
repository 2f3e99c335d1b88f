// expect: check_joins<daf::Shape<8>, daf::Shape<9> ?>
// expect: the head and the metric loss must take the shape that the trunk makes
#include <daf/net/layers.hpp>
#include <daf/net/network.hpp>
#include <daf/ops/triplet_centre_loss.hpp>

namespace layer = daf::layer;
using Trunk = daf::Sequence<daf::Shape<4, 4, 2>, layer::Linear<8>>;
#ifdef DAF_FAIL
using Head = daf::Sequence<daf::Shape<9>, layer::Linear<3>>;
#else
using Head = daf::Sequence<daf::Shape<8>, layer::Linear<3>>;
#endif
using Net = daf::Network<Trunk, Head, daf::TripletCentreLoss<daf::Shape<8>, 3>>;

daf::Index classes() {
    return Net::classes;
}
