#pragma once
// The gradient by a bias: dbias[c] += the sum of dy's rows, in double.
#include <daf/core/scratch.hpp>
#include <daf/cpu/context.hpp>

namespace daf::cpu {

/// Of batches of so many images, each of `rows` rows of `features` elements. Chunks of images have sums of
/// their own, which are joined in their order.
struct BiasGradient {
    Index images, rows, features;

    Index scratch() const { return chunks() * scratch_size<double>(features); }

    template <class T>
    void add(Cpu& ctx, ScratchFrame& frame, const T* dy, T* dbias) const {
        const auto sums = frame.take_pieces<double>(chunks(), features);
        ctx.parallel(chunks(), [&](Index chunk) {
            double* sum = sums[chunk];
            std::fill_n(sum, features, 0.0);
            const auto [first, last] = part_of(images, chunks(), chunk);
            const T* end = dy + last * rows * features;
            for (const T* row = dy + first * rows * features; row < end; row += features) {
                for (Index c = 0; c < features; ++c) sum[c] += static_cast<double>(row[c]);
            }
        });
        for (Index chunk = 1; chunk < chunks(); ++chunk) {
            for (Index c = 0; c < features; ++c) sums[0][c] += sums[chunk][c];
        }
        for (Index c = 0; c < features; ++c) dbias[c] += static_cast<T>(sums[0][c]);
    }

  private:
    Index chunks() const { return chunks_for(images, rows * features); }
};

}  // namespace daf::cpu
