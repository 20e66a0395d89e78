// Products of one row of floats with a few others. Part of kernels_body.hpp.
#pragma once

#include "simd.hpp"

namespace {

void dots(const float* x, const float* rows, int64_t count, int64_t number, float* out) {
    for (int64_t r = 0; r < number; ++r, rows += count) {
        // Four sums, because one would wait for itself at every step.
        Floats sums[4] = {};
        int64_t i = 0;
        for (; i + 4 * lanes <= count; i += 4 * lanes) {
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) sums[j] = multiply_add(load(x + i + j * lanes), load(rows + i + j * lanes), sums[j]);
        }
        for (; i < count; i += lanes) {
            const int64_t n = count - i < lanes ? count - i : lanes;
            sums[0] = multiply_add(load_some(x + i, n), load_some(rows + i, n), sums[0]);
        }
        out[r] = sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
}

}  // namespace
