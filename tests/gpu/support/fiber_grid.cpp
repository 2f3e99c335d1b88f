// Compiled without ThreadSanitizer (CMakeLists.txt): it would take the scheduler's turns for the kernels'
// doing, and its record of calls does not follow a switch of stacks in the middle of a function.
#include "fiber_grid.hpp"

#include <algorithm>
#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "sanitizers.hpp"

namespace daf_test {

namespace {

constexpr std::size_t stack_bytes = 64 * 1024;
#if defined(DAF_TEST_ASAN)
constexpr std::size_t guard_bytes = 0;  // it has better ones
#else
constexpr std::size_t guard_bytes = 64;
#endif
constexpr std::byte guard{0xA5};

enum class State { ready, at_barrier, in_shuffle, finished };

struct Abandoned {};  // unwinds a fiber whose block is given up

void fill_order(std::vector<Index>& order, Index size) {
    order.resize(static_cast<std::size_t>(size));
    std::iota(order.begin(), order.end(), Index{0});
}

}  // namespace

/// One thread of a block. It outlives the block: it is handed the next one.
struct Fiber {
    Fiber(FiberScheduler& of, Index number) : scheduler(of), thread(number) {}

    FiberScheduler& scheduler;
    Index thread;
    boost::context::fiber context{};
    sanitizer::Stack stack{};
    State state = State::finished;
    unsigned shuffle_mask = 0;
    Index barriers = 0, shuffles = 0;  // that it has come to in this block
    std::array<std::uint64_t, 2> posted{};
};

class FiberScheduler {
  public:
    FiberScheduler() = default;
    FiberScheduler(const FiberScheduler&) = delete;
    FiberScheduler& operator=(const FiberScheduler&) = delete;
    ~FiberScheduler() { end_all(); }

    void seed(std::uint64_t value) { random_.seed(value); }
    void run(Index blocks, const KernelBody& body);

    // Called on a fiber.
    void sync(Fiber& fiber);
    std::uint64_t exchange(Fiber& fiber, std::uint64_t word, unsigned mask);

  private:
    /// The fibers of one block. Two sets take turns, so that to ThreadSanitizer neighbouring blocks are
    /// unordered.
    struct Set {
        std::vector<std::unique_ptr<Fiber>> fibers;
        std::array<char, 2> barrier_tokens{};
    };

    void run_block(Index block);
    void poison_shared();
    void take_turns();
    bool release_warps();
    bool release_barrier();
    std::string who_waits() const;

    void add_fiber(Set& set);
    void resume(Fiber& fiber);
    void end_all();

    // On a fiber.
    void live(Fiber& fiber);
    void run_kernel(Fiber& fiber);
    void yield(Fiber& fiber);

    /// The fibers of the block that runs.
    auto begin() const { return current_->fibers.begin(); }
    auto end() const { return begin() + body_.threads; }

    std::mt19937_64 random_;
    std::array<Set, 2> sets_;
    Set* current_ = &sets_[0];
    KernelBody body_{};
    Index block_ = 0, blocks_ = 0;
    std::unique_ptr<std::byte[]> shared_;
    std::size_t shared_capacity_ = 0;
    std::vector<Index> fiber_order_, block_order_;

