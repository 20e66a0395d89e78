// The innermost loops, compiled once per instruction set and chosen at run time.
//
// Law of all of them: what is computed for one row depends on that row alone, in a fixed order of
// operations, whatever rows stand beside it. The batch invariance of the engine rests on it.
#pragma once

#include <cstdint>

namespace samesay {

// Declared here so that no standard header reaches the files compiled for one instruction set: the linker
// could take an inline function of theirs for the whole program.
enum class Isa;

// A row of inputs as 8-bit integers from -127 to 127: x is about middle + scale * value.
struct QuantisedRow {
    void* values;
    float scale;
    float middle;
    float sum;  // of the values
};

// What belongs to the columns of a panel of 8-bit weights: a weight is about scale * (value - zero).
struct PanelColumns {
    const float* scale;
    const float* zero;
    const float* sum;   // of the weights as held
    const float* bias;  // null for none
};

// A matrix of pairs of bfloat16 values in blocks of rows that lie apart.
struct PairBlocks {
    const uint32_t* first;
    int64_t stride;          // words from one row of pairs to the next
    int64_t pairs;           // rows in all; a multiple of `tiled_pairs`, as is what follows
    int64_t pairs_of_block;
    int64_t next_block;      // words from one block to the next
};

struct Kernels {
    // Floats in a vector, columns of a packed panel, and the most rows of one tile.
    int lanes;
    int panel_columns;
    int tile_rows;

    // How 8-bit weights lie in a panel: as tiles of inputs and columns, all of the same inputs side by side, and within
    // a tile as [input / group][column][input % group]; from 0 to 255 plus `weight_shift`.
    int group;
    int tile_inputs;
    int tile_columns;
    int weight_shift;
    // Bytes of one quantised input.
    int quantised_bytes;

    // c[r][j] = (accumulate ? c[r][j] : 0) + (bias ? bias[j] : 0) + sum over k of a[r][k] * b[k][j],
    // for r < rows <= tile_rows and j < columns <= panel_columns. Rows of b can be read up to the next
    // multiple of `lanes`, and so can bias.
    void (*tile)(int rows, int columns, int64_t depth, const float* a, int64_t a_stride, const float* b,
                 int64_t b_stride, const float* bias, bool accumulate, float* c, int64_t c_stride);

    // The same for a panel of bfloat16 weights.
    void (*tile_bf16)(int rows, int columns, int64_t depth, const float* a, int64_t a_stride, const uint16_t* panel,
                      const float* bias, bool accumulate, float* c, int64_t c_stride);

    // The same for a panel of 8-bit weights and quantised inputs. Whoever calls it has the next panel fetched
    // meanwhile: `ahead` is where to read on, at `ahead_lines` cache lines (0, 1, 2 or 4) a group of inputs.
    void (*tile_int8)(int rows, int columns, int64_t depth, const QuantisedRow* const* a, const uint8_t* panel,
                      const PanelColumns& held, bool accumulate, float* const* c,
                      const void* ahead, int ahead_lines);

    // All of these null or 0 where the machine has no registers for whole tiles.
    //
    // tile_int8 for any number of rows, whose values lie at even distances. Reads `ahead` (null: nothing) while it is at
    // work, a whole panel. False where it cannot, because of the depth.
    bool (*panel_int8)(int64_t rows, int columns, int64_t depth, const QuantisedRow* a, const uint8_t* panel,
                       const PanelColumns& held, bool accumulate, float* c, int64_t c_stride, const void* ahead);
    // tile_panel_pairs for any number of rows, in the same way.
    bool (*panel_pairs)(int64_t rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride,
                        const uint32_t* panel, const float* bias, bool accumulate, float* c, int64_t c_stride,
                        const void* ahead);
    // tile_pairs for up to `tiled_rows` rows and whole vectors of columns. Reads and writes `tiled_rows` rows, of which
    // those beyond `rows` mean nothing.
    void (*tiled_product)(int rows, int columns, const uint16_t* a, int64_t a_stride, const PairBlocks& b,
                          bool accumulate, float* c, int64_t c_stride);
    int tiled_rows;
    int tiled_pairs;
    // Gives up this thread's tiles, which all of these leave as they used them.
    void (*release_tiles)();

