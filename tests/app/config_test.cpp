// Options and config.json: what follows from what, and that a configuration is read back as it was written.
#include <doctest/doctest.h>

#include <daf/core/error.hpp>
#include <nlohmann/json.hpp>

#include "run_program.hpp"
#include "training/train_config.hpp"

namespace {

using daf_cnn::BadUse;
using daf_cnn::complete;
using daf_cnn::Given;
using daf_cnn::repeated;
using daf_cnn::TrainConfig;
using daf_test::contains;
using daf_test::message_of;
using daf_test::ScratchFolder;

std::vector<std::string> texts_of(const TrainConfig& config) {
    std::vector<std::string> texts;
    daf_cnn::for_each_option(config, [&](const daf_cnn::Option& option, const auto& value) {
        texts.push_back(std::string(option.name) + "=" + daf_cnn::text_of(value));
    });
    return texts;
}

}  // namespace

TEST_CASE("config: a recipe sets the paper's figures, and what is given beats it") {
    TrainConfig config;
    config.recipe = "sfew";
    complete(config, {"recipe"});
    CHECK(config.batch == 32);
    CHECK(config.margin == 13);
    CHECK(config.lambda == 0.013);

    config.margin = 2;
    config.batch = 8;
    complete(config, {"recipe", "margin", "batch"});
    CHECK(config.margin == 2);
    CHECK(config.batch == 8);
    CHECK(config.lambda == 0.013);

    config.recipe = "fer2013";
    complete(config, {});
    CHECK(config.batch == 128);
    CHECK(config.margin == 11);
    CHECK(config.lambda == 0.007);
}

TEST_CASE("config: recipe and augmentation follow from the data, unless they are given") {
    const ScratchFolder folder;
    TrainConfig config;
    complete(config, {});
    CHECK(config.recipe == "fer2013");
    CHECK(config.augment == "off");
    CHECK_FALSE(config.augmentation().acts());
    config.data = folder / "faces.csv";
    complete(config, {"data"});
    CHECK(config.recipe == "fer2013");
    CHECK(config.augment == "on");
    config.data = folder.path();
    complete(config, {"data"});
    CHECK(config.recipe == "sfew");
    CHECK(config.batch == 32);
    config.recipe = "fer2013";
    config.augment = "off";
    complete(config, {"data", "recipe", "augment"});
    CHECK(config.batch == 128);
    CHECK(config.augment == "off");
}

TEST_CASE("config: the design's augmentation, each kind of change by its option") {
    TrainConfig config;
    const auto standard = config.augmentation();
    CHECK(standard.flip);
    CHECK(standard.rotate == 10);
    CHECK(standard.zoom == 0.2);
    CHECK(standard.shift == 0.1);
    CHECK(standard.light == 0.2);
    config.flip = "off";
    config.rotate = 1;
    config.zoom = 0.02;
    config.shift = 0.03;
    config.light = 0.04;
    const auto other = config.augmentation();
    CHECK_FALSE(other.flip);
    CHECK(other.rotate == 1);
    CHECK(other.zoom == 0.02);
    CHECK(other.shift == 0.03);
    CHECK(other.light == 0.04);
}

TEST_CASE("config: rates follow the optimizer, the floor follows the rate") {
    TrainConfig config;
    config.optimizer = "sgd";
    complete(config, {"optimizer"});
    CHECK(config.lr == 1e-2);
    CHECK(config.lr_floor == 1e-5);
    config.lr = 1e-7;
    complete(config, {"lr"});
    CHECK(config.lr_floor == 1e-7);
    config.lr_floor = 1e-6;
    CHECK_THROWS_AS(complete(config, Given{"lr", "lr-floor"}), BadUse);
}

TEST_CASE("config: network and schedule hold the options' figures") {
    TrainConfig config;
    config.attention = "none";
    config.centre_update = "gradient";
    config.tc_reduction = "mean";
    config.optimizer = "sgd";
    config.lr = 0.5;
    config.momentum = 0.25;
    config.weight_decay = 0.125;
    config.lambda = 2;
    config.alpha = 3;
    config.margin = 4;
    config.dropout = 0.75;
    config.lr_floor = 0.1;
    config.lr_factor = 0.3;
    config.patience = 5;
    config.threshold = 0.01;
    config.batch = 6;
    config.seed = 7;
    const auto settings = config.network_settings();
    CHECK(settings.attention == daf_cnn::Attention::none);
    CHECK(settings.centre_update == daf::CentreUpdate::exact_gradient);
    CHECK(settings.objective.metric_reduction == daf::Reduction::mean);
    CHECK(settings.objective.lambda == 2);
    CHECK(settings.objective.centre_rate == 3);
    CHECK(settings.margin == 4);
    CHECK(settings.dropout == 0.75);
    CHECK(settings.largest_batch == 6);
    CHECK(settings.seed.value == 7);
    const auto& sgd = std::get<daf::Sgd>(settings.optimizer);
    CHECK(sgd.learning_rate == 0.5);
    CHECK(sgd.momentum == 0.25);
    CHECK(sgd.weight_decay == 0.125);
    CHECK(sgd.nesterov);
    const auto schedule = config.schedule();
    CHECK(schedule.rate == 0.5);
    CHECK(schedule.rule.floor == 0.1);
    CHECK(schedule.rule.factor == 0.3);
    CHECK(schedule.rule.patience == 5);
    CHECK(schedule.rule.threshold == 0.01);
}

TEST_CASE("config: the threads that a machine has are threads that its configuration may name") {
    CHECK(daf_cnn::default_threads() >= 1);
    CHECK(daf_cnn::default_threads() <= daf_cnn::most_threads);
    const ScratchFolder folder;
    TrainConfig config;
    config.threads = daf_cnn::most_threads;
    daf_cnn::write_config(folder / "config.json", config);
    CHECK(daf_cnn::read_config(folder / "config.json").threads == config.threads);
}

