#pragma once
// What the program asks of a network as it is used, on one backend. Included by compiled_network.hpp alone.
#include <algorithm>
#include <cmath>
#include <daf/net/evaluator.hpp>
#include <daf/net/not_finite.hpp>
#include <daf/train/checkpoint.hpp>
#include <utility>

#include "network/face_network.hpp"

namespace daf_cnn::detail {

/// Asks an evaluator, which a learner is too: so it is compiled once for both. T: of the images and of what
/// follows from them.
template <class P, Attention A, class Backend, class T>
class NetworkUse {
  public:
    using Net = NetworkOf<P, A>;
    using Evaluator = daf::Evaluator<Net, Backend, T>;
    using Images = daf::Batch<typename Net::Input, const T>;

    /// What it takes of the context's memory beside the evaluator.
    static Index bytes(Index batch) {
        return losses_bytes(batch) + images_bytes(batch) + labels_bytes(batch);
    }
    /// What evaluating and judging take of the context's scratch.
    static Index scratch_bytes(const Backend& ctx, Index batch) {
        return std::max({Evaluator::scratch_bytes(ctx, batch),
                         daf::scratch_bytes<typename Net::Softmax, T, daf::eval>(ctx, batch),
                         daf::scratch_bytes<typename Net::Metric, T, daf::eval>(ctx, batch)});
    }

    NetworkUse(Evaluator& evaluator, const NetworkSettings& settings)
        : ctx_(&evaluator.context()),
          evaluator_(evaluator),
          classifier_(settings.classifier),
          losses_(ctx_->allocate(losses_bytes(settings.largest_batch))),
          images_there_(ctx_->allocate(images_bytes(settings.largest_batch))),
          labels_there_(ctx_->allocate(labels_bytes(settings.largest_batch))) {}

    void take_parameters(const daf::Safetensors& file) {
        daf::restore_parameters(file, evaluator_, architecture_of(P::name, A));
    }

    void judge(std::span<const float> images, std::span<const std::int32_t> labels, Judgement& so_far) {
        const auto y = there(daf::labels_of(labels), labels_there_);
        const auto [embeddings, logits] = evaluator_.evaluate(there(images_of(images), images_there_));
        each_score(embeddings, logits, [&](std::size_t i, const auto*, const Scores& scores) {
            so_far.confusion.add(labels[i], daf::largest_of(scores.data(), class_count));
        });
        const daf::Batch<daf::Shape<1>, float, Space> losses{losses_.template as<float>(), y.count()};
        daf::forward<daf::eval>(*ctx_, typename Net::Softmax{}, logits, losses, daf::Nothing{},
                                daf::Nothing{}, y);
        const auto softmax = ctx_->download(losses);
        const daf::ParametersOf<typename Net::Metric, float, Space> centres{evaluator_.centres()};
        for (Index i = 0; i < y.count(); ++i) so_far.softmax_sum += static_cast<double>(softmax[i][0]);
        daf::forward<daf::eval>(*ctx_, evaluator_.net().metric, embeddings, losses, centres, daf::Nothing{},
                                y);
        const auto tc = ctx_->download(losses);
        for (Index i = 0; i < y.count(); ++i) {
            so_far.tc_sum += static_cast<double>(tc[i][0]);
            so_far.active += tc[i][0] > 0;
        }
    }

    std::vector<Reading> read(std::span<const float> images) {
        const auto [embeddings, logits] = evaluator_.evaluate(there(images_of(images), images_there_));
        std::vector<Reading> readings(static_cast<std::size_t>(embeddings.count()));
        each_score(embeddings, logits, [&](std::size_t i, const auto* e, const Scores& scores) {
            readings[i].prediction = daf::largest_of(scores.data(), class_count);
            readings[i].embedding.assign(e, e + P::embedding);
            daf::softmax(scores.data(), class_count, readings[i].probabilities.data());
        });
        return readings;
    }

    std::vector<Gaze> gaze(std::span<const float> images) {
        std::vector<Gaze> gazes;
        evaluator_.evaluate(there(images_of(images), images_there_), [&](auto i, const auto& op,
                                                                         const auto& x, const auto& y) {
            using Op = std::remove_cvref_t<decltype(op)>;
            if constexpr (std::is_same_v<typename Op::Header, daf::header::dual_attention>) {
                // The gates are what training saves.
                const auto memory = ctx_->allocate(daf::saved_bytes<Op, T>(x.count()));
                const auto saved = daf::bind_saved<Op, T, Space>(memory.data(), x.count());
                daf::forward<daf::train>(*ctx_, op, x, y, evaluator_.template parameters_of<i>(), saved);
                const auto maps = ctx_->download(x);
                const auto channels = ctx_->download(saved.channel_gate);
                const auto positions = ctx_->download(saved.spatial_gate);
                const auto copy = [](const auto& view) {
                    return std::vector<float>(view.data(), view.data() + view.size());
                };
                for (Index n = 0; n < x.count(); ++n) {
                    gazes.push_back(
                        {Op::Input::height, copy(maps[n]), copy(channels[n]), copy(positions[n])});
                }
            }
        });
        return gazes;
    }

