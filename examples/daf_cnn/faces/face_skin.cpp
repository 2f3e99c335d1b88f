#include "faces/face_skin.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <utility>

#include "faces/face_coverage.hpp"

namespace daf_cnn {
namespace {

constexpr float sclera_tone = 0.88f;
constexpr float teeth_tone = 0.9f;
constexpr float frame_tone = 0.07f;

float square(float value) {
    return value * value;
}

}  // namespace

FaceSkin::FaceSkin(const Identity& identity, FaceGeometry shape, float footprint)
    : identity_(identity), shape_(std::move(shape)), footprint_(footprint) {
    assert(shape_.reliefs.size() <= 32 && shape_.creases.size() <= 32);
    for (std::size_t i = 0; i < shape_.reliefs.size(); ++i) {
        const Relief& hill = shape_.reliefs[i];
        enter(&Cell::reliefs, i, hill.x - hill.radius_x, hill.y - hill.radius_y, hill.x + hill.radius_x,
              hill.y + hill.radius_y);
    }
    for (std::size_t i = 0; i < shape_.creases.size(); ++i) {
        const Crease& line = shape_.creases[i];
        const float reach = line.half_width + footprint_;
        enter(&Cell::creases, i, std::min(line.x0, line.x1) - reach, std::min(line.y0, line.y1) - reach,
              std::max(line.x0, line.x1) + reach, std::max(line.y0, line.y1) + reach);
    }
}

std::size_t FaceSkin::cell_index(float coordinate) {
    constexpr auto count = static_cast<float>(cells_a_side);
    return static_cast<std::size_t>(std::clamp(0.5f * count * (coordinate + 1.0f), 0.0f, count - 1.0f));
}

void FaceSkin::enter(std::uint32_t Cell::*kind, std::size_t number, float x0, float y0, float x1, float y1) {
    for (std::size_t row = cell_index(y0); row <= cell_index(y1); ++row) {
        for (std::size_t column = cell_index(x0); column <= cell_index(x1); ++column) {
            cells_[row][column].*kind |= std::uint32_t{1} << number;
        }
    }
}

SkinPoint FaceSkin::at(float x, float y) const {
    SkinPoint point{identity_.skin_tone, 0.0f, 0.0f};
    const Cell& near = cells_[cell_index(y)][cell_index(x)];
    const Side side = x < 0.0f ? Side::left : Side::right;
    paint_reliefs(point, near.reliefs, x, y);
    paint_creases(point, near.creases, x, y);
    paint_beard(point, x, y);
    paint_mouth(point, x, y);
    paint_nostrils(point, x, y);
    paint_eye(point, side, x, y);
    paint_brow(point, side, x, y);
    if (identity_.glasses != Glasses::none) paint_glasses(point, x, y);
    return point;
}

// Each hill is height * (1 - r^2)^2 over its ellipse: smooth at the rim, and no exponential to evaluate.
void FaceSkin::paint_reliefs(SkinPoint& point, std::uint32_t near, float x, float y) const {
    for (; near != 0; near &= near - 1) {
        const Relief& relief = shape_.reliefs[static_cast<std::size_t>(std::countr_zero(near))];
        const float dx = (x - relief.x) / relief.radius_x, dy = (y - relief.y) / relief.radius_y;
        const float rest = 1.0f - dx * dx - dy * dy;
        if (rest <= 0.0f) continue;
        point.slope_x -= 4.0f * relief.height * rest * dx / relief.radius_x;
        point.slope_y -= 4.0f * relief.height * rest * dy / relief.radius_y;
        point.tone *= 1.0f - relief.darkness * rest * rest;
    }
}

void FaceSkin::paint_creases(SkinPoint& point, std::uint32_t near, float x, float y) const {
    for (; near != 0; near &= near - 1) {
        const Crease& crease = shape_.creases[static_cast<std::size_t>(std::countr_zero(near))];
        const float distance = segment_distance(x, y, crease.x0, crease.y0, crease.x1, crease.y1);
        point.tone *= 1.0f - crease.darkness * cover_line(distance, crease.half_width, footprint_);
    }
}

void FaceSkin::paint_beard(SkinPoint& point, float x, float y) const {
    if (identity_.beard > 0.0f) {
        const float q = std::abs(x) / identity_.head_width;
        const float rim = shape_.mouth.y + 0.1f - 0.55f * q * q * q;
        const float share = unit_clamp((y - rim) / 0.12f);
        point.tone = mix(point.tone, identity_.hair_tone, identity_.beard * share);
    }
    if (identity_.moustache > 0.0f) {
        const MouthShape& mouth = shape_.mouth;
        const float s = std::abs(x) / (identity_.mouth_width + 0.03f);
        const float lip = mouth.y - mouth.open_above - mouth.upper_lip;
        const float bottom = lip + 0.09f * s * s;
        const float top = std::min(shape_.nose_y + 0.11f, lip - 0.07f) + 0.13f * s * s;
        const float share = cover_between(y - top, bottom - y, std::max(footprint_, 0.04f));
        point.tone =
            mix(point.tone, identity_.hair_tone, identity_.moustache * share * unit_clamp(8.0f * (1.0f - s)));
    }
}

void FaceSkin::paint_mouth(SkinPoint& point, float x, float y) const {
    const MouthShape& mouth = shape_.mouth;
    const std::size_t half = x < 0.0f ? 0 : 1;
    const float s = std::abs(x) / mouth.half_width[half];
    if (s > 1.1f) return;
    const float lens = 1.0f - s * s;
    const float opening = mix(lens, 1.0f - square(s * s * s), mouth.squareness);
    const float middle = mouth.y + mouth.corner[half] * s * s;
    const float upper_inner = middle - mouth.open_above * opening;
    const float lower_inner = middle + mouth.open_below * opening;
    const float bow = 1.0f - 0.22f * std::max(0.0f, 1.0f - square(x / 0.06f));
    const float upper_outer = upper_inner - mouth.upper_lip * lens * bow;
    const float lower_outer = lower_inner + mouth.lower_lip * lens;

    const float lip_tone = identity_.skin_tone * (1.0f - identity_.lip_contrast);
    const float upper_lip = cover_between(y - upper_outer, middle - y, footprint_);
    const float lower_lip = cover_between(y - middle, lower_outer - y, footprint_);
    point.tone = mix(point.tone, 0.88f * lip_tone, upper_lip);
    point.tone = mix(point.tone, lip_tone * 1.06f, lower_lip);

    // The corners' line stays visible where the lips meet; the cavity takes over where they part.
    const float line = cover_line(y - middle, 0.02f, footprint_) * cover_edge((1.06f - s) * 0.3f, footprint_);
    const float cavity = cover_between(y - upper_inner, lower_inner - y, footprint_);
    point.tone = mix(point.tone, 0.3f * lip_tone, 0.85f * line * (1.0f - cavity));
    if (cavity <= 0.0f) return;
    const float depth = lower_inner - upper_inner;
    const float tongue = unit_clamp((y - upper_inner - 0.6f * depth) / 0.15f);
    float inside = mix(0.05f, 0.3f * identity_.skin_tone, tongue);
    const float dimming = 1.0f - 0.4f * s * s;
    inside =
        mix(inside, teeth_tone * dimming, cover_edge(upper_inner + mouth.upper_teeth * lens - y, footprint_));
    inside = mix(inside, 0.85f * teeth_tone * dimming,
                 cover_edge(y - (lower_inner - mouth.lower_teeth * lens), footprint_));
    point.tone = mix(point.tone, inside, cavity);
    point.slope_x *= 1.0f - cavity;
    point.slope_y *= 1.0f - cavity;
}

void FaceSkin::paint_nostrils(SkinPoint& point, float x, float y) const {
    const float radius = shape_.nostril_radius;
    const float dx = (std::abs(x) - shape_.nostril_x) / 1.5f, dy = y - shape_.nose_y - 0.055f;
    const float inside = cover_edge(radius - std::sqrt(dx * dx + dy * dy), footprint_);
    point.tone *= 1.0f - 0.7f * inside;
}

void FaceSkin::paint_eye(SkinPoint& point, Side side, float x, float y) const {
    const EyeShape& eye = shape_.eyes[static_cast<std::size_t>(side)];
    const float across = sign(side) * (x - eye.x) / eye.half_width;
    if (std::abs(across) > 1.35f || std::abs(y - eye.y) > 0.3f) return;
    const float lens = 1.0f - across * across;
    const float middle = eye.y + eye.tilt * across;
    const float upper = middle - eye.above * lens;
    const float lower = middle + eye.below * lens;
    const float end = cover_edge((1.12f - std::abs(across)) * eye.half_width, footprint_);

    // The fold of the upper lid.
    const float fold = cover_line(y - (upper - 0.055f), 0.01f, footprint_);
    point.tone *= 1.0f - 0.3f * fold * end;

    const float open = cover_between(y - upper, lower - y, footprint_);
    if (open > 0.0f) {
        const float dx = x - eye.iris_x, dy = y - eye.iris_y;
        const float radius = std::sqrt(dx * dx + dy * dy);
        float ball = sclera_tone * (1.0f - 0.25f * across * across);
        ball *= 1.0f - 0.3f * cover_edge(0.03f - (y - upper), 0.05f);  // the lid's shadow
        ball = mix(ball, identity_.iris_tone, cover_edge(eye.iris_radius - radius, footprint_));
        ball = mix(ball, 0.02f, cover_edge(0.45f * eye.iris_radius - radius, footprint_));
        const float gx = dx + 0.35f * eye.iris_radius, gy = dy + 0.35f * eye.iris_radius;
        ball = mix(ball, 1.0f, cover_edge(0.2f * eye.iris_radius - std::sqrt(gx * gx + gy * gy), footprint_));
        point.tone = mix(point.tone, ball, open);
        point.slope_x *= 1.0f - open;
        point.slope_y *= 1.0f - open;
    }
    const float lash = cover_line(y - upper, 0.018f, footprint_) * end;
    const float rim = cover_line(y - lower, 0.008f, footprint_) * end;
    point.tone = mix(point.tone, 0.12f * identity_.skin_tone, 0.85f * lash);
    point.tone *= 1.0f - 0.35f * rim;
}

void FaceSkin::paint_brow(SkinPoint& point, Side side, float x, float y) const {
    const BrowShape& brow = shape_.brows[static_cast<std::size_t>(side)];
    const float length = brow.outer_x - brow.inner_x;
    const float t = (sign(side) * x - brow.inner_x) / length;
    const float end = cover_edge(std::min(t + 0.03f, 1.03f - t) * length, footprint_);
    if (end <= 0.0f) return;
    const float bend = 2.0f * (brow.inner_y - 2.0f * brow.middle_y + brow.outer_y);
    const float lean = brow.outer_y - brow.inner_y - bend;
    const float middle = brow.inner_y + t * (lean + t * bend);
    const float steepness = (lean + 2.0f * t * bend) / length;
    const float distance = (y - middle) / std::sqrt(1.0f + steepness * steepness);
    const float half = brow.half_thickness * (1.0f - 0.6f * t * t);
    point.tone = mix(point.tone, identity_.brow_tone, 0.92f * end * cover_line(distance, half, footprint_));
}

void FaceSkin::paint_glasses(SkinPoint& point, float x, float y) const {
    const float dx = std::abs(x) - identity_.eye_distance, dy = y - identity_.eye_height - 0.01f;
    float outline = 0.0f;  // distance from the frame's middle line, negative inside
    if (identity_.glasses == Glasses::round) {
        outline = std::sqrt(dx * dx + dy * dy) - 0.225f;
    } else {
        const float qx = std::abs(dx) - 0.19f, qy = std::abs(dy) - 0.12f;
        const float ox = std::max(qx, 0.0f), oy = std::max(qy, 0.0f);
        outline = std::sqrt(ox * ox + oy * oy) + std::min(std::max(qx, qy), 0.0f) - 0.04f;
    }
    point.tone = mix(point.tone, 0.8f, 0.08f * cover_edge(-outline, footprint_));
    float frame = cover_line(outline, 0.016f, footprint_);
    const bool between_or_beside = outline > 0.0f;
    if (between_or_beside) frame = std::max(frame, cover_line(dy + 0.05f, 0.014f, footprint_));
    point.tone = mix(point.tone, frame_tone, frame);
}

}  // namespace daf_cnn
