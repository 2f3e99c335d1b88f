// Every operator against PyTorch in double, on both backends (tests/golden/make_goldens.py).
#include <algorithm>
#include <string>
#include <vector>

#include <daf/daf.hpp>

#include "golden/golden.hpp"

namespace {

using daf::Arrangement;
using daf::Bias;
using daf::CentreUpdate;
using daf::Hidden;
using daf::Shape;
using daf_test::check_golden;
using daf_test::Golden;
using daf_test::Workbench;

const Golden& goldens() {
    static const Golden file("operators");
    return file;
}

/// A workbench that holds a case's x, dy, labels and parameters.
template <class Op, class Backend>
class GoldenCase : public Workbench<Op, double, Backend> {
  public:
    using Bench = Workbench<Op, double, Backend>;

    GoldenCase(Backend& context, Op the_op, const std::string& name)
        : Bench(context, the_op, static_cast<daf::Index>(input(name).size()) / Op::Input::size, 1) {
        std::ranges::copy(input(name), this->x.data());
        std::ranges::copy(goldens().batch<typename Op::Output>(name + "/dy"), this->dy.data());
        if (goldens().has(name + "/labels")) {
            std::ranges::copy(goldens().integers(name + "/labels"), this->labels.data());
        }
        auto parameters = this->parameters();
        daf::for_each_field(parameters, [&](const auto& field, const auto& view) {
            std::ranges::copy(goldens().like(name + "/" + field.name, field, view), view.data());
        });
    }

    void pass() {
        this->forward_train();
        this->backward(daf::overwrite(this->dx_batch()));
    }

  private:
    static std::vector<double> input(const std::string& name) {
        return goldens().batch<typename Op::Input>(name + "/x");
    }
};

template <class Op, class Backend>
void check_on(Backend& ctx, Op op, const std::string& name) {
    using Out = typename Op::Output;
    GoldenCase<Op, Backend> bench(ctx, op, name);
    bench.pass();
    check_golden("y", bench.y_batch(), goldens().batch<Out>(name + "/y"));
    check_golden("dx", bench.dx_batch(), goldens().batch<typename Op::Input>(name + "/dx"));
    auto gradients = bench.gradients();
    daf::for_each_field(gradients, [&](const auto& field, const auto& view) {
        if (field.role == daf::Role::state || field.role == daf::Role::sum) return;
        const std::string gradient = name + "/d" + field.name;
        check_golden(gradient, view, goldens().like(gradient, field, view));
    });
    auto parameters = bench.parameters();
    daf::for_each_field(parameters, [&](const auto& field, const auto& view) {
        if (field.role != daf::Role::state) return;
        const std::string after = name + "/" + field.name + "_after";
        check_golden(after, view, goldens().like(after, field, view));
    });

    bench.poison_outputs();
    bench.forward_eval();
    const std::string y_eval = name + (goldens().has(name + "/y_eval") ? "/y_eval" : "/y");
    check_golden("y in eval mode", bench.y_batch(), goldens().batch<Out>(y_eval));
}

/// body(context) for either backend.
template <class Body>
void on_both(const std::string& name, const Body& body) {
    INFO(name);
    {
        INFO("Reference");
        daf::Reference reference;
        body(reference);
    }
    {
        INFO("Cpu");
        daf::Cpu cpu(daf::Threads{2});
        body(cpu);
    }
}

template <class Op>
void check(const std::string& name, Op op = {}) {
    on_both(name, [&](auto& ctx) { check_on(ctx, op, name); });
}

/// Both ways of moving the centres: the exact gradient, and the rule of the loss's paper.
template <class Op>
void check_with_centres(const std::string& name, Op op) {
    op.centre_update = CentreUpdate::exact_gradient;
    check(name, op);
    op.centre_update = CentreUpdate::equation_12;
    on_both(name, [&](auto& ctx) {
        GoldenCase bench(ctx, op, name);
        bench.pass();
        check_golden("dx", bench.dx_batch(), goldens().batch<typename Op::Input>(name + "/dx"));
        const auto gradient = bench.gradients().centres;
        CHECK(
            std::all_of(gradient.data(), gradient.data() + gradient.size(), [](double g) { return g == 0; }));
        daf::update_centres(ctx, op, bench.parameters(), bench.gradients(),
                            goldens().number(name + "/alpha"));
        check_golden("centres_after", bench.parameters().centres, goldens().numbers(name + "/centres_after"));
    });
}

template <daf::AnyShape S, daf::Index K>
void check_triplet_centre_loss(const std::string& name) {
    using Op = daf::TripletCentreLoss<S, K>;
    const Op op{.margin = goldens().number(name + "/margin")};
    check_with_centres(name, op);
    on_both(name, [&](auto& ctx) {
        GoldenCase bench(ctx, op, name);
        bench.forward_train();
        const std::vector<double> active = goldens().numbers(name + "/active");
        const std::vector<double> nearest = goldens().numbers(name + "/nearest");
        for (daf::Index i = 0; i < bench.count; ++i) {
            const auto sample = static_cast<std::size_t>(i);
            CHECK(bench.saved().active[i][0] == active[sample]);
            CHECK(bench.saved().nearest[i][0] == nearest[sample]);
        }
    });
}

}  // namespace

