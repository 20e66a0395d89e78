// Channels that are kept in float beside a layer's 8-bit product, as LLM.int8() (Dettmers et al., arXiv 2208.07339)
// keeps them in 16 bits: those that are far larger than the rest for every token. Here they are known from packing,
// so a row pays a few products for them and is otherwise even.
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"

namespace samesay {

// At most so many inputs, and as many outputs, of a layer are kept: more are no outliers.
constexpr int64_t most_kept = 16;

// What a layer keeps, packed or mapped.
struct KeptWeights {
    Array<int32_t> inputs;   // ascending; the 8-bit panels hold zeros for them
    Array<float> columns;    // [panel][kept input][column]
    Array<int32_t> outputs;  // as packed columns, ascending; the 8-bit panels hold zeros for them too
    Array<float> rows;       // [kept output][input]
};

// Those of `sizes` that are more than `times` the median, ascending; none where they are too many for outliers.
std::vector<int32_t> far_above(const std::vector<float>& sizes, float times);

// The inputs that add far more to the outputs than the median input does, ascending. `weights` are rows of the
// layer's matrix, `rows` what it read.
std::vector<int32_t> outlying_inputs(const std::vector<const float*>& rows,
                                     const std::vector<std::vector<float>>& weights, int64_t inputs);

// What rows of inputs keep beside their quantised selves.
class KeptRows {
   public:
    void reserve(int64_t rows) {
        inputs_.reserve(rows * most_kept);
        products_.reserve(rows * most_kept);
    }

    // Takes what a layer keeps of a row, before it is mixed and quantised.
    void set(const Kernels& kernels, const KeptWeights& weights, int64_t row, const float* x, int64_t inputs);

    // Adds the kept products of rows [begin, end) to their `columns` outputs of a panel.
    void add(const Kernels& kernels, const KeptWeights& weights, int64_t begin, int64_t end, int64_t panel,
             int columns, float* out, int64_t out_stride) const;

   private:
    Buffer<float> inputs_;    // [row][kept input]
    Buffer<float> products_;  // [row][kept output]
};

}  // namespace samesay
