// A test of the tests: a kernel, right or with one fault, that the fibers and the sanitizers must catch.
//   usage: planted_faults FAULT     `none` for the right kernel
// Prints "caught: HOW" or "not caught". A sanitizer that catches the fault first ends the program with its
// own report.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <daf/core/random.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "../support/guarded.hpp"
#include "support/fiber_grid.hpp"

namespace {

using daf::Index;

enum class Fault {
    none,
    missing_barrier,       // reads what another warp may not have written
    divergent_barrier,     // some threads wait where the others never come
    divergent_shuffle,     // some lanes leave before their warp exchanges values
    past_the_output,       // writes one element too far
    past_the_input,        // reads one element too far
    past_shared,           // writes behind shared memory
    two_blocks_one_output  // neighbouring blocks write the same element
};
constexpr std::string_view names[] = {
    "none",           "missing_barrier", "divergent_barrier",    "divergent_shuffle", "past_the_output",
    "past_the_input", "past_shared",     "two_blocks_one_output"};

/// sums[row] = the sum of a row of `in`: a block a row.
struct RowSums {
    static constexpr unsigned threads = 128;
    struct Shared {
        double of_warp[threads / daf::gpu::warp_size];
    };

    const double* in;
    double* sums;
    Index width;
    Fault fault;

    template <daf::gpu::BlockContext B>
    void operator()(const B& block, Shared& shared) const {
        const Index warps = daf::gpu::warps_of(block), last_row = block.blocks() - 1;
        const bool too_far = fault == Fault::past_the_input && block.block() == last_row;
        double sum = 0;
        for (Index i = block.thread(); i < width + too_far; i += block.threads()) {
            sum += in[block.block() * width + i];
        }
        if (fault == Fault::divergent_shuffle && block.thread() == 7) return;
        sum = daf::gpu::warp_sum(block, sum);
        if (daf::gpu::lane_of(block) == 0) shared.of_warp[daf::gpu::warp_of(block)] = sum;
        if (fault == Fault::past_shared && block.thread() == 0) past(shared, warps);
        if (fault != Fault::missing_barrier) block.sync();
        if (fault == Fault::divergent_barrier && daf::gpu::warp_of(block) == 0) block.sync();
        if (block.thread() != 0) return;
        double total = 0;
        for (Index warp = 0; warp < warps; ++warp) total += shared.of_warp[warp];
        sums[block.block()] = total;
        if (fault == Fault::past_the_output && block.block() == last_row) sums[block.blocks()] = 0;
        if (fault == Fault::two_blocks_one_output && block.block() > 0) sums[block.block() - 1] = 0;
    }

  private:
    /// Through a pointer, which no compiler sees through.
    static void past(Shared& shared, Index index) {
        double* volatile of_warp = shared.of_warp;
        of_warp[index] = 0;
    }
};

/// How the fault shows; empty if it does not.
std::string caught(Fault fault) {
    constexpr Index rows = 9, width = 301;
    daf_test::Guarded<double> in(rows * width), sums(rows);
    daf::RandomSequence random(daf::Stream{daf::Seed{1}});
    for (Index i = 0; i < in.size(); ++i) in[i] = random.normal();
    std::vector<double> first;
    daf_test::FiberGrid grid;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        grid.seed(seed);
        sums.poison();
        try {
            grid.launch(rows, RowSums{in.data(), sums.data(), width, fault});
        } catch (const daf_test::KernelFault& found) {
            return std::string("the scheduler: ") + found.what();
        }
        if (!sums.edges_whole()) return "an element beside the output has changed";
        if (first.empty()) first = sums.copy();
        for (Index row = 0; row < rows; ++row) {
            if (std::isnan(sums[row])) return "shared memory was read before it was written";
            if (sums[row] != first[static_cast<std::size_t>(row)]) {
                return "the result depends on the order of threads or blocks";
            }
            double want = 0;
            for (Index i = 0; i < width; ++i) want += in[row * width + i];
            if (std::abs(sums[row] - want) > 1e-12 * static_cast<double>(width)) return "a sum is wrong";
        }
    }
    return "";
}

}  // namespace

int main(int count, char** arguments) {
    for (std::size_t i = 0; count == 2 && i < std::size(names); ++i) {
        if (names[i] != arguments[1]) continue;
        const std::string how = caught(static_cast<Fault>(i));
        std::puts(how.empty() ? "not caught" : ("caught: " + how).c_str());
        return 0;
    }
    std::fputs("usage: planted_faults FAULT, one of", stderr);
    for (const auto name : names) std::fprintf(stderr, " %s", name.data());
    std::fputs("\n", stderr);
    return 2;
}
