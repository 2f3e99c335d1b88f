#include "report/tsne.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace daf_cnn {

namespace tsne_parts {

namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXf;
using Eigen::ArrayXXf;

/// body(first row, how many, worker) for part after part of the rows. Rows are independent of each other, so
/// that how many threads share the parts does not matter.
template <class Body>
void for_each_part(daf::Cpu& cpu, Index count, const Body& body) {
    constexpr Index rows_a_part = 16;
    cpu.parallel((count + rows_a_part - 1) / rows_a_part, [&](Index part, int worker) {
        const Index first = part * rows_a_part;
        body(first, std::min(rows_a_part, count - first), static_cast<std::size_t>(worker));
    });
}

/// Rows of numbers that a thread works with, one set a worker, so that no row allocates.
template <class Array, std::size_t Rows>
std::vector<std::array<Array, Rows>> work_rows(const daf::Cpu& cpu, Index length) {
    std::array<Array, Rows> rows;
    rows.fill(Array(length));
    return std::vector<std::array<Array, Rows>>(static_cast<std::size_t>(cpu.threads()), rows);
}

Eigen::MatrixXd centred(const ArrayXXf& features) {
    const Eigen::MatrixXd wide = features.matrix().cast<double>();
    return wide.rowwise() - wide.colwise().mean();
}

}  // namespace

void calibrate(ArrayXd& distances, double perplexity) {
    if (distances.size() == 0) return;
    constexpr int most_steps = 100;
    constexpr double tolerance = 1e-5;
    const double wanted = std::log(perplexity);
    distances -= distances.minCoeff();  // cancels in the probabilities, and one exponential is 1 then
    double beta = 1, low = 0, high = INFINITY;
    ArrayXd weights(distances.size());
    for (int step = 0; step < most_steps; ++step) {
        weights = (-beta * distances).exp();
        const double sum = weights.sum();
        const double entropy = std::log(sum) + beta * (distances * weights).sum() / sum;
        if (std::abs(entropy - wanted) <= tolerance) break;
        (entropy > wanted ? low : high) = beta;
        beta = std::isinf(high) ? beta * 2 : (low + high) / 2;
    }
    distances = weights / weights.sum();
}

ArrayXXf affinities(daf::Cpu& cpu, const ArrayXXf& features, double perplexity) {
    const Eigen::Index n = features.rows();
    ArrayXXf p(n, n);
    // |a - b|^2 = |a|^2 + |b|^2 - 2 ab, of the centred features in double, so that little cancels.
    const Eigen::MatrixXd x = centred(features);
    const ArrayXd lengths = x.rowwise().squaredNorm();
    auto work = work_rows<ArrayXd, 2>(cpu, n);
    for_each_part(cpu, n, [&](Index first, Index count, std::size_t worker) {
        const Eigen::MatrixXd products = x * x.middleRows(first, count).transpose();
        for (Index i = first; i < first + count; ++i) {
            auto& [squared, others] = work[worker];
            squared = (lengths + lengths(i) - 2 * products.col(i - first).array()).max(0.0);
            others.resize(n - 1);
            others << squared.head(i), squared.tail(n - 1 - i);
            calibrate(others, perplexity);
            p.col(i) << others.head(i).cast<float>(), 0.0f, others.tail(n - 1 - i).cast<float>();
        }
    });
    const auto both = static_cast<float>(2 * n);
    constexpr float nothing =
        1e-20f;  // less pulls no point, but would cost the processor's slow path for tiny numbers
    for (Eigen::Index i = 0; i < n; ++i) {
        for (Eigen::Index j = 0; j < i; ++j) {
            const float mean = (p(j, i) + p(i, j)) / both;
            p(j, i) = p(i, j) = mean < nothing ? 0.0f : mean;
        }
    }
    return p;
}

Layout first_layout(const ArrayXXf& features) {
    constexpr double deviation = 1e-4;
    const Eigen::Index n = features.rows(), components = std::min<Eigen::Index>(2, features.cols());
    Layout y = Layout::Zero(n, 2);
    const Eigen::MatrixXd x = centred(features);
    const Eigen::MatrixXd covariance = x.transpose() * x / static_cast<double>(n);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved(covariance);  // ascending
    for (Eigen::Index k = 0; k < components; ++k) {
        Eigen::VectorXd axis = solved.eigenvectors().col(features.cols() - 1 - k);
        Eigen::Index largest = 0;
        axis.cwiseAbs().maxCoeff(&largest);
        if (axis(largest) < 0) axis = -axis;  // the sign is free
        y.col(k) = (x * axis).array().cast<float>();
    }
    const double spread = std::sqrt(std::max(0.0, solved.eigenvalues()(features.cols() - 1)));
    const double scale = covariance.trace() > 0 ? deviation / spread : 0.0;
    return y * static_cast<float>(scale);
}

