#pragma once
// The loops under convolutions and products, in float and double: the same whatever the operator, and the
// longest to compile. Our own programs compile them once, in inner_loops.cpp. Whoever includes the library
// alone compiles them as they are used.
#include <daf/cpu/winograd_weight_transform.hpp>

namespace daf::cpu {

#define DAF_OUTPUT_LOOPS(PREFIX, T, WAY, FINISH)                                   \
    PREFIX template void winograd::detail::output_packets<WAY, Finish::FINISH, T>( \
        const T*, Index, Index, const winograd::Square<T>&, const T*, bool);
#define DAF_POINT_LOOPS(PREFIX, T, WAY, MATRIX)                               \
    PREFIX template void winograd::detail::packets_to_points<WAY, MATRIX, T>( \
        const winograd::Square<const T>&, Index, T*, Index, bool);
#define DAF_TILE_LOOPS(PREFIX, T, WAY)                                                                      \
    DAF_OUTPUT_LOOPS(PREFIX, T, WAY, overwrite)                                                             \
    DAF_OUTPUT_LOOPS(PREFIX, T, WAY, bias_relu)                                                             \
    DAF_POINT_LOOPS(PREFIX, T, WAY, WAY::Input)                                                             \
    DAF_POINT_LOOPS(PREFIX, T, WAY, winograd::matrix::Transposed<WAY::Output>)                              \
    PREFIX template void winograd::detail::weight_packets<WAY, T>(const T*, Index, Index, Range, T*, Index, \
                                                                  bool);                                    \
    PREFIX template void winograd::detail::weight_gradient_packets<WAY, T>(const T*, Index, Index, Index,   \
                                                                           Index, Range, T*, Index);
#define DAF_LOOPS(PREFIX, T)                                                                                 \
    PREFIX template void multiply_panel<T>(Index, Sum, const T*, const Columns<T>&, Index, T*, Index, Index, \
                                           Store, const Upcoming<T>&);                                       \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<2>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<3>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<4>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::Tile<6>)                                                             \
    DAF_TILE_LOOPS(PREFIX, T, winograd::WholeMap)

DAF_LOOPS(extern, float)
DAF_LOOPS(extern, double)

}  // namespace daf::cpu
