#pragma once
// What makes one generated face: the numbers that a renderer needs and nothing about how they were chosen.
//
// Face units: the origin is the middle of the head, x grows to the image's right, y downwards, z to the
// viewer; 1 is half the head's height. Image units: the origin is the image's middle, 1 is its side.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <daf/core/random.hpp>

namespace daf_cnn {

/// The seven classes, in FER2013's order.
enum class Expression : std::uint8_t { angry, disgust, fear, happy, sad, surprise, neutral };

inline constexpr std::array<std::string_view, 7> expression_names{"angry", "disgust",  "fear",   "happy",
                                                                  "sad",   "surprise", "neutral"};

/// The muscles' movements of the Facial Action Coding System (Ekman, Friesen) that the expressions are made
/// of.
enum class ActionUnit : std::uint8_t {
    inner_brow_raiser,     // AU1
    outer_brow_raiser,     // AU2
    brow_lowerer,          // AU4
    upper_lid_raiser,      // AU5
    cheek_raiser,          // AU6
    lid_tightener,         // AU7
    nose_wrinkler,         // AU9
    upper_lip_raiser,      // AU10
    lip_corner_puller,     // AU12
    lip_corner_depressor,  // AU15
    lower_lip_depressor,   // AU16
    chin_raiser,           // AU17
    lip_stretcher,         // AU20
    lip_tightener,         // AU23
    lips_part,             // AU25
    jaw_drop,              // AU26
};
inline constexpr std::size_t action_unit_count = 16;

/// The two halves of a face, as the viewer sees them.
enum class Side : std::uint8_t { left, right };
inline constexpr std::array<Side, 2> sides{Side::left, Side::right};

/// -1 for the left half, +1 for the right: the sign of x there.
constexpr float sign(Side side) {
    return side == Side::left ? -1.0f : 1.0f;
}

/// How strongly every action unit acts, 0 (not at all) to 1, in each half of the face.
class ActionUnits {
  public:
    float& at(ActionUnit unit, Side side) { return strength_[index(side)][index(unit)]; }
    float at(ActionUnit unit, Side side) const { return strength_[index(side)][index(unit)]; }
    float mean(ActionUnit unit) const { return 0.5f * (at(unit, Side::left) + at(unit, Side::right)); }

  private:
    template <class Enum>
    static constexpr std::size_t index(Enum value) {
        return static_cast<std::size_t>(value);
    }
    std::array<std::array<float, action_unit_count>, 2> strength_{};
};

enum class HairStyle : std::uint8_t { bald, cropped, parted, fringe, swept, long_hair };
enum class Glasses : std::uint8_t { none, round, angular };

/// Who it is: shapes in face units, tones as albedo (0 black to 1 white). Nothing here depends on the
/// expression.
struct Identity {
    float head_width, head_depth, jaw_width;
    float eye_distance, eye_height, eye_width, eye_opening, eye_tilt, iris_radius, iris_tone;
    float brow_height, brow_length, brow_thickness, brow_arch, brow_tone;
    float nose_length, nose_width, nose_relief;
    float mouth_height, mouth_width, lip_thickness, lip_contrast;
    float skin_tone, hair_tone, hairline, hair_volume;
    float beard, moustache, wrinkles;
    HairStyle hair;
    Glasses glasses;
};

/// Where the head is and how it is turned. Angles in radians, shift and scale in image units.
struct Pose {
    float yaw, pitch, roll;
    float scale;  ///< half the head's height
    float shift_x, shift_y;
    float gaze_x, gaze_y;  ///< -1 to 1
};

/// One distant lamp and its surroundings.
struct Light {
    float x, y;      ///< where the lamp stands; z is 1
    float ambient;   ///< the share of light that comes from everywhere
    float specular;  ///< how much the skin shines
};

/// A wall with a gradient and two soft blots.
struct Backdrop {
    struct Blot {
        float x, y, radius, tone;
    };
    float tone, slope_x, slope_y, clothes_tone;
    std::array<Blot, 2> blots;
};

/// Something between the face and the camera, in image units.
struct Occluder {
    enum class Kind : std::uint8_t { none, bar, hand };
    Kind kind;
    float x, y;   ///< bar: a point of its middle line; hand: the palm
    float angle;  ///< bar: its direction; hand: where the fingers point
    float width, tone;
};

/// A lock of hair that falls from the crown over one eye, in face units.
struct Lock {
    float x, slope;    ///< where it starts, and how far it goes sideways for each unit that it falls
    float half_width;  ///< 0: there is none
};

/// What the camera makes of the light that reaches it.
struct Camera {
    float gain, gamma;
    float blur;   ///< standard deviation, image units
    float noise;  ///< standard deviation, 1 is white
    daf::Stream noise_stream;
    std::uint32_t noise_sample;
};

struct FaceParameters {
    Expression expression;
    ActionUnits action_units;
    Identity identity;
    Pose pose;
    Light light;
    Backdrop backdrop;
    Occluder occluder;
    Lock lock;
    Camera camera;
};

}  // namespace daf_cnn
