#include <CLI/CLI.hpp>
#include <charconv>
#include <daf/train/checkpoint.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "training/judging.hpp"
#include "training/trained_network.hpp"

namespace daf_cnn {

namespace {

/// Images at once; fixed, since the convolutions choose their algorithm by it and round accordingly.
constexpr Index eval_batch = 64;

struct Request {
    std::string weights;
    std::string data{generated_data};
    std::uint64_t data_seed = default_data_seed;
    std::string split = "val";
    std::optional<std::uint32_t> limit{};
    bool skip_bad = false;
    int threads = default_threads();
    std::string device = "cpu";
    std::string precision = "float";
    bool json = false;
    Given given;
};

Split split_of(const std::string& name) {
    return name == "train" ? Split::train : name == "val" ? Split::validation : Split::test;
}

nlohmann::ordered_json json_of(const Request& request, const daf::CheckpointInfo& info,
                               const Judgement& judgement, const LeftOut& left_out,
                               const FaceNetwork& network) {
    nlohmann::ordered_json confusion, recall;
    for (Index label = 0; label < class_count; ++label) {
        nlohmann::ordered_json row;
        for (Index prediction = 0; prediction < class_count; ++prediction) {
            row.push_back(judgement.confusion.count(label, prediction));
        }
        confusion.push_back(row);
        recall[std::string(expression_names[static_cast<std::size_t>(label)])] =
            judgement.confusion.recall(label);
    }
    return {{"weights", request.weights},
            {"architecture", info.architecture},
            {"epoch", info.epoch},
            {"data", request.data},
            {"split", request.split},
            {"images", judgement.confusion.total()},
            {"skipped", left_out.images},
            {"skipped_folders", left_out.folders},
            {"accuracy", judgement.accuracy()},
            {"recall", recall},
            {"confusion", confusion},
            {"softmax", judgement.softmax()},
            {"tc", judgement.tc()},
            {"active", judgement.active_fraction()},
            {"centre_norms", network.centre_norms()}};
}

void print(const daf::CheckpointInfo& info, const Dataset& data, const Judgement& judgement,
           const FaceNetwork& network) {
    std::cout << info.architecture << ", epoch " << info.epoch << ", on " << data.source << ", "
              << data.size() << " images\n"
              << confusion_text(judgement.confusion)
              << formatted("softmax loss %.4f  tc loss %.3f an image  active %.3f\ncentre norms",
                           judgement.softmax(), judgement.tc(), judgement.active_fraction());
    for (const double norm : network.centre_norms()) std::cout << formatted(" %.3f", norm);
    std::cout << "\naccuracy " << share_text(judgement.accuracy()) << '\n';
}

void evaluate(const Request& request) {
    if (request.weights.empty()) {
        throw BadUse(
            "--weights: expected a checkpoint, but was given none; add --weights DIR/best.safetensors");
    }
    TrainConfig data_alone;  // for the rules of its options about data, which eval shares
    data_alone.data = request.data;
    check_acts(data_alone, request.given);
    daf::Cpu cpu(daf::Threads{request.threads});
    daf::Safetensors checkpoint = daf::open_checkpoint(request.weights);
    const Split split = split_of(request.split);
    DataSource source{request.data, daf::Seed{request.data_seed}, request.limit, request.skip_bad};
    source.offers_skipping = true;
    Splits splits = load_data(cpu, source, origin_of(checkpoint).preset->side, {split});
    const TrainedNetwork trained =
        load_trained(cpu, std::move(checkpoint), {static_cast<Index>(splits[split].size()), eval_batch},
                     placement_of(request.device, request.precision));
    const Judgement judgement = trained.judge(splits[split], eval_batch);
    if (request.json) {
        std::cout << json_of(request, trained.info, judgement, splits[split].left_out, *trained.network)
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                  << '\n';
    } else {
        print(trained.info, splits[split], judgement, *trained.network);
    }
}

}  // namespace

Command add_eval(CLI::App& program) {
    CLI::App* app = program.add_subcommand("eval", "Say how well a trained network does on a split");
    const auto request = std::make_shared<Request>();
    Given& given = request->given;
    add_option(*app, checkpoint_option(), request->weights, given);
    add_option(*app, data_option(), request->data, given);
    add_option(*app, skip_bad_option(), request->skip_bad, given);
    add_option(*app, data_seed_option(), request->data_seed, given);
    add_option(*app, Option{"split", Choice{{"val", "test", "train"}}, "the images to judge on"},
               request->split, given);
    add_option(*app, limit_option("the first N images of the split"), request->limit, given);
    add_option(*app, threads_option(), request->threads, given);
    add_option(*app, device_option(), request->device, given);
    add_option(*app, precision_option(), request->precision, given);
    add_option(*app, Option{"json", AnyText{}, "print one JSON object"}, request->json, given);
    app->footer(
        "Examples:\n"
        "  daf-cnn eval --weights runs/first/best.safetensors --split test\n"
        "  daf-cnn eval --weights runs/fer/best.safetensors --data fer2013.csv --json");
    return [request] { evaluate(*request); };
}

}  // namespace daf_cnn
