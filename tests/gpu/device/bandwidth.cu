// What the kernels that stream maps reach of the device's memory bandwidth, as tables in Markdown: on maps of
// which more than a cache are given, and at the sizes that the preset paper has; then the time of the
// attention module and of the Triplet-Centre loss.
//   bandwidth [IMAGES]     of 6x6x512; 2048 by default. Few of them are for fibers: everything is run once
#include <cstdlib>
#include <daf/daf.cuh>

#include "../support/stand_in_runtime.hpp"
#include "measuring.hpp"

namespace {

using daf::Device;
using daf::Index;
using daf::Shape;
using daf::Wide;
using daf_test::Numbers;
using daf_test::Table;
using Map = Shape<6, 6, 512>;

constexpr daf::ConvolutionSize large_weight{12, 12, 512, 512, 3, 1};

template <class T>
constexpr const char* name_of = std::is_same_v<T, float> ? "float" : "bf16";

/// An operator with everything that it needs.
template <class Op, class T>
class Workplace {
  public:
    using In = typename Op::Input;
    using Out = typename Op::Output;
    using Number = Wide<T>;

    Workplace(daf::Gpu& gpu, Index count)
        : gpu_(gpu),
          count_(count),
          x_(gpu, count * In::size),
          dx_(gpu, count * In::size),
          y_(gpu, count * Out::size),
          dy_(gpu, count * Out::size),
          slab_(gpu, daf::parameter_count<Op>),
          gradients_(gpu, daf::gradient_count<Op>),
          saved_(gpu.allocate(daf::saved_bytes<Op, T>(count))),
          labels_(gpu.allocate(count * Index{sizeof(std::int32_t)})) {
        std::vector<std::int32_t> labels(static_cast<std::size_t>(count));
        for (Index n = 0; n < count; ++n)
            labels[static_cast<std::size_t>(n)] = static_cast<std::int32_t>(n % 7);
        gpu.copy_in(labels_.as<std::int32_t>(), labels.data(), count);
    }

    void forward() {
        daf::forward<daf::train>(gpu_, Op{}, x_.template batch<In>(), y_.template batch<Out>(), parameters(),
                                 saved(), side());
    }
    void backward() { backward_into(daf::overwrite(dx_.template batch<In>())); }
    void backward_of_parameters() { backward_into(daf::skip); }
    void update_centres() { daf::update_centres(gpu_, Op{}, parameters(), gradients(), 0.005); }

  private:
    template <class Into>
    void backward_into(const Into& into) {
        daf::backward(gpu_, Op{}, x_.template batch<In>(), y_.template batch<Out>(),
                      dy_.template batch<Out>(), into, parameters(), gradients(), saved(), side());
    }
    auto parameters() const { return daf::bind<Op>(slab_.slab()); }
    auto gradients() const { return daf::bind_gradients<Op>(gradients_.slab()); }
    auto saved() const { return daf::bind_saved<Op, T, Device>(saved_.data(), count_); }
    daf::SideInput<Device> side() const {
        daf::Draw draw;
        draw.step = &step_;
        return daf::SideInput<Device>(daf::Labels<Device>(labels_.as<std::int32_t>(), count_), draw);
    }

    daf::Gpu& gpu_;
    Index count_;
    std::uint32_t step_ = 1;
    Numbers<T> x_, dx_;
    Numbers<daf::OutputElement<Op, T>> y_, dy_;
    Numbers<Number> slab_, gradients_;
    daf::DeviceMemory saved_, labels_;
};

/// What conv_bn_relu runs behind its convolution, on maps S of its own, and with a pool behind it.
template <class S, class T>
class BehindConvolution {
    using Op = daf::ConvBnRelu<S, S::channels>;
    using Pool = daf::MaxPool<S>;
    using Number = Wide<T>;
    static constexpr Index channels = S::channels;

  public:
    BehindConvolution(daf::Gpu& gpu, Index count)
        : gpu_(gpu),
          count_(count),
          z_(gpu, count * S::size),
          y_(gpu, count * S::size),
          dy_(gpu, count * S::size),
          dz_(gpu, count * S::size),
          slab_(gpu, daf::parameter_count<Op>),
          gradients_(gpu, daf::gradient_count<Op>),
          saved_(gpu.allocate(daf::saved_bytes<Op, T>(count))),
          of_pool_(gpu.allocate(daf::saved_bytes<Pool, T>(count))) {
        gpu.copy(saved().z.data(), z_.data(), count * S::size);
        gpu.reserve(2 * daf::gpu::gradient_scratch_bytes<T>(size()));
    }

