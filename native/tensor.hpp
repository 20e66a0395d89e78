// A tensor of a checkpoint as it lies in the mapped file, and its conversion to float.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "faults.hpp"

namespace samesay {

enum class Storage { f32, f16, bf16 };

struct Tensor {
    std::string name;
    Storage storage;
    const void* data;
    int64_t rows;
    int64_t columns;

    // Writes row `row` as floats to `out`, which has room for `columns` values.
    void row_to_float(int64_t row, float* out) const;
    // All values as floats. Throws CheckpointFault where one is not finite.
    std::vector<float> to_floats() const;
};

// Throws CheckpointFault, naming the tensor, where one of the `count` values is not finite.
void require_finite(const std::string& name, const float* values, int64_t count);

}  // namespace samesay
