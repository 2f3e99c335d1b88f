#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/median.hpp"
#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "processor/instruction_sets.hpp"

namespace daf_cnn {

namespace {

struct Request {
    std::string preset = "lite";
    std::string mode = "train";
    int batch = 32;
    int threads = default_threads();
    std::string device = "cpu";
    std::string precision = "float";
    bool json = false;
    Given given;
};

BenchMode mode_of(const std::string& name) {
    if (name == "train") return BenchMode::train;
    if (name == "infer") return BenchMode::infer;
    if (name == "attention") return BenchMode::attention;
    return name == "tc" ? BenchMode::tc : BenchMode::tc_1000;
}

/// Milliseconds of each iteration: after two to warm up, for four seconds or 400 iterations, five at least.
std::vector<double> timed(const std::function<void()>& iteration) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::seconds duration{4};
    constexpr std::size_t least = 5, most = 400;
    iteration();
    iteration();
    std::vector<double> ms;
    const auto end = Clock::now() + duration;
    while (ms.size() < least || (Clock::now() < end && ms.size() < most)) {
        const auto start = Clock::now();
        iteration();
        ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return ms;
}

void bench(const Request& request) {
    const Placement placement = placement_of(request.device, request.precision);
    const bool on_cpu = placement.device == Device::cpu;
    if (!on_cpu && request.given.contains("threads")) {
        throw BadUse("--threads: what a GPU does takes no time of the processor's threads; leave it out");
    }
    daf::Cpu cpu(daf::Threads{request.threads});
    const auto iteration =
        preset_named(request.preset).make_bench(placement, cpu, mode_of(request.mode), request.batch);
    const std::vector<double> ms = timed(iteration);
    if (request.json) {
        nlohmann::ordered_json json{
            {"mode", request.mode}, {"preset", request.preset}, {"batch", request.batch}};
        if (on_cpu) json["threads"] = request.threads;
        json["device"] = request.device;
        json["precision"] = request.precision;
        if (on_cpu) json["instruction_sets"] = instruction_sets();
        json["ms"] = ms;
        std::cout << json.dump() << '\n';
    } else {
        const std::string where =
            on_cpu ? counted(request.threads, "thread", "threads") : "one GPU, " + request.precision;
        const auto [fastest, slowest] = std::minmax_element(ms.begin(), ms.end());
        std::cout << formatted("%s %s, batch %d, %s: median %.3f ms of %zu iterations (%.3f to %.3f)\n",
                               request.mode.c_str(), request.preset.c_str(), request.batch, where.c_str(),
                               median(ms), ms.size(), *fastest, *slowest);
        if (on_cpu) std::cout << "instruction sets: " << instruction_sets() << '\n';
    }
}

}  // namespace

Command add_bench(CLI::App& program) {
    CLI::App* app =
        program.add_subcommand("bench", "Time a network, its attention or the Triplet-Centre loss");
    const auto request = std::make_shared<Request>();
    Given& given = request->given;
    add_option(*app, preset_option(), request->preset, given);
    add_option(
        *app,
        Option{
            "mode", Choice{{"train", "infer", "attention", "tc", "tc-1000"}},
            "a training step; images to logits; the attention's forward and backward; the loss's, with its "
            "7 classes or with 1,000"},
        request->mode, given);
    add_option(*app, Option{"batch", Interval{1, 65536}, "images an iteration"}, request->batch, given);
    add_option(*app, threads_option("threads of the processor, with --device cpu"), request->threads, given);
    add_option(*app, device_option(), request->device, given);
    add_option(*app, precision_option(), request->precision, given);
    add_option(*app, Option{"json", AnyText{}, "print one JSON object with every iteration's time"},
               request->json, given);
    app->footer(
        "Example:\n"
        "  daf-cnn bench --preset paper --batch 32 --mode infer");
    return [request] { bench(*request); };
}

}  // namespace daf_cnn
