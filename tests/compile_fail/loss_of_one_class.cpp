// expect: needs K >= 2 classes: it compares with another class's centre
// errors: 1
#include <daf/ops/triplet_centre_loss.hpp>

#ifdef DAF_FAIL
using Loss = daf::TripletCentreLoss<daf::Shape<8>, 1>;
#else
using Loss = daf::TripletCentreLoss<daf::Shape<8>, 2>;
#endif

daf::Index classes() {
    return Loss::classes;
}
