#pragma once
// What an operator has to do at least, for the rates and the roofs that benchmarks show.
#include <daf/daf.hpp>

namespace daf_bench {

using daf::Index;

/// Multiplications and additions of one image's forward pass; 0 where memory is what counts.
template <class Op>
constexpr double operations = 0;
template <class In, Index F, Index K, Index S, daf::Bias B>
constexpr double operations<daf::Conv2d<In, F, K, S, B>> =
    2.0 * K* K* In::channels* F* daf::Conv2d<In, F, K, S, B>::Output::area;
template <class In, Index F, Index K>
constexpr double operations<daf::ConvBnRelu<In, F, K>> = operations<daf::Conv2d<In, F, K>>;
template <class In, Index F, daf::Start S>
constexpr double operations<daf::Linear<In, F, S>> = 2.0 * In::size* F;

template <class S, Index K>
constexpr double operations<daf::TripletCentreLoss<S, K>> = 3.0 * K* S::size;

/// Of the backward pass: the gradients by x and by the parameters.
template <class Op>
constexpr double backward_operations = 2 * operations<Op>;
template <class S, Index K>
constexpr double backward_operations<daf::TripletCentreLoss<S, K>> = 0;

/// Floats that an image's pass reads or writes at least: x and y; x, dy and dx.
template <class Op>
constexpr Index forward_floats = Op::Input::size + Op::Output::size;
template <class Op>
constexpr Index backward_floats = 2 * Op::Input::size + Op::Output::size;

}  // namespace daf_bench
