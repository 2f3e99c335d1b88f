#include "training/trained_with.hpp"

#include <daf/core/error.hpp>
#include <daf/io/checksum.hpp>
#include <span>

namespace daf_cnn {

std::string labels_checksum(const Splits& data) {
    daf::Checksum sum;
    for (const Dataset* split : {&data.train, &data.validation}) {
        const std::uint64_t size = split->size();
        sum.add(std::as_bytes(std::span(&size, 1)));
        sum.add(std::as_bytes(std::span(split->labels)));
    }
    return sum.hex();
}

void check_trained_with(const std::string& checkpoint, const daf::CheckpointInfo& info, const Splits& data,
                        const std::string& data_name, const std::string& remedy) {
    const std::string noted = info.note(labels_note);
    if (noted.empty() || noted == labels_checksum(data)) return;
    throw daf::MismatchError(checkpoint +
                             ": expected the images that it was trained with, found other labels or another "
                             "order in " +
                             data_name + ". " + remedy);
}

}  // namespace daf_cnn
