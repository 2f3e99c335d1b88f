// The project keeps the rules of source_rules.hpp, and each rule finds a violation that is planted.
#include "source_rules.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using daf_test::broken_rules;
using daf_test::broken_rules_in_tree;
using Found = std::vector<std::string>;

TEST_CASE("the project keeps its rules") {
    const Found found = broken_rules_in_tree(DAF_SOURCE_DIR);
    for (const std::string& line : found) MESSAGE(line);
    CHECK(found.empty());
}

TEST_CASE("includes go downwards") {
    const auto include = [](const std::string& header, const std::string& target) {
        return broken_rules("include/daf/" + header, "#pragma once\n#include <" + target + ">\n");
    };
    CHECK(include("core/x.hpp", "daf/core/y.hpp").empty());
    CHECK(include("ops/x.hpp", "daf/core/y.hpp").empty());
    CHECK(include("cpu/x.hpp", "daf/ops/x.hpp").empty());
    CHECK(include("gpu/x.hpp", "daf/ops/x.hpp").empty());
    CHECK(include("io/x.hpp", "daf/core/y.hpp").empty());
    CHECK(include("train/x.hpp", "daf/io/y.hpp").empty());
    CHECK_FALSE(include("net/x.hpp", "daf/io/y.hpp").empty());
    CHECK(include("train/x.hpp", "daf/net/y.hpp").empty());
    CHECK(include("daf.hpp", "daf/cpu/y.hpp").empty());

    CHECK(include("core/x.hpp", "daf/ops/y.hpp") ==
          Found{"include/daf/core/x.hpp:2: core/ must not include <daf/ops/y.hpp>"});
    CHECK(include("ops/x.hpp", "daf/cpu/x.hpp").size() == 1);
    CHECK(include("ops/x.hpp", "daf/daf.hpp").size() == 1);
    CHECK(include("reference/x.hpp", "daf/cpu/x.hpp").size() == 1);
    CHECK(include("cpu/x.hpp", "daf/reference/x.hpp").size() == 1);
    CHECK(include("cpu/x.hpp", "daf/net/x.hpp").size() == 1);
    CHECK(include("cpu/x.hpp", "daf/gpu/x.hpp").size() == 1);
    CHECK(include("gpu/x.hpp", "daf/cpu/x.hpp").size() == 1);
    CHECK(include("net/x.hpp", "daf/cpu/x.hpp").size() == 1);
    CHECK(include("net/x.hpp", "daf/train/x.hpp").size() == 1);
    CHECK(include("train/x.hpp", "daf/reference/x.hpp").size() == 1);
    CHECK(include("io/x.hpp", "daf/ops/x.hpp").size() == 1);
    CHECK(include("else/x.hpp", "daf/core/x.hpp").size() == 1);
}

TEST_CASE("the program's includes go downwards too") {
    const auto include = [](const std::string& source, const std::string& target) {
        return broken_rules("examples/daf_cnn/" + source, "\n#include \"" + target + "\"\n");
    };
    CHECK(include("main.cpp", "command/x.hpp").empty());
    CHECK(include("command/x.cpp", "report/x.hpp").empty());
    CHECK(include("report/x.cpp", "training/x.hpp").empty());
    CHECK(include("training/x.cpp", "data/x.hpp").empty());
    CHECK(include("data/x.cpp", "base/x.hpp").empty());
    CHECK(include("data/x.cpp", "command/x.hpp") ==
          Found{"examples/daf_cnn/data/x.cpp:2: data/ must not include \"command/x.hpp\""});
    CHECK(include("training/x.hpp", "command/x.hpp").size() == 1);
    CHECK(include("training/x.cpp", "report/x.hpp").size() == 1);
    CHECK(include("report/x.cpp", "command/x.hpp").size() == 1);
    CHECK(include("data/x.cpp", "network/x.hpp").size() == 1);
    CHECK(include("network/x.cu", "data/x.hpp").size() == 1);
    CHECK(include("faces/x.cpp", "data/x.hpp").size() == 1);
    CHECK(include("base/x.hpp", "faces/x.hpp").size() == 1);
    CHECK(include("processor/x.cpp", "base/x.hpp").size() == 1);
    CHECK(include("else/x.cpp", "base/x.hpp").size() == 1);
    CHECK(include("data/x.cpp", "x.hpp").size() == 1);
    CHECK(broken_rules("examples/daf_cnn/data/x.cpp", "#include <vector>\n").empty());
}

TEST_CASE("headers include by their full name") {
    CHECK(broken_rules("include/daf/core/x.hpp", "#include \"y.hpp\"\n").size() == 1);
    CHECK(broken_rules("include/daf/core/x.hpp", "  #  include \"daf/ops/y.hpp\"\n").size() == 1);
    CHECK(broken_rules("tests/x_test.cpp", "#include \"support/y.hpp\"\n").empty());
}

TEST_CASE("third parties stay where they belong") {
    CHECK(broken_rules("include/daf/cpu/x.hpp", "#include <Eigen/Core>\n").empty());
    CHECK(broken_rules("include/daf/io/x.hpp", "#include <sys/stat.h>\n#include <vector>\n").empty());
    CHECK(broken_rules("include/daf/net/x.hpp", "#include <Eigen/Core>\n") ==
          Found{"include/daf/net/x.hpp:1: Eigen belongs to cpu/ alone"});
    CHECK(broken_rules("include/daf/daf.hpp", "#include <Eigen/Core>\n").size() == 1);
    CHECK(broken_rules("include/daf/io/x.hpp", "#include <nlohmann/json.hpp>\n").size() == 1);

    CHECK(broken_rules("include/daf/cpu/packet.hpp", "using Eigen::internal::pload;\n").empty());
    CHECK(broken_rules("include/daf/cpu/winograd.hpp", "\nusing Eigen::internal::pload;\n") ==
          Found{"include/daf/cpu/winograd.hpp:2: Eigen::internal appears in cpu/packet.hpp alone"});
}

