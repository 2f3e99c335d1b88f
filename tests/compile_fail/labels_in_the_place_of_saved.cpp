// expect: eval saves nothing: give Nothing\{\} for saved, and labels after it
// errors: 1
#include <daf/cpu/softmax_cross_entropy.hpp>

using Logits = daf::Shape<7>;
using Loss = daf::SoftmaxCrossEntropy<Logits>;

void call(daf::Cpu& cpu, daf::Batch<Logits, const float> x, daf::Batch<daf::Shape<1>, float> y,
          daf::Labels<> labels) {
#ifdef DAF_FAIL
    daf::forward<daf::eval>(cpu, Loss{}, x, y, daf::Nothing{}, labels);
#else
    daf::forward<daf::eval>(cpu, Loss{}, x, y, daf::Nothing{}, daf::Nothing{}, labels);
#endif
}
