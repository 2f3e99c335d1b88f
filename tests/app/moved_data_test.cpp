// A run whose data has moved to another place since.
#include <doctest/doctest.h>

#include "runs.hpp"

namespace fs = std::filesystem;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::Outcome;
using daf_test::resume;
using daf_test::ScratchFolder;

TEST_CASE("a run whose data has moved is gone on with and reported on where it is told the new place") {
    const ScratchFolder folder;
    const fs::path run = folder / "run", before = folder / "faces.csv", after = folder / "elsewhere.csv";
    REQUIRE(daf_cnn({"faces", "--csv", before, "--limit", "28"}).status == 0);
    REQUIRE(daf_cnn({"train", "--run", run, "--data", before, "--batch", "14", "--epochs", "1"}).status == 0);
    fs::rename(before, after);

    Outcome outcome = daf_cnn({"report", "--run", run});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "cannot open " + before.string()));
    CHECK(is_one_clear_line(daf_cnn({"report", "--run", run, "--data", "null"}).err, "null: No such file"));
    CHECK(is_one_clear_line(
        outcome.err, "It is named in " + (run / "config.json").string() + "; --data says where it is now."));
    outcome = daf_cnn({"report", "--run", run, "--data", after});
    CAPTURE(outcome.err);
    CHECK(outcome.status == 0);

    CHECK(resume(run, {"--epochs", "2"}).status == 1);
    outcome = resume(run, {"--epochs", "2", "--data", after});
    CAPTURE(outcome.err);
    REQUIRE(outcome.status == 0);
    CHECK(daf_test::metrics_of(run).size() == 2);
    CHECK(daf_cnn({"report", "--run", run}).status == 0);  // the run remembers the new place

    // Other images are no new place of the same ones.
    REQUIRE(daf_cnn({"faces", "--csv", before, "--limit", "35"}).status == 0);
    CHECK(resume(run, {"--epochs", "3", "--data", before}).status != 0);
    const std::string page = daf_test::content_of(run / "report.html");
    outcome = daf_cnn({"report", "--run", run, "--data", before});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, (run / "best.safetensors").string() +
                                             ": expected the images that it was trained with, found other "
                                             "labels or another order in " +
                                             before.string() +
                                             ". Give the place of the run's own images by --data."));
    CHECK((daf_test::content_of(run / "report.html") == page));
    fs::rename(before, after);
    outcome = daf_cnn({"report", "--run", run});
    CHECK(outcome.status == 1);
    CHECK(is_one_clear_line(outcome.err, "Restore them, or say by --data where they are now."));
}