TEST_CASE("config: what is written is read back, to the last bit") {
    const ScratchFolder folder;
    TrainConfig config;
    config.preset = "half";
    config.data = "/data/\"odd\" name.csv";
    config.limit = 5;
    config.seed = 9007199254740991;
    config.lr = 0.1 + 0.2;
    config.lambda = 1e-300;
    config.keep_epochs = true;
    daf_cnn::write_config(folder / "config.json", config);
    CHECK(texts_of(daf_cnn::read_config(folder / "config.json")) == texts_of(config));
    config.limit.reset();
    daf_cnn::write_config(folder / "config.json", config);
    CHECK(texts_of(daf_cnn::read_config(folder / "config.json")) == texts_of(config));
}

TEST_CASE(
    "config: a resumed run may change where its data lies, epochs, threads, device, precision and how often "
    "it "
    "saves alone") {
    TrainConfig stored, now;
    stored.lr = 0.02;
    now.epochs = 99;
    now.threads = 3;
    now.lr = 0.5;  // its default for all that the command line said
    const TrainConfig config = daf_cnn::resumed(stored, now, {"epochs", "threads"});
    CHECK(config.epochs == 99);
    CHECK(config.threads == 3);
    CHECK(config.lr == 0.02);
    CHECK(message_of<BadUse>([&] { daf_cnn::resumed(stored, now, {"lr"}); }) ==
          "--lr: this run was started with '0.02', which --resume cannot change to '0.5'; start a new run "
          "for that");
    // Every other option is refused.
    daf_cnn::for_each_option(now, [&](const daf_cnn::Option& option, auto&) {
        CHECK(option.free_on_resume == (option.name == "epochs" || option.name == "threads" ||
                                        option.name == "device" || option.name == "precision" ||
                                        option.name == "save-every" || option.name == "data"));
    });
}

TEST_CASE("config: entries that older files lack have the value of the runs that wrote them") {
    const ScratchFolder folder;
    TrainConfig config;
    config.objective = "tc";
    config.first_centres = "means";
    config.device = "gpu";
    config.precision = "bf16";
    daf_cnn::write_config(folder / "config.json", config);
    auto json = nlohmann::ordered_json::parse(daf_test::content_of(folder / "config.json"));
    const auto read = [&] { return daf_cnn::read_config(folder.file("config.json", json.dump())); };
    for (const char* young : {"objective", "weights", "first-centres", "skip-bad", "augment", "flip",
                              "rotate", "zoom", "shift", "light", "save-every", "device", "precision"})
        json.erase(young);
    CHECK(read().objective == "joint");
    CHECK(read().first_centres == "checkpoint");
    CHECK(read().device == "cpu");
    CHECK(read().precision == "float");
    CHECK_FALSE(read().weights);
    CHECK_FALSE(read().augmentation().acts());

    json.erase("margin");  // as old as the file itself
    CHECK(contains(message_of<daf::FormatError>(read),
                   "config.json: 'margin': expected an entry of that name"));
    json["margin"] = 11;
    json["marign"] = 11;
    CHECK(contains(message_of<daf::FormatError>(read),
                   "config.json: 'marign': expected the options of daf-cnn"));
}

TEST_CASE("config: a path is stored as the file that it names, with no end of its own") {
    namespace fs = std::filesystem;
    const daf_test::ScratchFolder folder;
    fs::create_directories(folder / "far/faces");
    fs::create_directory_symlink(folder / "far/faces", folder / "link");
    const auto stored = [&](const fs::path& data) {
        TrainConfig config;
        config.data = data.string();
        daf_cnn::make_paths_absolute(config);
        return fs::path(config.data);
    };
    CHECK(stored(folder / "link/../fer.csv") == fs::canonical(folder / "far") / "fer.csv");
    CHECK(stored(folder / "link/.") == folder / "link");
    CHECK(stored(folder / "link/") == folder / "link");
    CHECK(stored("faces") == fs::current_path() / "faces");
    CHECK(stored("/") == "/");
}

TEST_CASE("config: a repeated run takes the file's values, except what is given and the threads") {
    TrainConfig stored, now;
    stored.epochs = 7;
    stored.threads = 5;
    stored.lr = 0.02;
    stored.margin = 4;
    stored.data = "/some/faces.csv";
    now.threads = 3;
    now.margin = 9;
    now.optimizer = "sgd";
    TrainConfig config = repeated(stored, now, {});
    CHECK(config.epochs == 7);
    CHECK(config.threads == 3);
    CHECK(config.lr == 0.02);
    CHECK(config.margin == 4);
    CHECK(config.data == "/some/faces.csv");
    config = repeated(stored, now, {"margin", "optimizer"});
    CHECK(config.margin == 9);
    CHECK(config.optimizer == "sgd");
    CHECK(config.lr == 0.02);  // not sgd's 0.01

    now.recipe = "sfew";
    CHECK(contains(message_of<BadUse>([&] { repeated(stored, now, {"recipe"}); }),
                   "--recipe: it stands for --batch, --margin and --lambda"));
    now.recipe = stored.recipe;
    CHECK(message_of<BadUse>([&] { repeated(stored, now, {"recipe"}); }).empty());
    CHECK(contains(message_of<BadUse>([&] { repeated(stored, now, {"momentum"}); }),
                   "--momentum: it acts only"));
    now.lr_floor = 0.5;
    CHECK(contains(message_of<BadUse>([&] { repeated(stored, now, {"lr-floor"}); }),
                   "--lr-floor: expected at most --lr, which is 0.02"));
}
