#include "data/fer_csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <daf/core/error.hpp>
#include <daf/io/file.hpp>
#include <daf/io/json.hpp>

namespace daf_cnn {
namespace {

using daf::json::shown;

constexpr std::size_t pixel_count = std::size_t{fer_side} * fer_side;

struct Usage {
    std::string_view name;
    Split split;
};
constexpr std::array<Usage, 3> usages{
    {{"Training", Split::train}, {"PublicTest", Split::validation}, {"PrivateTest", Split::test}}};

/// Cuts a file into lines through one buffer of fixed size, and knows where it is.
class Lines {
  public:
    explicit Lines(const std::filesystem::path& path) : file_(path), buffer_(fer_longest_line, '\0') {}

    /// The next line without its end, valid until the next call; nothing at the file's end.
    std::optional<std::string_view> next() {
        std::size_t end = buffered().find('\n');
        if (end == std::string_view::npos && !at_end_) {
            refill();
            end = buffered().find('\n');
        }
        ++number_;
        if (end == std::string_view::npos && begin_ == end_) return std::nullopt;
        if (end == std::string_view::npos && !at_end_) {
            fail("the line is too long", "at most " + std::to_string(fer_longest_line) + " bytes", "more",
                 "Check that it is a text file with one image a line");
        }
        ended_ = end != std::string_view::npos;
        std::string_view line = buffered().substr(0, end);
        begin_ += line.size() + (ended_ ? 1 : 0);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }

    [[noreturn]] void fail(const std::string& problem, const std::string& expected, const std::string& found,
                           std::string_view remedy = "Correct the line or remove it") const {
        if (!ended_)
            remedy = "The file ends within this line, so it may be truncated: copy or download it again";
        throw daf::FormatError(file_.path().string() + ":" + std::to_string(number_) + ": " + problem +
                               ": expected " + expected + ", found " + found + ". " + std::string(remedy) +
                               ".");
    }

  private:
    std::string_view buffered() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

    /// Moves the begun line to the buffer's front and reads behind it until the buffer is full or the file
    /// ends.
    void refill() {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
        while (end_ < buffer_.size() && !at_end_) {
            const std::size_t got = file_.read_some(std::as_writable_bytes(std::span(buffer_).subspan(end_)));
            end_ += got;
            at_end_ = got == 0;
        }
    }

    daf::FileReader file_;
    std::string buffer_;
    std::size_t begin_ = 0;  // [begin_, end_) of the buffer is read and not yet handed out
    std::size_t end_ = 0;
    bool at_end_ = false;
    bool ended_ = true;  // whether the latest line had its line feed
    std::size_t number_ = 0;
};

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view space = " \t";
    const std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// Takes the quoted text that begins `rest`, its quotes dropped. Doubled quotes stay: no column that is read
/// has any.
std::string_view take_quoted(std::string_view& rest, const Lines& lines) {
    std::size_t close = rest.find('"', 1);
    while (close != std::string_view::npos && rest.substr(close + 1).starts_with('"')) {
        close = rest.find('"', close + 2);
    }
    if (close == std::string_view::npos) {
        lines.fail("a quote is not closed", "'\"' before the line's end", shown(rest));
    }
    const std::string_view text = rest.substr(1, close - 1);
    rest = trimmed(rest.substr(close + 1));
    if (!rest.empty() && rest.front() != ',') lines.fail("text follows a quoted field", "','", shown(rest));
    return text;
}

/// Splits a line at its commas outside quotes. The vector is the caller's, so that its memory is used again.
void split_fields(std::string_view rest, const Lines& lines, std::vector<std::string_view>& fields) {
    if (const std::size_t nul = rest.find('\0'); nul != std::string_view::npos) {
        lines.fail("byte " + std::to_string(nul + 1) + " of the line is NUL", "text", "binary data or UTF-16",
                   "Save the file as plain text (UTF-8)");
    }
    fields.clear();
    for (;;) {
        const std::size_t text_at = std::min(rest.find_first_not_of(" \t"), rest.size());
        if (rest.substr(text_at).starts_with('"')) {
            rest.remove_prefix(text_at);
            fields.push_back(trimmed(take_quoted(rest, lines)));
        } else {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            fields.push_back(trimmed(rest.substr(0, comma)));
            rest.remove_prefix(comma);
        }
        if (rest.empty()) return;
        rest.remove_prefix(1);  // the comma
    }
}

/// Where the columns stand in a line.
struct Columns {
    std::size_t emotion;
    std::size_t pixels;
    std::size_t usage;
    std::size_t count;
};

Columns read_header(Lines& lines) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    const std::string wanted = "a first line with the columns emotion, pixels and Usage";
    const std::string_view remedy = "Check that it is FER2013's CSV";

    std::string_view header = lines.next().value_or("");
    if (header.starts_with(byte_order_mark)) header.remove_prefix(byte_order_mark.size());
    if (trimmed(header).empty()) lines.fail("the header is missing", wanted, "an empty line or file", remedy);
    std::vector<std::string_view> names;
    split_fields(header, lines, names);

