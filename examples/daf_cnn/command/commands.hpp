#pragma once
// The subcommands. add_X describes X to CLI11 and returns what runs it once the command line is read.
#include <functional>

namespace CLI {
class App;
}

namespace daf_cnn {

/// Throws BadUse for exit status 2, any other exception for 1.
using Command = std::function<void()>;

Command add_train(CLI::App& program);
Command add_finetune(CLI::App& program);
Command add_ablate(CLI::App& program);
Command add_eval(CLI::App& program);
Command add_predict(CLI::App& program);
Command add_bench(CLI::App& program);
Command add_faces(CLI::App& program);

}  // namespace daf_cnn
