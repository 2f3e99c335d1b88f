#pragma once
// The rules that every source file of the project keeps, checked on its text.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace daf_test {

/// The places where `text`, the content of the file `path` (relative to the project, '/' between its parts),
/// breaks a rule. Each reads "path:line: the rule".
///
/// Headers of the library include each other as <daf/...> and downwards only:
///   core <- ops <- {reference | cpu | gpu};  net, train and io see core and ops, never a backend.
/// Eigen stays in cpu/, its internal namespace in cpu/packet.hpp; CUDA in the .cuh headers of gpu/, so that
/// every .hpp compiles without it; no other third party anywhere.
/// In daf-cnn (examples/daf_cnn) the folder command/ sees all others and is seen by main.cpp alone:
///   base <- faces <- data;  base <- network;  {data, network, processor} <- training;
///   {data, network, training} <- report <- command.
/// What nvcc reads, in programs and tests too, includes neither Eigen nor what does: cpu/ and daf.hpp.
/// Sources have at most 400 lines, the examples for users of the library fewer than 80. Nothing is marked as
/// left open.
std::vector<std::string> broken_rules(std::string_view path, std::string_view text);

/// The same for every text file of a project, generated and hidden folders left out.
std::vector<std::string> broken_rules_in_tree(const std::filesystem::path& root);

}  // namespace daf_test
