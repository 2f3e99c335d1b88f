#include "faces/face_geometry.hpp"

#include <algorithm>
#include <cmath>

namespace daf_cnn {
namespace {

using enum ActionUnit;

EyeShape shape_eye(const Identity& id, const ActionUnits& units, const Pose& pose, Side side) {
    const auto au = [&](ActionUnit unit) { return units.at(unit, side); };
    EyeShape eye{};
    eye.x = sign(side) * id.eye_distance;
    eye.y = id.eye_height;
    eye.half_width = id.eye_width;
    const float narrowing = 0.38f * au(lid_tightener) + 0.22f * au(cheek_raiser) + 0.3f * au(nose_wrinkler);
    const float above = id.eye_opening * (1.0f + 0.85f * au(upper_lid_raiser) - narrowing);
    const float squeeze = 0.75f * au(lid_tightener) + 1.0f * au(cheek_raiser) + 0.5f * au(nose_wrinkler);
    const float below =
        id.eye_opening * (0.55f + 0.35f * au(upper_lid_raiser) - 0.6f * std::min(squeeze, 1.4f));
    eye.above = std::max(above, 0.2f * id.eye_opening);
    eye.below = std::max(below, -0.1f * id.eye_opening);
    eye.tilt = id.eye_tilt;
    eye.iris_radius = id.iris_radius;
    eye.iris_x = eye.x + 0.3f * eye.half_width * pose.gaze_x;
    eye.iris_y = eye.y - 0.25f * id.eye_opening + 0.3f * id.eye_opening * pose.gaze_y;
    return eye;
}

BrowShape shape_brow(const Identity& id, const ActionUnits& units, Side side) {
    const auto au = [&](ActionUnit unit) { return units.at(unit, side); };
    const float rest = id.eye_height - id.brow_height;
    BrowShape brow{};
    brow.inner_x = id.eye_distance - 0.5f * id.brow_length - 0.055f * au(brow_lowerer);
    brow.outer_x = id.eye_distance + 0.55f * id.brow_length;
    brow.inner_y =
        rest - 0.17f * au(inner_brow_raiser) + 0.14f * au(brow_lowerer) + 0.07f * au(nose_wrinkler);
    brow.middle_y = rest - id.brow_arch - 0.07f * au(inner_brow_raiser) - 0.12f * au(outer_brow_raiser) +
                    0.08f * au(brow_lowerer) + 0.05f * au(nose_wrinkler);
    brow.outer_y = rest + 0.035f + 0.035f * au(inner_brow_raiser) - 0.13f * au(outer_brow_raiser) +
                   0.01f * au(brow_lowerer);
    brow.half_thickness = id.brow_thickness;
    return brow;
}

MouthShape shape_mouth(const Identity& id, const ActionUnits& units) {
    const float parted = units.mean(lips_part), dropped = units.mean(jaw_drop);
    const float raised = units.mean(upper_lip_raiser), sneer = units.mean(nose_wrinkler);
    const float depressed = units.mean(lower_lip_depressor), chin = units.mean(chin_raiser);
    const float tight = units.mean(lip_tightener), smile = units.mean(lip_corner_puller);
    const float stretched = units.mean(lip_stretcher);

    MouthShape mouth{};
    for (const Side side : sides) {
        const auto au = [&](ActionUnit unit) { return units.at(unit, side); };
        const auto half = static_cast<std::size_t>(side);
        mouth.half_width[half] =
            id.mouth_width * (1.0f + 0.3f * au(lip_corner_puller) + 0.3f * au(lip_stretcher) -
                              0.16f * au(lip_tightener) - 0.3f * dropped * (1.0f - au(lip_stretcher)));
        mouth.corner[half] = -0.24f * au(lip_corner_puller) + 0.21f * au(lip_corner_depressor) +
                             0.03f * au(lip_stretcher) + 0.06f * dropped;
    }
    mouth.y = id.mouth_height + 0.02f * smile - 0.03f * raised - 0.03f * sneer - 0.035f * chin;
    mouth.open_above =
        0.035f * parted + 0.045f * dropped + 0.065f * raised * (1.0f - chin) + 0.02f * depressed;
    mouth.open_below = 0.06f * parted + 0.24f * dropped + 0.06f * depressed;
    mouth.upper_lip =
        id.lip_thickness * (1.0f - 0.7f * tight - 0.3f * smile - 0.2f * stretched + 0.3f * raised);
    mouth.lower_lip =
        1.25f * id.lip_thickness * (1.0f - 0.7f * tight - 0.2f * smile - 0.2f * stretched + 0.25f * chin);
    mouth.squareness = std::clamp(stretched + 0.6f * depressed + 0.4f * smile * parted, 0.0f, 1.0f);
    mouth.upper_teeth = 0.09f * std::max({smile, raised, 0.6f * stretched, 0.35f * dropped});
    mouth.lower_teeth = 0.06f * std::max(depressed, stretched);
    return mouth;
}

void add_reliefs(FaceGeometry& shape, const Identity& id, const ActionUnits& units) {
    auto& reliefs = shape.reliefs;
    const float width = id.nose_width, relief = id.nose_relief;
    const float bridge = 0.5f * (id.eye_height + shape.nose_y);
    reliefs.push_back({0.0f, bridge, 0.13f, 0.42f, 0.45f * relief, -0.03f});                      // bridge
    reliefs.push_back({0.0f, shape.nose_y - 0.02f, 0.8f * width, 0.14f, 0.9f * relief, -0.06f});  // tip
    reliefs.push_back({0.0f, shape.nose_y + 0.09f, 1.1f * width, 0.07f, 0.0f, 0.28f});  // its shadow
    reliefs.push_back({0.0f, id.eye_height - 0.3f, 0.7f, 0.2f, 0.035f, 0.0f});          // forehead
    reliefs.push_back({0.0f, 0.86f, 0.25f, 0.16f, 0.05f, 0.0f});                        // chin
    const MouthShape& mouth = shape.mouth;
    const float lower_edge = mouth.y + mouth.open_below + mouth.lower_lip;
    reliefs.push_back(
        {0.0f, mouth.y - mouth.open_above - mouth.upper_lip - 0.05f, 0.06f, 0.08f, -0.01f, 0.08f});
    reliefs.push_back(
        {0.0f, lower_edge + 0.04f, 0.22f, 0.06f, -0.02f, 0.2f + 0.15f * units.mean(chin_raiser)});
    reliefs.push_back({0.0f, lower_edge - 0.5f * mouth.lower_lip, 0.2f, 0.05f, 0.02f, 0.0f});
    for (const Side side : sides) {
        const auto au = [&](ActionUnit unit) { return units.at(unit, side); };
        const float s = sign(side);
        const float lift = std::max(0.7f * au(cheek_raiser), au(lip_corner_puller));
        reliefs.push_back({s * width, shape.nose_y + 0.02f, 0.09f, 0.09f, 0.35f * relief, 0.0f});  // wing
        reliefs.push_back({s * id.eye_distance, id.eye_height, 0.24f, 0.17f, -0.035f, 0.14f});     // socket
        reliefs.push_back(
            {s * 0.42f, 0.2f - 0.05f * lift, 0.24f, 0.2f, 0.045f + 0.06f * lift, -0.06f * lift});  // cheek
        reliefs.push_back({s * (0.12f - 0.02f * au(brow_lowerer)), id.eye_height - 0.02f, 0.09f, 0.14f,
                           -0.03f, 0.14f + 0.2f * au(brow_lowerer)});  // inner corner
    }
}

void add_creases(FaceGeometry& shape, const Identity& id, const ActionUnits& units) {
    auto& creases = shape.creases;
    const auto crease = [&](float x0, float y0, float x1, float y1, float half_width, float darkness) {
        if (darkness > 0.04f) creases.push_back({x0, y0, x1, y1, half_width, std::min(darkness, 0.7f)});
    };
    const float age = id.wrinkles;
    const float brow_rest = id.eye_height - id.brow_height;
    for (const Side side : sides) {
        const auto au = [&](ActionUnit unit) { return units.at(unit, side); };
        const float s = sign(side);
        const auto half = static_cast<std::size_t>(side);
        // From the nose's wing around the mouth's corner.
        const float corner_x = shape.mouth.half_width[half] + 0.05f;
        const float corner_y = shape.mouth.y + shape.mouth.corner[half];
        const float fold = 0.12f * age + 0.35f * au(lip_corner_puller) + 0.3f * au(nose_wrinkler) +
                           0.25f * au(upper_lip_raiser) + 0.1f * au(lip_corner_depressor);
        const float bend_x = 0.5f * (id.nose_width + corner_x) + 0.06f,
                    bend_y = 0.55f * shape.nose_y + 0.45f * corner_y;
        crease(s * (id.nose_width + 0.05f), shape.nose_y - 0.05f, s * bend_x, bend_y, 0.014f, fold);
        crease(s * bend_x, bend_y, s * (corner_x + 0.02f), corner_y, 0.014f, 0.8f * fold);
        // Below the mouth's corner when it is pulled down.
        crease(s * corner_x, corner_y, s * (corner_x + 0.03f), corner_y + 0.12f, 0.014f,
               0.08f * age + 0.3f * au(lip_corner_depressor));
        // Crow's feet, and the bag that the raised cheek makes under the eye.
        const float outer_x = id.eye_distance + id.eye_width + 0.03f;
        const float feet = 0.05f * age + (0.15f + 0.15f * age) * au(cheek_raiser);
        crease(s * outer_x, id.eye_height - 0.01f, s * (outer_x + 0.08f), id.eye_height - 0.05f, 0.008f,
               feet);
        crease(s * outer_x, id.eye_height + 0.02f, s * (outer_x + 0.08f), id.eye_height + 0.04f, 0.008f,
               feet);
        const float bag = 0.1f + 0.12f * age + 0.25f * au(cheek_raiser) + 0.15f * au(lid_tightener);
        crease(s * (id.eye_distance - 0.12f), id.eye_height + 0.1f, s * (id.eye_distance + 0.08f),
               id.eye_height + 0.11f, 0.01f, bag);
        // Upright folds between the brows, slanting folds on the wrinkled nose.
        const float inner_x = shape.brows[half].inner_x;
        crease(s * 0.4f * inner_x, brow_rest + 0.02f, s * 0.5f * inner_x, brow_rest + 0.15f, 0.011f,
               0.05f * age + 0.5f * au(brow_lowerer));
        for (const float rise : {0.0f, 0.07f}) {
            crease(s * 0.02f, id.eye_height + 0.04f + rise, s * 0.11f, id.eye_height + 0.01f + rise, 0.011f,
                   0.7f * au(nose_wrinkler));
        }
        // Across the forehead: the inner part with AU1, the outer one with AU2.
        for (const float rise : {0.1f, 0.19f}) {
            const float y = brow_rest - rise - 0.06f;
            crease(0.0f, y, s * 0.22f, y - 0.02f, 0.009f, 0.08f * age + 0.24f * au(inner_brow_raiser));
            crease(s * 0.22f, y - 0.02f, s * 0.45f, y + 0.03f, 0.009f,
                   0.08f * age + 0.24f * au(outer_brow_raiser));
        }
    }
}

}  // namespace

FaceGeometry shape_face(const Identity& id, const ActionUnits& units, const Pose& pose) {
    FaceGeometry shape{};
    for (const Side side : sides) {
        shape.eyes[static_cast<std::size_t>(side)] = shape_eye(id, units, pose, side);
        shape.brows[static_cast<std::size_t>(side)] = shape_brow(id, units, side);
    }
    shape.mouth = shape_mouth(id, units);
    const float sneer = units.mean(nose_wrinkler);
    shape.nose_y = id.eye_height + id.nose_length - 0.05f * sneer;
    shape.nostril_x = 0.45f * id.nose_width * (1.0f + 0.25f * sneer);
    shape.nostril_radius = 0.032f * (1.0f + 0.2f * sneer);
    shape.jaw_stretch = 0.13f * units.mean(jaw_drop);
    add_reliefs(shape, id, units);
    add_creases(shape, id, units);
    return shape;
}

}  // namespace daf_cnn
