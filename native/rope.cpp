#include "rope.hpp"

#include <cmath>

namespace samesay {

Rope::Rope(int64_t head_size, double theta) : half_(head_size / 2), frequency_(size_t(half_)) {
    for (int64_t i = 0; i < half_; ++i) {
        // In single precision throughout, as the models were trained: a more exact angle is another angle.
        frequency_[size_t(i)] = 1.0f / std::pow(float(theta), float(2 * i) / float(head_size));
    }
}

void Rope::reserve(int64_t count) {
    if (count <= positions_) return;
    cosine_.resize(size_t(count * half_));
    sine_.resize(size_t(count * half_));
    for (int64_t position = positions_; position < count; ++position) {
        for (int64_t i = 0; i < half_; ++i) {
            const float angle = float(position) * frequency_[size_t(i)];
            cosine_[size_t(position * half_ + i)] = float(std::cos(double(angle)));
            sine_[size_t(position * half_ + i)] = float(std::sin(double(angle)));
        }
    }
    positions_ = count;
}

}  // namespace samesay
