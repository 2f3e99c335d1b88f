#include <CLI/CLI.hpp>
#include <array>
#include <daf/io/file.hpp>
#include <iostream>
#include <memory>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/commands.hpp"
#include "data/fer_csv.hpp"

namespace daf_cnn {

namespace {

struct Request {
    std::string out;
    int rows = 7;
    int columns = 12;
    int size = 48;
    std::string csv;
    std::optional<std::uint32_t> limit{};
    std::uint64_t data_seed = default_data_seed;
    bool force = false;
    Given given;
};

/// Whether both are one file, which would be written twice. Names that lead nowhere are told apart as they
/// stand: writing says what is wrong with them.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code of_a, of_b;
    const auto real_a = std::filesystem::weakly_canonical(a, of_a);
    const auto real_b = std::filesystem::weakly_canonical(b, of_b);
    const auto as_it_stands = [](const std::filesystem::path& path) {
        return std::filesystem::absolute(path).lexically_normal();
    };
    return of_a || of_b ? as_it_stands(a) == as_it_stands(b) : real_a == real_b;
}

void check(const Request& request) {
    if (request.out.empty() && request.csv.empty()) {
        throw BadUse("faces: expected a file to write; add --out SHEET.pgm, --csv FACES.csv or both");
    }
    if (!request.out.empty() && !request.csv.empty() && same_file(request.out, request.csv)) {
        throw BadUse("--csv: expected another file than --out's '" + request.out + "'");
    }
    const auto useless = [&](const char* name, const std::string& with) {
        if (request.given.contains(name))
            throw BadUse("--" + std::string(name) + ": it acts only with " + with);
    };
    if (request.out.empty()) {
        for (const char* name : {"rows", "columns", "size"}) useless(name, "--out");
    }
    if (request.csv.empty()) useless("limit", "--csv");
    for (const std::string& path : {request.out, request.csv}) {
        std::error_code ignored;
        if (!request.force && !path.empty() && std::filesystem::exists(path, ignored)) {
            throw BadUse("'" + path + "' exists; add --force to replace it, or name another file");
        }
    }
}

/// A portable grey map, which image viewers open.
void write_sheet(const Request& request) {
    const std::vector<std::uint8_t> sheet = contact_sheet(daf::Seed{request.data_seed}, Split::train, 0,
                                                          request.rows, request.columns, request.size);
    daf::write_atomically(request.out, [&](daf::FileWriter& file) {
        file.write(
            formatted("P5\n%d %d\n255\n", request.columns * request.size, request.rows * request.size));
        file.write(std::as_bytes(std::span(sheet)));
    });
    std::cout << request.out << ": " << request.rows << " rows of " << request.columns << " faces\n";
}

/// The same splits that `train --data generated` sees, in FER2013's layout.
void write_csv(const Request& request) {
    daf::Cpu cpu;
    const DataSource source{std::string(generated_data), daf::Seed{request.data_seed}, request.limit};
    std::size_t count = 0;
    daf::write_atomically(request.csv, [&](daf::FileWriter& file) {
        file.write("emotion,pixels,Usage\n");
        for (const auto& [split, usage] : {std::pair{Split::train, "Training"},
                                           {Split::validation, "PublicTest"},
                                           {Split::test, "PrivateTest"}}) {
            Splits splits = load_data(cpu, source, fer_side, {split});
            const Dataset& faces = splits[split];
            for (std::size_t i = 0; i < faces.size(); ++i) {
                std::string line = std::to_string(faces.labels[i]) + ',';
                for (const std::uint8_t pixel : faces.image(i)) line += std::to_string(pixel) + ' ';
                line.back() = ',';
                file.write(line + usage + '\n');
            }
            count += faces.size();
        }
    });
    std::cout << request.csv << ": " << count << " faces\n";
}

}  // namespace

Command add_faces(CLI::App& program) {
    CLI::App* app = program.add_subcommand("faces", "Draw the faces that --data generated trains on");
    const auto request = std::make_shared<Request>();
    Given& given = request->given;
    add_option(*app,
               Option{"out", AnyText{"FILE.pgm"}, "write a sheet of faces as PGM, one expression a row"},
               request->out, given);
    add_option(*app, Option{"rows", Interval{1, 1000}, "of the sheet"}, request->rows, given);
    add_option(*app, Option{"columns", Interval{1, 1000}, "of the sheet"}, request->columns, given);
    add_option(*app, Option{"size", Interval{8, 1024}, "pixels of a face's side on the sheet"}, request->size,
               given);
    add_option(*app, Option{"csv", AnyText{"FILE.csv"}, "write the splits in FER2013's CSV layout"},
               request->csv, given);
    add_option(*app, limit_option("the first N faces of each split", "7000, 1400 and 1400"), request->limit,
               given);
    add_option(*app, data_seed_option(), request->data_seed, given);
    add_option(*app, Option{"force", AnyText{}, "replace files that exist"}, request->force, given);
    app->footer(
        "Examples:\n"
        "  daf-cnn faces --out faces.pgm\n"
        "  daf-cnn faces --csv faces.csv --limit 1000");
    return [request] {
        check(*request);
        if (!request->out.empty()) write_sheet(*request);
        if (!request->csv.empty()) write_csv(*request);
    };
}

}  // namespace daf_cnn
