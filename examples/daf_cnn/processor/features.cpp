// Compiled with the flags of the whole program, which it describes. Constants only: no code of it ever runs.
#include "processor/features.hpp"

namespace daf_cnn {

namespace {

/// What a macro's name has become: itself where the macro is not defined, "1" where it is.
constexpr bool defined_as_one(const char* text) {
    return text[0] == '1' && text[1] == '\0';
}

}  // namespace

#define DAF_CNN_TEXT_OF(MACRO) #MACRO
#define DAF_CNN_FEATURE(NAME, MACRO) {NAME, defined_as_one(DAF_CNN_TEXT_OF(MACRO))},
// `constinit`: it must be there before any code of the program may run.
constinit const Feature features[] = {DAF_CNN_FEATURES(DAF_CNN_FEATURE){nullptr, false}};

}  // namespace daf_cnn
