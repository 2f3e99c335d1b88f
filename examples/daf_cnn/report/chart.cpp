#include "report/chart.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "report/html.hpp"

namespace daf_cnn {

namespace {

// In the SVG's own units, which are about pixels on every screen: the page never draws a chart much larger.
constexpr double width = 360, height = 200;
constexpr double left = 46, right = 12, top = 18, bottom = 30;
constexpr int most_dots = 40;  // where there are more epochs, lines alone say more

class Canvas {
  public:
    Canvas(const Chart& chart, const Epochs& epochs) : chart_(chart), epochs_(epochs) {
        std::vector<double> values;
        for (const Series& series : chart.series) {
            values.insert(values.end(), series.values.begin(), series.values.end());
        }
        if (values.empty()) values.push_back(0);
        if (chart.logarithmic) {
            ticks_ = distinct(values);
        } else {
            const auto [low, high] = std::ranges::minmax(values);
            ticks_ = round_ticks(std::min(low, 0.0), std::max(high, chart.least_top), 4);
        }
        low_ = scaled(ticks_.front());
        high_ = scaled(ticks_.back());
        if (high_ <= low_) {  // one value: in the middle
            low_ -= 1;
            high_ += 1;
        }
    }

    std::string drawn() const {
        std::string svg = formatted("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", width, height) +
                          html::escaped(chart_.title) + ", epoch by epoch\">";
        svg += axes() + events();
        for (const Series& series : chart_.series) svg += line(series);
        return svg + "</svg>";
    }

  private:
    double scaled(double value) const {
        return chart_.logarithmic ? std::log10(std::max(value, 1e-300)) : value;
    }
    double x(double epoch) const {
        const double share = epochs_.count > 1 ? (epoch - epochs_.first) / (epochs_.count - 1) : 0.5;
        return left + share * (width - left - right);
    }
    double y(double value) const {
        return height - bottom - (scaled(value) - low_) / (high_ - low_) * (height - bottom - top);
    }

    /// At most five of the values, the largest and the smallest among them.
    static std::vector<double> distinct(std::vector<double> values) {
        std::ranges::sort(values);
        values.erase(std::unique(values.begin(), values.end()), values.end());
        constexpr std::size_t most = 5;
        if (values.size() <= most) return values;
        std::vector<double> kept;
        for (std::size_t i = 0; i < most; ++i) kept.push_back(values[i * (values.size() - 1) / (most - 1)]);
        return kept;
    }

    std::string axes() const {
        std::string svg;
        for (const double tick : ticks_) {
            svg += formatted(
                "<path class=\"grid\" d=\"M%g %.1fH%g\"/><text x=\"%g\" y=\"%.1f\" class=\"end\">%.4g</text>",
                left, y(tick), width - right, left - 6, y(tick) + 4, tick);
        }
        for (const double tick : round_ticks(epochs_.first, epochs_.last(), 5)) {
            if (tick < epochs_.first || tick > epochs_.last() || tick != std::floor(tick)) continue;
            svg += formatted("<text x=\"%.1f\" y=\"%g\" class=\"mid\">%.0f</text>", x(tick),
                             height - bottom + 16, tick);
        }
        return svg + formatted("<text x=\"%g\" y=\"%g\" class=\"end faint\">epoch</text>", width - right,
                               height - 2);
    }

    std::string events() const {
        std::string svg;
        if (epochs_.best >= epochs_.first)
            svg =
                formatted("<path class=\"best\" d=\"M%.1f %gV%g\"/>", x(epochs_.best), top, height - bottom);
        for (const EpochEvent& event : epochs_.events) {
            const double at = x(event.epoch);
            svg += formatted("<g class=\"event\"><title>after epoch %d:%s%s</title><path d=\"M%.1f %gV%g\"/>",
                             event.epoch, event.dropped ? " rate dropped" : "",
                             event.reloaded ? " best model reloaded" : "", at, top, height - bottom);
            if (event.dropped) svg += formatted("<path class=\"drop\" d=\"M%.1f %gl-4 -7h8z\"/>", at, top);
            if (event.reloaded)
                svg += formatted("<circle class=\"reload\" cx=\"%.1f\" cy=\"%g\" r=\"3\"/>", at, top - 12);
            svg += "</g>";
        }
        return svg;
    }

    std::string line(const Series& series) const {
        std::string path, dots;
        for (std::size_t i = 0; i < series.values.size(); ++i) {
            const int epoch = epochs_.first + static_cast<int>(i);
            const double value = series.values[i];
            if (chart_.logarithmic && i > 0)
                path += formatted("V%.1f", y(value));  // at the epoch's beginning
            path += formatted("%s%.1f %.1f", i == 0 ? "M" : "L", x(epoch), y(value));
            if (epochs_.count <= most_dots) {
                dots += formatted("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"><title>", x(epoch), y(value),
                                  epoch == epochs_.best ? 4.0 : 2.5) +
                        html::escaped(series.name) +
                        formatted(", epoch %d: %.4g</title></circle>", epoch, value);
            }
        }
        return "<g class=\"line " + series.colour + "\"><path d=\"" + path + "\"/>" + dots + "</g>";
    }

    const Chart& chart_;
    const Epochs& epochs_;
    std::vector<double> ticks_;
    double low_ = 0, high_ = 1;
};

}  // namespace

std::vector<double> round_ticks(double low, double high, int wanted) {
    if (!(high - low > 1e-300)) high = low + 1;  // a smaller one has no step between its ticks
    const double rough = (high - low) / std::max(wanted, 1);
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    const double share = rough / power;
    const double step = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
    std::vector<double> ticks;
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    for (double i = first; i <= last; ++i) ticks.push_back(i * step);
    return ticks;
}

std::string chart_figure(const Chart& chart, const Epochs& epochs) {
    std::string figure = "<figure class=\"chart\"><figcaption><b>" + html::escaped(chart.title) + "</b>";
    if (chart.series.size() > 1) {
        for (const Series& series : chart.series) {
            figure += " <span class=\"key " + series.colour + "\">" + html::escaped(series.name) + "</span>";
        }
    }
    figure += "<small>" + html::escaped(chart.explanation) + "</small></figcaption>";
    return figure + Canvas(chart, epochs).drawn() + "</figure>\n";
}

}  // namespace daf_cnn
