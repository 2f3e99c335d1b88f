// Training that is stopped by a signal, killed, or told by nobody to go on: what is saved, and that --resume
// goes on from there to the same bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/option.hpp"
#include "runs.hpp"
#include "training/run.hpp"
#include "training/stop.hpp"

namespace {

using daf_test::check_same_run;
using daf_test::contains;
using daf_test::content_of;
using daf_test::daf_cnn;
using daf_test::is_one_clear_line;
using daf_test::message_of;
using daf_test::Outcome;
using daf_test::resume;
using daf_test::run_command;
using daf_test::RunningProgram;
using daf_test::ScratchFolder;
using daf_test::wait_until;
using daf_test::with;
using Texts = std::vector<std::string>;
namespace fs = std::filesystem;

/// Epochs of eight batches, saved after every one.
const Texts eight_batches{"--limit", "128", "--batch", "16", "--save-every", "0.0000001"};
/// A batch that takes long.
const Texts long_batches{"--limit", "1024", "--batch", "1024", "--threads", "1"};

Texts command(const fs::path& run, const Texts& more) {
    return with({DAF_CNN_PROGRAM, "train", "--run", run}, more);
}

/// A run that learns at this moment: it has said where it starts from.
void wait_for_training(const RunningProgram& program) {
    wait_until([&] { return contains(program.out_so_far(), "\nrun: ") && program.handles(SIGTERM); });
}

/// A run that has saved the middle of its first epoch.
void wait_for_first_save(const RunningProgram&, const fs::path& run) {
    wait_until([&] { return fs::exists(run / "last.safetensors"); });
}

std::size_t temporaries_in(const fs::path& run) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(run)) count += entry.path().extension() == ".tmp";
    return count;
}

}  // namespace

TEST_CASE("stop: a signal in the middle of an epoch saves it, and --resume goes on to the same bits") {
    const ScratchFolder folder;
    const Texts options = with(eight_batches, {"--epochs", "2", "--patience", "1", "--threshold", "1"});
    REQUIRE(run_command(command(folder / "whole", options)).status == 0);
    const auto run = folder / "a run";
    struct Signal {
        int number;
        std::string name;
    };
    bool within_an_epoch = false;
    bool anew = true;
    for (const Signal& signal : {Signal{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}}) {
        RunningProgram program(anew ? command(run, options) : command(run, {"--resume"}));
        if (std::exchange(anew, false)) {
            wait_for_first_save(program, run);
        } else {
            wait_for_training(program);
        }
        program.send(signal.number);
        const Outcome outcome = program.wait();
        CAPTURE(outcome.err);
        REQUIRE(outcome.status == 130);
        CHECK(is_one_clear_line(outcome.err, "daf-cnn: stopped by " + signal.name + " in epoch 1, "));
        CHECK(contains(outcome.err, ": saved in " + run.string() + "; go on with: daf-cnn train --run '" +
                                        run.string() + "' --resume\n"));
        const auto last = daf::read_safetensors(run / "last.safetensors");
        CHECK(last.metadata("epoch") == "0");
        within_an_epoch = within_an_epoch || last.metadata("note.unfinished.steps") != "8";
        CHECK(temporaries_in(run) == 0);
    }
    CHECK(within_an_epoch);
    const Outcome resumed = resume(run);
    CHECK(contains(resumed.out, ", after "));
    CHECK(contains(resumed.out, " batch"));
    REQUIRE(resumed.status == 0);
    check_same_run(folder / "whole", run);
}

TEST_CASE("stop: saves within an epoch change nothing, and 0 makes none") {
    const ScratchFolder folder;
    const Texts options{"--limit", "64", "--batch", "32", "--epochs", "1", "--save-every"};
    REQUIRE(run_command(command(folder / "often", with(options, {"0.0000001"}))).status == 0);
    REQUIRE(run_command(command(folder / "never", with(options, {"0"}))).status == 0);
    check_same_run(folder / "often", folder / "never");
    // A disk that takes no checkpoint shows how many are tried: one a batch, training and validating, and the
    // epoch's.
    const auto on_a_full_disk = [&](const std::string& run, const char* minutes) {
        return run_command(with({"sh", "-c", "ulimit -f 8192; exec \"$0\" \"$@\""},
                                command(folder / run, with(options, {minutes}))));
    };
    const Outcome often = on_a_full_disk("full 1", "0.0000001");
    CHECK(often.status == 1);
    CHECK(is_one_clear_line(often.err, "best.safetensors: File too large"));
    std::size_t tries = 0;
    const std::string words = "not saved, training goes on: cannot write ";
    for (auto at = often.out.find(words); at != std::string::npos; at = often.out.find(words, at + 1))
        ++tries;
    CHECK(tries == 4);
    const Outcome never = on_a_full_disk("full 2", "0");
    CHECK(never.status == 1);
    CHECK_FALSE(contains(never.out, words));
}

