#pragma once
// Turns a preset's type into a Preset. Included by network_NAME.cpp alone.
#include <algorithm>
#include <cmath>
#include <daf/daf.hpp>
#include <utility>

#include "network/compiled_bench.hpp"
#include "network/face_network.hpp"

namespace daf_cnn {

namespace detail {

template <class Sequence>
void set_dropout(Sequence& sequence, double rate) {
    daf::static_for<Sequence::length>([&](auto i) {
        auto& op = std::get<i>(sequence.operators);
        if constexpr (daf::draws_numbers<std::remove_reference_t<decltype(op)>>) op.rate = rate;
    });
}

/// The most scratch that one call of any of a network's operators asks for.
template <class Net>
Index scratch_of(const daf::Cpu& cpu, Index batch) {
    Index most = 0;
    daf::static_for<std::tuple_size_v<typename Net::Operators>>([&](auto i) {
        using Op = std::tuple_element_t<i, typename Net::Operators>;
        most = std::max(most, daf::scratch_bytes<Op, float>(cpu, batch));
    });
    return most;
}

template <class P, Attention A>
class CompiledNetwork final : public FaceNetwork {
  public:
    using Net = NetworkOf<P, A>;
    using Images = daf::Batch<typename Net::Input, const float>;

    CompiledNetwork(daf::Cpu& cpu, const NetworkSettings& settings)
        : cpu_(cpu),
          classifier_(settings.classifier),
          bytes_(daf::Learner<Net, daf::Cpu>::bytes(settings.largest_batch, settings.optimizer) +
                 scratch_of<Net>(cpu, settings.largest_batch)),
          learner_(cpu, daf::max_batch(settings.largest_batch), settings.seed, net_of(settings),
                   settings.objective, settings.optimizer),
          losses_(static_cast<std::size_t>(settings.largest_batch)) {}

    std::string architecture() const override { return architecture_of(P::name, A); }
    Index side() const override { return P::side; }
    Index parameter_count() const override { return daf::parameter_count<Net>; }
    Index bytes() const override { return bytes_; }

    daf::StepResult step(std::span<const float> images, std::span<const std::int32_t> labels) override {
        return learner_.step(images_of(images), daf::labels_of(labels));
    }

    void judge(std::span<const float> images, std::span<const std::int32_t> labels,
               Judgement& so_far) override {
        const auto y = daf::labels_of(labels);
        const auto [embeddings, logits] = learner_.evaluate(images_of(images));
        for (Index i = 0; i < y.count(); ++i) {
            const Scores scores = scores_of(embeddings[i].data(), logits[i].data());
            so_far.confusion.add(y[i][0], daf::largest_of(scores.data(), class_count));
        }
        const daf::Batch<daf::Shape<1>, float> losses{losses_.data(), y.count()};
        daf::forward<daf::eval>(cpu_, typename Net::Softmax{}, logits, losses, daf::Nothing{}, daf::Nothing{},
                                y);
        so_far.softmax_sum += daf::reduce(cpu_, daf::Reduction::sum, losses);
        const daf::ParametersOf<typename Net::Metric, float> centres{learner_.centres()};
        daf::forward<daf::eval>(cpu_, learner_.net().metric, embeddings, losses, centres, daf::Nothing{}, y);
        so_far.tc_sum += daf::reduce(cpu_, daf::Reduction::sum, losses);
        for (Index i = 0; i < y.count(); ++i) so_far.active += losses[i][0] > 0;
    }

    std::vector<Reading> read(std::span<const float> images) override {
        const auto [embeddings, logits] = learner_.evaluate(images_of(images));
        std::vector<Reading> readings(static_cast<std::size_t>(embeddings.count()));
        for (std::size_t i = 0; i < readings.size(); ++i) {
            const float* e = embeddings[static_cast<Index>(i)].data();
            const Scores scores = scores_of(e, logits[static_cast<Index>(i)].data());
            readings[i].prediction = daf::largest_of(scores.data(), class_count);
            readings[i].embedding.assign(e, e + P::embedding);
            readings[i].probabilities = softmax_of(scores);
        }
        return readings;
    }

