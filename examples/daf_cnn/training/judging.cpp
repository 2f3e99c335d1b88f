#include "training/judging.hpp"

#include <cmath>

#include "base/text.hpp"
#include "data/data.hpp"

namespace daf_cnn {

Judgement judge_split(FaceNetwork& network, const Dataset& data, Index batch, const AfterBatch& after_batch) {
    Judgement judgement;
    for_each_batch(data, network.side(), batch, [&](const BatchBuffer& images) {
        network.judge(images.images(), images.labels(), judgement);
        if (after_batch) after_batch(judgement, images.images());
    });
    return judgement;
}

std::string confusion_text(const daf::ConfusionMatrix& confusion) {
    std::string text = "true \\ predicted";
    for (const std::string_view name : expression_names) text += formatted(" %8s", std::string(name).c_str());
    text += "   recall\n";
    for (Index label = 0; label < confusion.classes(); ++label) {
        text += formatted("%-16s", std::string(expression_names[static_cast<std::size_t>(label)]).c_str());
        for (Index prediction = 0; prediction < confusion.classes(); ++prediction) {
            text += formatted(" %8lld", static_cast<long long>(confusion.count(label, prediction)));
        }
        text += formatted("   %6s\n", share_text(confusion.recall(label)).c_str());
    }
    return text;
}

std::string share_text(double share) {
    return std::isnan(share) ? "-" : formatted("%.4f", share);
}

}  // namespace daf_cnn
