// The generated faces: a pure function of seed and index, balanced, the same picture at every size, with the
// expression where a face carries it, and too hard for a linear model.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include <daf/core/error.hpp>
#include "faces/faces.hpp"

namespace {

using daf_cnn::Expression;
using daf_cnn::FaceParameters;
using daf_cnn::Split;
using Image = std::vector<std::uint8_t>;

constexpr daf::Seed seed{20};

Image drawn(daf::Seed from, Split split, std::uint32_t index, int size) {
    Image image(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    daf_cnn::draw_face(from, split, index, size, image);
    return image;
}

Image rendered(const FaceParameters& face, int size) {
    Image image(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    daf_cnn::render_face(face, size, image);
    return image;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<double>(a.size());
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / std::sqrt(aa * bb);
}

/// A face that looks straight into a still, clean camera, so that pixels can be told by where they lie.
FaceParameters frontal(std::uint32_t index, Expression expression) {
    FaceParameters face = daf_cnn::sample_face(seed, Split::train, index, expression);
    face.pose = {};
    face.pose.scale = 0.5f;
    face.camera.noise = 0.0f;
    face.camera.blur = 0.0f;
    face.occluder = {};
    face.lock = {};
    return face;
}

/// Multinomial logistic regression on standardised pixels, by stochastic gradient descent with momentum.
class LogisticRegression {
  public:
    static constexpr std::size_t classes = 7;

    LogisticRegression(const std::vector<Image>& images, const std::vector<std::size_t>& labels, int epochs)
        : pixels_(images.front().size()), mean_(pixels_), scale_(pixels_), weights_(classes * (pixels_ + 1)) {
        measure(images);
        std::vector<std::vector<float>> inputs;
        for (const Image& image : images) inputs.push_back(standardised(image));
        std::vector<float> velocity(weights_.size());
        daf::RandomSequence random(daf::Stream{seed, 0, 1});
        std::vector<std::size_t> order(images.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        constexpr std::size_t batch = 50;
        for (int epoch = 0; epoch < epochs; ++epoch) {
            const float rate = 0.004f * (1.0f - static_cast<float>(epoch) / static_cast<float>(epochs));
            for (std::size_t i = order.size() - 1; i > 0; --i) {
                std::swap(order[i], order[random.below(static_cast<std::uint32_t>(i + 1))]);
            }
            for (std::size_t start = 0; start + batch <= order.size(); start += batch) {
                for (std::size_t i = 0; i < weights_.size(); ++i) {
                    velocity[i] = 0.9f * velocity[i] - rate * decay * weights_[i];
                }
                for (std::size_t i = start; i < start + batch; ++i) {
                    std::array<float, classes> error = probabilities(inputs[order[i]]);
                    error[labels[order[i]]] -= 1.0f;
                    for (std::size_t k = 0; k < classes; ++k) {
                        const float step = rate / static_cast<float>(batch) * error[k];
                        float* row = velocity.data() + k * (pixels_ + 1);
                        for (std::size_t p = 0; p < pixels_ + 1; ++p) row[p] -= step * inputs[order[i]][p];
                    }
                }
                for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] += velocity[i];
            }
        }
    }

    double accuracy(const std::vector<Image>& images, const std::vector<std::size_t>& labels) const {
        std::size_t right = 0;
        for (std::size_t i = 0; i < images.size(); ++i) {
            const auto p = probabilities(standardised(images[i]));
            right += static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin()) == labels[i];
        }
        return static_cast<double>(right) / static_cast<double>(images.size());
    }

  private:
    static constexpr float decay = 0.1f;

    void measure(const std::vector<Image>& images) {
        const auto n = static_cast<float>(images.size());
        for (const Image& image : images) {
            for (std::size_t p = 0; p < pixels_; ++p) mean_[p] += static_cast<float>(image[p]) / n;
        }
        for (const Image& image : images) {
            for (std::size_t p = 0; p < pixels_; ++p) {
                const float d = static_cast<float>(image[p]) - mean_[p];
                scale_[p] += d * d / n;
            }
        }
        for (float& scale : scale_) scale = 1.0f / (std::sqrt(scale) + 1.0f);
    }

    /// With a one at the end for the bias.
    std::vector<float> standardised(const Image& image) const {
        std::vector<float> input(pixels_ + 1, 1.0f);
        for (std::size_t p = 0; p < pixels_; ++p) {
            input[p] = (static_cast<float>(image[p]) - mean_[p]) * scale_[p];
        }
        return input;
    }

    std::array<float, classes> probabilities(const std::vector<float>& input) const {
        std::array<float, classes> p{};
        for (std::size_t k = 0; k < classes; ++k) {
            const float* row = weights_.data() + k * (pixels_ + 1);
            std::array<float, 8> lanes{};  // apart, so that the compiler may use vectors without -ffast-math
            for (std::size_t i = 0; i + 8 <= pixels_; i += 8) {
                for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += row[i + lane] * input[i + lane];
            }
            p[k] = std::accumulate(lanes.begin(), lanes.end(), row[pixels_]);
        }
        const float top = *std::max_element(p.begin(), p.end());
        float sum = 0.0f;
        for (float& value : p) sum += value = std::exp(value - top);
        for (float& value : p) value /= sum;
        return p;
    }

    std::size_t pixels_;
    std::vector<float> mean_, scale_, weights_;
};

void draw_labelled(Split split, std::uint32_t count, std::vector<Image>& images,
                   std::vector<std::size_t>& labels) {
    for (std::uint32_t i = 0; i < count; ++i) {
        images.push_back(drawn(seed, split, i, 48));
        labels.push_back(static_cast<std::size_t>(daf_cnn::face_label(seed, split, i)));
    }
}

}  // namespace

TEST_CASE("faces: the same bytes in any order and on any number of threads") {
    constexpr std::uint32_t count = 48;
    std::vector<Image> forwards(count);
    for (std::uint32_t i = 0; i < count; ++i) forwards[i] = drawn(seed, Split::train, i, 48);
    for (std::uint32_t i = count; i-- > 0;) CHECK(drawn(seed, Split::train, i, 48) == forwards[i]);

    for (const std::uint32_t threads : {2u, 3u, 8u}) {
        std::vector<Image> shared(count);
        std::vector<std::thread> team;
        for (std::uint32_t t = 0; t < threads; ++t) {
            team.emplace_back([&, t] {
                for (std::uint32_t i = t; i < count; i += threads)
                    shared[i] = drawn(seed, Split::train, i, 48);
            });
        }
        for (std::thread& thread : team) thread.join();
        CHECK(shared == forwards);
    }
}

TEST_CASE("faces: seeds, splits and indices each make another face") {
    // One expression and no noise: either would make a difference alone.
    const auto drawn_sad = [](daf::Seed from, Split split, std::uint32_t index) {
        FaceParameters face = daf_cnn::sample_face(from, split, index, Expression::sad);
        face.camera.noise = 0.0f;
        return rendered(face, 48);
    };
    const Image face = drawn_sad(seed, Split::train, 5);
    CHECK(face != drawn_sad(daf::Seed{21}, Split::train, 5));
    CHECK(face != drawn_sad(seed, Split::validation, 5));
    CHECK(face != drawn_sad(seed, Split::test, 5));
    CHECK(face != drawn_sad(seed, Split::train, 6));
}

TEST_CASE("faces: every seven hold each label once, in an order that varies") {
    std::array<std::array<int, 7>, 7> at_place{};  // [place][label]
    constexpr std::uint32_t runs = 300;
    for (std::uint32_t run = 0; run < runs; ++run) {
        std::array<int, 7> seen{};
        for (std::uint32_t place = 0; place < 7; ++place) {
            const auto label =
                static_cast<std::size_t>(daf_cnn::face_label(seed, Split::train, 7 * run + place));
            REQUIRE(label < 7);
            ++seen[label];
            ++at_place[place][label];
        }
        CHECK(seen == std::array<int, 7>{1, 1, 1, 1, 1, 1, 1});
    }
    // 43 expected in each cell, with a deviation of 6.
    for (const auto& labels : at_place) {
        for (const int count : labels) {
            CHECK(count > 15);
            CHECK(count < 75);
        }
    }
}

TEST_CASE("faces: the picture is the same at 48 and at 96 pixels") {
    for (std::uint32_t i = 0; i < 20; ++i) {
        FaceParameters face = daf_cnn::sample_face(seed, Split::train, i);
        face.camera.noise = 0.0f;
        const Image small = rendered(face, 48), large = rendered(face, 96);
        std::vector<double> a(48 * 48), b(48 * 48);
        for (std::size_t y = 0; y < 48; ++y) {
            for (std::size_t x = 0; x < 48; ++x) {
                const std::size_t corner = 2 * y * 96 + 2 * x;
                a[y * 48 + x] = small[y * 48 + x];
                b[y * 48 + x] =
                    (large[corner] + large[corner + 1] + large[corner + 96] + large[corner + 97]) / 4.0;
            }
        }
        CHECK(correlation(a, b) > 0.98);
        double difference = 0;
        for (std::size_t p = 0; p < a.size(); ++p)
            difference += std::abs(a[p] - b[p]) / static_cast<double>(a.size());
        CHECK(difference < 4.0);
    }
}

TEST_CASE("faces: edges are one pixel wide at 48 and at 96 pixels") {
    // The steepest steps between neighbours; they would halve at 96 if the picture were merely enlarged.
    const auto steepest = [](const Image& image, std::size_t size) {
        std::vector<int> steps;
        for (std::size_t p = 0; p + 1 < image.size(); ++p) {
            if (p % size != size - 1) steps.push_back(std::abs(image[p + 1] - image[p]));
        }
        std::sort(steps.begin(), steps.end());
        return steps[steps.size() - size];
    };
    double small = 0, large = 0;
    for (std::uint32_t i = 0; i < 30; ++i) {
        const FaceParameters face = frontal(i, Expression::fear);
        small += steepest(rendered(face, 48), 48);
        large += steepest(rendered(face, 96), 96);
    }
    CAPTURE(large / small);
    CHECK(large > 0.75 * small);
}

TEST_CASE("faces: pixels use the range from dark to light, and none is flat") {
    for (std::uint32_t i = 0; i < 50; ++i) {
        Image image = drawn(seed, Split::test, i, 48);
        std::sort(image.begin(), image.end());
        CHECK(image[image.size() * 19 / 20] - image[image.size() / 20] > 40);
    }
}

TEST_CASE("faces: an expression changes brows, eyes and mouth, and leaves hair, ears and wall alone") {
    for (std::uint32_t i = 0; i < 30; ++i) {
        const Image happy = rendered(frontal(i, Expression::happy), 96);
        const Image sad = rendered(frontal(i, Expression::sad), 96);
        // In face units: x is 0 in the middle; the brows stand at about -0.3, the mouth at about 0.55.
        double inside = 0, outside = 0;
        for (std::size_t y = 0; y < 96; ++y) {
            for (std::size_t x = 0; x < 96; ++x) {
                const double u = (static_cast<double>(x) + 0.5) / 48.0 - 1.0;
                const double v = (static_cast<double>(y) + 0.5) / 48.0 - 1.0;
                const double change = std::abs(double{1} * happy[y * 96 + x] - sad[y * 96 + x]);
                (std::abs(u) < 0.7 && v > -0.65 && v < 0.9 ? inside : outside) += change;
            }
        }
        CHECK(inside > 5000.0);
        CHECK(outside < 0.06 * inside);
    }
}

TEST_CASE("faces: action units move what they are named after") {
    FaceParameters face = frontal(0, Expression::neutral);
    face.action_units = {};
    face.identity.glasses = daf_cnn::Glasses::none;
    face.identity.hair = daf_cnn::HairStyle::bald;
    const Image still = rendered(face, 96);
    struct Case {
        daf_cnn::ActionUnit unit;
        double top, bottom;  // the band of the face that may change
    };
    using enum daf_cnn::ActionUnit;
    for (const Case& each : {Case{inner_brow_raiser, -0.7, -0.1}, Case{outer_brow_raiser, -0.7, -0.1},
                             Case{upper_lid_raiser, -0.35, 0.2}, Case{lip_stretcher, 0.2, 0.8},
                             Case{lip_tightener, 0.3, 0.8}, Case{lip_corner_depressor, 0.1, 0.9}}) {
        FaceParameters moved = face;
        for (const daf_cnn::Side side : daf_cnn::sides) moved.action_units.at(each.unit, side) = 1.0f;
        const Image image = rendered(moved, 96);
        double inside = 0, outside = 0;
        for (std::size_t p = 0; p < image.size(); ++p) {
            const double v = (static_cast<double>(p / 96) + 0.5) / 48.0 - 1.0;
            (v > each.top && v < each.bottom ? inside : outside) += std::abs(double{1} * image[p] - still[p]);
        }
        CAPTURE(static_cast<int>(each.unit));
        CHECK(inside > 1000.0);
        CHECK(outside == 0.0);
    }
    // One half alone leaves the other half alone.
    FaceParameters wink = face;
    wink.action_units.at(outer_brow_raiser, daf_cnn::Side::left) = 1.0f;
    const Image image = rendered(wink, 96);
    for (std::size_t p = 0; p < image.size(); ++p) {
        if (p % 96 >= 48) REQUIRE(image[p] == still[p]);
    }
}

TEST_CASE("faces: a contact sheet shows one expression a row") {
    const Image sheet = daf_cnn::contact_sheet(seed, Split::train, 14, 7, 3, 24);
    REQUIRE(sheet.size() == 7 * 3 * 24 * 24);
    for (std::uint32_t column = 0; column < 3; ++column) {
        for (std::uint32_t place = 0; place < 7; ++place) {
            const std::uint32_t index = 14 + 7 * column + place;
            const auto row = static_cast<std::size_t>(daf_cnn::face_label(seed, Split::train, index));
            const Image face = drawn(seed, Split::train, index, 24);
            for (std::size_t y = 0; y < 24; ++y) {
                const auto line =
                    sheet.begin() + static_cast<std::ptrdiff_t>((row * 24 + y) * 72 + column * 24);
                REQUIRE(std::equal(line, line + 24, face.begin() + static_cast<std::ptrdiff_t>(y * 24)));
            }
        }
    }
}

TEST_CASE("faces: impossible sizes are refused") {
    Image image(10);
    CHECK_THROWS_AS(daf_cnn::draw_face(seed, Split::train, 0, 48, image), daf::ArgumentError);
    CHECK_THROWS_AS(daf_cnn::draw_face(seed, Split::train, 0, 0, {}), daf::ArgumentError);
    CHECK_THROWS_AS(daf_cnn::draw_face(seed, Split::train, 0, -1, {}), daf::ArgumentError);
    CHECK_THROWS_AS(daf_cnn::contact_sheet(seed, Split::train, 0, 0, 3, 48), daf::ArgumentError);
    Image one(1);
    CHECK_NOTHROW(daf_cnn::draw_face(seed, Split::train, 0, 1, one));
}

TEST_CASE("faces: logistic regression on pixels learns, but stays under 60 %") {
    std::vector<Image> train, validation;
    std::vector<std::size_t> train_labels, validation_labels;
    draw_labelled(Split::train, 3000, train, train_labels);
    draw_labelled(Split::validation, 700, validation, validation_labels);
    const LogisticRegression model(train, train_labels, 12);
    const double accuracy = model.accuracy(validation, validation_labels);
    MESSAGE("logistic regression: " << model.accuracy(train, train_labels) << " of the training faces, "
                                    << accuracy << " of the validation faces");
    CHECK(accuracy > 0.25);  // chance is 0.143
    CHECK(accuracy < 0.60);
}