    std::string first_not_finite(std::span<const float> images) {
        return called(daf::first_not_finite_evaluating(evaluator_, there(images_of(images), images_there_)));
    }

    std::vector<float> centres() const {
        const auto centres = evaluator_.centres();
        std::vector<float> values(static_cast<std::size_t>(centres.size()));
        ctx_->copy_out(values.data(), static_cast<const float*>(centres.data()), centres.size());
        return values;
    }

    std::array<double, class_count> centre_norms() const {
        std::array<double, class_count> norms{};
        using One = daf::View<daf::Shape<1, P::embedding>, const float>;
        const std::vector<float> all = centres();
        for (std::size_t k = 0; k < norms.size(); ++k) {
            norms[k] = daf::mean_centre_norm(One(all.data() + k * P::embedding));
        }
        return norms;
    }

    /// They stay until the next call.
    Images images_of(std::span<const float> images) {
        if constexpr (std::is_same_v<T, float>) {
            return daf::batch_of<typename Net::Input>(images);
        } else {
            narrow_.resize(images.size());
            std::ranges::transform(images, narrow_.begin(),
                                   [](float value) { return static_cast<T>(value); });
            return daf::batch_of<typename Net::Input>(std::as_const(narrow_));
        }
    }

    /// Where something is not finite, in words.
    static std::string called(Index at) {
        if (at < 0) return "the images";
        if (at == static_cast<Index>(Net::metric_at)) return "the losses";
        return daf::layer_name(daf::operator_names<Net>()[static_cast<std::size_t>(at)]);
    }

  private:
    using Space = typename Backend::Space;
    using Scores = std::array<double, class_count>;
    using Centres = daf::Shape<class_count, P::embedding>;

    static Index losses_bytes(Index batch) {
        return daf::align_up(batch * static_cast<Index>(sizeof(float)));
    }
    // Of copies of what is judged, where the context's memory is another.
    static Index images_bytes(Index batch) {
        return Evaluator::in_host_memory
                   ? 0
                   : daf::align_up(batch * Net::Input::size * static_cast<Index>(sizeof(T)));
    }
    static Index labels_bytes(Index batch) {
        return Evaluator::in_host_memory ? 0
                                         : daf::align_up(batch * static_cast<Index>(sizeof(std::int32_t)));
    }
    /// The batch, in the context's memory. Throws daf::ArgumentError for one that is too large.
    template <class S, class E>
    daf::Batch<S, E, Space> there(daf::Batch<S, E> batch, const typename Backend::Memory& memory) {
        if constexpr (Evaluator::in_host_memory) {
            return batch;
        } else {
            using Element = std::remove_const_t<E>;
            if (batch.size() * static_cast<Index>(sizeof(E)) > memory.size())
                throw daf::ArgumentError("batch: more images than the network was made for");
            ctx_->copy_in(memory.template as<Element>(), batch.data(), batch.size());
            return {memory.template as<Element>(), batch.count()};
        }
    }

    /// visit(i, embedding, scores) for every image.
    template <class Embeddings, class Logits, class Visit>
    void each_score(const Embeddings& embeddings, const Logits& logits, const Visit& visit) const {
        const auto e = ctx_->download(embeddings);
        const auto l = ctx_->download(logits);
        const auto c =
            ctx_->download(daf::Batch<Centres, const float, Space>(evaluator_.centres().data(), 1));
        for (Index i = 0; i < e.count(); ++i) {
            visit(static_cast<std::size_t>(i), e[i].data(), scores_of(e[i].data(), l[i].data(), c[0].data()));
        }
    }

    /// The larger, the likelier: logits, or minus the distances to the centres.
    Scores scores_of(const T* e, const T* logits, const float* centres) const {
        if (classifier_ == Classifier::nearest_centre) {
            return daf::closeness(e, daf::View<Centres, const float>(centres));
        }
        Scores scores{};
        std::copy(logits, logits + class_count, scores.begin());
        return scores;
    }

    Backend* ctx_;
    Evaluator& evaluator_;
    Classifier classifier_;
    typename Backend::Memory losses_, images_there_, labels_there_;
    std::vector<T> narrow_;  // images, where T is not what they come in
};

}  // namespace daf_cnn::detail
