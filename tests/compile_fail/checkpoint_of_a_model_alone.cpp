// expect: save_checkpoint: only a Learner or a Descent has what training goes on from
// expect: use save_parameters
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/train/checkpoint.hpp>

using Net = daf::Sequence<daf::Shape<4>, daf::layer::Linear<2>>;

void save(const daf::Model<Net, daf::Cpu>& model, const daf::Descent<Net, daf::Cpu>& descent) {
#ifdef DAF_FAIL
    daf::save_checkpoint("a.safetensors", model, {"net"});
#else
    daf::save_parameters("a.safetensors", model, {"net"});
    daf::save_checkpoint("a.safetensors", descent, {"net"});
#endif
}