    void forward() {
        find_moments();
        typename daf::Kernel<Op, daf::Gpu>::template OutputRows<T>(parameters(), saved())
            .write_all(gpu_, y_.template batch<S>());
    }
    void forward_pooled() {
        find_moments();
        const daf::Deferred<Op, T, Device> map{daf::read_only<Op, Number, Device>(parameters()), saved(),
                                               count_};
        daf::forward<daf::train>(gpu_, Pool{}, map, pooled(y_), daf::Nothing{}, winners());
    }
    void backward() { backward_from(daf::gpu::slope_source<daf::Gpu>(dy_.template batch<S>())); }
    void backward_pooled() {
        const daf::DeferredGradient<Pool, T, Device> slopes{pooled(dy_), winners()};
        backward_from(daf::gpu::slope_source<daf::Gpu>(slopes));
    }

  private:
    daf::gpu::SumSize size() const { return {count_ * S::area, channels}; }
    auto parameters() const { return daf::bind<Op>(slab_.slab()); }
    auto saved() const { return daf::bind_saved<Op, T, Device>(saved_.data(), count_); }
    auto winners() const { return daf::bind_saved<Pool, T, Device>(of_pool_.data(), count_); }
    daf::Batch<typename Pool::Output, T, Device> pooled(const Numbers<T>& maps) const {
        return {maps.data(), count_};
    }
    void find_moments() {
        const auto p = parameters();
        const auto s = saved();
        using Bn = typename Op::Normalisation;
        daf::gpu::find_moments(
            gpu_, channels, static_cast<const T*>(s.z.data()),
            daf::gpu::KeepMoments<Number>{size().rows, Bn::eps, Bn::momentum, s.mean.data(),
                                          s.inverse_std.data(), p.running_mean.data(), p.running_var.data()});
    }
    template <class DY>
    void backward_from(const DY& dy) {
        const auto p = parameters();
        const auto d = daf::bind_gradients<Op>(gradients_.slab());
        const auto s = saved();
        auto frame = gpu_.scratch();
        const daf::gpu::NormalisationGradient<T, DY> gradient(
            gpu_, frame, size(), daf::gpu::Rectify::yes, s.z.data(), dy, s.mean.data(), s.inverse_std.data(),
            p.gamma.data(), p.beta.data(), d.gamma.data(), d.beta.data());
        gradient.apply(gpu_, {dz_.data(), false});
    }

