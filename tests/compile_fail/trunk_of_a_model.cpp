// expect: read_trunk: only a Network has a trunk
// expect: use load_parameters with the prefix
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/train/checkpoint.hpp>

using Trunk = daf::Sequence<daf::Shape<4>, daf::layer::Linear<2>>;

void load(daf::Model<Trunk, daf::Cpu>& model) {
#ifdef DAF_FAIL
    daf::load_trunk("a.safetensors", model, "net");
#else
    daf::load_parameters("a.safetensors", model, "net", {.prefix = "trunk."});
#endif
}
