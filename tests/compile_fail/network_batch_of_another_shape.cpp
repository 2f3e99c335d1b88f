// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<2, 2, 1> ?>
// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<5> ?>
// expect: check_shape<daf::arg::x, daf::Shape<4>, daf::Shape<6> ?>
// expect: check_element<daf::arg::x, float, double>
// expect: no matching .*function for call to .*step
// errors: 5
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
using Given = daf::Batch<daf::Shape<4>, const float>;
#ifdef DAF_FAIL
using Picture = daf::Batch<daf::Shape<2, 2, 1>, const float>;
using Queued = daf::Batch<daf::Shape<5>, const float>;
using Shown = daf::Batch<daf::Shape<6>, const float>;
using Evaluated = daf::Batch<daf::Shape<4>, const double>;
using One = daf::View<daf::Shape<4>, const float>;  // an image is no batch
#else
using Picture = Given;
using Queued = Given;
using Shown = Given;
using Evaluated = Given;
using One = Given;
#endif

void learn(daf::Learner<Net, daf::Cpu>& learner, daf::Labels<> labels, Picture x, Queued next,
           Evaluated shown, One one) {
    learner.step(x, labels);
    learner.queue_step(next, labels);
    learner.evaluate(shown);
    learner.step(one, labels);
}

void use(daf::Cpu& cpu, const daf::Inference<Net, daf::Cpu>& net,
         daf::Inference<Net, daf::Cpu>::InferenceWorkspace& workspace, Shown x) {
    net(cpu, workspace, x);
}
