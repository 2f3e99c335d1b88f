#pragma once
// Options that several commands take: each is described here alone.
#include <string_view>

#include "base/option.hpp"
#include "data/data.hpp"

namespace daf_cnn {

/// --threads, of every command that computes.
inline Option threads_option(std::string_view help = "threads; the result does not depend on them") {
    return {"threads", Interval{1, most_threads}, help, "all cores", true};
}

/// --device, of every command that runs a network.
inline Option device_option() {
    return {"device",
            Choice{{"cpu", "gpu"}},
            "what the network runs on; the two round differently, and read each other's checkpoints",
            {},
            true};
}

/// --precision, of the same.
inline Option precision_option() {
    return {"precision",
            Choice{{"float", "tf32", "bf16"}},
            "how a GPU multiplies: floats as they are, rounded to TF32, or activations and weights in bf16; "
            "parameters and checkpoints hold floats all the same",
            {},
            true};
}

/// --preset, of commands that have no checkpoint that says it.
inline Option preset_option(std::string_view default_note = {}) {
    return {"preset", Choice{{"paper", "half", "lite"}}, "the network", default_note};
}

/// --weights, of commands that use a trained network.
inline Option checkpoint_option() {
    return {"weights", AnyText{"FILE"}, "a checkpoint; it says which preset it is"};
}

/// --data, of every command that reads labelled images.
inline Option data_option(std::string_view help =
                              "faces drawn by the program, images as FOLDER/train|val|test/CLASS/IMAGE, or a "
                              "file in FER2013's CSV layout",
                          std::string_view default_note = {}) {
    return {"data", AnyText{"generated|FOLDER|FILE.csv"}, help, default_note, true};
}

inline Option data_seed_option() {
    return {"data-seed", any_seed, "which faces are generated"};
}

inline Option limit_option(std::string_view help = "the first N images of each split",
                           std::string_view default_note = "all; generated: 7000, 1400 and 1400") {
    return {"limit", Interval{1, 1e9}, help, default_note};
}

inline Option skip_bad_option(
    std::string_view help = "leave out images that cannot be read, and say how many") {
    return {"skip-bad", AnyText{}, help};
}

}  // namespace daf_cnn
