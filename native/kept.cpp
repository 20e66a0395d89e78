#include "kept.hpp"

#include <algorithm>
#include <cmath>

namespace samesay {

namespace {

// An input whose share of the outputs is so many times the median is a candidate; at 10 times, one layer of one
// trained model that was measured has some. Whether it is kept is decided by the error that this leaves.
constexpr float outlying_share = 20.0f;

}  // namespace

std::vector<int32_t> far_above(const std::vector<float>& sizes, float times) {
    // Values that are no numbers have no order; the layer that holds them is refused when it is packed.
    if (!std::all_of(sizes.begin(), sizes.end(), [](float size) { return std::isfinite(size); })) return {};
    std::vector<float> sorted = sizes;
    const auto middle = sorted.begin() + std::ptrdiff_t(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    std::vector<int32_t> found;
    for (size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] > times * *middle) found.push_back(int32_t(i));
    }
    const int64_t most = std::min<int64_t>(most_kept, int64_t(sizes.size()) / 32);
    return int64_t(found.size()) <= most ? found : std::vector<int32_t>();
}

std::vector<int32_t> outlying_inputs(const std::vector<const float*>& rows,
                                     const std::vector<std::vector<float>>& weights, int64_t inputs) {
    std::vector<float> shares(static_cast<size_t>(inputs));
    for (int64_t i = 0; i < inputs; ++i) {
        // Means of magnitudes, not of squares: one massive token does not make its channels outliers.
        double input = 0, weight = 0;
        for (const float* row : rows) input += double(std::fabs(row[i]));
        for (const std::vector<float>& output : weights) weight += double(std::fabs(output[size_t(i)]));
        shares[size_t(i)] = float(input * weight);
    }
    return far_above(shares, outlying_share);
}

void KeptRows::set(const Kernels& kernels, const KeptWeights& weights, int64_t row, const float* x, int64_t inputs) {
    float* kept = inputs_.data() + row * most_kept;
    for (int64_t i = 0; i < weights.inputs.count(); ++i) kept[i] = x[weights.inputs.data()[i]];
    if (weights.outputs.empty()) return;
    kernels.dots(x, weights.rows.data(), inputs, weights.outputs.count(), products_.data() + row * most_kept);
}

void KeptRows::add(const Kernels& kernels, const KeptWeights& weights, int64_t begin, int64_t end, int64_t panel,
                   int columns, float* out, int64_t out_stride) const {
    const int64_t width = kernels.panel_columns, depth = weights.inputs.count();
    for (int64_t row = begin; depth > 0 && row < end; row += kernels.tile_rows) {
        const int count = int(std::min<int64_t>(kernels.tile_rows, end - row));
        kernels.tile(count, columns, depth, inputs_.data() + row * most_kept, most_kept,
                     weights.columns.data() + panel * depth * width, width, nullptr, true, out + row * out_stride,
                     out_stride);
    }
    for (int64_t i = 0; i < weights.outputs.count(); ++i) {
        const int64_t column = weights.outputs.data()[i] - panel * width;
        if (column < 0 || column >= columns) continue;
        for (int64_t row = begin; row < end; ++row) {
            out[row * out_stride + column] += products_.data()[row * most_kept + i];
        }
    }
}

}  // namespace samesay
