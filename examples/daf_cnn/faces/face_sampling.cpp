// Chooses the parameters of a face: all that varies in the data set, and how much.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "faces/faces.hpp"

namespace daf_cnn {
namespace {

/// Each aspect draws from a stream of its own, so that one that takes more numbers leaves the others as they
/// were.
enum class Aspect : std::uint32_t {
    movement = 0xFACE0001u,
    identity,
    pose,
    light,
    backdrop,
    occluder,
    lock,
    camera,
    noise
};

constexpr float turn = 2.0f * std::numbers::pi_v<float>;

class Dice {
  public:
    Dice(daf::Seed seed, Split split, std::uint32_t index, Aspect aspect)
        : random_(daf::Stream{seed, static_cast<std::uint32_t>(split), static_cast<std::uint32_t>(aspect)},
                  index) {}

    float between(double low, double high) { return static_cast<float>(random_.uniform(low, high)); }
    /// Normal, cut off at two deviations.
    float near(double mean, double deviation) {
        return static_cast<float>(mean + deviation * std::clamp(random_.normal(), -2.0, 2.0));
    }
    bool chance(double probability) { return random_.uniform() < probability; }
    std::uint32_t below(std::uint32_t n) { return random_.below(n); }

  private:
    daf::RandomSequence random_;
};

/// A unit that takes part in an expression: always, or in a share of the people who show it.
struct Ingredient {
    ActionUnit unit;
    double chance;
    double low, high;
};

using enum ActionUnit;

// The prototypes of Ekman and Friesen, with the commonest companions.
constexpr Ingredient angry[]{{brow_lowerer, 1.0, 0.7, 1.0},
                             {upper_lid_raiser, 0.8, 0.3, 0.7},
                             {lid_tightener, 1.0, 0.5, 1.0},
                             {lip_tightener, 1.0, 0.7, 1.0},
                             {chin_raiser, 0.3, 0.2, 0.5}};
constexpr Ingredient disgust[]{{nose_wrinkler, 1.0, 0.7, 1.0},       {lip_corner_depressor, 1.0, 0.3, 0.8},
                               {lower_lip_depressor, 1.0, 0.5, 1.0}, {upper_lip_raiser, 0.8, 0.5, 1.0},
                               {brow_lowerer, 0.4, 0.2, 0.5},        {chin_raiser, 0.2, 0.2, 0.4}};
constexpr Ingredient fear[]{{inner_brow_raiser, 1.0, 0.7, 1.0}, {outer_brow_raiser, 1.0, 0.3, 0.7},
                            {brow_lowerer, 1.0, 0.3, 0.6},      {upper_lid_raiser, 1.0, 0.6, 1.0},
                            {lid_tightener, 1.0, 0.1, 0.4},     {lip_stretcher, 1.0, 0.7, 1.0},
                            {jaw_drop, 1.0, 0.2, 0.5},          {lips_part, 1.0, 0.4, 0.9}};
constexpr Ingredient happy[]{{cheek_raiser, 1.0, 0.5, 1.0},
                             {lip_corner_puller, 1.0, 0.65, 1.0},
                             {lips_part, 0.9, 0.5, 1.0},
                             {jaw_drop, 0.25, 0.1, 0.4}};
constexpr Ingredient sad[]{{inner_brow_raiser, 1.0, 0.7, 1.0},
                           {brow_lowerer, 1.0, 0.2, 0.5},
                           {lip_corner_depressor, 1.0, 0.7, 1.0},
                           {chin_raiser, 0.5, 0.3, 0.8}};
constexpr Ingredient surprise[]{{inner_brow_raiser, 1.0, 0.6, 1.0},
                                {outer_brow_raiser, 1.0, 0.6, 1.0},
                                {upper_lid_raiser, 1.0, 0.5, 1.0},
                                {jaw_drop, 1.0, 0.6, 1.0},
                                {lips_part, 0.7, 0.2, 0.6}};

std::span<const Ingredient> recipe(Expression expression) {
    switch (expression) {
        case Expression::angry: return angry;
        case Expression::disgust: return disgust;
        case Expression::fear: return fear;
        case Expression::happy: return happy;
        case Expression::sad: return sad;
        case Expression::surprise: return surprise;
        case Expression::neutral: break;
    }
    return {};
}

ActionUnits sample_movement(Dice dice, Expression expression) {
    ActionUnits units;
    const auto act = [&](ActionUnit unit, float strength) {
        const float lean = dice.near(0.0, 0.07);  // nobody moves both halves alike
        for (const Side side : sides) {
            float& value = units.at(unit, side);
            value = std::clamp(std::max(value, strength * (1.0f + sign(side) * lean)), 0.0f, 1.0f);
        }
    };
    // Small movements that mean nothing: everybody has some, in every expression.
    for (std::size_t unit = 0; unit < action_unit_count; ++unit) {
        const bool moves = dice.chance(0.2);
        const float strength = dice.between(0.0, 0.15);
        if (moves) act(static_cast<ActionUnit>(unit), strength);
    }
    for (const Ingredient& part : recipe(expression)) {
        if (dice.chance(part.chance)) act(part.unit, dice.between(part.low, part.high));
    }
    return units;
}

Identity sample_identity(Dice dice) {
    Identity id{};
    id.head_width = dice.near(0.75, 0.035);
    id.head_depth = dice.near(0.85, 0.04);
    id.jaw_width = dice.near(1.07, 0.07);

    id.eye_distance = dice.near(0.335, 0.02);
    id.eye_height = dice.near(-0.06, 0.025);
    id.eye_width = dice.near(0.185, 0.01);
    id.eye_opening = dice.near(0.088, 0.008);
    id.eye_tilt = dice.near(-0.01, 0.015);
    id.iris_radius = dice.near(0.085, 0.004);
    id.iris_tone = dice.between(0.08, 0.35);

    id.skin_tone = dice.between(0.45, 0.88);
    id.hair_tone = dice.chance(0.75) ? dice.between(0.05, 0.25) : dice.between(0.3, 0.75);
    id.hairline = dice.near(-0.62, 0.06);
    id.hair_volume = dice.between(0.05, 0.16);
    id.hair = static_cast<HairStyle>(dice.below(6));

    id.brow_height = dice.near(0.22, 0.015);
    id.brow_length = dice.near(0.36, 0.025);
    id.brow_thickness = dice.near(0.048, 0.007);
    id.brow_arch = dice.near(0.035, 0.015);
    id.brow_tone = std::min(id.hair_tone, 0.4f * id.skin_tone);

    id.nose_length = dice.near(0.3, 0.03);
    id.nose_width = dice.near(0.135, 0.015);
    id.nose_relief = dice.near(0.14, 0.02);

    id.mouth_height = dice.near(0.54, 0.025);
    id.mouth_width = dice.near(0.315, 0.02);
    id.lip_thickness = dice.near(0.07, 0.01);
    id.lip_contrast = dice.between(0.28, 0.5);

    const bool bearded = dice.chance(0.15);
    id.beard = dice.between(0.2, 0.7) * (bearded ? 1.0f : 0.0f);
    const bool moustached = dice.chance(bearded ? 0.7 : 0.06);
    id.moustache = dice.between(0.3, 0.8) * (moustached ? 1.0f : 0.0f);
    id.wrinkles = dice.between(0.0, 1.0);
    id.wrinkles *= id.wrinkles;
    const bool spectacled = dice.chance(0.15);
    id.glasses = !spectacled ? Glasses::none : dice.chance(0.5) ? Glasses::round : Glasses::angular;
    return id;
}

Pose sample_pose(Dice dice) {
    Pose pose{};
    pose.yaw = dice.near(0.0, 0.13);
    pose.pitch = dice.near(0.0, 0.07);
    pose.roll = dice.near(0.0, 0.06);
    pose.scale = dice.between(0.54, 0.64);
    pose.shift_x = dice.near(0.0, 0.052);
    pose.shift_y = dice.near(-0.05, 0.045);
    pose.gaze_x = dice.near(0.0, 0.35);
    pose.gaze_y = dice.near(0.0, 0.2);
    return pose;
}

Light sample_light(Dice dice) {
    Light light{};
    light.x = dice.between(-0.8, 0.8);
    light.y = dice.between(-0.8, 0.1);
    light.ambient = dice.between(0.5, 0.7);
    light.specular = dice.between(0.0, 0.25);
    return light;
}

Backdrop sample_backdrop(Dice dice) {
    Backdrop backdrop{};
    backdrop.tone = dice.between(0.05, 0.95);
    backdrop.slope_x = dice.between(-0.4, 0.4);
    backdrop.slope_y = dice.between(-0.4, 0.4);
    backdrop.clothes_tone = dice.between(0.05, 0.9);
    for (Backdrop::Blot& blot : backdrop.blots) {
        blot.x = dice.between(-0.6, 0.6);
        blot.y = dice.between(-0.6, 0.6);
        blot.radius = dice.between(0.1, 0.4);
        blot.tone = dice.between(-0.35, 0.35);
    }
    return backdrop;
}

Occluder sample_occluder(Dice dice, const Pose& pose, const Identity& id) {
    Occluder occluder{};
    const float lot = dice.between(0.0, 1.0);
    const float direction = dice.between(0.0, 1.0);
    if (lot < 0.06f) {
        const float where = direction * turn;
        const float distance = dice.between(0.2, 0.45);
        occluder.kind = Occluder::Kind::bar;
        occluder.x = distance * std::cos(where);
        occluder.y = distance * std::sin(where);
        occluder.angle = where + dice.near(0.25 * turn, 0.2);
        occluder.width = dice.between(0.03, 0.07);
        occluder.tone = dice.between(0.05, 0.95);
    } else if (lot < 0.12f) {  // a hand at the cheek or the chin
        const float where = (0.65f * direction - 0.075f) * turn;
        const float distance = dice.between(1.05, 1.25) * pose.scale;
        occluder.kind = Occluder::Kind::hand;
        occluder.x = pose.shift_x + distance * std::cos(where);
        occluder.y = pose.shift_y + distance * std::sin(where);
        occluder.angle = where + dice.near(0.5 * turn, 0.35);
        occluder.width = dice.between(0.27, 0.33) * pose.scale;
        occluder.tone = id.skin_tone * dice.between(0.9, 1.1);
    }
    return occluder;
}

Lock sample_lock(Dice dice, const Identity& id) {
    Lock lock{};
    if (!dice.chance(0.07) || id.hair == HairStyle::bald) return lock;
    lock.x = dice.chance(0.5) ? -0.1f : 0.1f;
    lock.slope = lock.x * dice.between(2.0, 6.0);
    lock.half_width = dice.between(0.06, 0.14);
    return lock;
}

Camera sample_camera(Dice dice, const Identity& id, daf::Stream noise, std::uint32_t index) {
    Camera camera{};
    camera.gain = dice.between(0.72, 1.0) / (0.25f + 0.75f * id.skin_tone);  // exposed for the face, roughly;
    camera.gamma = dice.between(0.8, 1.25);
    camera.blur = dice.between(0.15, 0.5) / 48.0f;
    camera.noise = dice.between(0.0, 0.025);
    camera.noise_stream = noise;
    camera.noise_sample = index;
    return camera;
}

}  // namespace

FaceParameters sample_face(daf::Seed seed, Split split, std::uint32_t index, Expression expression) {
    const auto dice = [&](Aspect aspect) { return Dice(seed, split, index, aspect); };
    FaceParameters face{};
    face.expression = expression;
    face.action_units = sample_movement(dice(Aspect::movement), expression);
    face.identity = sample_identity(dice(Aspect::identity));
    face.pose = sample_pose(dice(Aspect::pose));
    face.light = sample_light(dice(Aspect::light));
    face.backdrop = sample_backdrop(dice(Aspect::backdrop));
    face.occluder = sample_occluder(dice(Aspect::occluder), face.pose, face.identity);
    const daf::Stream noise{seed, static_cast<std::uint32_t>(split),
                            static_cast<std::uint32_t>(Aspect::noise)};
    face.lock = sample_lock(dice(Aspect::lock), face.identity);
    face.camera = sample_camera(dice(Aspect::camera), face.identity, noise, index);
    return face;
}

}  // namespace daf_cnn
