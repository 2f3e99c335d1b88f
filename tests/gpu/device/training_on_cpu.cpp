#include <daf/daf.hpp>

#include "training.hpp"

daf_test::Trained daf_test::trained_on_cpu(const daf::Optimizer& optimizer) {
    daf::Cpu cpu;
    return trained<float>(cpu, optimizer);
}
