#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "data/data.hpp"
#include "data/picture.hpp"
#include "training/trained_network.hpp"

namespace daf_cnn {

namespace {

/// Images at once; fixed, since the convolutions choose their algorithm by it and round accordingly.
constexpr Index predict_batch = 64;

struct Request {
    std::string weights;
    std::vector<std::string> images;
    std::string format = "text";
    bool skip_bad = false;
    int threads = default_threads();
    std::string device = "cpu";
    std::string precision = "float";
    Given given;
};

/// The pictures that could be read, in the order of the command line, and what they are called.
struct Faces {
    std::vector<std::string> names;
    Dataset pixels;
};

/// Reads everything before anything is printed, so that one bad image leaves no half output.
Faces read_faces(const Request& request, Index side) {
    Faces faces;
    faces.pixels.side = static_cast<int>(side);
    for (const std::string& image : request.images) {
        try {
            const std::vector<std::uint8_t> square = square_of(read_picture(image), faces.pixels.side);
            faces.pixels.images.insert(faces.pixels.images.end(), square.begin(), square.end());
        } catch (const daf::Error& error) {
            if (!request.skip_bad) throw;
            std::cerr << "daf-cnn: skipped: " << one_line(error.what()) << '\n';
            continue;
        }
        faces.names.push_back(image);
        faces.pixels.labels.push_back(0);  // no one reads it
    }
    const std::size_t skipped = request.images.size() - faces.names.size();
    if (faces.names.empty())
        throw daf::FormatError(formatted("none of the %zu images could be read", skipped));
    if (skipped > 0) {
        std::cerr << formatted("daf-cnn: skipped %zu of %zu images\n", skipped, request.images.size());
    }
    return faces;
}

std::vector<Reading> read_all(const TrainedNetwork& trained, const Faces& faces) {
    std::vector<Reading> readings;
    for_each_batch(faces.pixels, trained.network->side(), predict_batch, [&](const BatchBuffer& images) {
        for (Reading& reading : trained.read(images.images())) readings.push_back(std::move(reading));
    });
    return readings;
}

std::string_view expression_of(const Reading& reading) {
    return expression_names[static_cast<std::size_t>(reading.prediction)];
}

/// A table; the names stand last, where they may be as long as they are.
std::string text_table(const Faces& faces, const std::vector<Reading>& readings) {
    std::string text;
    for (const std::string_view name : expression_names) text += formatted("%8s ", std::string(name).c_str());
    text += " most likely  image\n";
    for (std::size_t i = 0; i < readings.size(); ++i) {
        for (const double p : readings[i].probabilities) text += formatted("%8.4f ", p);
        text += formatted(" %-11s  %s\n", std::string(expression_of(readings[i])).c_str(),
                          one_line(faces.names[i]).c_str());
    }
    return text;
}

/// A field of RFC 4180: quoted where it must be, quotes doubled.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

/// RFC 4180: a header, CRLF behind every record.
std::string csv_table(const Faces& faces, const std::vector<Reading>& readings) {
    std::string text = "image,expression";
    for (const std::string_view name : expression_names) text += "," + std::string(name);
    text += "\r\n";
    for (std::size_t i = 0; i < readings.size(); ++i) {
        text += csv_field(faces.names[i]) + "," + std::string(expression_of(readings[i]));
        for (const double p : readings[i].probabilities) text += formatted(",%.6f", p);
        text += "\r\n";
    }
    return text;
}

/// One array. JSON is UTF-8: bytes of a name that are not become U+FFFD.
std::string json_array(const Faces& faces, const std::vector<Reading>& readings) {
    auto array = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < readings.size(); ++i) {
        nlohmann::ordered_json probabilities;
        for (std::size_t k = 0; k < expression_names.size(); ++k)
            probabilities[std::string(expression_names[k])] = readings[i].probabilities[k];
        array.push_back({{"image", faces.names[i]},
                         {"expression", expression_of(readings[i])},
                         {"probabilities", probabilities}});
    }
    return array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void predict(const Request& request) {
    if (request.weights.empty()) {
        throw BadUse(
            "--weights: expected a checkpoint, but was given none; add --weights DIR/best.safetensors");
    }
    if (request.images.empty()) {
        throw BadUse("predict: expected the images of faces, but was given none; name one or more files");
    }
    daf::Cpu cpu(daf::Threads{request.threads});
    daf::Safetensors checkpoint = daf::open_checkpoint(request.weights);
    const Faces faces = read_faces(request, origin_of(checkpoint).preset->side);
    const TrainedNetwork trained =
        load_trained(cpu, std::move(checkpoint), {static_cast<Index>(faces.names.size()), predict_batch},
                     placement_of(request.device, request.precision));
    const std::vector<Reading> readings = read_all(trained, faces);
    std::cout << (request.format == "csv"    ? csv_table(faces, readings)
                  : request.format == "json" ? json_array(faces, readings)
                                             : text_table(faces, readings));
}

}  // namespace

Command add_predict(CLI::App& program) {
    CLI::App* app = program.add_subcommand("predict", "Say which expression each image of a face shows");
    const auto request = std::make_shared<Request>();
    Given& given = request->given;
    app->add_option(
           "image", request->images,
           "files that hold one face each; made grey, cut to the largest centred square and resampled "
           "to the network's size")
        ->type_name("FILE");
    add_option(*app, checkpoint_option(), request->weights, given);
    add_option(
        *app,
        Option{"format", Choice{{"text", "csv", "json"}}, "a table, CSV by RFC 4180, or one JSON array"},
        request->format, given);
    add_option(*app, skip_bad_option("leave out images that cannot be read, and say which and how many"),
               request->skip_bad, given);
    add_option(*app, threads_option(), request->threads, given);
    add_option(*app, device_option(), request->device, given);
    add_option(*app, precision_option(), request->precision, given);
    app->footer(
        "Without --skip-bad, an image that cannot be read stops it before anything is\nprinted.\n\n"
        "Examples:\n"
        "  daf-cnn predict --weights runs/fer/best.safetensors photos/*.jpg\n"
        "  daf-cnn predict --weights runs/fer/best.safetensors --format csv a.png >a.csv");
    return [request] { predict(*request); };
}

}  // namespace daf_cnn
