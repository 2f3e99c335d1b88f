// t-SNE: its parts by hand and by finite differences, the whole against scikit-learn's exact method.
#include <doctest/doctest.h>

#include <cmath>
#include <daf/core/random.hpp>

#include "golden/golden.hpp"
#include "report/tsne.hpp"

namespace {

using daf_cnn::Layout;
using daf_cnn::Tsne;
using daf_cnn::tsne;
namespace parts = daf_cnn::tsne_parts;

std::vector<float> drawn(std::size_t count, std::uint64_t seed = 5) {
    daf::RandomSequence random(daf::Stream{daf::Seed{seed}});
    std::vector<float> numbers(count);
    for (float& x : numbers) x = static_cast<float>(random.normal());
    return numbers;
}

Eigen::ArrayXXf drawn_rows(Eigen::Index count, Eigen::Index features) {
    const std::vector<float> numbers = drawn(static_cast<std::size_t>(count * features));
    return Eigen::Map<const Eigen::ArrayXXf>(numbers.data(), count, features);
}

bool same_bits(const Layout& a, const Layout& b) {
    return a.rows() == b.rows() && (a == b).all();
}

}  // namespace

TEST_CASE("t-SNE: the perplexity of each point's neighbours is the one asked for") {
    for (const double wanted : {2.0, 10.0, 30.0}) {
        CAPTURE(wanted);
        Eigen::ArrayXd p = drawn_rows(200, 1).col(0).cast<double>().square() * 7 + 1000;
        parts::calibrate(p, wanted);
        CHECK(p.sum() == doctest::Approx(1));
        CHECK(p.minCoeff() >= 0);
        double entropy = 0;
        for (const double share : p) entropy -= share > 0 ? share * std::log(share) : 0;
        CHECK(std::exp(entropy) == doctest::Approx(wanted).epsilon(1e-4));
    }
    // By hand: two neighbours at squared distances 0 and 1 of perplexity 1.5.
    Eigen::ArrayXd two(2);
    two << 0, 1;
    parts::calibrate(two, 1.5);
    CHECK(two(0) * std::log(two(0)) + two(1) * std::log(two(1)) ==
          doctest::Approx(-std::log(1.5)).epsilon(1e-4));
    CHECK(two(0) > two(1));
}

TEST_CASE("t-SNE: affinities are symmetric, sum to one and fall with the distance") {
    daf::Cpu cpu(daf::Threads{2});
    const Eigen::ArrayXXf p = parts::affinities(cpu, drawn_rows(90, 5), 12);
    CHECK(p.cast<double>().sum() == doctest::Approx(1));
    CHECK((p == p.transpose()).all());
    CHECK((p.matrix().diagonal().array() == 0).all());
    Eigen::ArrayXXf line(3, 1);
    line << 0, 1, 3;
    const Eigen::ArrayXXf q = parts::affinities(cpu, line, 1.5);
    CHECK(q(0, 1) > q(1, 2));
    CHECK(q(1, 2) > q(0, 2));
}

TEST_CASE("t-SNE: the gradient is that of finite differences of the divergence") {
    daf::Cpu cpu(daf::Threads{2});
    const Eigen::ArrayXXf p = parts::affinities(cpu, drawn_rows(40, 4), 8);
    const std::vector<float> numbers = drawn(80, 6);
    const Layout y = Eigen::Map<const Layout>(numbers.data(), 40, 2);
    const Layout got = parts::gradient(cpu, p, y, 1);
    constexpr double step = 1e-5;
    double worst = 0, largest = 0;
    for (Eigen::Index i = 0; i < y.rows(); ++i) {
        for (Eigen::Index d = 0; d < 2; ++d) {
            const auto at = [&](double offset) {
                Eigen::ArrayX2d moved = y.cast<double>();
                moved(i, d) += offset;
                return parts::divergence(p, moved);
            };
            const double want = (at(step) - at(-step)) / (2 * step);
            largest = std::max(largest, std::abs(want));
            worst = std::max(worst, std::abs(want - static_cast<double>(got(i, d))));
        }
    }
    CHECK(largest > 1e-2);
    CHECK(worst < 1e-5 * largest + 1e-7);
    // Exaggeration multiplies the affinities: the difference is 11 times their pull, which is linear in P.
    const Layout twice = parts::gradient(cpu, p, y, 2), thrice = parts::gradient(cpu, p, y, 3);
    CHECK(((thrice - twice) - (twice - got)).abs().maxCoeff() < 1e-5f);
    CHECK((twice - got).abs().maxCoeff() > 1e-2f);
}

