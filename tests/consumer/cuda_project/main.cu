#include <cstdio>
#include <daf/daf.cuh>
#include <vector>

using Map = daf::Shape<6, 6, 32>;

int main() {
    const std::vector<float> maps(2 * Map::size, -1.0f);
    daf::Gpu gpu;
    const auto x = gpu.upload(daf::batch_of<Map>(maps));
    const auto memory = gpu.allocate(2 * Map::size * daf::Index{sizeof(float)});
    const daf::Batch<Map, float, daf::Device> y(memory.as<float>(), 2);
    daf::forward<daf::eval>(gpu, daf::Relu<Map>{}, x, y);
    const auto back = gpu.download(y);
    std::printf("%g\n", static_cast<double>(back[0][0]));
    return 0;
}
