#include <daf/daf.hpp>

#include "training.hpp"

daf_test::Trained daf_test::trained_on_cpu(const daf::Optimizer& optimizer) {
    daf::Cpu cpu;
    return trained<float>(cpu, optimizer);
}
std::vector<daf_test::FirstStep> daf_test::first_steps_on_cpu() {
    daf::Cpu cpu;
    return first_steps<float>(cpu);
}
