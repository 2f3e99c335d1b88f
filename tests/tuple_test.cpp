#include <doctest/doctest.h>

#include <daf/core/tuple.hpp>
#include <memory>
#include <string>
#include <type_traits>

namespace {

struct NoDefault {
    explicit NoDefault(int v) : value(v) {}
    int value;
};
using Three = daf::Tuple<int, std::string, int>;

}  // namespace

static_assert(Three::size == 3 && daf::Tuple<>::size == 0);
static_assert(std::is_same_v<daf::TypeAt<1, Three>, std::string>);
static_assert(std::is_default_constructible_v<daf::Tuple<>>);
static_assert(!std::is_default_constructible_v<daf::Tuple<int, NoDefault>>);
static_assert(!std::is_copy_constructible_v<daf::Tuple<std::unique_ptr<int>>>);

TEST_CASE("elements of a tuple are found by their place, types may repeat") {
    Three tuple(1, "two", 3);
    CHECK(daf::get<0>(tuple) == 1);
    CHECK(daf::get<2>(tuple) == 3);
    daf::get<1>(tuple) += "!";
    const Three copy = tuple;
    CHECK(daf::get<1>(copy) == "two!");
    static_assert(std::is_same_v<decltype(daf::get<1>(copy)), const std::string&>);
}

TEST_CASE("a tuple that is given nothing holds values that are zero") {
    const Three tuple;
    CHECK(daf::get<0>(tuple) == 0);
    CHECK(daf::get<1>(tuple).empty());
    constexpr daf::Tuple<int, double> constant{};
    static_assert(daf::get<1>(constant) == 0);
}

TEST_CASE("what can only be moved is moved into a tuple and out of it") {
    daf::Tuple<std::unique_ptr<int>, NoDefault> tuple(std::make_unique<int>(5), NoDefault(6));
    CHECK(daf::get<1>(tuple).value == 6);
    const std::unique_ptr<int> out = daf::get<0>(std::move(tuple));
    CHECK(*out == 5);
}

TEST_CASE("two tuples are joined in their order, and one of them may be empty") {
    constexpr auto both = daf::joined(daf::Tuple{1, 'a'}, daf::Tuple{2.5});
    static_assert(std::is_same_v<decltype(both), const daf::Tuple<int, char, double>>);
    static_assert(daf::get<0>(both) == 1 && daf::get<1>(both) == 'a' && daf::get<2>(both) == 2.5);
    static_assert(daf::get<0>(daf::joined(daf::Tuple<>{}, daf::Tuple{7})) == 7);
    static_assert(decltype(daf::joined(daf::Tuple{7}, daf::Tuple<>{}))::size == 1);
}
