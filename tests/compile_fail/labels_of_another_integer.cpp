// expect: labels_of takes signed 32-bit class indices: copy them to a std::vector<std::int32_t>
// errors: 1
#include <daf/core/view.hpp>
#include <vector>

#ifdef DAF_FAIL
using Label = long;
#else
using Label = std::int32_t;
#endif

daf::Index count(const std::vector<Label>& labels) {
    return daf::labels_of(labels).count();
}
