#pragma once
// Tables whose cells are coloured by their value, and maps of values laid over a face.
#include <string>

#include "report/report_data.hpp"

namespace daf_cnn {

/// Rows true, columns predicted: shares, and counts below them.
std::string confusion_table(const daf::ConfusionMatrix& confusion);

/// From class to class; on the diagonal the classes' own spread.
std::string distance_table(const ClassDistances& distances, const std::string& title);

/// A table's heading: the corner's words, the classes, and what more columns there are (HTML).
std::string class_heading(const std::string& corner, const std::string& more = "");

/// A cell whose colour is of that kind (a class of the page's style) and strength, 0 to 1.
std::string heat_cell(const std::string& kind, double strength, const std::string& hint,
                      const std::string& content);

/// For each face: itself, the channel stage, the spatial stage.
std::string attention_figure(const std::vector<JudgedFace>& faces);

/// What the channel stage leaves at each place of the map: mean over the channels of |A_c x|.
std::vector<double> channel_stage(const Gaze& gaze);
/// How much of the whole map's strength the channel stage lets through, in [0, 1].
double let_through(const Gaze& gaze);

}  // namespace daf_cnn