TEST_CASE("t-SNE: the layout begins with the two principal components") {
    Eigen::ArrayXXf features = Eigen::ArrayXXf::Zero(5, 3);
    features.col(2) << -4, -2, 0, 2, 4;
    features.col(0) << 1, -1, 0, -1, 1;
    const Layout y = parts::first_layout(features);
    const double scale = 1 / std::sqrt(8.0);  // to a standard deviation of 1e-4, in units of it
    for (Eigen::Index i = 0; i < 5; ++i) {
        CHECK(static_cast<double>(y(i, 0)) * 1e4 ==
              doctest::Approx(static_cast<double>(features(i, 2)) * scale));
        CHECK(static_cast<double>(y(i, 1)) * 1e4 ==
              doctest::Approx(static_cast<double>(features(i, 0)) * scale));
    }
}

TEST_CASE("t-SNE: the divergence is within 2 % of scikit-learn's exact method") {
    const daf_test::Golden golden("tsne");
    daf::Cpu cpu;
    for (const std::string input : {"overlapping", "apart"}) {
        CAPTURE(input);
        const std::vector<double> x = golden.numbers(input + "/x"), y = golden.numbers(input + "/y");
        const auto count = static_cast<Eigen::Index>(y.size() / 2);
        const std::vector<float> rows(x.begin(), x.end());
        const double want = golden.number(input + "/kl");
        const Tsne got = tsne(cpu, rows, count);
        MESSAGE(input, ": divergence ", got.divergence, ", scikit-learn's ", want);
        CHECK(std::abs(got.divergence - want) <= 0.02 * want);

        // Our divergence of their layout is theirs, so the two figures mean the same.
        using Rows = Eigen::Map<const Eigen::Array<double, Eigen::Dynamic, 2, Eigen::RowMajor>>;
        const Eigen::ArrayXXf features =
            Eigen::Map<const Eigen::ArrayXXf>(rows.data(), static_cast<Eigen::Index>(rows.size()) / count,
                                              count)
                .transpose();
        const double theirs =
            parts::divergence(parts::affinities(cpu, features, 30), Rows(y.data(), count, 2));
        CHECK(std::abs(theirs - want) <= 1e-3 * want);
    }
}

TEST_CASE("t-SNE: the same bits at 1, 2, 3 and 8 threads") {
    const std::vector<float> rows = drawn(std::size_t{150} * 9);
    daf::Cpu one(daf::Threads{1});
    const Tsne want = tsne(one, rows, 150, {.iterations = 300});
    for (const int threads : {2, 3, 8}) {
        daf::Cpu cpu(daf::Threads{threads});
        const Tsne got = tsne(cpu, rows, 150, {.iterations = 300});
        CHECK(same_bits(got.points, want.points));
        CHECK(got.divergence == want.divergence);
    }
}

TEST_CASE("t-SNE: inputs that leave little to lay out") {
    daf::Cpu cpu(daf::Threads{2});
    const auto finite = [](const Tsne& result) {
        return result.points.isFinite().all() && std::isfinite(result.divergence);
    };
    SUBCASE("no point, one, two, three") {
        for (const Eigen::Index count : {0, 1, 2, 3}) {
            const Tsne result = tsne(cpu, drawn(static_cast<std::size_t>(count) * 4), count);
            CHECK(result.points.rows() == count);
            CHECK(finite(result));
        }
    }
    SUBCASE("all points the same") {
        const Tsne result = tsne(cpu, std::vector<float>(50 * 6, 2.5f), 50);
        CHECK(finite(result));
        CHECK(result.points.abs().maxCoeff() == 0);
    }
    SUBCASE("every point many times: copies lie together, others apart") {
        std::vector<float> rows;
        const std::vector<float> four = drawn(4 * 8);
        for (int copy = 0; copy < 40; ++copy) rows.insert(rows.end(), four.begin(), four.end());
        const Tsne result = tsne(cpu, rows, 160);
        REQUIRE(finite(result));
        const Layout& y = result.points;
        for (Eigen::Index i = 4; i < 160; ++i) CHECK((y.row(i) - y.row(i % 4)).abs().maxCoeff() < 1e-2f);
        for (Eigen::Index i = 1; i < 4; ++i) CHECK((y.row(i) - y.row(0)).abs().maxCoeff() > 1.0f);
    }
    SUBCASE("one feature; more features than points; numbers that are large") {
        CHECK(finite(tsne(cpu, drawn(60), 60)));
        CHECK(finite(tsne(cpu, drawn(std::size_t{12} * 300), 12)));
        std::vector<float> large = drawn(40 * 5);
        for (float& x : large) x *= 1e6f;
        CHECK(finite(tsne(cpu, large, 40)));
    }
}
