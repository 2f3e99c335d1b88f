// The main program of every test. A run that selects no test case fails: a filter with a typing error in it
// must not look like success.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

namespace {

unsigned test_cases_run = 0;

struct Counter : doctest::IReporter {
    explicit Counter(const doctest::ContextOptions&) {}

    void test_run_end(const doctest::TestRunStats& run) override {
        test_cases_run = run.numTestCasesPassingFilters;
    }

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("counter", 1, Counter);

}  // namespace

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int failures = context.run();
    if (context.shouldExit()) return failures;
    if (test_cases_run == 0) {
        std::fputs("no test case was run\n", stderr);
        return EXIT_FAILURE;
    }
    return failures;
}
