// Metric learning on a small set: what the Triplet-Centre loss adds to softmax [Eq 13].
// Points of four overlapping classes learn an embedding in the plane, judged by points that it did not learn
// from.
#include <complex>
#include <cstdio>
#include <daf/daf.hpp>
#include <vector>

// [network]
using Point = daf::Shape<8>;
using Plane = daf::Shape<2>;
using Trunk = daf::Sequence<Point, daf::layer::Linear<32>, daf::layer::Relu, daf::layer::Linear<2>>;
using Head = daf::Sequence<Plane, daf::layer::Linear<4>>;  // embedding to logits
using TcLoss = daf::TripletCentreLoss<Plane, 4>;
using Net = daf::Network<Trunk, Head, TcLoss>;
// [/network]
constexpr daf::Index point_count = 400;

/// A direction for each class, and noise; classes go 0 1 2 3 0 1 2 3 ...
std::vector<float> draw_points(std::uint64_t seed) {
    std::vector<float> x(point_count * Point::size);
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(random.normal() + (i % 4 == i / 8 % 4 ? 3 : 0));
    return x;
}

/// What a trained embedding is worth.
struct Figures {
    double compactness = 0;  // mean distance to the mean of one's own class: small is good
    double separation = 0;   // mean distance between the means of two classes: large is good
    double active = 0;       // share of points that are not nearer to their centre by the margin

    explicit Figures(daf::Batch<Plane, float> e) {
        const auto at = [&](daf::Index i) { return std::complex<float>(e[i][0], e[i][1]); };
        std::complex<float> means[4];
        for (daf::Index i = 0; i < point_count; ++i) means[i % 4] += at(i) / (point_count / 4.0f);
        for (daf::Index i = 0; i < point_count; ++i)
            compactness += std::abs(at(i) - means[i % 4]) / point_count;
        for (int k = 0; k < 16; ++k) separation += std::abs(means[k / 4] - means[k % 4]) / 12;
    }
};

Figures train(const char* name, double lambda) {
    const std::vector<float> points = draw_points(1), unseen = draw_points(2);
    std::vector<std::int32_t> classes(point_count);
    for (std::size_t i = 0; i < point_count; ++i) classes[i] = static_cast<std::int32_t>(i % 4);
    const auto labels = daf::labels_of(classes);
    // [training]
    daf::Cpu cpu;
    Net net;
    net.metric.margin = 4;  // in units of half squared distance
    const daf::JointObjective objective{.lambda = lambda, .centre_rate = 0.5};
    daf::Learner<Net, daf::Cpu> learner(cpu, daf::max_batch(point_count), daf::Seed{1}, net, objective);
    for (int step = 0; step < 100; ++step) learner.step(daf::batch_of<Point>(points), labels);
    const auto embeddings = learner.evaluate(daf::batch_of<Point>(unseen)).embeddings;
    // [/training]
    Figures figures(embeddings);
    // [alone]
    std::vector<float> losses(point_count);
    daf::forward<daf::eval>(cpu, net.metric, embeddings, daf::batch_of<daf::Shape<1>>(losses),
                            daf::ParametersOf<TcLoss, float>{learner.centres()}, daf::Nothing{}, labels);
    for (const float loss : losses) figures.active += loss > 0 ? 1.0 / point_count : 0.0;
    // [/alone]
    std::printf("%-13s compactness %.3f  separation %.3f  ratio %.2f  active %.3f\n", name,
                figures.compactness, figures.separation, figures.separation / figures.compactness,
                figures.active);
    return figures;
}

int main() {
    const Figures without = train("softmax alone", 0), with = train("and TC loss", 0.01);
    const bool helped = with.compactness < without.compactness && with.separation > without.separation;
    return helped && with.active < without.active ? 0 : 1;
}
