// expect: every extent of a Shape must be positive
// errors: 1
#include <daf/core/shape.hpp>

#ifdef DAF_FAIL
using Map = daf::Shape<6, 0, 512>;
#else
using Map = daf::Shape<6, 6, 512>;
#endif
static_assert(Map::rank == 3);
