// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<2, 2, 1> ?>
// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<5> ?>
// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<6> ?>
// errors: 3
#include <daf/cpu/counting.hpp>
#include <daf/cpu/linear.hpp>
#include <daf/cpu/optimizer.hpp>
#include <daf/cpu/reduction.hpp>
#include <daf/cpu/softmax_cross_entropy.hpp>
#include <daf/net/inference.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/learner.hpp>

using Trunk = daf::Sequence<daf::Shape<4>, daf::layer::Linear<3>>;
using Net = daf::Network<Trunk, daf::Sequence<daf::Shape<3>, daf::layer::Linear<2>>>;
#ifdef DAF_FAIL
using Picture = daf::Shape<2, 2, 1>;
using Queued = daf::Shape<5>;
using Shown = daf::Shape<6>;
#else
using Picture = daf::Shape<4>;
using Queued = daf::Shape<4>;
using Shown = daf::Shape<4>;
#endif

void learn(daf::Learner<Net, daf::Cpu>& learner, daf::Batch<Picture, const float> x, daf::Labels<> labels,
           daf::Batch<Queued, const float> next) {
    learner.step(x, labels);
    learner.queue_step(next, labels);
}

void use(daf::Cpu& cpu, const daf::Inference<Net, daf::Cpu>& net,
         daf::Inference<Net, daf::Cpu>::InferenceWorkspace& workspace, daf::Batch<Shown, const float> x) {
    net(cpu, workspace, x);
}
