#include "faces/face_head.hpp"

#include <algorithm>
#include <cmath>

#include "faces/face_coverage.hpp"

namespace daf_cnn {
namespace {

template <class Vector>
float dot(Vector a, Vector b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

template <class Vector>
Vector normalised(Vector v) {
    const float scale = 1.0f / std::sqrt(dot(v, v));
    return {v.x * scale, v.y * scale, v.z * scale};
}

}  // namespace

Head::Head(const FaceParameters& face, float footprint)
    : identity_(face.identity),
      pose_(face.pose),
      light_(face.light),
      lock_(face.lock),
      clothes_tone_(face.backdrop.clothes_tone),
      skin_(face.identity, shape_face(face.identity, face.action_units, face.pose),
            footprint / face.pose.scale),
      footprint_(footprint / face.pose.scale),
      cos_roll_(std::cos(face.pose.roll)),
      sin_roll_(std::sin(face.pose.roll)) {
    const float cy = std::cos(pose_.yaw), sy = std::sin(pose_.yaw);
    const float cp = std::cos(pose_.pitch), sp = std::sin(pose_.pitch);
    axes_ = {Vector{cy, 0.0f, -sy}, Vector{sy * sp, cp, cy * sp}, Vector{sy * cp, -sp, cy * cp}};

    const float width = identity_.head_width, depth = identity_.head_depth;
    stretch_ = {1.0f / (width * width), 1.0f, 1.0f / (depth * depth)};
    // A ray at (x, y) meets the skull where  a z^2 + 2 b z + c = 1  with b linear and c quadratic in x, y:
    // b^2 - a (c - 1) is positive inside the outline, which is an ellipse itself.
    const auto weigh = [&](auto first, auto second) {
        return stretch_.x * first(axes_[0]) * second(axes_[0]) +
               stretch_.y * first(axes_[1]) * second(axes_[1]) +
               stretch_.z * first(axes_[2]) * second(axes_[2]);
    };
    const auto x = [](Vector v) { return v.x; };
    const auto y = [](Vector v) { return v.y; };
    const auto z = [](Vector v) { return v.z; };
    const float a = weigh(z, z), bx = weigh(x, z), by = weigh(y, z);
    depth_term_ = a;
    xx_ = a * weigh(x, x) - bx * bx;
    xy_ = a * weigh(x, y) - bx * by;
    yy_ = a * weigh(y, y) - by * by;
    half_width_ = std::sqrt(a / xx_);

    const Vector lamp = normalised(Vector{cos_roll_ * light_.x + sin_roll_ * light_.y,
                                          cos_roll_ * light_.y - sin_roll_ * light_.x, 1.0f});
    lamp_ = to_own(lamp);
    gleam_ = to_own(normalised(Vector{lamp.x, lamp.y, lamp.z + 1.0f}));
}

Head::Vector Head::to_view(Vector own) const {
    return {own.x * axes_[0].x + own.y * axes_[1].x + own.z * axes_[2].x,
            own.x * axes_[0].y + own.y * axes_[1].y + own.z * axes_[2].y,
            own.x * axes_[0].z + own.y * axes_[1].z + own.z * axes_[2].z};
}

Head::Vector Head::to_own(Vector view) const {
    return {dot(view, axes_[0]), dot(view, axes_[1]), dot(view, axes_[2])};
}

Head::Hit Head::hit_skull(float x, float y) const {
    Hit hit{};
    // Cheeks and jaw are what an ellipsoid lacks; a dropped jaw makes the lower face longer.
    constexpr float jaw_top = 0.3f;
    if (y > jaw_top) {
        y = jaw_top + (y - jaw_top) / (1.0f + skin_.shape().jaw_stretch);
        const float low = (y - jaw_top) / (1.0f - jaw_top);
        x /= 1.0f + (identity_.jaw_width - 1.0f) * low * low;
    }
    const float inside = depth_term_ - xx_ * x * x - 2.0f * xy_ * x * y - yy_ * y * y;
    const float gx = xx_ * x + xy_ * y, gy = xy_ * x + yy_ * y;
    const float steepness = 2.0f * std::sqrt(gx * gx + gy * gy) + 1e-6f;
    hit.cover = cover_edge(inside / steepness, footprint_);
    if (hit.cover <= 0.0f) return hit;

    const Vector flat = to_own({x, y, 0.0f});
    const float b = stretch_.x * flat.x * axes_[0].z + stretch_.y * flat.y * axes_[1].z +
                    stretch_.z * flat.z * axes_[2].z;
    const float z = (std::sqrt(std::max(inside, 0.0f)) - b) / depth_term_;
    hit.place = {flat.x + z * axes_[0].z, flat.y + z * axes_[1].z, flat.z + z * axes_[2].z};
    hit.normal =
        normalised(Vector{stretch_.x * hit.place.x, stretch_.y * hit.place.y, stretch_.z * hit.place.z});
    return hit;
}

/// Lambert's law, wrapped a little around the terminator as in skin, with light from above in the ambient
/// part.
float Head::shade(Vector normal, float tone, float gloss) const {
    const float direct = std::max(0.0f, (dot(normal, lamp_) + 0.2f) / 1.2f);
    const float ambient = light_.ambient * (0.88f - 0.12f * normal.y);
    float gleam = std::max(0.0f, dot(normal, gleam_));
    for (int doubling = 0; doubling < 4; ++doubling) gleam *= gleam;
    return tone * (ambient + (1.0f - light_.ambient) * direct) + gloss * gleam;
}

float Head::strands(float x, float y) const {
    return 1.0f + 0.22f * std::sin(26.0f * x + 3.0f * std::sin(5.0f * y)) +
           0.12f * std::sin(61.0f * x - 9.0f * y);
}

/// The height above which the skull is covered with hair.
float Head::hairline(float x) const {
    const float q = x / identity_.head_width;
    const float temples = identity_.hairline + 0.8f * q * q * q * q;
    switch (identity_.hair) {
        case HairStyle::bald: return -2.0f;
        case HairStyle::cropped: return temples - 0.04f;
        case HairStyle::parted: return temples + 0.12f * std::abs(q - 0.35f) - 0.03f;
        case HairStyle::fringe: return temples + 0.2f + 0.03f * std::sin(24.0f * x);
        case HairStyle::swept: return temples + 0.2f * q + 0.05f;
        case HairStyle::long_hair: return temples + 0.25f * std::abs(q) - 0.05f;
    }
    return temples;
}

float Head::paint_body(float seen, float x, float y) const {
    if (y < 0.4f) return seen;
    const Vector neck = to_view({0.0f, 0.9f, -0.35f});
    const float dx = x - neck.x;
    const float roundness = 0.55f + 0.3f * std::sqrt(unit_clamp(1.0f - 5.0f * dx * dx));
    seen = mix(seen, 0.85f * identity_.skin_tone * roundness, cover_edge(0.44f - std::abs(dx), footprint_));
    const float collar = 1.12f + 0.3f * dx * dx + 0.12f * std::max(0.0f, 1.0f - 6.0f * dx * dx);
    return mix(seen, clothes_tone_ * (0.9f + 0.2f * dx * light_.x), cover_edge(y - collar, footprint_));
}

float Head::paint_back_hair(float seen, float x, float y) const {
    if (identity_.hair == HairStyle::bald) return seen;
    const bool is_long = identity_.hair == HairStyle::long_hair;
    const bool is_cropped = identity_.hair == HairStyle::cropped;
    const float volume = is_cropped ? 0.3f * identity_.hair_volume : identity_.hair_volume;
    const float rx = half_width_ + volume + (is_long ? 0.08f : 0.0f);
    const float ry = is_long && y > 0.0f ? 1.45f : 1.0f + volume;
    const float dx = x / rx, dy = y / ry;
    const float length = std::sqrt(dx * dx + dy * dy) + 1e-6f;
    float inside = (1.0f - length) * std::min(rx, ry);
    if (!is_long) inside = std::min(inside, 0.12f - y);
    const float cover = cover_edge(inside, footprint_);
    if (cover <= 0.0f) return seen;
    const float z = std::sqrt(unit_clamp(1.0f - length * length));
    const Vector normal = to_own(normalised(Vector{dx, dy, z + 0.05f}));
    return mix(seen, shade(normal, identity_.hair_tone * strands(x, y), 0.4f * light_.specular), cover);
}

float Head::paint_ears(float seen, float x, float y) const {
    if (identity_.hair == HairStyle::long_hair) return seen;
    for (const Side side : sides) {
        const Vector ear = to_view({sign(side) * 1.02f * identity_.head_width, 0.08f, -0.1f});
        const float dx = (x - ear.x) / 0.1f, dy = (y - ear.y) / 0.2f;
        const float radius = std::sqrt(dx * dx + dy * dy);
        const float cover = cover_edge((1.0f - radius) * 0.1f, footprint_);
        if (cover <= 0.0f) continue;
        const Vector normal = normalised(Vector{sign(side) * 0.5f, 0.3f * dy, 0.7f});
        const float hollow = 1.0f - 0.3f * std::max(0.0f, 1.0f - radius);
        seen = mix(seen, shade(normal, 0.9f * identity_.skin_tone * hollow, 0.0f), cover);
    }
    return seen;
}

/// Face and the hair over it, where a ray meets the skull.
float Head::skull_light(const Hit& hit) const {
    const float u = hit.place.x, v = hit.place.y;
    float tone = 0.0f;
    const float to_hair = hit.place.z > 0.0f ? hairline(u) - v : std::max(hairline(u) - v, 0.1f - v);
    const bool has_hair = identity_.hair != HairStyle::bald;
    const float hair =
        has_hair ? cover_edge(to_hair + 0.015f * std::sin(47.0f * u), footprint_ + 0.02f) : 0.0f;
    if (hair < 1.0f) {
        const SkinPoint skin = skin_.at(u, v);
        const Vector normal =
            normalised(Vector{hit.normal.x - skin.slope_x, hit.normal.y - skin.slope_y, hit.normal.z});
        const float under_hair = has_hair ? 1.0f - 0.25f * unit_clamp(1.0f + to_hair / 0.12f) : 1.0f;
        tone = shade(normal, skin.tone * under_hair, 0.35f * light_.specular);
    }
    if (hair > 0.0f) {
        const float hair_tone =
            shade(hit.normal, identity_.hair_tone * strands(u, v), 0.4f * light_.specular);
        tone = mix(tone, hair_tone, hair);
    }
    return tone;
}

float Head::paint_lock(float seen, float x, float y) const {
    constexpr float crown = -0.95f, tip = 0.35f;
    if (lock_.half_width <= 0.0f || y < crown || y > tip) return seen;
    const float fall = y - crown;
    const float half_width = lock_.half_width * (1.0f - 0.55f * fall);
    const float cover =
        cover_line(x - lock_.x - lock_.slope * fall, half_width, footprint_) * unit_clamp((tip - y) / 0.1f);
    return mix(seen, 0.75f * identity_.hair_tone * strands(1.5f * x, y), cover);
}

float Head::before(float behind, float x, float y) const {
    const float dx = (x - pose_.shift_x) / pose_.scale, dy = (y - pose_.shift_y) / pose_.scale;
    const float hx = cos_roll_ * dx + sin_roll_ * dy, hy = cos_roll_ * dy - sin_roll_ * dx;
    const Hit hit = hit_skull(hx, hy);
    float seen = behind;
    if (hit.cover < 1.0f) {
        seen = paint_body(seen, hx, hy);
        seen = paint_back_hair(seen, hx, hy);
        seen = paint_ears(seen, hx, hy);
    }
    if (hit.cover > 0.0f) seen = mix(seen, skull_light(hit), hit.cover);
    return paint_lock(seen, hx, hy);
}

}  // namespace daf_cnn
