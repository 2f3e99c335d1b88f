#pragma once
// The loops under convolutions and products, in float and double: the same whatever the operator, and the
// longest to compile. Our own programs compile them once, in inner_loops.cpp. Whoever includes the library
// alone compiles them as they are used.
#include <daf/cpu/winograd_transform.hpp>

namespace daf::cpu {

#define DAF_OUTPUT_LOOPS(PREFIX, T, M, FINISH)                                          \
    PREFIX template void winograd::output<M, Finish::FINISH, T>(const T*, Index, Index, \
                                                                const winograd::OutputTile<T>&);
#define DAF_TILE_LOOPS(PREFIX, T, M)                                                                         \
    DAF_OUTPUT_LOOPS(PREFIX, T, M, overwrite)                                                                \
    DAF_OUTPUT_LOOPS(PREFIX, T, M, accumulate)                                                               \
    DAF_OUTPUT_LOOPS(PREFIX, T, M, bias_relu)                                                                \
    PREFIX template void winograd::window<M, T>(const T*, Index, Index, T*, Index, const winograd::Panels&); \
    PREFIX template void winograd::patch<M, T>(const T*, Index, Index, T*, Index, const winograd::Panels&);  \
    PREFIX template void winograd::weights<M, T>(const T*, Index, Index, Index, Index, Range, T*, Index,     \
                                                 winograd::Panels);                                          \
    PREFIX template void winograd::weight_gradients<M, T>(const T*, Index, Index, Index, Index, Index,       \
                                                          Index, Range, T*, Index, Index);
#define DAF_LOOPS(PREFIX, T)                                                                                 \
    PREFIX template void multiply_panel<T>(Index, Sum, const T*, const Columns<T>&, Index, T*, Index, Index, \
                                           bool);                                                            \
    DAF_TILE_LOOPS(PREFIX, T, 2)                                                                             \
    DAF_TILE_LOOPS(PREFIX, T, 3)                                                                             \
    DAF_TILE_LOOPS(PREFIX, T, 4)                                                                             \
    DAF_TILE_LOOPS(PREFIX, T, 6)

DAF_LOOPS(extern, float)
DAF_LOOPS(extern, double)

}  // namespace daf::cpu
