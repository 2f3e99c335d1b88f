// A network of your own, from the first batch to a file and back. It learns which way noisy stripes run.
#include <complex>
#include <cstdio>
#include <daf/daf.hpp>
#include <filesystem>
#include <vector>

// [network]
namespace layer = daf::layer;
using Picture = daf::Shape<16, 16, 1>;  // height, width, channels
using Trunk = daf::Sequence<Picture, layer::ConvBnRelu<8>, layer::MaxPool<2>, layer::ConvBnRelu<16>,
                            layer::GlobalAveragePool>;
using Head = daf::Sequence<Trunk::Output, layer::Dropout, layer::Linear<4>>;
using Net = daf::Network<Trunk, Head>;
// [/network]
constexpr daf::Index batch = 64;

struct Pictures {
    std::vector<float> pixels;
    std::vector<std::int32_t> classes;  // eighths of a turn
    Pictures(daf::Index count, std::uint64_t seed) {
        daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
        while (std::ssize(classes) < count) {
            classes.push_back(static_cast<std::int32_t>(random.below(4)));
            const auto across = std::polar(0.8, 0.785 * classes.back());
            const double phase = random.uniform(0, 6.28);
            for (int i = 0; i < 256; ++i)
                pixels.push_back(static_cast<float>(
                    std::sin((i & 15) * across.real() + (i >> 4) * across.imag() + phase) + random.normal()));
        }
    }
    void each_batch(const auto& visit) const {
        const auto x = daf::batch_of<Picture>(pixels);
        for (daf::Index first = 0; first < x.count(); first += batch) {
            const daf::Index count = std::min(batch, x.count() - first);  // the last batch is smaller
            visit(x.slice(first, count), daf::labels_of(classes).slice(first, count));
        }
    }
};

daf::ConfusionMatrix judge(const Pictures& pictures, const auto& logits) {
    daf::ConfusionMatrix matrix(Net::classes);
    pictures.each_batch([&](auto x, auto labels) {
        const auto y = logits(x);
        for (daf::Index i = 0; i < x.count(); ++i)
            matrix.add(labels[i][0], daf::largest_of(y[i].data(), Net::classes));
    });
    return matrix;
}

int main() {
    const Pictures training(1000, 1), validation(500, 2);
    const std::filesystem::path file = "stripes.safetensors";
    // [training]
    daf::Cpu cpu;
    daf::Learner<Net, daf::Cpu> learner(cpu, daf::max_batch(batch), daf::Seed{1});
    daf::StepResult last;
    daf::CheckpointInfo info{.architecture = "lines", .schedule{.rate = learning_rate(learner.optimizer())}};
    if (std::filesystem::exists(file)) info = daf::load_checkpoint(file, learner, "lines");  // go on
    while (++info.epoch <= 10) {
        training.each_batch([&](auto x, auto labels) { last = learner.step(x, labels); });
        const auto matrix = judge(validation, [&](auto x) { return learner.evaluate(x).logits; });
        std::printf("epoch %d  last loss %.3f  accuracy %.3f\n", info.epoch, last.loss, matrix.accuracy());
        const auto verdict = info.schedule.observe(matrix.accuracy());
        learner.set_learning_rate(info.schedule.rate);  // lower once the accuracy no longer rises
        if (verdict.best) daf::save_checkpoint(file, learner, info);
    }
    // [/training]
    // [prediction]
    std::vector<float> parameters(daf::parameter_count<Net>);
    daf::load_parameters<Net>(file, parameters, "lines");
    const daf::Inference<Net, daf::Cpu> net(cpu, parameters, daf::usual_batch(batch));
    auto workspace = net.workspace(cpu, daf::max_batch(batch));
    const auto matrix = judge(validation, [&](auto x) { return net(cpu, workspace, x).logits; });
    // [/prediction]
    std::printf("from the file: accuracy %.3f\n", matrix.accuracy());
    std::filesystem::remove(file);
    return matrix.accuracy() > info.schedule.best_accuracy - 0.005 && matrix.accuracy() > 0.9 ? 0 : 1;
}
