#pragma once
// What folders of images may be called: the splits and the classes of FER2013, SFEW and their usual
// spellings.
#include <optional>
#include <string>
#include <string_view>

#include "faces/faces.hpp"

namespace daf_cnn {

/// train, val or test in any case and spelling: training, valid, validation, PublicTest, testing,
/// PrivateTest.
std::optional<Split> split_named(std::string_view name);

/// One of the seven in any case and spelling: anger or angry, happiness or happy, ....
std::optional<Expression> expression_named(std::string_view name);

/// Every spelling of a split, for messages: "val, valid, validation or publictest".
std::string spellings(Split split);
/// Every spelling of every class: "angry (anger), disgust (disgusted), ...".
std::string class_spellings();

/// What file managers and archives leave behind: hidden files, Thumbs.db, desktop.ini, __MACOSX.
bool is_junk(std::string_view name);

}  // namespace daf_cnn