/// With w_ij = 1 / (1 + |y_i - y_j|^2), Z their sum, q_ij = w_ij / Z, the gradient is
///   4 sum_j (p_ij - q_ij) w_ij (y_i - y_j) = 4 (sum_j p_ij w_ij (y_i - y_j) - 1/Z sum_j w_ij^2 (y_i - y_j)),
/// so that one pass over the pairs does for both.
Layout gradient(daf::Cpu& cpu, const ArrayXXf& p, const Layout& y, double exaggeration) {
    const Eigen::Index n = y.rows();
    Layout pull(n, 2), push(n, 2);
    ArrayXd sums(n);
    auto work = work_rows<ArrayXf, 4>(cpu, n);
    for_each_part(cpu, n, [&](Index first, Index count, std::size_t worker) {
        auto& [dx, dy, w, pw] = work[worker];
        for (Index i = first; i < first + count; ++i) {
            dx = y(i, 0) - y.col(0);
            dy = y(i, 1) - y.col(1);
            w = (1.0f + dx.square() + dy.square()).inverse();
            pw = p.col(i) * w;
            sums(i) = static_cast<double>(w.sum()) - 1;  // without itself
            pull.row(i) << (pw * dx).sum(), (pw * dy).sum();
            w = w.square();
            push.row(i) << (w * dx).sum(), (w * dy).sum();
        }
    });
    double sum = 0;
    for (Eigen::Index i = 0; i < n; ++i) sum += sums(i);
    return 4.0f * (static_cast<float>(exaggeration) * pull - push / static_cast<float>(sum));
}

double divergence(const ArrayXXf& p, const Eigen::ArrayX2d& y) {
    const Eigen::Index n = y.rows();
    const auto weights_of = [&](Eigen::Index i) {
        return (1 + (y.col(0) - y(i, 0)).square() + (y.col(1) - y(i, 1)).square()).inverse().eval();
    };
    double all = 0;
    for (Eigen::Index i = 0; i < n; ++i) all += weights_of(i).sum() - 1;
    double sum = 0;
    for (Eigen::Index i = 0; i < n; ++i) {
        const ArrayXd w = weights_of(i);
        for (Eigen::Index j = 0; j < n; ++j) {
            const auto share = static_cast<double>(p(j, i));
            if (share > 0) sum += share * std::log(share * all / w(j));
        }
    }
    return sum;
}

}  // namespace tsne_parts

Tsne tsne(daf::Cpu& cpu, std::span<const float> rows, Index count, const TsneSettings& settings) {
    using namespace tsne_parts;
    if (count < 2) return {Layout::Zero(count, 2), 0};
    const Index width = static_cast<Index>(rows.size()) / count;
    using RowMajor = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::ArrayXXf features = Eigen::Map<const RowMajor>(rows.data(), count, width);
    const double neighbours = static_cast<double>(count - 1) / 3;
    const Eigen::ArrayXXf p =
        affinities(cpu, features, std::max(1.0, std::min(settings.perplexity, neighbours)));

    const auto step = static_cast<float>(
        std::max(static_cast<double>(count) / settings.exaggeration / 4, settings.least_step));
    Layout y = first_layout(features);
    Layout move = Layout::Zero(count, 2), gains = Layout::Ones(count, 2);
    for (int iteration = 0; iteration < settings.iterations; ++iteration) {
        const bool early = iteration < settings.early_iterations;
        if (iteration == settings.early_iterations) {  // the second stage begins at rest
            move.setZero();
            gains.setOnes();
        }
        const Layout slope = gradient(cpu, p, y, early ? settings.exaggeration : 1.0);
        gains = (move * slope < 0).select(gains + 0.2f, gains * 0.8f).max(0.01f);
        move = (early ? 0.5f : 0.8f) * move - step * gains * slope;
        y += move;
    }
    return {y, divergence(p, y.cast<double>())};
}

}  // namespace daf_cnn
