#pragma once
// t-SNE (van der Maaten, Hinton 2008), exact: every pair of points counts, N^2 work an iteration.
#include <Eigen/Core>
#include <daf/cpu/context.hpp>
#include <span>

namespace daf_cnn {

using daf::Index;

/// Points in the plane, one a row.
using Layout = Eigen::ArrayX2f;

struct TsneSettings {
    double perplexity = 30;      // at most (N - 1) / 3 of it is used
    double exaggeration = 12;    // of the affinities, in the early iterations
    int early_iterations = 250;  // with momentum 0.5; the others have 0.8
    int iterations = 1000;       // in all
    double least_step = 50;      // the step is max(N / exaggeration / 4, this)
};

struct Tsne {
    Layout points;
    double divergence = 0;  // KL(P || Q) at the end
};

/// Lays `count` rows of `features` numbers out in the plane, from their first two principal components on.
/// Works on any input: equal rows come to lie on one spot. The same bits on any number of threads.
/// Memory: 4 N^2 bytes.
Tsne tsne(daf::Cpu& cpu, std::span<const float> rows, Index count, const TsneSettings& settings = {});

/// The parts of it, for tests.
namespace tsne_parts {

/// p_j|i for one i: exp(-beta * distance) over its sum, beta such that the entropy is log(perplexity).
/// `distances` are squared, those to the other points; they become the probabilities.
void calibrate(Eigen::ArrayXd& distances, double perplexity);

/// The symmetric affinities P, (p_j|i + p_i|j) / 2N; the diagonal is zero.
Eigen::ArrayXXf affinities(daf::Cpu& cpu, const Eigen::ArrayXXf& features, double perplexity);

/// The features' first two principal components, the first scaled to a standard deviation of 1e-4.
Layout first_layout(const Eigen::ArrayXXf& features);

/// The gradient of KL(exaggeration * P || Q) by each point, and nothing else of it.
Layout gradient(daf::Cpu& cpu, const Eigen::ArrayXXf& p, const Layout& y, double exaggeration);

/// KL(P || Q), Q the normalised 1 / (1 + |y_i - y_j|^2).
double divergence(const Eigen::ArrayXXf& p, const Eigen::ArrayX2d& y);

}  // namespace tsne_parts

}  // namespace daf_cnn
