#pragma once
#include <optional>
#include <string>

namespace daf {

/// What becomes of a file's tensors that the network does not have. They did something where the file was
/// written (the bias of a convolution, say), so without them the network may give other results: refused, a
/// MismatchError, unless it is known that nothing is lost (the centres of a metric loss that a network in use
/// has no need of). Batch counts (NAME.num_batches_tracked) and the optimizer's moments stand beside
/// parameters and are never extra.
enum class Extra { refused, ignored };

/// How a network's parameters are sought in a file.
struct ReadOptions {
    Extra extra = Extra::refused;
    /// What stands before the numbers of a Sequence's layers there, "trunk." in the file of a Network whose
    /// trunk it is; unless given, nothing, and for load_trunk and read_trunk "trunk.". Named layers have it
    /// not. Extra is then only what begins with it or as one of the Sequence's layers does: named layers that
    /// the Sequence lacks cannot be told from the head's, and are left out.
    std::optional<std::string> prefix{};
};

}  // namespace daf
