#include "smoothing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kept.hpp"

namespace samesay {

namespace {

// How far the unevenness of the inputs moves into the weights: 0 leaves it, 1 moves all of it.
constexpr float strengths[] = {0.35f, 0.5f, 0.65f, 0.8f};
// Scales must leave at most this share of the error without them, and no more of it in any quarter of the rows:
// what helps one kind of text only is not a property of the network.
constexpr double worthwhile = 0.7;
constexpr size_t quarters = 4;
// The same for channels that are kept in float, against the best scales: they cost time where scales cost none.
constexpr double worth_keeping = 0.4;

using Errors = std::array<double, quarters>;

double total(const Errors& errors) { return std::accumulate(errors.begin(), errors.end(), 0.0); }

// Whether errors are at most that share of others, and nowhere larger.
bool clearly_less(const Errors& errors, const Errors& others, double share) {
    for (size_t q = 0; q < errors.size(); ++q) {
        if (errors[q] > others[q]) return false;
    }
    return total(errors) < share * total(others);
}

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

// What remains of `x` after it was held in 8 bits that span it.
std::vector<float> quantised(std::vector<float> x) {
    float lowest = 0, highest = 0;
    for (float value : x) {
        lowest = std::min(lowest, value);
        highest = std::max(highest, value);
    }
    const float scale = std::max(highest - lowest, 1e-30f) / 255.0f;
    for (float& value : x) value = std::nearbyint(value / scale) * scale;
    return x;
}

// Relative squared error that 8 bits leave in the layer's outputs, sum over each quarter of the rows.
Errors errors_of(const std::vector<const float*>& rows, const std::vector<std::vector<float>>& weights,
                 const std::vector<float>& scales) {
    const int64_t inputs = int64_t(scales.size());
    std::vector<std::vector<float>> held;
    for (const std::vector<float>& weight : weights) {
        std::vector<float> scaled = weight;
        for (int64_t i = 0; i < inputs; ++i) scaled[size_t(i)] *= scales[size_t(i)];
        held.push_back(quantised(std::move(scaled)));
    }
    Errors errors{};
    std::vector<float> x(static_cast<size_t>(inputs));
    std::vector<size_t> kept;
    for (size_t i = 0; i < scales.size(); ++i) {
        if (scales[i] == 0) kept.push_back(i);
    }
    for (size_t r = 0; r < rows.size(); ++r) {
        const float* row = rows[r];
        for (int64_t i = 0; i < inputs; ++i) x[size_t(i)] = scales[size_t(i)] > 0 ? row[i] / scales[size_t(i)] : 0;
        const std::vector<float> held_x = quantised(x);
        double error = 0, size = 1e-30;
        for (size_t w = 0; w < weights.size(); ++w) {
            const double exact = dot(row, weights[w].data(), inputs);
            double difference = dot(held_x.data(), held[w].data(), inputs) - exact;
            for (size_t i : kept) difference += double(row[i]) * double(weights[w][i]);
            error += difference * difference;
            size += exact * exact;
        }
        errors[r * quarters / rows.size()] += error / size;
    }
    return errors;
}

std::vector<float> scales_of(const std::vector<float>& largest_input, const std::vector<float>& largest_weight,
                             const std::vector<int32_t>& kept, float strength) {
    std::vector<float> scales(largest_input.size());
    double logarithms = 0;
    for (size_t i = 0; i < scales.size(); ++i) {
        if (std::binary_search(kept.begin(), kept.end(), int32_t(i))) continue;
        const float input = std::max(largest_input[i], 1e-5f), weight = std::max(largest_weight[i], 1e-5f);
        scales[i] = std::pow(input, strength) / std::pow(weight, 1.0f - strength);
        logarithms += std::log(double(scales[i]));
    }
    const float middle = float(std::exp(logarithms / double(scales.size() - kept.size())));
    for (float& scale : scales) scale /= middle;
    return scales;
}

struct Choice {
    std::vector<float> scales;
    Errors errors;
};

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
    const auto best_with = [&](const std::vector<int32_t>& kept) {
        std::vector<float> ones(size_t(sample.inputs()), 1.0f);
        for (int32_t i : kept) ones[size_t(i)] = 0;
        const Errors without = errors_of(rows, weights, ones);
        Choice best{kept.empty() ? std::vector<float>() : std::move(ones), without};
        double share = worthwhile;
        for (float strength : strengths) {
            std::vector<float> scales = scales_of(largest_input, largest, kept, strength);
            const Errors with = errors_of(rows, weights, scales);
            if (!clearly_less(with, without, share)) continue;
            share = total(with) / total(without);
            best = {std::move(scales), with};
        }
        return best;
    };
    Choice best = best_with({});
    const std::vector<int32_t> kept = outlying_inputs(seen, weights, sample.inputs());
    if (kept.empty()) return best.scales;
    Choice keeping = best_with(kept);
    return clearly_less(keeping.errors, best.errors, worth_keeping) ? keeping.scales : best.scales;
}

}  // namespace samesay