    boost::context::fiber own_context_;  // the scheduler's, while a fiber runs
    sanitizer::Stack own_stack_;
    std::exception_ptr failure_;
    bool giving_up_ = false;
    char launch_token_ = 0, end_token_ = 0;
};

// ---- The scheduler, on the caller's stack ----------------------------------------------------------------

void FiberScheduler::run(Index blocks, const KernelBody& body) {
    if (blocks < 1) throw KernelFault("a launch of " + std::to_string(blocks) + " blocks: CUDA refuses it");
    {
        const sanitizer::Unseen own_accesses;
        sanitizer::note_current(own_stack_);
        sanitizer::publish(launch_token_);  // what the host wrote before the launch, its threads see
        body_ = body;
        blocks_ = blocks;
        fill_order(block_order_, blocks);
        std::shuffle(block_order_.begin(), block_order_.end(), random_);
        try {
            for (const Index block : block_order_) run_block(block);
        } catch (...) {
            end_all();
            sanitizer::observe(end_token_);
            throw;
        }
    }
    sanitizer::observe(end_token_);
}

void FiberScheduler::run_block(Index block) {
    block_ = block;
    current_ = current_ == &sets_[0] ? &sets_[1] : &sets_[0];
    while (static_cast<Index>(current_->fibers.size()) < body_.threads) add_fiber(*current_);
    poison_shared();
    std::for_each(begin(), end(), [](const auto& fiber) {
        fiber->state = State::ready;
        fiber->barriers = fiber->shuffles = 0;
    });
    take_turns();
    const std::byte* behind = shared_.get() + body_.shared_bytes;
    if (!std::all_of(behind, behind + guard_bytes, [](std::byte b) { return b == guard; })) {
        throw KernelFault("block " + std::to_string(block) + " wrote behind its shared memory");
    }
}

/// NaNs, and behind them bytes that must stay. For the sanitizers it is allocated anew for every block, so
/// that they see its end and take nothing over from the block before.
void FiberScheduler::poison_shared() {
#if defined(DAF_TEST_ASAN) || defined(DAF_TEST_TSAN)
    shared_capacity_ = 0;
#endif
    const std::size_t bytes = body_.shared_bytes;
    if (shared_capacity_ < bytes + guard_bytes) {
        shared_capacity_ = bytes + guard_bytes;
        shared_.reset(new std::byte[shared_capacity_]);
    }
    std::memset(shared_.get(), 0xFF, bytes);
    std::fill_n(shared_.get() + bytes, guard_bytes, guard);
}

void FiberScheduler::take_turns() {
    fill_order(fiber_order_, body_.threads);
    for (;;) {
        std::shuffle(fiber_order_.begin(), fiber_order_.end(), random_);
        for (const Index i : fiber_order_) {
            Fiber& fiber = *begin()[i];
            if (fiber.state == State::ready) resume(fiber);
            if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        }
        const bool warps = release_warps(), barrier = release_barrier();
        if (warps || barrier) continue;
        if (std::all_of(begin(), end(), [](const auto& f) { return f->state == State::finished; })) return;
        throw KernelFault(who_waits());
    }
}

bool FiberScheduler::release_warps() {
    bool released = false;
    for (auto warp = begin(); warp != end(); warp += daf::gpu::warp_size) {
        const auto warp_end = warp + daf::gpu::warp_size;
        if (!std::all_of(warp, warp_end, [](const auto& f) { return f->state == State::in_shuffle; })) {
            continue;
        }
        if (!std::all_of(warp, warp_end, [&](const auto& f) {
                return f->shuffle_mask == (*warp)->shuffle_mask && f->shuffles == (*warp)->shuffles;
            })) {
            throw KernelFault("the lanes of a warp meet in different shuffles");
        }
        std::for_each(warp, warp_end, [](const auto& f) { f->state = State::ready; });
        released = true;
    }
    return released;
}

bool FiberScheduler::release_barrier() {
    if (!std::all_of(begin(), end(), [](const auto& f) { return f->state == State::at_barrier; }))
        return false;
    std::for_each(begin(), end(), [](const auto& f) { f->state = State::ready; });
    return true;
}

std::string FiberScheduler::who_waits() const {
    const auto number = [&](State state) {
        return std::to_string(
            std::count_if(begin(), end(), [=](const auto& f) { return f->state == state; }));
    };
    return "block " + std::to_string(block_) + " cannot go on: " + number(State::at_barrier) +
           " threads wait at sync(), " + number(State::in_shuffle) + " in a shuffle, and " +
           number(State::finished) + " have returned";
}

void FiberScheduler::add_fiber(Set& set) {
    set.fibers.push_back(std::make_unique<Fiber>(*this, static_cast<Index>(set.fibers.size())));
    Fiber& fiber = *set.fibers.back();
    boost::context::protected_fixedsize_stack stacks(stack_bytes);
    const boost::context::stack_context memory = stacks.allocate();
    fiber.stack.bottom = static_cast<std::byte*>(memory.sp) - memory.size;
    fiber.stack.size = memory.size;
    sanitizer::make_fiber(fiber.stack);
    fiber.context = boost::context::fiber(std::allocator_arg,
                                          boost::context::preallocated(memory.sp, memory.size, memory),
                                          stacks, [this, &fiber](boost::context::fiber&& caller) {
                                              own_context_ = std::move(caller);
                                              sanitizer::arrive(fiber.stack, own_stack_);
                                              live(fiber);
                                              sanitizer::leave(fiber.stack, own_stack_, true);
                                              return std::move(own_context_);
                                          });
}

void FiberScheduler::resume(Fiber& fiber) {
    sanitizer::leave(own_stack_, fiber.stack);
    fiber.context = std::move(fiber.context).resume();
    sanitizer::Stack known = fiber.stack;  // nothing to learn about where it lies
    sanitizer::arrive(own_stack_, known);
}

void FiberScheduler::end_all() {
    giving_up_ = true;
    for (Set& set : sets_) {
        for (const auto& fiber : set.fibers) {
            resume(*fiber);
            sanitizer::end_fiber(fiber->stack);
        }
        set.fibers.clear();
    }
    giving_up_ = false;
}

// ---- On a fiber ------------------------------------------------------------------------------------------

void FiberScheduler::live(Fiber& fiber) {
    try {
        while (!giving_up_) {
            run_kernel(fiber);
            fiber.state = State::finished;
            yield(fiber);
        }
    } catch (const Abandoned&) {
    }
}

void FiberScheduler::run_kernel(Fiber& fiber) {
    const FiberBlock block(fiber, fiber.thread, body_.threads, block_, blocks_);
    try {
        sanitizer::observe(launch_token_);
        body_.run(body_.kernel, block, shared_.get());
        sanitizer::publish(end_token_);
    } catch (const Abandoned&) {
        sanitizer::publish(end_token_);
        throw;
    } catch (...) {
        failure_ = std::current_exception();
    }
}

void FiberScheduler::yield(Fiber& fiber) {
    sanitizer::leave(fiber.stack, own_stack_);
    own_context_ = std::move(own_context_).resume();
    sanitizer::arrive(fiber.stack, own_stack_);
    if (giving_up_) throw Abandoned{};
}

void FiberScheduler::sync(Fiber& fiber) {
    // Two tokens take turns: a thread that has passed this barrier and come to the next one publishes there.
    char& token = current_->barrier_tokens[static_cast<std::size_t>(fiber.barriers++ % 2)];
    sanitizer::publish(token);
    fiber.state = State::at_barrier;
    yield(fiber);
    sanitizer::observe(token);
}

std::uint64_t FiberScheduler::exchange(Fiber& fiber, std::uint64_t word, unsigned mask) {
    // Two places take turns: a lane posts its next word while others still read this one.
    const auto turn = static_cast<std::size_t>(fiber.shuffles++ % 2);
    fiber.posted[turn] = word;
    fiber.shuffle_mask = mask;
    fiber.state = State::in_shuffle;
    yield(fiber);
    return begin()[fiber.thread ^ static_cast<Index>(mask)]->posted[turn];
}

void FiberBlock::sync() const {
    fiber_->scheduler.sync(*fiber_);
}
std::uint64_t FiberBlock::exchange(std::uint64_t word, unsigned mask) const {
    return fiber_->scheduler.exchange(*fiber_, word, mask);
}

FiberGrid::FiberGrid() : scheduler_(std::make_unique<FiberScheduler>()) {}
FiberGrid::~FiberGrid() = default;

void FiberGrid::seed(std::uint64_t value) {
    scheduler_->seed(value);
}

void FiberGrid::run(Index blocks, const KernelBody& body) {
    scheduler_->run(blocks, body);
}

}  // namespace daf_test
