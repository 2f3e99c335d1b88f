#pragma once
// The face as a painted surface: tone and relief at each of its points, seen from the front.
#include <array>
#include <cstddef>
#include <cstdint>

#include "faces/face_geometry.hpp"

namespace daf_cnn {

/// A point of the face: how bright the surface is, and how its relief leans (the gradient of its height).
struct SkinPoint {
    float tone;
    float slope_x, slope_y;
};

class FaceSkin {
  public:
    /// `footprint`: the side of the pixels that the face is drawn with, in face units.
    FaceSkin(const Identity& identity, FaceGeometry shape, float footprint);

    /// The point (x, y) in face units, averaged over a pixel.
    SkinPoint at(float x, float y) const;

    const FaceGeometry& shape() const { return shape_; }

  private:
    /// Which reliefs and creases reach into a square of the face, a bit each: most points meet very few of
    /// them.
    struct Cell {
        std::uint32_t reliefs, creases;
    };
    static constexpr std::size_t cells_a_side = 16;  // over -1 to 1

    static std::size_t cell_index(float coordinate);
    void enter(std::uint32_t Cell::*kind, std::size_t number, float x0, float y0, float x1, float y1);
    void paint_reliefs(SkinPoint& point, std::uint32_t near, float x, float y) const;
    void paint_creases(SkinPoint& point, std::uint32_t near, float x, float y) const;
    void paint_beard(SkinPoint& point, float x, float y) const;
    void paint_mouth(SkinPoint& point, float x, float y) const;
    void paint_nostrils(SkinPoint& point, float x, float y) const;
    void paint_eye(SkinPoint& point, Side side, float x, float y) const;
    void paint_brow(SkinPoint& point, Side side, float x, float y) const;
    void paint_glasses(SkinPoint& point, float x, float y) const;

    Identity identity_;
    FaceGeometry shape_;
    float footprint_;
    std::array<std::array<Cell, cells_a_side>, cells_a_side> cells_{};
};

}  // namespace daf_cnn