TEST_CASE("stop: a second signal ends it at once, its echo does not") {
    const ScratchFolder folder;
    SUBCASE("a second one while the batch is running") {
        RunningProgram program(command(folder / "run", long_batches));
        wait_for_training(program);
        program.send(SIGINT);
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        program.send(SIGINT);
        const Outcome outcome = program.wait();
        CHECK(outcome.signal == SIGINT);  // a shell says 130
        CHECK_FALSE(fs::exists(folder / "run/last.safetensors"));
    }
    SUBCASE("the same one twice, as timeout sends it") {
        RunningProgram program(command(folder / "run", with(long_batches, {"--epochs", "1"})));
        wait_for_training(program);
        program.send(SIGTERM);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        program.send(SIGTERM);
        const Outcome outcome = program.wait();
        CHECK(outcome.status == 130);
        CHECK(is_one_clear_line(outcome.err, "stopped by SIGTERM in epoch 1, batch 1 of 1: saved in"));
        CHECK(fs::exists(folder / "run/last.safetensors"));
    }
}

TEST_CASE("stop: before training has begun it ends at once and leaves nothing") {
    const ScratchFolder folder;
    RunningProgram program(command(folder / "run", {"--limit", "200000", "--threads", "1"}));
    wait_until([&] { return program.handles(SIGTERM); });
    program.send(SIGTERM);
    const Outcome outcome = program.wait();
    CHECK(outcome.status == 130);
    CHECK(is_one_clear_line(outcome.err, "stopped by SIGTERM"));
    CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("stop: signals that were ignored stay ignored") {
    const ScratchFolder folder;
    RunningProgram program(with({"sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""},
                                command(folder / "run", with(eight_batches, {"--epochs", "1"}))));
    wait_for_training(program);
    CHECK_FALSE(program.handles(SIGHUP));
    program.send(SIGHUP);
    CHECK(program.wait().status == 0);
}

TEST_CASE("stop: a run that is killed at any moment goes on to the same bits") {
    const ScratchFolder folder;
    const Texts options = with(eight_batches, {"--epochs", "2", "--patience", "1", "--threshold", "1"});
    REQUIRE(run_command(command(folder / "whole", options)).status == 0);
    const auto run = folder / "killed";
    std::mt19937 random(7);
    std::uniform_int_distribution<int> moment(0, 250);
    for (int kill = 0; kill < 4; ++kill) {
        const bool begun = fs::exists(run / "config.json");
        RunningProgram program(begun ? command(run, {"--resume"}) : command(run, options));
        wait_for_training(program);
        std::this_thread::sleep_for(std::chrono::milliseconds(moment(random)));
        program.send(SIGKILL);
        program.wait();
    }
    folder.file("killed/last.safetensors.1-0.tmp", "what a writer left that was killed");
    folder.file("killed/mine.tmp", "a user's own file");
    REQUIRE(resume(run).status == 0);
    check_same_run(folder / "whole", run);
    CHECK(temporaries_in(run) == 1);
    CHECK(fs::exists(run / "mine.tmp"));
}

TEST_CASE("stop: what a checkpoint says of an unfinished epoch is checked") {
    const ScratchFolder folder;
    RunningProgram program(command(folder / "run", with(eight_batches, {"--epochs", "1"})));
    wait_for_first_save(program, folder / "run");
    program.send(SIGINT);
    REQUIRE(program.wait().status == 130);
    const auto last = daf::read_safetensors(folder / "run/last.safetensors");
    const auto refused_with = [&](const std::string& steps, const std::string& part) {
        daf::Metadata metadata = last.metadata();
        metadata["note.unfinished.steps"] = steps;
        daf::write_safetensors(folder / "run/last.safetensors", last.tensors(), metadata);
        const Outcome outcome = resume(folder / "run");
        CAPTURE(outcome.err);
        CHECK(outcome.status == 1);
        CHECK(is_one_clear_line(outcome.err, "last.safetensors: metadata 'note.unfinished.steps': " + part));
    };
    refused_with("9", "expected at most the 8 batches that an epoch has, found 9");
    refused_with("0", "expected");
    refused_with("some", "expected a number, found 'some'");
}

TEST_CASE("stop: two programs do not train in one folder") {
    const ScratchFolder folder;
    const auto run = folder / "run";
    RunningProgram first(command(run, with(eight_batches, {"--epochs", "1000"})));
    wait_for_first_save(first, run);
    const Outcome second = resume(run);
    CHECK(second.status == 2);
    CHECK(is_one_clear_line(second.err, "--run: another daf-cnn (process " + std::to_string(first.process()) +
                                            ") is training in '" + run.string() + "'"));
    first.send(SIGKILL);
    first.wait();
    CHECK(resume(run, {"--epochs", "1"}).status == 0);  // the lock went with its holder
}

TEST_CASE("stop: a run that another program began and finished in the meantime is left alone") {
    const ScratchFolder folder;
    const daf_cnn::RunFolder run(folder / "run");
    daf_cnn::claim(run, daf_cnn::Begin::anew);  // then this one's data are loaded
    fs::create_directory(folder / "run");
    folder.file("run/config.json", "{}");
    CHECK(contains(message_of<daf_cnn::BadUse>([&] { daf_cnn::claim_new(run); }),
                   "run' exists; go on with that run"));
    CHECK(content_of(folder / "run/config.json") == "{}");
}

TEST_CASE("stop: a run that ended before it began is begun as if it had never been") {
    const ScratchFolder folder;
    fs::create_directory(folder / "run");
    folder.file("run/.lock", "1");
    folder.file("run/config.json.1-0.tmp", "{");
    CHECK(run_command(command(folder / "run", with(eight_batches, {"--epochs", "1"}))).status == 0);
    CHECK(temporaries_in(folder / "run") == 0);
    CHECK(contains(
        message_of<daf::FileError>([&] { daf_cnn::RunFolder(folder / std::string(300, 'x')).check_new(); }),
        "cannot open the folder"));
    fs::create_directory(folder / "other");
    folder.file("other/notes.txt", "mine");
    const Outcome refused = run_command(command(folder / "other", eight_batches));
    CHECK(refused.status == 2);
    CHECK(is_one_clear_line(refused.err, "other' exists and holds no run to go on with; move it away"));
}

TEST_CASE("stop: what is said at once reaches standard error also where that leads to nowhere meanwhile") {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::dup2(pipe[1], STDERR_FILENO);
        const daf_cnn::StopAtOnce stop;
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);  // as while a picture is read
        ::raise(SIGTERM);
        ::_exit(0);
    }
    ::close(pipe[1]);
    std::string said(200, '\0');
    std::size_t length = 0;
    for (::ssize_t got = 1; got > 0 && length < said.size();
         length += static_cast<std::size_t>(std::max(got, ::ssize_t{0})))
        got = ::read(pipe[0], said.data() + length, said.size() - length);
    said.resize(length);
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(said == "daf-cnn: stopped by SIGTERM; all that was trained is saved\n");
    CHECK(WEXITSTATUS(status) == daf_cnn::stopped_status);
}

TEST_CASE("stop: a reader that goes away, or no standard output at all, loses no run") {
    const ScratchFolder folder;
    const Texts options{"--limit", "64", "--batch", "32", "--epochs", "2"};
    REQUIRE(run_command(command(folder / "whole", options)).status == 0);
    const auto through_shell = [&](const std::string& script, const std::string& run) {
        return run_command(with({"bash", "-c", script}, command(folder / run, options)));
    };
    const Outcome piped = through_shell("set -o pipefail; \"$0\" \"$@\" | true", "piped");
    CHECK(piped.status == 1);
    CHECK(is_one_clear_line(piped.err, "cannot write to standard output"));
    check_same_run(folder / "whole", folder / "piped");
    const Outcome closed = through_shell("\"$0\" \"$@\" >&-", "closed");
    CHECK(closed.status == 1);
    CHECK(is_one_clear_line(closed.err, "cannot write to standard output"));
    check_same_run(folder / "whole", folder / "closed");
    CHECK(through_shell("\"$0\" \"$@\" >&- 2>&- <&-", "all closed").status == 1);
    check_same_run(folder / "whole", folder / "all closed");
}
