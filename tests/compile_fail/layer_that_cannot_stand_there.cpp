// expect: check_layer<daf::layer::Conv2d<8.*>, daf::Shape<4> ?>
// expect: check_layer<daf::Sequence<.*>, daf::Shape<4> ?>
// expect: Layer cannot stand here, where the shape is In
// errors: 2
#include <daf/net/layers.hpp>
#include <daf/net/sequence.hpp>

namespace layer = daf::layer;
using Vector = daf::Shape<4>;
using Inner = daf::Sequence<Vector, layer::Relu>;
#ifdef DAF_FAIL
using Flat = daf::Sequence<Vector, layer::Conv2d<8>>;
using Nested = daf::Sequence<Vector, Inner, layer::Linear<2>>;
#else
using Flat = daf::Sequence<daf::Shape<2, 2, 1>, layer::Conv2d<8>>;
using Nested = daf::Sequence<Vector, layer::Relu, layer::Linear<2>>;
#endif

daf::Index layers() {
    return static_cast<daf::Index>(Flat::length + Nested::length);
}
