#include "smoothing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace samesay {

namespace {

// How far the unevenness of the inputs moves into the weights: 0 leaves it, 1 moves all of it.
constexpr float strengths[] = {0.35f, 0.5f, 0.65f, 0.8f};
// Scales must leave at most this share of the error without them, and no more of it in any quarter of the rows:
// what helps one kind of text only is not a property of the network.
constexpr double worthwhile = 0.7;
constexpr size_t quarters = 4;

double dot(const float* a, const float* b, int64_t count) {
    constexpr int streams = 16;
    float sums[streams] = {};
    int64_t i = 0;
    for (; i + streams <= count; i += streams) {
        for (int j = 0; j < streams; ++j) sums[j] += a[i + j] * b[i + j];
    }
    double total = 0;
    for (float sum : sums) total += double(sum);
    for (; i < count; ++i) total += double(a[i]) * double(b[i]);
    return total;
}

// What remains of `x` after it was held in 8 bits with one scale.
std::vector<float> quantised(std::vector<float> x) {
    float largest = 1e-30f;
    for (float value : x) largest = std::max(largest, std::fabs(value));
    const float scale = largest / 127.0f;
    for (float& value : x) value = std::nearbyint(value / scale) * scale;
    return x;
}

// Relative squared error that 8 bits leave in the layer's outputs, mean over each quarter of the rows.
std::array<double, quarters> errors_of(const std::vector<const float*>& rows, const std::vector<std::vector<float>>& weights,
                const std::vector<float>& scales) {
    const int64_t inputs = int64_t(scales.size());
    std::vector<std::vector<float>> held;
    for (const std::vector<float>& weight : weights) {
        std::vector<float> scaled = weight;
        for (int64_t i = 0; i < inputs; ++i) scaled[size_t(i)] *= scales[size_t(i)];
        held.push_back(quantised(std::move(scaled)));
    }
    std::array<double, quarters> errors{};
    std::vector<float> x(static_cast<size_t>(inputs));
    for (size_t r = 0; r < rows.size(); ++r) {
        const float* row = rows[r];
        for (int64_t i = 0; i < inputs; ++i) x[size_t(i)] = row[i] / scales[size_t(i)];
        const std::vector<float> held_x = quantised(x);
        double error = 0, size = 1e-30;
        for (size_t w = 0; w < weights.size(); ++w) {
            const double exact = dot(row, weights[w].data(), inputs);
            const double difference = dot(held_x.data(), held[w].data(), inputs) - exact;
            error += difference * difference;
            size += exact * exact;
        }
        errors[r * quarters / rows.size()] += error / size;
    }
    return errors;
}

std::vector<float> scales_of(const std::vector<float>& largest_input, const std::vector<float>& largest_weight,
                             float strength) {
    std::vector<float> scales(largest_input.size());
    double logarithms = 0;
    for (size_t i = 0; i < scales.size(); ++i) {
        const float input = std::max(largest_input[i], 1e-5f), weight = std::max(largest_weight[i], 1e-5f);
        scales[i] = std::pow(input, strength) / std::pow(weight, 1.0f - strength);
        logarithms += std::log(double(scales[i]));
    }
    const float middle = float(std::exp(logarithms / double(scales.size())));
    for (float& scale : scales) scale /= middle;
    return scales;
}

}  // namespace

void InputSample::take(int64_t row, const float* x) {
    if (row >= most_rows || seen_[size_t(row)]) return;
    seen_[size_t(row)] = 1;
    std::copy(x, x + inputs_, rows_.data() + row * inputs_);
}

std::vector<const float*> InputSample::rows() const {
    std::vector<const float*> taken;
    for (int64_t row = 0; row < most_rows; ++row) {
        if (seen_[size_t(row)]) taken.push_back(rows_.data() + row * inputs_);
    }
    return taken;
}

std::vector<float> choose_scales(const InputSample& sample, const std::vector<std::vector<float>>& weights,
                                 const std::vector<float>& largest) {
    // Scales made from every other row are judged by the rest: those that only fit their own rows lose.
    std::vector<const float*> seen, rows;
    for (const float* row : sample.rows()) (seen.size() > rows.size() ? rows : seen).push_back(row);
    if (rows.size() < quarters) return {};
    std::vector<float> largest_input(size_t(sample.inputs()));
    for (const float* row : seen) {
        for (int64_t i = 0; i < sample.inputs(); ++i) {
            largest_input[size_t(i)] = std::max(largest_input[size_t(i)], std::fabs(row[i]));
        }
    }
    const auto without = errors_of(rows, weights, std::vector<float>(size_t(sample.inputs()), 1.0f));
    double least = worthwhile * std::accumulate(without.begin(), without.end(), 0.0);
    std::vector<float> best;
    for (float strength : strengths) {
        std::vector<float> scales = scales_of(largest_input, largest, strength);
        const auto with = errors_of(rows, weights, scales);
        double total = 0;
        bool helps = true;
        for (size_t q = 0; q < quarters; ++q) {
            helps = helps && with[q] <= without[q];
            total += with[q];
        }
        if (helps && total < least) {
            least = total;
            best = std::move(scales);
        }
    }
    return best;
}

}  // namespace samesay
