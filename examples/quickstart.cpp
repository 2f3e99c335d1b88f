// One operator in ten lines; the README shows them.
// [readme]
#include <cstdio>
#include <daf/daf.hpp>
#include <vector>

using Map = daf::Shape<6, 6, 512>;                                      // height, width, channels
using Attention = daf::Sequence<Map, daf::layer::DualAttention<8, 7>>;  // Eq 1-5: reduction 8, 7x7 kernel

int main() {
    const std::vector<float> maps(4 * Map::size, 1.0f);  // four feature maps, in your own memory
    daf::Cpu cpu;                                        // all cores; the result does not depend on how many
    daf::Model<Attention, daf::Cpu> attention(cpu, daf::max_batch(4), daf::Seed{7});
    const daf::Batch<Map, float> refined = attention.forward(daf::batch_of<Map>(maps));
    std::printf("%td maps, the first element now %.4f\n", refined.count(),
                static_cast<double>(refined[0][0]));
}
// [/readme]
