#pragma once
// Everything for the CPU. A single operator's header (daf/cpu/conv2d.hpp, say) stands for itself.

#include <daf/core/version.hpp>

// Operators, one line each and for each backend.
#include <daf/cpu/augmentation.hpp>
#include <daf/cpu/batch_norm.hpp>
#include <daf/cpu/centre_loss.hpp>
#include <daf/cpu/channel_attention.hpp>
#include <daf/cpu/conv2d.hpp>
#include <daf/cpu/conv_bn_relu.hpp>
#include <daf/cpu/counting.hpp>
#include <daf/cpu/dropout.hpp>
#include <daf/cpu/dual_attention.hpp>
#include <daf/cpu/flatten.hpp>
#include <daf/cpu/global_pool.hpp>
#include <daf/cpu/island_loss.hpp>
#include <daf/cpu/linear.hpp>
#include <daf/cpu/max_pool.hpp>
#include <daf/cpu/optimizer.hpp>
#include <daf/cpu/reduction.hpp>
#include <daf/cpu/relu.hpp>
#include <daf/cpu/softmax_cross_entropy.hpp>
#include <daf/cpu/spatial_attention.hpp>
#include <daf/cpu/triplet_centre_loss.hpp>
#include <daf/reference/augmentation.hpp>
#include <daf/reference/batch_norm.hpp>
#include <daf/reference/centre_loss.hpp>
#include <daf/reference/channel_attention.hpp>
#include <daf/reference/conv2d.hpp>
#include <daf/reference/conv_bn_relu.hpp>
#include <daf/reference/counting.hpp>
#include <daf/reference/dropout.hpp>
#include <daf/reference/dual_attention.hpp>
#include <daf/reference/flatten.hpp>
#include <daf/reference/global_pool.hpp>
#include <daf/reference/island_loss.hpp>
#include <daf/reference/linear.hpp>
#include <daf/reference/max_pool.hpp>
#include <daf/reference/optimizer.hpp>
#include <daf/reference/reduction.hpp>
#include <daf/reference/relu.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>
#include <daf/reference/spatial_attention.hpp>
#include <daf/reference/triplet_centre_loss.hpp>

// Composition, training, files.
#include <daf/io/safetensors.hpp>
#include <daf/net/descent.hpp>
#include <daf/net/evaluator.hpp>
#include <daf/net/gradient_check.hpp>
#include <daf/net/inference.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>
#include <daf/train/checkpoint.hpp>
#include <daf/train/metrics.hpp>
#include <daf/train/plateau.hpp>
