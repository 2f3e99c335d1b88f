#pragma once
// Everything for the GPU, for a .cu file. Operators without a kernel here yet stop the compiler with the
// header's name.
#include <daf/core/version.hpp>
#include <daf/gpu/context.cuh>
#include <daf/gpu/step_queue.cuh>

// Operators, one line each.
#include <daf/gpu/augmentation.hpp>
#include <daf/gpu/batch_norm.hpp>
#include <daf/gpu/centre_loss.hpp>
#include <daf/gpu/channel_attention.hpp>
#include <daf/gpu/conv2d.hpp>
#include <daf/gpu/conv_bn_relu.hpp>
#include <daf/gpu/counting.hpp>
#include <daf/gpu/dropout.hpp>
#include <daf/gpu/dual_attention.hpp>
#include <daf/gpu/flatten.hpp>
#include <daf/gpu/global_pool.hpp>
#include <daf/gpu/island_loss.hpp>
#include <daf/gpu/linear.hpp>
#include <daf/gpu/max_pool.hpp>
#include <daf/gpu/optimizer.hpp>
#include <daf/gpu/reduction.hpp>
#include <daf/gpu/relu.hpp>
#include <daf/gpu/softmax_cross_entropy.hpp>
#include <daf/gpu/spatial_attention.hpp>
#include <daf/gpu/triplet_centre_loss.hpp>

// Composition, training, files.
#include <daf/io/safetensors.hpp>
#include <daf/net/descent.hpp>
#include <daf/net/evaluator.hpp>
#include <daf/net/inference.hpp>
#include <daf/net/layers.hpp>
#include <daf/net/learner.hpp>
#include <daf/net/model.hpp>
#include <daf/train/checkpoint.hpp>
#include <daf/train/metrics.hpp>
#include <daf/train/plateau.hpp>
