// expect: AnySequence
// expect: AnyNetwork
#include <daf/cpu/linear.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>

using Trunk = daf::Sequence<daf::Shape<4>, daf::layer::Linear<3>>;
using Net = daf::Network<Trunk, daf::Sequence<daf::Shape<3>, daf::layer::Linear<2>>>;
#ifdef DAF_FAIL
using OfModel = Net;
using OfLearner = Trunk;
#else
using OfModel = Trunk;
using OfLearner = Net;
#endif

using Modelled = daf::Model<OfModel, daf::Cpu>;
using Learning = daf::Learner<OfLearner, daf::Cpu>;

// What is one by inheritance is taken.
struct Named : Trunk {};
struct NamedNet : Net {};
static_assert(daf::AnySequence<Named> && daf::AnyNetwork<NamedNet>);