    daf::Gpu& gpu_;
    Index count_;
    Numbers<T> z_, y_, dy_, dz_;
    Numbers<Number> slab_, gradients_;
    daf::DeviceMemory saved_, of_pool_;
};

template <class T, class S>
double bytes_of_maps(Index images) {
    return static_cast<double>(images * S::size * Index{sizeof(T)});
}

/// So many maps have to be read and written, forward and backward.
template <class T, class Op>
void measure(Table& table, daf::Gpu& gpu, Index images, const std::string& name, double forward_maps,
             double backward_maps) {
    Workplace<Op, T> place(gpu, images);
    const double map = bytes_of_maps<T, typename Op::Input>(images);
    table.row(name + ", forward", forward_maps * map, [&] { place.forward(); });
    table.row(name + ", backward", backward_maps * map, [&] { place.backward(); });
}

void measure_adam(Table& table, daf::Gpu& gpu, Index size) {
    const Numbers<float> p(gpu, size), g(gpu, size), m(gpu, size), v(gpu, size);
    gpu.zero(v.data(), size);  // no square is negative
    daf::UpdateCall<float> call;
    call.parameters = p.data();
    call.gradients = g.data();
    call.first_moment = m.data();
    call.second_moment = v.data();
    call.decayed = size;
    call.step = 1;
    table.row("Adam", 28 * static_cast<double>(size), [&] { daf::update(gpu, daf::Adam{}, call); });
}

template <class T>
void measure_operators(Table& table, daf::Gpu& gpu, Index images) {
    Table::head("kernel, " + std::to_string(images) + " maps of 6x6x512 in " + name_of<T>);
    table.row_of_copy("copy", 2 * bytes_of_maps<T, Map>(images));
    measure<T, daf::Relu<Map>>(table, gpu, images, "relu", 2, 3);
    measure<T, daf::Dropout<Map>>(table, gpu, images, "dropout", 2, 2);
    measure<T, daf::BatchNorm<Map>>(table, gpu, images, "batch norm", 3, 5);
    measure<T, daf::MaxPool<Map>>(table, gpu, images, "max pool", 1.25 + 0.25 / sizeof(T),
                                  1.25 + 0.25 / sizeof(T));
    measure<T, daf::ChannelAttention<Map>>(table, gpu, images, "channel attention", 2, 3);
    measure<T, daf::SpatialAttention<Map>>(table, gpu, images, "spatial attention", 2, 3);
    measure<T, daf::DualAttention<Map>>(table, gpu, images, "dual attention", 2, 3);
    if (std::is_same_v<T, float>) measure_adam(table, gpu, images * Map::size);
}

/// A pooled map has a quarter of the pixels, and a byte for each says which of four has won.
template <class T, class S>
void measure_behind_convolution(Table& table, daf::Gpu& gpu, Index batch, const std::string& of) {
    const double map = bytes_of_maps<T, S>(batch), pooled = 0.25 + 0.25 / sizeof(T);
    {
        BehindConvolution<S, T> place(gpu, batch);
        table.row("BN and ReLU behind a convolution" + of + ", forward", 3 * map, [&] { place.forward(); });
        table.row("BN and ReLU behind a convolution" + of + ", backward", 5 * map, [&] { place.backward(); });
        table.row("BN, ReLU and pool behind one" + of + ", forward", (2 + pooled) * map,
                  [&] { place.forward_pooled(); });
        table.row("BN, ReLU and pool behind one" + of + ", backward", (3 + 2 * pooled) * map,
                  [&] { place.backward_pooled(); });
    }
    measure<T, daf::BatchNorm<S>>(table, gpu, batch, "batch norm" + of, 3, 5);
}

/// The preset paper's own: its largest maps, those of the fourth block, its first layer and its largest
/// weight.
template <class T>
void measure_network(Table& table, daf::Gpu& gpu, Index batch) {
    using Large = Shape<96, 96, 64>;
    Table::head("the preset paper's, batch " + std::to_string(batch) + ", in " + name_of<T>);
    measure_behind_convolution<T, Large>(table, gpu, batch, ", 96x96x64");
    measure_behind_convolution<T, Shape<12, 12, 512>>(table, gpu, batch, ", 12x12x512");
    {
        Workplace<daf::Conv2d<Shape<96, 96, 1>, 64>, T> place(gpu, batch);
        const double maps = bytes_of_maps<T, Large>(batch) * 65 / 64;
        table.row("first layer, 96x96x1 to 64, forward", maps, [&] { place.forward(); });
        table.row("first layer, weight's gradient", maps, [&] { place.backward_of_parameters(); });
    }
    constexpr daf::ConvolutionSize size = large_weight;
    const Numbers<Wide<T>> weight(gpu, size.weights());
    const Numbers<T> turned(gpu, size.weights());
    const auto weights = static_cast<double>(size.weights());
    table.row("a weight of 3x3x512x512 turned", weights * (sizeof(Wide<T>) + sizeof(T)),
              [&] { daf::gpu::turn_weights<daf::Gpu, T>(gpu, size, weight.data(), nullptr, turned.data()); });
    table.row("its gradient turned back", weights * (2 * sizeof(Wide<T>) + sizeof(T)), [&] {
        daf::gpu::add_turned_gradient(gpu, size, static_cast<const T*>(turned.data()), weight.data());
    });
}

void measure_modules(Table& table, daf::Gpu& gpu) {
    constexpr Index batch = 128;
    std::printf("\n| batch %td | us |\n|---|---|\n", batch);
    Workplace<daf::DualAttention<Map>, float> attention(gpu, batch);
    std::printf("| attention module, forward and backward | %.1f |\n", table.time([&] {
        attention.forward();
        attention.backward();
    }));
    Workplace<daf::TripletCentreLoss<Shape<512>, 7>, float> loss(gpu, batch);
    std::printf("| Triplet-Centre loss of 512 features, with its centres | %.1f |\n", table.time([&] {
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
    const bool few = images < 100;
    const Index batch = few ? 1 : 128;
    daf::Gpu gpu;
    const double largest = std::max({28 * static_cast<double>(images * Map::size),
                                     5 * bytes_of_maps<float, Shape<96, 96, 64>>(batch),
                                     12 * static_cast<double>(large_weight.weights())});
    Table table(gpu, few ? daf_test::quick : daf_test::thorough, static_cast<Index>(largest));
    measure_operators<float>(table, gpu, images);
    measure_operators<daf::bf16>(table, gpu, images);
    measure_network<float>(table, gpu, batch);
    measure_network<daf::bf16>(table, gpu, batch);
    measure_modules(table, gpu);
}
