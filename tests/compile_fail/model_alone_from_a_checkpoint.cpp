// expect: load_checkpoint: only a Learner or a Descent goes on training from a checkpoint
// expect: use load_parameters
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/train/checkpoint.hpp>

using Net = daf::Sequence<daf::Shape<4>, daf::layer::Linear<2>>;

void load(daf::Model<Net, daf::Cpu>& model, daf::Descent<Net, daf::Cpu>& descent) {
#ifdef DAF_FAIL
    daf::load_checkpoint("a.safetensors", model, "net");
#else
    daf::load_parameters("a.safetensors", model, "net");
    daf::load_checkpoint("a.safetensors", descent, "net");
#endif
}
