// What the kernels that stream maps reach of the device's memory bandwidth, as a table in Markdown; then the
// time of the attention module and of the Triplet-Centre loss.
//   bandwidth [IMAGES]     of 6x6x512 floats; 2048 by default, more than a cache holds
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <daf/daf.cuh>

#include "../support/stand_in_runtime.hpp"

namespace {

using daf::Device;
using daf::Index;
using Map = daf::Shape<6, 6, 512>;

/// Memory that holds zeros, and lives as long as the program measures.
struct Zeros {
    daf::DeviceMemory memory;

    Zeros(daf::Gpu& gpu, Index bytes) : memory(gpu.allocate(bytes)) {
        gpu.zero(memory.as<std::byte>(), bytes);
    }
    template <class S, class T = float>
    daf::Batch<S, T, Device> batch(Index count) const {
        return {memory.as<T>(), count};
    }
};

/// An operator with everything that it needs.
template <class Op>
class Workplace {
  public:
    using In = typename Op::Input;
    using Out = typename Op::Output;

    Workplace(daf::Gpu& gpu, Index count)
        : gpu_(gpu),
          count_(count),
          x_(gpu, bytes(count * In::size)),
          dx_(gpu, bytes(count * In::size)),
          y_(gpu, bytes(count * Out::size)),
          dy_(gpu, bytes(count * Out::size)),
          slab_(gpu, bytes(daf::parameter_count<Op>)),
          gradients_(gpu, bytes(daf::gradient_count<Op>)),
          saved_(gpu, daf::saved_bytes<Op, float>(count)),
          labels_(gpu, bytes(count)) {}

    void forward() {
        daf::forward<daf::train>(gpu_, Op{}, x_.batch<In>(count_), y_.batch<Out>(count_), parameters(),
                                 saved(), side());
    }
    void backward() {
        daf::backward(gpu_, Op{}, x_.batch<In>(count_), y_.batch<Out>(count_), dy_.batch<Out>(count_),
                      daf::overwrite(dx_.batch<In>(count_)), parameters(), gradients(), saved(), side());
    }
    void update_centres() { daf::update_centres(gpu_, Op{}, parameters(), gradients(), 0.005); }

  private:
    static Index bytes(Index elements) { return elements * Index{sizeof(float)}; }
    static daf::DeviceSlab<float> slab_of(const Zeros& zeros, Index size) {
        return {zeros.memory.as<float>(), static_cast<std::size_t>(size)};
    }
    auto parameters() const { return daf::bind<Op>(slab_of(slab_, daf::parameter_count<Op>)); }
    auto gradients() const { return daf::bind_gradients<Op>(slab_of(gradients_, daf::gradient_count<Op>)); }
    auto saved() const { return daf::bind_saved<Op, float, Device>(saved_.memory.data(), count_); }
    daf::SideInput<Device> side() const {
        daf::Draw draw;
        draw.step = &step_;
        return daf::SideInput<Device>(daf::Labels<Device>(labels_.memory.as<std::int32_t>(), count_), draw);
    }

    daf::Gpu& gpu_;
    Index count_;
    std::uint32_t step_ = 1;
    Zeros x_, dx_, y_, dy_, slab_, gradients_, saved_, labels_;
};

/// Microseconds of one run.
template <class Work>
double time_of(daf::Gpu& gpu, int repetitions, const Work& work) {
    using Clock = std::chrono::steady_clock;
    work();
    gpu.wait();
    const auto begin = Clock::now();
    for (int i = 0; i < repetitions; ++i) work();
    gpu.wait();
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / repetitions;
}

class Table {
  public:
    Table(daf::Gpu& gpu, Index images) : gpu_(gpu), bytes_(images * Map::size * Index{sizeof(float)}) {
        std::printf("| kernel, %td maps of 6x6x512 floats | us | GB/s | of a copy |\n|---|---|---|---|\n",
                    images);
        const Zeros from(gpu, bytes_), to(gpu, bytes_);
        copy_ = row("copy", 2,
                    [&] { gpu.copy(to.memory.as<std::byte>(), from.memory.as<const std::byte>(), bytes_); });
    }
    /// `maps`: how many of them the work has to read and write at least.
    template <class Work>
    double row(const char* name, double maps, const Work& work) {
        const double us = time_of(gpu_, 20, work), rate = maps * static_cast<double>(bytes_) / us / 1e3;
        std::printf("| %s | %.1f | %.0f | %.2f |\n", name, us, rate, copy_ > 0 ? rate / copy_ : 1.0);
        return rate;
    }

  private:
    daf::Gpu& gpu_;
    Index bytes_;
    double copy_ = 0;
};

template <class Op>
void measure(Table& table, daf::Gpu& gpu, Index images, const char* name, double forward_maps,
             double backward_maps) {
    Workplace<Op> place(gpu, images);
    table.row((std::string(name) + ", forward").c_str(), forward_maps, [&] { place.forward(); });
    table.row((std::string(name) + ", backward").c_str(), backward_maps, [&] { place.backward(); });
}

void measure_adam(Table& table, daf::Gpu& gpu, Index images) {
    const Index size = images * Map::size;
    const Zeros p(gpu, 4 * size), g(gpu, 4 * size), m(gpu, 4 * size), v(gpu, 4 * size);
    daf::UpdateCall<float> call;
    call.parameters = p.memory.as<float>();
    call.gradients = g.memory.as<float>();
    call.first_moment = m.memory.as<float>();
    call.second_moment = v.memory.as<float>();
    call.decayed = size;
    call.step = 1;
    table.row("Adam", 7, [&] { daf::update(gpu, daf::Adam{}, call); });
}

void measure_modules(daf::Gpu& gpu, int repetitions) {
    constexpr Index batch = 128;
    std::printf("\n| batch %td | us |\n|---|---|\n", batch);
    Workplace<daf::DualAttention<Map>> attention(gpu, batch);
    std::printf("| attention module, forward and backward | %.1f |\n", time_of(gpu, repetitions, [&] {
                    attention.forward();
                    attention.backward();
                }));
    Workplace<daf::TripletCentreLoss<daf::Shape<512>, 7>> loss(gpu, batch);
    std::printf("| Triplet-Centre loss of 512 features, with its centres | %.1f |\n",
                time_of(gpu, repetitions, [&] {
                    loss.forward();
                    loss.backward();
                    loss.update_centres();
                }));
}

}  // namespace

int main(int count, char** arguments) {
    const Index images = count > 1 ? std::atol(arguments[1]) : 2048;
    if (count > 2 || images < 2) {
        std::fputs("usage: bandwidth [IMAGES], 2 or more\n", stderr);
        return 2;
    }
    daf::Gpu gpu;
    Table table(gpu, images);
    measure<daf::Relu<Map>>(table, gpu, images, "relu", 2, 3);
    measure<daf::Dropout<Map>>(table, gpu, images, "dropout", 2, 2);
    measure<daf::BatchNorm<Map>>(table, gpu, images, "batch norm", 3, 5);
    measure<daf::ChannelAttention<Map>>(table, gpu, images, "channel attention", 2, 3);
    measure<daf::SpatialAttention<Map>>(table, gpu, images, "spatial attention", 2, 3);
    measure<daf::DualAttention<Map>>(table, gpu, images, "dual attention", 2, 3);
    measure_adam(table, gpu, images);
    measure_modules(gpu, images < 100 ? 1 : 200);
}