TEST_CASE("golden: convolutions") {
    check<daf::Conv2d<Shape<5, 7, 3>, 5>>("conv2d_3x3");
    check<daf::Conv2d<Shape<9, 10, 1>, 4>>("conv2d_3x3_first_layer");
    check<daf::Conv2d<Shape<7, 6, 2>, 3, 5, 2, Bias::per_channel>>("conv2d_5x5_stride_2");
    check<daf::Conv2d<Shape<6, 5, 2>, 1, 7, 1, Bias::per_channel>>("conv2d_7x7_two_channels");
}

TEST_CASE("golden: batch normalisation, alone and fused") {
    check<daf::BatchNorm<Shape<3, 2, 5>>>("batch_norm");
    check<daf::BatchNorm<Shape<3>>>("batch_norm_vector");
    check<daf::ConvBnRelu<Shape<5, 6, 3>, 4>>("conv_bn_relu");
    check<daf::ConvBnRelu<Shape<8, 7, 1>, 4>>("conv_bn_relu_first_layer");
}

TEST_CASE("golden: relu, at zero too") {
    check<daf::Relu<Shape<4, 5, 3>>>("relu");
    check<daf::Relu<Shape<4, 5, 3>>>("relu_zeros");
}

TEST_CASE("golden: pools, odd sizes and ties among them") {
    check<daf::MaxPool<Shape<6, 4, 3>>>("max_pool");
    check<daf::MaxPool<Shape<5, 7, 3>>>("max_pool_odd");
    check<daf::MaxPool<Shape<6, 7, 2>>>("max_pool_ties");
    check<daf::GlobalAveragePool<Shape<3, 4, 5>>>("global_average_pool");
    check<daf::GlobalMaxPool<Shape<3, 4, 5>>>("global_max_pool");
    check<daf::GlobalMaxPool<Shape<3, 4, 5>>>("global_max_pool_ties");
}

TEST_CASE("golden: linear layers, from a vector and from a map") {
    check<daf::Linear<Shape<11>, 6>>("linear");
    check<daf::Linear<Shape<2, 3, 4>, 5>>("linear_from_map");
}

TEST_CASE("golden: channel attention [Eq 1-2] with every hidden activation") {
    check<daf::ChannelAttention<Shape<3, 5, 8>, 4, Hidden::relu>>("channel_attention_relu");
    check<daf::ChannelAttention<Shape<3, 5, 8>, 4, Hidden::sigmoid>>("channel_attention_sigmoid");
    check<daf::ChannelAttention<Shape<3, 5, 8>, 4, Hidden::identity>>("channel_attention_identity");
    check<daf::ChannelAttention<Shape<4, 3, 6>, 2>>("channel_attention_ties");
}

TEST_CASE("golden: spatial attention [Eq 3]") {
    check<daf::SpatialAttention<Shape<4, 6, 5>>>("spatial_attention");
    check<daf::SpatialAttention<Shape<5, 5, 4>, 3>>("spatial_attention_3x3");
    check<daf::SpatialAttention<Shape<3, 4, 5>>>("spatial_attention_ties");
}

TEST_CASE("golden: dual attention [Eq 4-5] in every arrangement") {
    using Map = Shape<4, 3, 8>;
    check<daf::DualAttention<Map, 4, 7, Arrangement::channel_first>>("dual_attention_channel_first");
    check<daf::DualAttention<Map, 4, 7, Arrangement::spatial_first>>("dual_attention_spatial_first");
    check<daf::DualAttention<Map, 4, 7, Arrangement::parallel>>("dual_attention_parallel");
}

TEST_CASE("golden: softmax cross-entropy") {
    check<daf::SoftmaxCrossEntropy<Shape<7>>>("softmax_cross_entropy");
}

TEST_CASE("golden: Triplet-Centre loss [Eq 6-12]") {
    check_triplet_centre_loss<Shape<5>, 7>("tc_loss");
    check_triplet_centre_loss<Shape<5>, 7>("tc_loss_all_active");
    check_triplet_centre_loss<Shape<4>, 5>("tc_loss_ties");
}

TEST_CASE("golden: centre loss and island loss") {
    check_with_centres("centre_loss", daf::CentreLoss<Shape<5>, 7>{});
    check_with_centres("island_loss",
                       daf::IslandLoss<Shape<5>, 7>{.lambda1 = goldens().number("island_loss/lambda1")});
}