    // c[r][j] = (accumulate ? c[r][j] : 0) + sum over p of a[r][2p] * low(b[p][j]) + a[r][2p + 1] * high(b[p][j]),
    // all of a and b bfloat16, two to a word of b. Null where the machine has no instruction for it.
    void (*tile_pairs)(int rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride, const uint32_t* b,
                       int64_t b_stride, bool accumulate, float* c, int64_t c_stride);
    // tile_bf16 with inputs in bfloat16 too and pairs of inputs in a word, [pair][column], fetching ahead as
    // tile_int8 does at so many lines a pair. Null where the machine has no instruction for it.
    void (*tile_panel_pairs)(int rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride,
                             const uint32_t* panel, const float* bias, bool accumulate, float* c, int64_t c_stride,
                             const void* ahead, int ahead_lines);
    // y = x rounded to bfloat16.
    void (*to_bf16)(const float* x, int64_t count, uint16_t* y);
    // y[i] holds a[i] in its low half and b[i] (null: 0) in its high half, rounded to bfloat16.
    void (*pair_bf16)(const float* a, const float* b, int64_t count, uint32_t* y);
    // to[w * to_stride + i] = from[i * from_stride + w] for w < words and i < count, and 0 for the other i < lanes.
    void (*transpose)(const uint32_t* from, int64_t from_stride, int count, int64_t words, uint32_t* to,
                      int64_t to_stride);

    // Quantises x * channel_scale (null: x) to 8 bits that span the row from its least value to its largest. Where
    // half of that is above `outlier` times the root mean square, the rest is quantised too, into `residual`, and
    // true returned.
    bool (*quantise)(const float* x, const float* channel_scale, int64_t count, float outlier, QuantisedRow* row,
                     QuantisedRow* residual);

    // y = x with every `block` values (a power of two that divides `count`) multiplied by the orthonormal
    // Walsh-Hadamard matrix; x and y may be the same.
    void (*mix)(const float* x, int64_t count, int64_t block, float* y);

    // y = x / rms(x) * weight
    void (*rms_norm)(const float* x, const float* weight, float epsilon, int64_t count, float* y);
    // y = (x - mean) / deviation * weight + bias
    void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, int64_t count, float* y);
    // Rotates the pairs (x[i], x[half + i]) by the angles given as cosines and sines, then scales.
    void (*rotate)(float* x, const float* cosine, const float* sine, int64_t half, float scale);
    // y = silu(gate) * up
    void (*silu_multiply)(const float* gate, const float* up, int64_t count, float* y);
    // x = x * (1 + erf(x / sqrt 2)) / 2
    void (*gelu)(float* x, int64_t count);
    // y += x
    void (*add)(float* y, const float* x, int64_t count);
    // x = x / |x|; a row of zeros stays
    void (*normalise)(float* x, int64_t count);
    // One step of the online softmax over a block of keys: scores become 2^(score - new maximum) for the first
    // `visible_end` keys from `visible_begin`, the rest 0, in bfloat16 in `halves` where that is not null.
    // Returns by what earlier sums shrink.
    float (*softmax_block)(float* scores, int64_t visible_begin, int64_t visible_end, int64_t count, float* maximum,
                           float* sum, uint16_t* halves);
    // y = x * factor
    void (*scale)(const float* x, float factor, int64_t count, float* y);
    // out[r] = sum over k of x[k] * rows[r][k], for r < number
    void (*dots)(const float* x, const float* rows, int64_t count, int64_t number, float* out);
    // The same with rows of 16-bit floats, and of 8-bit whole numbers.
    void (*dots_f16)(const float* x, const uint16_t* rows, int64_t count, int64_t number, float* out);
    void (*dots_int8)(const float* x, const int8_t* rows, int64_t count, int64_t number, float* out);
    // out[l * stride + r] = what `dots` gives for left[l] and right[r], to the bit
    void (*dot_table)(const float* left, int64_t lefts, const float* right, int64_t rights, int64_t count, float* out,
                      int64_t stride);
};

const Kernels& kernels_for(Isa isa);

extern const Kernels portable_kernels;
extern const Kernels avx2_kernels;
extern const Kernels avxvnni_kernels;
extern const Kernels avx512_kernels;
extern const Kernels avx512bf16_kernels;
extern const Kernels amx_kernels;

}  // namespace samesay
