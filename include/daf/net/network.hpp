#pragma once
// A network that classifies: a trunk that makes embeddings of images, a head that classifies embeddings, and
// if wanted a metric loss that shapes them (the paper's Fig 1 and Eq 13).
#include <daf/net/names.hpp>
#include <daf/net/sequence.hpp>
#include <daf/ops/class_centres.hpp>
#include <daf/ops/softmax_cross_entropy.hpp>

namespace daf {

/// In the place of a metric loss: softmax alone trains the network.
struct NoMetric {};

namespace detail {
template <class First, class Second>
struct check_joins {
    static_assert(
        std::is_same_v<First, Second>,
        "daf: the head and the metric loss must take the shape that the trunk makes: Second must be First");
};

template <class... Lists>
struct lists_joined;
template <class... A, class... B, class... C>
struct lists_joined<Tuple<A...>, Tuple<B...>, Tuple<C...>> {
    using type = Tuple<A..., B..., C...>;
};

template <class Embedding, Index Classes, class Metric>
struct metric_of {
    static_assert(sizeof(check_joins<Embedding, typename Metric::Input>) > 0);
    static_assert(Metric::classes == Classes,
                  "daf: the head and the metric loss must know equally many classes");
    using operators = Tuple<Metric>;
};
template <class Embedding, Index Classes>
struct metric_of<Embedding, Classes, NoMetric> {
    using operators = Tuple<>;
};
}  // namespace detail

/// x -> trunk -> e -> head -> logits;  e -> metric loss, where there is one.
/// TrunkSequence and HeadSequence are Sequences; what the trunk makes, the head and the metric loss take.
/// Logits has as many elements as there are classes. MetricLoss: any operator of labels and embeddings; the
/// library's have centres (LossWithCentres), by which a Learner can classify too.
template <class TrunkSequence, class HeadSequence, class MetricLoss = NoMetric>
struct Network {
    using Trunk = TrunkSequence;
    using Head = HeadSequence;
    using Metric = MetricLoss;
    using Input = typename Trunk::Input;
    using Embedding = typename Trunk::Output;
    using Logits = typename Head::Output;
    using Softmax = SoftmaxCrossEntropy<Logits>;
    static constexpr Index classes = Logits::size;
    static constexpr bool has_metric = !std::is_same_v<Metric, NoMetric>;
    static constexpr bool has_centres = LossWithCentres<Metric>;
    static_assert(sizeof(detail::check_joins<Embedding, typename Head::Input>) > 0);
    static_assert(sizeof(detail::check_names<typename detail::lists_joined<
                             typename Trunk::LayerTypes, typename Head::LayerTypes, Tuple<>>::type>) > 0);

    /// All that have parameters, in the order of the slab.
    using Operators = typename detail::lists_joined<
        typename Trunk::Operators, typename Head::Operators,
        typename detail::metric_of<Embedding, classes, Metric>::operators>::type;
    static constexpr std::size_t head_begin = Trunk::length;
    static constexpr std::size_t metric_at = Trunk::length + Head::length;  // the losses' place

    Trunk trunk{};
    Head head{};
    Metric metric{};

    /// Throws ArgumentError for a figure of one of its operators that cannot be.
    constexpr void check() const {
        trunk.check();
        head.check();
        check_figures(metric);
    }
};

namespace detail {
template <class Trunk, class Head, class Metric>
void as_network(const Network<Trunk, Head, Metric>*);
}
/// A Network, or a struct that is one by inheritance.
template <class T>
concept AnyNetwork = requires(const T* t) {
    detail::as_network(t);
};

/// What a Network makes of a batch.
template <class Net, class T, class Space>
struct NetworkOutputs {
    Batch<typename Net::Embedding, T, Space> embeddings;
    Batch<typename Net::Logits, T, Space> logits;
};

/// Numbered layers of the trunk are trunk.N, of the head head.N; the metric loss has no prefix.
template <class Net>
std::vector<OperatorName> operator_names() requires requires {
    typename Net::Metric;
}
{
    std::vector<OperatorName> names = operator_names<typename Net::Trunk>("trunk.");
    for (OperatorName& name : operator_names<typename Net::Head>("head.")) names.push_back(std::move(name));
    if constexpr (Net::has_metric) names.push_back({"", -1});
    return names;
}

}  // namespace daf
