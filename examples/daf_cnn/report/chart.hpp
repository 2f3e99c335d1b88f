#pragma once
// Line charts over the epochs, as SVG that takes its colours from the page.
#include <string>
#include <vector>

namespace daf_cnn {

struct Series {
    std::string name;
    std::string colour;          // a class of the page's style: "a", "b"
    std::vector<double> values;  // one an epoch
};

/// What happened after an epoch.
struct EpochEvent {
    int epoch = 0;
    bool dropped = false;   // the learning rate
    bool reloaded = false;  // the best model
};

struct Chart {
    std::string title;
    std::string explanation;
    std::vector<Series> series;
    bool logarithmic = false;  // a tick at each value; steps rather than slopes
    double least_top = 0;      // the axis reaches up to it at least
};

struct Epochs {
    int first = 1;
    int count = 0;
    int best = 0;
    std::vector<EpochEvent> events;

    int last() const { return first + count - 1; }
};

/// A <figure> with the chart, its title and, where there are several series, their names.
std::string chart_figure(const Chart& chart, const Epochs& epochs);

/// Round numbers, about `wanted` of them, from at most `low` to at least `high`.
std::vector<double> round_ticks(double low, double high, int wanted);

}  // namespace daf_cnn