TEST_CASE("CUDA stays where it belongs") {
    const std::string runtime = "#include <cuda_runtime.h>\n", kernel = "__global__ void run();\n";
    CHECK(broken_rules("include/daf/gpu/x.cuh", runtime + kernel).empty());
    CHECK(broken_rules("include/daf/daf.cuh", "#include <daf/gpu/x.cuh>\n").empty());
    CHECK(broken_rules("include/daf/gpu/x.hpp", runtime) ==
          Found{"include/daf/gpu/x.hpp:1: CUDA belongs to the .cuh headers of gpu/ alone"});
    CHECK(broken_rules("include/daf/core/x.cuh", runtime).size() == 1);
    CHECK(broken_rules("include/daf/gpu/x.hpp", "#include <daf/gpu/y.cuh>\n") ==
          Found{"include/daf/gpu/x.hpp:1: a .hpp must not include <daf/gpu/y.cuh>: it needs nvcc"});
    CHECK(broken_rules("include/daf/gpu/x.hpp", "\n" + kernel) ==
          Found{"include/daf/gpu/x.hpp:2: CUDA's words belong to the .cuh headers of gpu/"});
    CHECK(broken_rules("include/daf/gpu/x.cuh", "#include <Eigen/Core>\n").size() == 1);
    CHECK(broken_rules("include/daf/gpu/x.cuh", "#include <daf/cpu/x.hpp>\n").size() == 1);
}

TEST_CASE("what nvcc reads has no Eigen in it, in programs and tests either") {
    const auto include = [](const std::string& path, const std::string& target) {
        return broken_rules(path, "\n#include <" + target + ">\n");
    };
    for (const char* path : {"tests/gpu/x.cu", "examples/daf_cnn/network/x.cuh", "include/daf/x.cuh"}) {
        const std::string found = std::string(path) + ":2: ";
        CHECK(include(path, "daf/daf.cuh").empty());
        CHECK(include(path, "daf/net/learner.hpp").empty());
        CHECK(include(path, "daf/cpu/x.hpp") == Found{found + "nvcc must not read <daf/cpu/x.hpp>: Eigen"});
        CHECK(include(path, "daf/daf.hpp") == Found{found + "nvcc must not read <daf/daf.hpp>: Eigen"});
        CHECK(include(path, "Eigen/Core").size() == 1);
        CHECK(include(path, "unsupported/Eigen/FFT").size() == 1);
    }
    CHECK(broken_rules("tests/gpu/x.cu", "#include \"daf/cpu/x.hpp\"\n").size() == 1);
    CHECK(include("tests/gpu/x_test.cpp", "daf/daf.hpp").empty());
}

TEST_CASE("sources stay short") {
    const auto lines = [](std::size_t count) { return std::string(count, '\n'); };
    CHECK(broken_rules("tests/x_test.cpp", lines(400)).empty());
    CHECK(broken_rules("tests/x_test.cpp", lines(401)) ==
          Found{"tests/x_test.cpp:401: the file has more than 400 lines"});
    CHECK(broken_rules("include/daf/core/x.hpp", lines(401)).size() == 1);
    CHECK(broken_rules("include/daf/gpu/x.cuh", lines(401)).size() == 1);
    CHECK(broken_rules("tests/gpu/x.cu", lines(401)).size() == 1);
    CHECK(broken_rules("docs/x.md", lines(401)).empty());
}

TEST_CASE("examples are shorter still") {
    const auto lines = [](std::size_t count) { return std::string(count, '\n'); };
    CHECK(broken_rules("examples/x.cpp", lines(79)).empty());
    CHECK(broken_rules("examples/x.cpp", lines(80)) ==
          Found{"examples/x.cpp:80: an example has fewer than 80 lines"});
    CHECK(broken_rules("examples/daf_cnn/main.cpp", lines(80)).empty());
}

TEST_CASE("nothing is left open") {
    const std::string to_do = std::string("TO") + "DO";
    const std::string fix_me = std::string("FIX") + "ME";
    CHECK(broken_rules("cmake/x.cmake", "# " + to_do + ": later\n").size() == 1);
    CHECK(broken_rules("docs/x.md", "a\n" + fix_me + "\n") ==
          Found{"docs/x.md:2: left open: finish it or file an issue"});
    CHECK(broken_rules("docs/x.md", "MAS" + to_do + "NTIC\n").empty());
}

TEST_CASE("the whole tree is read") {
    namespace fs = std::filesystem;
    const fs::path root = fs::temp_directory_path() / "daf_source_rules_test";
    fs::remove_all(root);
    const auto plant = [&](const std::string& path, const std::string& text) {
        fs::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text;
    };
    plant("include/daf/core/x.hpp", "#include <daf/cpu/y.hpp>\n");
    plant("include/daf/ops/x.hpp", "#include <Eigen/Core>\n");
    plant("build/include/daf/core/x.hpp", "#include <daf/cpu/y.hpp>\n");
    plant(".git/x.cpp", std::string("TO") + "DO\n");
    plant(".ci/run", std::string("TO") + "DO\n");
    CHECK(broken_rules_in_tree(root) ==
          Found{".ci/run:1: left open: finish it or file an issue",
                "include/daf/core/x.hpp:1: core/ must not include <daf/cpu/y.hpp>",
                "include/daf/ops/x.hpp:1: Eigen belongs to cpu/ alone"});
    fs::remove_all(root);
}