    std::vector<Gaze> gaze(std::span<const float> images) override {
        std::vector<Gaze> gazes;
        learner_.evaluate(images_of(images), [&](auto i, const auto& op, const auto& x, const auto& y) {
            using Op = std::remove_cvref_t<decltype(op)>;
            if constexpr (std::is_same_v<typename Op::Header, daf::header::dual_attention>) {
                // The gates are what training saves.
                const daf::HostMemory memory(daf::saved_bytes<Op, float>(x.count()));
                const auto saved = daf::bind_saved<Op, float>(memory.data(), x.count());
                daf::forward<daf::train>(cpu_, op, x, y, learner_.template parameters_of<i>(), saved);
                const auto copy = [](const auto& view) {
                    return std::vector<float>(view.data(), view.data() + view.size());
                };
                for (Index n = 0; n < x.count(); ++n) {
                    gazes.push_back({Op::Input::height, copy(x[n]), copy(saved.channel_gate[n]),
                                     copy(saved.spatial_gate[n])});
                }
            }
        });
        return gazes;
    }

    std::string first_not_finite(std::span<const float> images) const override {
        return called(learner_.first_not_finite(images_of(images)));
    }
    std::string first_not_finite_judging(std::span<const float> images) override {
        return called(learner_.first_not_finite_evaluating(images_of(images)));
    }

    std::span<float> centres() override {
        const auto centres = learner_.centres();
        return {centres.data(), static_cast<std::size_t>(centres.size())};
    }

    std::array<double, class_count> centre_norms() const override {
        std::array<double, class_count> norms{};
        using One = daf::View<daf::Shape<1, P::embedding>, const float>;
        for (std::size_t k = 0; k < norms.size(); ++k) {
            const Index begin = static_cast<Index>(k) * P::embedding;
            norms[k] = daf::mean_centre_norm(One(learner_.centres().data() + begin));
        }
        return norms;
    }

    void set_learning_rate(double rate) override { learner_.set_learning_rate(rate); }

    std::string save(const std::filesystem::path& path, daf::CheckpointInfo info) override {
        info.architecture = architecture();
        return daf::save_checkpoint(path, learner_, info);
    }
    daf::CheckpointInfo restore(const daf::Safetensors& file, daf::Restore what) override {
        return daf::restore_checkpoint(file, learner_, architecture(), what);
    }
    void reload(const daf::Safetensors& file) override {
        const std::uint32_t draws = learner_.draws();
        daf::restore_checkpoint(file, learner_, architecture());
        learner_.draws() = draws;
    }

  private:
    using Scores = std::array<double, class_count>;

    static Images images_of(std::span<const float> images) {
        return daf::batch_of<typename Net::Input>(images);
    }

    /// What Learner::first_not_finite found, in words.
    static std::string called(Index at) {
        if (at < 0) return "the images";
        if (at == static_cast<Index>(Net::metric_at)) return "the losses";
        return daf::layer_name(daf::operator_names<Net>()[static_cast<std::size_t>(at)]);
    }

    /// The larger, the likelier: logits, or minus the distances to the centres.
    Scores scores_of(const float* e, const float* logits) const {
        if (classifier_ == Classifier::nearest_centre) return daf::closeness(e, learner_.centres());
        Scores scores{};
        std::copy(logits, logits + class_count, scores.begin());
        return scores;
    }

    static Scores softmax_of(Scores scores) {
        const double most = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double& s : scores) sum += s = std::exp(s - most);
        for (double& s : scores) s /= sum;
        return scores;
    }

    static Net net_of(const NetworkSettings& settings) {
        Net net;
        set_dropout(net.trunk, settings.dropout);
        set_dropout(net.head, settings.dropout);
        net.metric.margin = settings.margin;
        net.metric.centre_update = settings.centre_update;
        return net;
    }

    daf::Cpu& cpu_;
    Classifier classifier_;
    Index bytes_;
    daf::Learner<Net, daf::Cpu, float> learner_;
    std::vector<float> losses_;
};

template <class P>
std::unique_ptr<FaceNetwork> make_network(daf::Cpu& cpu, const NetworkSettings& settings) {
    if (settings.attention == Attention::full) {
        return std::make_unique<CompiledNetwork<P, Attention::full>>(cpu, settings);
    }
    return std::make_unique<CompiledNetwork<P, Attention::none>>(cpu, settings);
}

}  // namespace detail

template <class P>
constexpr Preset compiled_preset() {
    return {P::name, P::side, &detail::make_network<P>, &detail::make_bench<P>};
}

}  // namespace daf_cnn