    const auto column = [&](std::string_view name) {
        const auto found = std::find(names.begin(), names.end(), name);
        const std::string quoted = "column '" + std::string(name) + "'";
        if (found == names.end()) lines.fail(quoted + " is missing", wanted, shown(header), remedy);
        if (std::find(found + 1, names.end(), name) != names.end()) {
            lines.fail(quoted + " stands twice", wanted, shown(header), remedy);
        }
        return static_cast<std::size_t>(found - names.begin());
    };
    return {column("emotion"), column("pixels"), column("Usage"), names.size()};
}

std::int32_t parse_label(std::string_view text, const Lines& lines) {
    unsigned label = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, label);
    if (error != std::errc{} || stop != end || label >= expression_names.size()) {
        lines.fail("unknown label", "an emotion from 0 to " + std::to_string(expression_names.size() - 1),
                   shown(text));
    }
    return static_cast<std::int32_t>(label);
}

Split parse_usage(std::string_view text, const Lines& lines) {
    for (const Usage& usage : usages) {
        if (text == usage.name) return usage.split;
    }
    lines.fail("unknown usage", "Training, PublicTest or PrivateTest", shown(text));
}

void parse_pixels(std::string_view text, const Lines& lines, std::span<std::uint8_t, pixel_count> pixels) {
    const char* at = text.data();
    const char* const end = at + text.size();
    std::size_t count = 0;
    for (;;) {
        while (at != end && *at == ' ') ++at;
        if (at == end) break;
        unsigned value = 0;
        const auto [stop, error] = std::from_chars(at, end, value);
        if (error != std::errc{} || value > 255 || (stop != end && *stop != ' ')) {
            const std::string_view word(at, static_cast<std::size_t>(std::find(at, end, ' ') - at));
            lines.fail("pixel " + std::to_string(count + 1), "a whole number from 0 to 255", shown(word));
        }
        if (count < pixel_count) pixels[count] = static_cast<std::uint8_t>(value);
        ++count;
        at = stop;
    }
    if (count != pixel_count) {
        lines.fail("wrong number of pixels", std::to_string(pixel_count) + " (48x48)", std::to_string(count));
    }
}

/// One image's line, its memory used again.
class RowReader {
  public:
    explicit RowReader(const Columns& columns) : columns_(columns) {}

    void read(std::string_view line, const Lines& lines) {
        split_fields(line, lines, fields_);
        if (fields_.size() != columns_.count) {
            lines.fail("wrong number of fields", std::to_string(columns_.count) + " as in the header",
                       std::to_string(fields_.size()));
        }
        label = parse_label(fields_[columns_.emotion], lines);
        parse_pixels(fields_[columns_.pixels], lines, pixels);
        split = parse_usage(fields_[columns_.usage], lines);
    }

    std::int32_t label = 0;
    Split split = Split::train;
    std::array<std::uint8_t, pixel_count> pixels{};

  private:
    Columns columns_;
    std::vector<std::string_view> fields_;
};

}  // namespace

Splits read_fer_csv(const std::filesystem::path& path, const FerCsvOptions& options) {
    Lines lines(path);
    Splits splits;
    for (const Usage& usage : usages) {
        splits[usage.split].source = path.string() + " (" + std::string(usage.name) + ")";
        splits[usage.split].side = fer_side;
    }
    const auto is_asked = [&](Split split) {
        return std::find(options.splits.begin(), options.splits.end(), split) != options.splits.end();
    };
    const auto is_full = [&](Split split) { return options.limit && splits[split].size() >= *options.limit; };

    const Columns columns = read_header(lines);
    RowReader reader(columns);
    while (!std::all_of(options.splits.begin(), options.splits.end(), is_full)) {
        const std::optional<std::string_view> line = lines.next();
        if (!line) break;
        if (line->empty()) continue;
        try {
            reader.read(*line, lines);
        } catch (const daf::FormatError& bad) {
            if (!options.skip_bad) throw BadImage(bad.what());
            splits[options.splits.front()].left_out += {1, 0, bad.what()};
            continue;
        }
        if (!is_asked(reader.split) || is_full(reader.split)) continue;
        Dataset& data = splits[reader.split];
        data.images.insert(data.images.end(), reader.pixels.begin(), reader.pixels.end());
        data.labels.push_back(reader.label);
    }

    for (const Usage& usage : usages) {
        if (!is_asked(usage.split) || splits[usage.split].size() > 0 || is_full(usage.split)) continue;
        const LeftOut& left_out = splits[options.splits.front()].left_out;
        const std::string bad = left_out.empty() ? std::string()
                                                 : " beside " + std::to_string(left_out.images) +
                                                       " bad rows (the first: " + left_out.first + ")";
        throw daf::FormatError(path.string() + ": no images: expected rows with Usage " +
                               std::string(usage.name) + ", found none" + bad +
                               ". Name a file that has them.");
    }
    return splits;
}

}  // namespace daf_cnn
