#pragma once
// The head in space: an ellipsoid that carries the painted face, turned and lit, with neck, ears and hair.
#include <array>

#include "faces/face_parameters.hpp"
#include "faces/face_skin.hpp"

namespace daf_cnn {

class Head {
  public:
    /// `footprint`: the side of a pixel in image units.
    Head(const FaceParameters& face, float footprint);

    /// What is seen at (x, y) of the image when `behind` is what stands behind the head.
    float before(float behind, float x, float y) const;

  private:
    struct Vector {
        float x, y, z;
    };
    /// Where a ray meets the skull.
    struct Hit {
        float cover;           ///< the share of the pixel that the skull covers
        Vector place, normal;  ///< in the head's own axes
    };

    Vector to_view(Vector own) const;
    Vector to_own(Vector view) const;
    Hit hit_skull(float x, float y) const;
    float shade(Vector normal, float tone, float gloss) const;
    float strands(float x, float y) const;
    float hairline(float x) const;
    float paint_body(float seen, float x, float y) const;
    float paint_back_hair(float seen, float x, float y) const;
    float paint_ears(float seen, float x, float y) const;
    float skull_light(const Hit& hit) const;
    float paint_lock(float seen, float x, float y) const;

    Identity identity_;
    Pose pose_;
    Light light_;
    Lock lock_;
    float clothes_tone_;
    FaceSkin skin_;
    float footprint_;  // in face units
    float cos_roll_, sin_roll_;
    std::array<Vector, 3> axes_;       // the head's own x, y, z as seen
    Vector stretch_;                   // 1 / radius^2 along them
    float depth_term_, xx_, xy_, yy_;  // the skull's outline: depth_term - xx x^2 - 2 xy x y - yy y^2 = 0
    float half_width_;                 // of the outline
    Vector lamp_, gleam_;              // directions in the head's own axes: to the lamp, and of the highlight
};

}  // namespace daf_cnn
