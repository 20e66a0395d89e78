// Per-channel scales that even out what a linear layer reads, chosen by the error they leave.
//
// x . w = (x / s) . (w * s) for any scales s. Where a few channels of the inputs are always large, dividing them
// leaves more of the 8 bits to the others. The form of s is SmoothQuant's (Xiao et al., arXiv 2211.10438); its
// strength is chosen for each layer, because applied blindly it can also hurt.
//
// Where a few channels add far more to the outputs than all others, evening out cannot help: in the inputs or in the
// weights they would take the 8 bits. Such a channel gets the scale 0, and the layer keeps it in float.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace samesay {

// Rows of inputs that a layer read while some texts passed through the network.
class InputSample {
   public:
    explicit InputSample(int64_t inputs) : inputs_(inputs), seen_(most_rows), rows_(size_t(most_rows * inputs)) {}

    // Takes a row, the first time it is given. Different rows may come from different threads.
    void take(int64_t row, const float* x);

    int64_t inputs() const { return inputs_; }
    // Pointers to the rows taken.
    std::vector<const float*> rows() const;

   private:
    static constexpr int64_t most_rows = 128;
    int64_t inputs_;
    std::vector<uint8_t> seen_;
    std::vector<float> rows_;
};

using InputSamples = std::map<std::string, InputSample>;

// The scales s for a layer, 0 for channels to be kept in float, or nothing where none leaves clearly less error than
// ones. `weights` are rows of the layer's matrix, enough of them to judge by; `largest` is the largest magnitude of
// each of its columns.
std::vector<float> choose_scales(const InputSample& sample, const std::vector<std::vector<float>>& weights,
                                 const std::vector<float>& largest);

}  // namespace samesay
