#include "data/left_out.hpp"

#include "base/text.hpp"

namespace daf_cnn {

LeftOut& LeftOut::operator+=(const LeftOut& other) {
    if (empty()) first = other.first;
    images += other.images;
    folders += other.folders;
    return *this;
}

std::string LeftOut::text() const {
    std::string text;
    if (images > 0) text = counted(static_cast<long>(images), "bad image", "bad images");
    if (images > 0 && folders > 0) text += " and ";
    if (folders > 0) text += counted(static_cast<long>(folders), "folder", "folders");
    return text;
}

}  // namespace daf_cnn
