#include "tensor.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace samesay {

namespace {

float half_to_float(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = half & 0x3ffu;
    if (exponent == 0) {
        const float magnitude = std::ldexp(float(mantissa), -24);
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

float bfloat_to_float(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

}  // namespace

void Tensor::row_to_float(int64_t row, float* out) const {
    // The file promises no alignment, so values are read bytewise.
    const int64_t width = storage == Storage::f32 ? 4 : 2;
    const char* source = static_cast<const char*>(data) + row * columns * width;
    if (storage == Storage::f32) {
        std::memcpy(out, source, size_t(columns) * 4);
        return;
    }
    for (int64_t i = 0; i < columns; ++i) {
        uint16_t bits;
        std::memcpy(&bits, source + 2 * i, 2);
        out[i] = storage == Storage::f16 ? half_to_float(bits) : bfloat_to_float(bits);
    }
}

std::vector<float> Tensor::to_floats() const {
    std::vector<float> values(size_t(rows * columns));
    for (int64_t row = 0; row < rows; ++row) row_to_float(row, values.data() + row * columns);
    require_finite(name, values.data(), rows * columns);
    return values;
}

void require_finite(const std::string& name, const float* values, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
        if (!std::isfinite(values[i])) {
            throw CheckpointFault("tensor '" + name + "' holds " + (std::isnan(values[i]) ? "NaN" : "infinity") +
                                  " at element " + std::to_string(i) +
                                  "; the file is damaged, or its training diverged");
        }
    }
}

}  // namespace samesay
