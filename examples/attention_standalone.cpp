// One operator on memory of your own: no network, no owner, no allocation by the library.
// 3D attention learns by plain gradient descent to let the marked positions of a map pass and to block the
// others.
#include <cstdio>
#include <daf/core/memory.hpp>
#include <daf/cpu/dual_attention.hpp>
#include <daf/net/initialise.hpp>
#include <vector>

using Map = daf::Shape<6, 6, 16>;              // height, width, channels
using Attention = daf::DualAttention<Map, 8>;  // channel attention, then spatial attention
constexpr daf::Index map_count = 8;
constexpr daf::Index positions = map_count * Map::area;

/// Noise, a marked third of the positions with a signal in four channels; `wanted` keeps the marked ones
/// alone.
std::vector<bool> draw(std::vector<float>& x, std::vector<float>& wanted) {
    daf::RandomSequence random(daf::Stream{daf::Seed{1}});
    std::vector<bool> marked(positions);
    for (std::size_t i = 0; i < positions; ++i) {
        marked[i] = random.below(3) == 0;
        for (std::size_t c = 0; c < Map::channels; ++c) {
            const std::size_t at = i * Map::channels + c;
            x[at] = static_cast<float>(random.uniform(-0.5, 0.5)) + (marked[i] && c < 4 ? 2.0f : 0.0f);
            wanted[at] = marked[i] ? x[at] : 0.0f;
        }
    }
    return marked;
}

/// The mean gate of the positions that are marked, or of those that are not.
double mean_gate(const float* gate, const std::vector<bool>& marked, bool which) {
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < positions; ++i) {
        if (marked[i] != which) continue;
        sum += static_cast<double>(gate[i]);
        ++count;
    }
    return sum / count;
}

int main() {
    std::vector<float> x(map_count * Map::size), wanted(x.size()), y(x.size()), dy(x.size()), dx(x.size());
    const std::vector<bool> marked = draw(x, wanted);
    // [standalone]
    const auto in = daf::batch_of<Map>(x), out = daf::batch_of<Map>(y);
    std::vector<float> weights(daf::parameter_count<Attention>), gradients(daf::gradient_count<Attention>);
    const auto params = daf::bind<Attention>(weights);
    const auto dparams = daf::bind_gradients<Attention>(gradients);
    const daf::HostMemory kept(daf::saved_bytes<Attention, float>(map_count));  // for backward
    const auto saved = daf::bind_saved<Attention, float>(kept, map_count);
    daf::initialise<Attention>(weights, daf::Seed{2});  // first values; bind gives none
    // [/standalone]

    daf::Cpu cpu;
    for (int step = 0; step <= 400; ++step) {
        // [passes]
        daf::forward<daf::train>(cpu, Attention{}, in, out, params, saved);
        double loss = 0;  // half the squared distance, and its gradient
        for (std::size_t i = 0; i < y.size(); ++i) {
            dy[i] = (y[i] - wanted[i]) / map_count;
            loss += 0.5 * map_count * static_cast<double>(dy[i] * dy[i]);
        }
        std::fill(gradients.begin(), gradients.end(), 0.0f);  // backward adds to them
        daf::backward(cpu, Attention{}, in, out, daf::batch_of<Map>(dy),
                      daf::overwrite(daf::batch_of<Map>(dx)), params, dparams, saved);
        for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= 0.05f * gradients[i];
        // [/passes]
        if (step % 100 == 0) std::printf("step %3d  loss %.4f\n", step, loss);
    }
    const double at_marked = mean_gate(saved.spatial_gate.data(), marked, true);
    const double elsewhere = mean_gate(saved.spatial_gate.data(), marked, false);
    std::printf("spatial gate: %.3f where marked, %.3f elsewhere\n", at_marked, elsewhere);
    return at_marked > 0.8 && elsewhere < 0.2 ? 0 : 1;
}
