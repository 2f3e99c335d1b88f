#pragma once
// Generated faces: an endless labelled data set that is drawn rather than downloaded.
// Image i of a split is a pure function of (seed, split, i): any order, any number of threads, the same
// bytes.
#include <cstdint>
#include <span>
#include <vector>

#include <daf/core/random.hpp>
#include "faces/face_parameters.hpp"

namespace daf_cnn {

/// The parts of a data set. Faces of different splits are drawn independently.
enum class Split : std::uint8_t { train, validation, test };

/// The label of face `index`. Every run of seven indices that starts at a multiple of seven holds each label
/// once, in a shuffled order, so that every prefix of a split is balanced to within one face.
Expression face_label(daf::Seed seed, Split split, std::uint32_t index);

/// Everything about face `index` of a split, with its own label or as the same face would look with another
/// one.
FaceParameters sample_face(daf::Seed seed, Split split, std::uint32_t index);
FaceParameters sample_face(daf::Seed seed, Split split, std::uint32_t index, Expression expression);

/// Draws a face: `pixels` holds size * size grey values, row by row. The picture is the same at every size,
/// only finer (the noise alone differs).  Throws daf::ArgumentError if size < 1 or the span has another
/// length.
void render_face(const FaceParameters& face, int size, std::span<std::uint8_t> pixels);

/// sample_face and render_face in one.
void draw_face(daf::Seed seed, Split split, std::uint32_t index, int size, std::span<std::uint8_t> pixels);

/// rows x columns faces of a split beside each other, (rows * size) x (columns * size) grey values: row r
/// shows expression r mod 7, column after column the next face with that label, from about index `first` on
/// (rounded down to a multiple of seven).
std::vector<std::uint8_t> contact_sheet(daf::Seed seed, Split split, std::uint32_t first, int rows,
                                        int columns, int size);

}  // namespace daf_cnn
