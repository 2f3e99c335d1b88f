#include "planned.hpp"

#include "../../support/scratch_folder.hpp"

namespace {

using namespace daf::gpu::cudnn;
using daf::CudnnChoice;
using daf::CudnnError;
using daf::Index;
using daf::gpu::ConvolutionTask;
using daf::gpu::Pass;
using daf_test::contains;
using daf_test::message_of;

constexpr daf::ConvolutionSize layer{24, 24, 64, 64, 3, 1};

ConvolutionTask task_of(Pass pass) {
    return {"conv2d", pass, layer, 32};
}

}  // namespace

TEST_CASE("floats are multiplied as floats, unless TF32 is asked for") {
    const auto target = daf_test::device("sm_90");
    for (const Pass pass : {Pass::forward, Pass::forward_bias_relu, Pass::data_gradient}) {
        const Plan exact = plan_of(target, task_of(pass), CUDNN_DATA_FLOAT, {});
        CHECK_FALSE(exact.engine.says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
        const Plan rounded = plan_of(target, task_of(pass), CUDNN_DATA_FLOAT, {.tf32 = true});
        CHECK(rounded.engine.says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    }
    const Plan half = plan_of(target, task_of(Pass::forward), CUDNN_DATA_BFLOAT16, {});
    CHECK(half.engine.says(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
}

TEST_CASE("a device's properties are read as they were given") {
    for (const char* name : {"sm_80", "sm_90", "sm_100"}) {
        const std::string given = daf_test::device_properties(name);
        const auto read = Descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
                              .set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::string_view(given))
                              .finalised("device properties");
        CHECK(nlohmann::json::parse(daf_test::text_of(read)) == nlohmann::json::parse(given));
    }
}

TEST_CASE("engines that differ from run to run are taken only where they are allowed") {
    const auto target = daf_test::device("sm_90");
    const auto weight_gradient = task_of(Pass::weight_gradient);
    CHECK(plan_of(target, weight_gradient, CUDNN_DATA_FLOAT, {.deterministic = false})
              .engine.says(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    CHECK_FALSE(plan_of(target, weight_gradient, CUDNN_DATA_FLOAT, {})
                    .engine.says(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
}

TEST_CASE(
    "engines that add up in fewer bits are never taken, those that round floats only where that is allowed") {
    auto engine = plan_of(daf_test::device("sm_90"), task_of(Pass::forward), CUDNN_DATA_FLOAT, {}).engine;
    CHECK(engine.allowed({}, CUDNN_DATA_FLOAT));
    engine.notes = {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION};
    CHECK_FALSE(engine.allowed({.tf32 = true, .deterministic = false}, CUDNN_DATA_FLOAT));
    CHECK_FALSE(engine.allowed({.deterministic = false}, CUDNN_DATA_BFLOAT16));
    engine.notes = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
    CHECK_FALSE(engine.allowed({}, CUDNN_DATA_FLOAT));
    CHECK(engine.allowed({.tf32 = true}, CUDNN_DATA_FLOAT));
    CHECK(engine.allowed({}, CUDNN_DATA_BFLOAT16));
}

TEST_CASE(
    "statistics along with a convolution: in bf16 there are engines, for floats as they are there is none") {
    for (const char* device : {"sm_80", "sm_90", "sm_100"}) {
        INFO(device);
        const auto target = daf_test::device(device);
        const auto task = task_of(Pass::forward_statistics);
        CHECK(plan_of(target, task, CUDNN_DATA_BFLOAT16, {}).engine.allowed({}, CUDNN_DATA_BFLOAT16));
        CHECK(contains(message_of<CudnnError>([&] { plan_of(target, task, CUDNN_DATA_FLOAT, {}); }),
                       "conv2d: forward with statistics of a 3x3 convolution of (24,24,64) to (24,24,64), "
                       "batch 32, float: no engine fits"));
    }
}

TEST_CASE("a convolution's factors are of the type that it adds in") {
    const auto of_forward = [](cudnnDataType_t type) {
        return std::move(pass_graph(Pass::forward, layer, 1, type)[0]);
    };
    constexpr auto alpha = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                   beta = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA;
    for (const auto type : {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16}) {
        CHECK(of_forward(type).value<float>(alpha) == 1);
        CHECK(of_forward(type).value<float>(beta) == 0);
    }
    CHECK(of_forward(CUDNN_DATA_DOUBLE).value<double>(alpha) == 1);
    CHECK(of_forward(CUDNN_DATA_DOUBLE).value<double>(beta) == 0);
    CHECK(pass_graph(Pass::data_gradient, layer, 1, CUDNN_DATA_FLOAT)[0].value<float>(
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA) == 1);
    CHECK(pass_graph(Pass::weight_gradient, layer, 1, CUDNN_DATA_FLOAT)[0].value<float>(
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA) == 1);
}

TEST_CASE("no engine takes more workspace than allowed") {
    const auto target = daf_test::device("sm_90");
    const Plan free = plan_of(target, task_of(Pass::forward), CUDNN_DATA_FLOAT, {});
    REQUIRE(free.workspace > 0);
    const Plan capped =
        plan_of(target, task_of(Pass::forward), CUDNN_DATA_FLOAT, {.most_workspace = free.workspace - 1});
    CHECK(capped.workspace < free.workspace);
}

TEST_CASE("a plan says how many that cuDNN ranks before it were passed over, and for which rule") {
    const auto target = daf_test::device("sm_90");
    const auto rank = [&](const Plan& plan, Pass pass) {
        const auto graph = target.graph(pass_graph(pass, layer, 32, CUDNN_DATA_FLOAT));
        Index place = 0;
        for (const auto& configuration : target.configurations(graph, CUDNN_HEUR_MODE_A)) {
            if (Engine(configuration).number == plan.engine.number) break;
            ++place;
        }
        return place;
    };
    const auto plan_for = [&](Pass pass, const CudnnChoice& choice) {
        return plan_of(target, task_of(pass), CUDNN_DATA_FLOAT, choice);
    };
    const CudnnChoice anything{.tf32 = true, .deterministic = false};
    CHECK(plan_for(Pass::weight_gradient, anything).passed_over.all() == 0);
    const Plan exact = plan_for(Pass::weight_gradient, {});
    CHECK(exact.passed_over.varying > 0);
    CHECK(exact.passed_over.inexact > 0);
    CHECK(exact.passed_over.all() == rank(exact, Pass::weight_gradient));
    CHECK(plan_for(Pass::weight_gradient, {.tf32 = true}).passed_over.inexact == 0);
    const Plan free = plan_for(Pass::forward, {});
    const Plan capped = plan_for(Pass::forward, {.most_workspace = free.workspace - 1});
    CHECK(free.passed_over.too_large == 0);
    CHECK(capped.passed_over.too_large > 0);
    CHECK(capped.passed_over.inexact >= free.passed_over.inexact);
}

TEST_CASE("what cuDNN refuses is a CudnnError that names the operator, the shapes and cuDNN's status") {
    const auto target = daf_test::device("sm_90");
    const std::string empty = message_of<CudnnError>([&] {
        plan_of(target, {"linear", Pass::data_gradient, layer, 0}, CUDNN_DATA_FLOAT, {});
    });
    CHECK(contains(empty,
                   "linear: data gradient of a 3x3 convolution of (24,24,64) to (24,24,64), batch 0, "
                   "float: cuDNN: convolution's data gradient: CUDNN_STATUS_BAD_PARAM"));

    const auto convolution = same_convolution(layer, CUDNN_DATA_FLOAT);
    const ConvolutionExtents e(layer, 32);
    const auto operation = [&](const Extents& w, const Extents& y) {
        forward_operation(convolution, tensor(1, e.x, CUDNN_DATA_FLOAT), tensor(2, w, CUDNN_DATA_FLOAT),
                          tensor(3, y, CUDNN_DATA_FLOAT));
    };
    operation(e.w, e.y);
    const char* refused = "cuDNN: convolution forward: CUDNN_STATUS_BAD_PARAM";
    CHECK(contains(message_of<CudnnError>([&] { operation(e.w, {32, 64, 25, 24}); }), refused));
    CHECK(contains(message_of<CudnnError>([&] { operation({64, 63, 3, 3}, e.y); }), refused));
    CHECK(contains(message_of<CudnnError>([] { Target(std::string_view("{")); }),
                   "cuDNN: device properties: CUDNN_STATUS_"));
    // Another engine must not take the place of one that lacked memory alone.
    CHECK_THROWS_AS(check(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, "a plan"),
                    daf::CudnnMemoryError);
}

TEST_CASE("operands of different types have no engine, and the message says so") {
    const auto target = daf_test::device("sm_90");
    const ConvolutionExtents e(layer, 32);
    const auto mixed = [&](cudnnDataType_t x, cudnnDataType_t w, cudnnDataType_t y) {
        return message_of<CudnnError>([&] {
            make_plan(target,
                      operations(forward_operation(same_convolution(layer, CUDNN_DATA_FLOAT),
                                                   tensor(1, e.x, x), tensor(2, e.w, w), tensor(3, e.y, y))),
                      CUDNN_DATA_FLOAT, {.tf32 = true, .deterministic = false});
        });
    };
    const char* none = "no engine fits: cuDNN offers 0,";
    CHECK(contains(mixed(CUDNN_DATA_BFLOAT16, CUDNN_DATA_DOUBLE, CUDNN_DATA_BFLOAT16), none));
    CHECK(contains(mixed(CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT), none));
}

TEST_CASE("pointers go to the tensors that the graph has for them") {
    float x[4] = {}, w[4] = {}, y[4] = {}, bias[4] = {};
    const daf::gpu::ConvolutionTask task{"conv2d", Pass::forward_bias_relu, {1, 1, 1, 1, 1, 1}, 1};
    const Binding binding = binding_of<float>(task, {x, w, y, bias});
    CHECK(binding.ids == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(binding.pointers == std::vector<void*>{x, w, y, bias});
    CHECK(binding_of<float>({"conv2d", Pass::forward, task.size, 1}, {x, w, y}).ids.size() == 3);
    float sums[1] = {}, squares[1] = {};
    const Binding statistics = binding_of<float>({"conv2d", Pass::forward_statistics, task.size, 1},
                                                 {x, w, y, nullptr, sums, squares});
    CHECK(statistics.ids == std::vector<std::int64_t>{1, 2, 3, 5, 6});
    CHECK(statistics.pointers == std::vector<void*>{x, w, y, sums, squares});
}

TEST_CASE(
    "a plan takes for granted what a map's address is checked for, and an error has the operator's words") {
    for (const daf::Index floats : {1, 2, 3, 4, 6, 8}) {
        const Extents extents{5, floats, 1, 1};
        CHECK(extents.alignment(CUDNN_DATA_FLOAT) == daf::gpu::map_alignment(4 * floats));
    }
    alignas(16) float memory[8] = {};
    const auto lies = [&](daf::Index at, daf::Index image) {
        return message_of<daf::ArgumentError>(
            [&] { daf::gpu::check_alignment("linear", "dx", memory + at, image); });
    };
    CHECK(lies(1, 4) == "linear: dx must lie at a multiple of 16 bytes: give it memory of its own");
    CHECK(lies(1, 2) == "linear: dx must lie at a multiple of 8 bytes: give it memory of its own");
    CHECK(lies(0, 4).empty());
    CHECK(lies(4, 4).empty());
    CHECK(lies(1, 3).empty());  // images of three floats follow each other at multiples of four bytes

    const daf::gpu::ConvolutionTask task{"linear", Pass::data_gradient, {1, 1, 4, 8, 1, 1}, 2, "forward"};
    CHECK(described(task, CUDNN_DATA_FLOAT) ==
          "linear: forward of a 1x1 convolution of (1,1,4) to (1,1,8), batch 2, float");
}
