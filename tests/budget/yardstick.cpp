// Nothing of daf: how fast a machine compiles is measured on it (compile_cost.cpp). Keep it as it is: its
// time on the machine for which the budgets were set is part of them.
#include <Eigen/Cholesky>
#include <algorithm>
#include <map>
#include <string>
#include <vector>

float yardstick(const Eigen::MatrixXf& values, std::vector<std::string> words) {
    std::sort(words.begin(), words.end());
    std::map<std::string, float> sums;
    for (const std::string& word : words) sums[word] += values.array().tanh().sum();
    const Eigen::MatrixXf square = values * values.transpose();
    float sum = square.llt().solve(values).norm();
    for (const auto& [word, value] : sums) sum += value;
    return sum;
}
