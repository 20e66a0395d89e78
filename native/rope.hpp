// Rotary position embedding: the angles of every position, computed once and kept.
#pragma once

#include <cstdint>
#include <vector>

namespace samesay {

class Rope {
   public:
    Rope(int64_t head_size, double theta);

    // Makes the angles of positions below `count` available. Not to be called while others read.
    void reserve(int64_t count);

    const float* cosine(int64_t position) const { return cosine_.data() + position * half_; }
    const float* sine(int64_t position) const { return sine_.data() + position * half_; }
    int64_t half() const { return half_; }

   private:
    int64_t half_;
    int64_t positions_ = 0;
    std::vector<float> frequency_;
    std::vector<float> cosine_;
    std::vector<float> sine_;
};

}  // namespace samesay
