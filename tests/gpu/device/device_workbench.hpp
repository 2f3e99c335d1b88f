#pragma once
// The workbench of an operator (support/workbench.hpp) on daf::Gpu: the numbers stand in host memory, where
// the suite reads and writes them, and go to the device and back with every pass. Edges are watched there
// too.
#include <algorithm>
#include <daf/core/host_context.hpp>
#include <daf/gpu/context.cuh>

#include "../../support/workbench.hpp"

namespace daf_test {

/// A buffer's place on the device, between two edges that nobody may touch.
template <class T>
class Mirror {
  public:
    Mirror(daf::Gpu& gpu, Guarded<T>& host)
        : gpu_(gpu),
          host_(host),
          memory_(gpu.allocate(host.size() * Index{sizeof(T)} + 2 * edge)),
          count_(host.size()) {
        daf::gpu::check_cuda(
            cudaMemsetAsync(memory_.data(), canary, static_cast<std::size_t>(memory_.size()), gpu.stream()),
            "cudaMemsetAsync");
    }

    T* data() const { return memory_.template as<T>(edge); }
    void push() const { gpu_.copy_in(data(), host_.data(), host_.size()); }
    void pull() const {
        const auto back = gpu_.download(daf::Batch<daf::Shape<1>, const T, daf::Device>(data(), count_));
        std::copy_n(back.data(), count_, host_.data());
    }
    bool edges_whole() const {
        const auto all = gpu_.download(
            daf::Batch<daf::Shape<1>, const std::byte, daf::Device>(memory_.data(), memory_.size()));
        const auto whole = [&](Index first) {
            return std::all_of(all.data() + first, all.data() + first + edge,
                               [](std::byte b) { return b == std::byte{canary}; });
        };
        return whole(0) && whole(memory_.size() - edge);
    }

  private:
    static constexpr Index edge = 256;
    static constexpr unsigned char canary = 0xA5;
    daf::Gpu& gpu_;
    Guarded<T>& host_;
    daf::DeviceMemory memory_;
    Index count_;
};

/// Where the host's side of these workbenches lives.
inline daf::HostContext& host_side() {
    static daf::HostContext context;
    return context;
}

template <class Op, class T>
struct Workbench<Op, T, daf::Gpu> : Workbench<Op, T, daf::HostContext> {
    using Base = Workbench<Op, T, daf::HostContext>;
    using In = typename Op::Input;
    using Out = typename Op::Output;
    using Number = typename Base::Number;
    using Result = typename Base::Result;

    Workbench(daf::Gpu& context, Op the_op, Index images, std::uint64_t seed)
        : Base(host_side(), the_op, images, seed),
          gpu(context),
          d_slab(context, Base::slab),
          d_gradients(context, Base::gradient_slab),
          d_saved(context, Base::saved_memory),
          d_x(context, Base::x),
          d_y(context, Base::y),
          d_dy(context, Base::dy),
          d_dx(context, Base::dx),
          d_labels(context, Base::labels) {}

    void poison_outputs() {
        Base::poison_outputs();
        poison_scratch();
    }
    void poison_scratch() {
        const Index all = daf::scratch_bytes<Op, T>(gpu, Base::count), bytes = all - daf::fence::bytes;
        if (all == 0) return;
        gpu.reserve(all);
        auto frame = gpu.scratch();
        auto* scratch = frame.template take<std::byte>(bytes);
        daf::gpu::check_cuda(cudaMemsetAsync(scratch, 0xFF, static_cast<std::size_t>(bytes), gpu.stream()),
                             "cudaMemsetAsync");
    }

    void forward_train() {
        on_device([&] {
            daf::forward<daf::train>(gpu, Base::op, x_on_device(), y_on_device(), parameters(), saved(),
                                     side());
        });
    }
    void forward_eval() {
        on_device([&] {
            daf::forward<daf::eval>(gpu, Base::op, x_on_device(), y_on_device(),
                                    daf::read_only<Op, Number, daf::Device>(parameters()), daf::Nothing{},
                                    side());
        });
    }
    void backward(daf::Skip) { backward_into(daf::skip); }
    void backward(daf::GradientInto<daf::Batch<In, T, daf::Host>> into) {
        const daf::Batch<In, T, daf::Device> to(d_dx.data(), Base::count);
        backward_into(daf::GradientInto<daf::Batch<In, T, daf::Device>>{to, into.write});
    }

    bool edges_whole() {
        return Base::edges_whole() && d_slab.edges_whole() && d_gradients.edges_whole() &&
               d_saved.edges_whole() && d_x.edges_whole() && d_y.edges_whole() && d_dy.edges_whole() &&
               d_dx.edges_whole() && d_labels.edges_whole();
    }

    daf::Gpu& gpu;

  private:
    template <class Pass>
    void on_device(const Pass& pass) {
        for_each_mirror([](const auto& mirror) { mirror.push(); });
        pass();
        for_each_mirror([](const auto& mirror) { mirror.pull(); });
    }
    template <class Visit>
    void for_each_mirror(const Visit& visit) {
        visit(d_slab), visit(d_gradients), visit(d_saved), visit(d_x), visit(d_y), visit(d_dy), visit(d_dx);
        visit(d_labels);
    }
    template <class Into>
    void backward_into(Into into) {
        on_device([&] {
            daf::backward(gpu, Base::op, x_on_device(), y_on_device(),
                          daf::Batch<Out, Result, daf::Device>(d_dy.data(), Base::count), into, parameters(),
                          gradients(), saved(), side());
        });
    }

    daf::DeviceSlab<Number> slab_of(const Mirror<Number>& mirror, Index size) const {
        return {mirror.data(), static_cast<std::size_t>(size)};
    }
    auto parameters() const { return daf::bind<Op>(slab_of(d_slab, daf::parameter_count<Op>)); }
    auto gradients() const { return daf::bind_gradients<Op>(slab_of(d_gradients, daf::gradient_count<Op>)); }
    auto saved() const { return daf::bind_saved<Op, T, daf::Device>(d_saved.data(), Base::count); }
    daf::SideInput<daf::Device> side() const {
        daf::Draw draw;
        draw.seed = daf::Seed{5};
        draw.step = &this->step;
        draw.layer = 3;
        draw.first_sample = 10;
        return daf::SideInput<daf::Device>(daf::Labels<daf::Device>(d_labels.data(), Base::count), draw);
    }
    daf::Batch<In, T, daf::Device> x_on_device() const { return {d_x.data(), Base::count}; }
    daf::Batch<Out, Result, daf::Device> y_on_device() const { return {d_y.data(), Base::count}; }

    Mirror<Number> d_slab, d_gradients;
    Mirror<std::byte> d_saved;
    Mirror<T> d_x;
    Mirror<Result> d_y, d_dy;
    Mirror<T> d_dx;
    Mirror<std::int32_t> d_labels;
};

}  // namespace daf_test
