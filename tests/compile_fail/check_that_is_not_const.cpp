// expect: check\(\) of an operator must be const, or it is never called
// errors: 1
#include <daf/core/operator.hpp>

struct Op {
    double slope = 0.5;
#ifdef DAF_FAIL
    void check() {}
#else
    void check() const {}
#endif
};

void call(const Op& op) {
    daf::check_figures(op);
}
