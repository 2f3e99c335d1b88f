#pragma once
// A preset's network on one backend, as the program sees it. Included by compiled_preset.hpp and
// compiled_gpu_preset.cuh alone, behind the backend.
#include <daf/net/learner.hpp>
#include <memory>
#include <utility>

#include "network/network_use.hpp"

namespace daf_cnn::detail {

template <class Sequence>
void set_dropout(Sequence& sequence, double rate) {
    daf::static_for<Sequence::length>([&](auto i) {
        auto& op = daf::get<i>(sequence.operators);
        if constexpr (daf::draws_numbers<std::remove_reference_t<decltype(op)>>) op.rate = rate;
    });
}

template <class Net>
Net net_of(const NetworkSettings& settings) {
    Net net;
    set_dropout(net.trunk, settings.dropout);
    set_dropout(net.head, settings.dropout);
    net.metric.margin = settings.margin;
    net.metric.centre_update = settings.centre_update;
    return net;
}

/// Implements Face, FaceNetwork or FaceLearner, by an Owner, a daf::Evaluator or a daf::Learner. The
/// context may be shared with others, whose scratch it then is.
template <class Face, class Owner, class P, Attention A, class Backend, class T>
class NetworkOver : public Face {
  public:
    using Interface = Face;
    using Net = NetworkOf<P, A>;

    static std::string architecture_name() { return architecture_of(P::name, A); }
    /// What it takes of the context's memory, that context's scratch left out.
    static Index bytes_beside_scratch(const NetworkSettings& settings) {
        return owner_bytes(settings) + Use::bytes(settings.largest_batch);
    }
    /// The same with its scratch.
    static Index bytes_for(const Backend& ctx, const NetworkSettings& settings) {
        Index scratch = std::max(Owner::scratch_bytes(ctx, settings.largest_batch),
                                 Use::scratch_bytes(ctx, settings.largest_batch));
        if constexpr (!Owner::in_host_memory) {
            if (settings.last_judged > 0)
                scratch = std::max(scratch, Use::scratch_bytes(ctx, settings.last_judged));
        }
        return bytes_beside_scratch(settings) + scratch;
    }

    std::string architecture() const override { return architecture_name(); }
    Index side() const override { return P::side; }
    Index parameter_count() const override { return daf::parameter_count<Net>; }
    Index bytes() const override { return bytes_; }
    void take_parameters(const daf::Safetensors& file) override { use_.take_parameters(file); }
    void judge(std::span<const float> images, std::span<const std::int32_t> labels,
               Judgement& so_far) override {
        use_.judge(images, labels, so_far);
    }
    std::vector<Reading> read(std::span<const float> images) override { return use_.read(images); }
    std::vector<Gaze> gaze(std::span<const float> images) override { return use_.gaze(images); }
    std::string first_not_finite_judging(std::span<const float> images) override {
        return use_.first_not_finite(images);
    }
    std::vector<float> centres() const override { return use_.centres(); }
    std::array<double, class_count> centre_norms() const override { return use_.centre_norms(); }

  protected:
    using Use = NetworkUse<P, A, Backend, T>;

    /// arguments: of the Owner, behind context and largest batch.
    template <class... Arguments>
    NetworkOver(std::shared_ptr<Backend> ctx, const NetworkSettings& settings, Arguments&&... arguments)
        : ctx_(std::move(ctx)),
          bytes_(bytes_for(*ctx_, settings)),
          owner_(*ctx_, daf::max_batch(settings.largest_batch), std::forward<Arguments>(arguments)...),
          use_(owner_, settings) {}

    std::shared_ptr<Backend> ctx_;
    Index bytes_;
    Owner owner_;
    Use use_;

  private:
    static Index owner_bytes(const NetworkSettings& settings) {
        if constexpr (requires { Owner::bytes(settings.largest_batch, settings.optimizer); }) {
            return Owner::bytes(settings.largest_batch, settings.optimizer);
        } else {
            return Owner::bytes(settings.largest_batch);
        }
    }
};

/// T: of the images and of what follows from them.
template <class P, Attention A, class Backend, class T = float>
class CompiledNetwork final
    : public NetworkOver<FaceNetwork, daf::Evaluator<NetworkOf<P, A>, Backend, T>, P, A, Backend, T> {
  public:
    CompiledNetwork(std::shared_ptr<Backend> ctx, const NetworkSettings& settings)
        : CompiledNetwork::NetworkOver(std::move(ctx), settings, net_of<NetworkOf<P, A>>(settings)) {}
};

template <class P, Attention A, class Backend, class T = float>
class CompiledLearner final
    : public NetworkOver<FaceLearner, daf::Learner<NetworkOf<P, A>, Backend, T>, P, A, Backend, T> {
    using Over = typename CompiledLearner::NetworkOver;
    using Over::ctx_, Over::owner_, Over::use_;

  public:
    CompiledLearner(std::shared_ptr<Backend> ctx, const NetworkSettings& settings)
        : Over(std::move(ctx), settings, settings.seed, net_of<NetworkOf<P, A>>(settings), settings.objective,
               settings.optimizer) {}

    bool runs_beside_host() const override { return !owner_.in_host_memory; }
    void queue_step(std::span<const float> images, std::span<const std::int32_t> labels) override {
        owner_.queue_step(use_.images_of(images), daf::labels_of(labels));
    }
    daf::StepResult finish_step() override { return owner_.finish_step(); }
    std::string first_not_finite(std::span<const float> images) override {
        return use_.called(owner_.first_not_finite(ctx_->upload(use_.images_of(images))));
    }

    void set_centres(std::span<const float> values) override {
        const auto centres = owner_.centres();
        if (static_cast<Index>(values.size()) != centres.size()) {
            throw daf::ArgumentError("set_centres: expected " + std::to_string(centres.size()) +
                                     " numbers, got " + std::to_string(values.size()));
        }
        ctx_->copy_in(centres.data(), values.data(), centres.size());
    }

    void set_learning_rate(double rate) override { owner_.set_learning_rate(rate); }

    std::string save(const std::filesystem::path& path, daf::CheckpointInfo info) override {
        info.architecture = this->architecture();
        return daf::save_checkpoint(path, owner_, info);
    }
    daf::CheckpointInfo restore(const daf::Safetensors& file) override {
        return daf::restore_checkpoint(file, owner_, this->architecture());
    }
    void reload(const daf::Safetensors& file) override {
        const std::uint32_t draws = owner_.draws();
        restore(file);
        owner_.draws() = draws;
    }
};

}  // namespace daf_cnn::detail
