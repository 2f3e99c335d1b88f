#pragma once
// Points of the seven classes in the plane, as SVG. Each class has a colour and a mark of its own.
#include <string>

#include "report/report_data.hpp"

namespace daf_cnn {

/// The classes' names with their colours and marks.
std::string class_legend();

/// A <figure> with the layout. named: the classes' names stand beside their points.
std::string scatter_figure(const EmbeddedSplit& split, const std::string& title, bool named);

}  // namespace daf_cnn
