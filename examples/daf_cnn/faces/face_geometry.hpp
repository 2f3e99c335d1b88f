#pragma once
// The shapes of one face, with its expression worked in: what the action units do to brows, eyes, nose and
// mouth. All in face units (face_parameters.hpp), on the face seen from the front.
#include <array>
#include <vector>

#include "faces/face_parameters.hpp"

namespace daf_cnn {

/// A lens between two parabolas. t runs from -1 at the inner corner to 1 at the outer one.
struct EyeShape {
    float x, y, half_width;
    float above, below;  ///< how far the lids stand from the corners' line, in the middle
    float tilt;          ///< the outer corner's rise over the inner one, half of it
    float iris_x, iris_y, iris_radius;
};

/// A band along a parabola through three heights; x counts outwards from the face's middle.
struct BrowShape {
    float inner_x, outer_x;
    float inner_y, middle_y, outer_y;
    float half_thickness;
};

/// Four curves over s, -1 at the left corner to 1 at the right one: the edges of both lips.
struct MouthShape {
    std::array<float, 2> half_width;  ///< by side
    std::array<float, 2> corner;      ///< how far the corners hang below the middle
    float y;
    float open_above, open_below;    ///< how far the inner edges stand from the corners' curve
    float upper_lip, lower_lip;      ///< thickness in the middle
    float squareness;                ///< 0: the opening is a lens, 1: a box with round corners
    float upper_teeth, lower_teeth;  ///< how far they stand out from behind the lips
};

/// A smooth hill (or dale) on the skin over an ellipse, which may also be darker or lighter than its
/// surroundings.
struct Relief {
    float x, y, radius_x, radius_y;
    float height;
    float darkness;
};

/// A dark line in the skin.
struct Crease {
    float x0, y0, x1, y1;
    float half_width;
    float darkness;
};

struct FaceGeometry {
    std::array<EyeShape, 2> eyes;  ///< by side, like the brows
    std::array<BrowShape, 2> brows;
    MouthShape mouth;
    float nose_y, nostril_x, nostril_radius;
    float jaw_stretch;            ///< how much longer the lower face has become
    std::vector<Relief> reliefs;  ///< at most 32, like the creases
    std::vector<Crease> creases;
};

FaceGeometry shape_face(const Identity& identity, const ActionUnits& units, const Pose& pose);

}  // namespace daf_cnn
