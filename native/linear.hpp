// A linear layer: its weights packed into panels, and rows of inputs multiplied by them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "buffer.hpp"
#include "kept.hpp"
#include "kernels.hpp"
#include "smoothing.hpp"
#include "threads.hpp"

namespace samesay {

// With so many rows a thread has enough work for each panel to hide that all threads read all panels.
constexpr int64_t fewest_own_rows = 96;

// How weights are held, and what inputs become before they meet them.
enum class Precision { fp32, bf16, int8 };

// One matrix of a checkpoint within a layer, and its bias where it has one.
struct MatrixPlan {
    std::string weight;
    std::string bias;  // empty: the architecture has none
    int64_t outputs;
    bool bias_required;
};

// A layer as the network wants it. Matrices of a part lie one after another and give one block of outputs;
// parts share the inputs and can be computed for different rows.
struct LinearPlan {
    std::string name;
    int64_t inputs;
    std::vector<std::vector<MatrixPlan>> parts;
    // The two matrices of the only part are a gate and what it gates; their panels alternate.
    bool gated = false;
    // Inputs of strongly uneven size are mixed by a Walsh-Hadamard transform before they are quantised.
    bool mixed = false;
    // The outputs of the layer's only matrix are added to the residual stream: those far larger than the rest are
    // computed in float, because what they carry decides how large the rest is after the next norm.
    bool to_stream = false;
    // Held in bfloat16 instead of 8 bits.
    bool careful = false;
    // The name of a layer, this or one read before. Where that keeps outputs in float, this one is careful.
    std::string careful_with = {};
};

// The memory of a layer, packed or mapped.
struct LinearWeights {
    Array<uint8_t> panels;  // [panel][input][column], of the precision's type
    // int8 only; see PanelColumns
    Array<float> column_scale;
    Array<float> column_zero;
    Array<float> column_sum;
    Array<float> bias;  // padded to whole panels; empty without one
    // int8: what inputs are multiplied by before they are quantised, 0 for those that are kept; empty for ones
    Array<float> channel_scale;
    KeptWeights kept;  // int8 only
};

// What becomes of the product.
enum class Store { replace, add, gelu, gated };

class Inputs;

class Linear {
   public:
    Linear(const Kernels& kernels, Precision precision, const LinearPlan& plan, LinearWeights weights);

    int64_t inputs() const { return inputs_; }
    Precision precision() const { return precision_; }
    const LinearWeights& weights() const { return weights_; }
    // Whether inputs and weights are bfloat16 and lie in pairs.
    bool paired() const { return paired_; }
    // Values mixed together before quantising, 1 for none.
    int64_t mix_block() const { return mix_block_; }
    // Has the rows that the layer reads kept in `sample`, which outlives it.
    void record(InputSample* sample) { sample_ = sample; }
    InputSample* sample() const { return sample_; }

    // Rows of `inputs`, all set, times the weights of part `part` into rows of `out`; called by every thread of
    // the team, no barrier at either end. `following` (may be null): weights that the thread will read next, to be
    // fetched while its last panel is at work.
    void multiply(Team& team, Inputs& inputs, int64_t rows, size_t part, Store store, float* out,
                  int64_t out_stride, const uint8_t* following = nullptr) const;
    // The weights that the thread begins with when it multiplies so many rows.
    const uint8_t* first_weights(const Team& team, int64_t rows, size_t part) const;

    // Panels that a part takes, counted as packed.
    static int64_t panels_of(const std::vector<MatrixPlan>& part, bool gated, int64_t width);
    static int64_t bytes_per_panel(const Kernels& kernels, Precision precision, int64_t inputs);
    static int64_t mix_block_of(const LinearPlan& plan, Precision precision);
    static bool pairs(const Kernels& kernels, Precision precision, int64_t inputs);

   private:
    struct Part {
        int64_t first_panel;
        int64_t panels;
        int64_t outputs;
    };
    struct Block {
        int64_t begin;
        int64_t end;
    };
    // What one thread does of a product.
    struct Share {
        Block rows;
        int64_t first_unit;  // a unit is a panel, or a gate's and the one that it gates
        int64_t last_unit;
    };

    Share share_of(int id, int threads, int64_t rows, size_t part) const;
    const uint8_t* weights_of(int64_t panel) const { return weights_.panels.data() + panel * panel_bytes_; }

    // One unit of outputs for some rows. `ahead` (may be null): the panel to fetch meanwhile.
    void multiply_unit(Inputs& inputs, const Block& rows, size_t part, int64_t unit, Store store, float* scratch,
                       float* out, int64_t out_stride, const uint8_t* ahead) const;
    void multiply_panel(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate, float* out,
                        int64_t out_stride, const uint8_t* ahead) const;
    void multiply_panel_int8(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate,
                             float* out, int64_t out_stride, const uint8_t* ahead) const;
    void multiply_panel_pairs(Inputs& inputs, const Block& rows, int64_t panel, int columns, bool accumulate,
                              float* out, int64_t out_stride, const uint8_t* ahead) const;
    void multiply_gated(Inputs& inputs, const Block& rows, int64_t pair, int columns, float* scratch, float* out,
                        int64_t out_stride, const uint8_t* ahead) const;

    const Kernels& kernels_;
    Precision precision_;
    int64_t inputs_;
    int64_t panel_bytes_;
    int64_t mix_block_;
    int64_t panels_of_unit_;
    bool paired_;
    std::vector<Part> parts_;
    LinearWeights weights_;
    InputSample* sample_ = nullptr;
};

// Rows on their way into a linear layer, in the form that its precision wants.
class Inputs {
   public:
    explicit Inputs(const Kernels& kernels, int threads) : kernels_(kernels), scratch_(size_t(threads)) {}

    // Makes room for `rows` rows of any of the layers. One thread calls it before the team works.
    void reserve(const Linear& layer, int64_t rows);

    // Where the calling thread is to put the floats of a row for `layer`; then `set` takes them over.
    float* place(const Team& team, const Linear& layer, int64_t row);
    void set(const Team& team, const Linear& layer, int64_t row);
    // Sets `rows` rows that lie ready; the team shares the work.
    void set_rows(Team& team, const Linear& layer, const float* from, int64_t rows);
    // Of those, what the calling thread takes over.
    void set_some(const Team& team, const Linear& layer, const float* from, int64_t begin, int64_t end);

   private:
    friend class Linear;

    void take(const Team& team, const Linear& layer, int64_t row, const float* x);
    void quantise(const Team& team, const Linear& layer, int64_t row, const float* x);

    const Kernels& kernels_;
    Buffer<float> floats_;
    Buffer<uint16_t> halves_;
    Buffer<uint8_t> quantised_;
    std::vector<QuantisedRow> rows_;
    std::vector<QuantisedRow> residuals_;
    std::vector<uint8_t> has_residual_;
    KeptRows kept_;
    int64_t block_bytes_ = 0;  // room for all rows of a layer; as much follows for their residuals

    struct Scratch {
        Buffer<float> row;
        Buffer<float> gated;
    };
    std::vector<Scratch> scratch_;
};

}  // namespace samesay
