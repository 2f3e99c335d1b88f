#pragma once
// The loops under convolutions and products, in float and double: the same whatever the operator, and the
// longest to compile. Our own programs compile them once, in inner_loops.cpp. Whoever includes the library
// alone compiles them as they are used.
#include <daf/cpu/winograd_transform.hpp>

namespace daf::cpu {

#define DAF_OUTPUT_LOOPS(PREFIX, T, WAY, FINISH)                                          \
    PREFIX template void winograd::output<WAY, Finish::FINISH, T>(const T*, Index, Index, \
                                                                  const winograd::OutputTile<T>&);
#define DAF_TILE_LOOPS(PREFIX, T, WAY)                                                                     \
    DAF_OUTPUT_LOOPS(PREFIX, T, WAY, overwrite)                                                            \
    DAF_OUTPUT_LOOPS(PREFIX, T, WAY, accumulate)                                                           \
    DAF_OUTPUT_LOOPS(PREFIX, T, WAY, bias_relu)                                                            \
    PREFIX template void winograd::window<WAY, T>(const winograd::Square<const T>&, Index, T*, Index);     \
    PREFIX template void winograd::patch<WAY, T>(const winograd::Square<const T>&, Index, T*, Index);      \
    PREFIX template void winograd::weights<WAY, T>(const T*, Index, Index, Index, Index, Range, T*, Index, \
                                                   winograd::Panels);                                      \
    PREFIX template void winograd::weight_gradients<WAY, T>(const T*, Index, Index, Index, Index, Index,   \
                                                            Index, Range, T*, Index, Index);
#define DAF_LOOPS(PREFIX, T)                                                                                 \
    PREFIX template void multiply_panel<T>(Index, Sum, const T*, const Columns<T>&, Index, T*, Index, Index, \
                                           bool, const Upcoming<T>&);                                        \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<2>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<3>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<4>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<6>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::WholeMap)

DAF_LOOPS(extern, float)
DAF_LOOPS(extern, double)

}  // namespace daf::cpu
