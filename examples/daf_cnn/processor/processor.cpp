// Compiled for the plainest processor (CMakeLists.txt), and without a line of the C++ library: the linker
// might pick another file's copy of an inline function, made for the processor that is lacking.
#include <unistd.h>

#include <cstring>

#include "processor/features.hpp"

namespace daf_cnn {

namespace {

/// A line that is cut off where it does not fit.
struct Line {
    char text[512] = "";
    std::size_t size = 0;

    void add(const char* words) {
        const std::size_t length = std::strlen(words), room = sizeof text - 1 - size;
        const std::size_t taken = length < room ? length : room;
        std::memcpy(text + size, words, taken);
        size += taken;
        text[size] = '\0';
    }
};

/// The names of the features for which wanted(used by the program, offered by the processor).
template <class Wanted>
void add_names([[maybe_unused]] Line& line, [[maybe_unused]] const Wanted& wanted) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const Feature* feature = features;
#define DAF_CNN_NAME(NAME, MACRO)                                               \
    if (wanted(feature->used, __builtin_cpu_supports(NAME) != 0)) {             \
        line.add(line.size == 0 || line.text[line.size - 1] == ' ' ? "" : " "); \
        line.add(NAME);                                                         \
    }                                                                           \
    ++feature;
    DAF_CNN_FEATURES(DAF_CNN_NAME)
#endif
}

/// Before main, and before the program's other constructors, any of which may use what is lacking.
[[gnu::constructor(101)]] void refuse_a_lesser_processor() {
    Line lacking;
    add_names(lacking, [](bool used, bool offered) { return used && !offered; });
    if (lacking.size == 0) return;
    Line message;
    message.add("daf-cnn: this program was built for a processor with ");
    message.add(lacking.text);
    message.add(", which this one lacks; build it here, or with -DDAF_NATIVE=OFF for any processor\n");
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message.text, message.size);
    ::_exit(1);
}

}  // namespace

const char* unused_features() {
    static Line line;
    if (line.size == 0) add_names(line, [](bool used, bool offered) { return !used && offered; });
    return line.text;
}

}  // namespace daf_cnn
