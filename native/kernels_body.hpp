// The text of all kernels; each kernels_*.cpp compiles it for one instruction set.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace {

#if defined(__AVX512F__)
constexpr int panel_vectors = 4;
constexpr int tile_rows = 6;
#elif defined(__AVX2__)
constexpr int panel_vectors = 2;
constexpr int tile_rows = 6;
#else
constexpr int panel_vectors = 2;
constexpr int tile_rows = 4;
#endif
constexpr int panel_columns = panel_vectors * lanes;

}  // namespace

#include "kernels_dots.hpp"
#include "kernels_int8.hpp"
#include "kernels_pairs.hpp"
#include "kernels_softmax.hpp"
#if defined(SAMESAY_AMX)
#include "kernels_tiles.hpp"
#endif

namespace {

// Runs `body(offset, vector)` over `count` values; the last, partial vector is filled up with zeros.
template <class Body>
inline void each_vector(const float* x, int64_t count, Body body) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) body(i, load(x + i), lanes);
    if (i < count) body(i, load_some(x + i, count - i), count - i);
}

template <int Rows, int Vectors>
void tile_of(int columns, int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
             const float* bias, bool accumulate, float* c, int64_t c_stride) {
    Floats sums[Rows][Vectors] = {};
    for (int64_t k = 0; k < depth; ++k, b += b_stride) {
        Floats right[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) right[v] = load(b + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const Floats left = broadcast(a[r * a_stride + k]);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) sums[r][v] = multiply_add(left, right[v], sums[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) put_outputs(sums[r][v], v * lanes, columns, bias, accumulate, c + r * c_stride);
    }
}

using Tile = void (*)(int, int64_t, const float*, int64_t, const float*, int64_t, const float*, bool, float*, int64_t);

template <int Rows>
constexpr Tile tile_with_rows(int vectors) {
    if constexpr (panel_vectors >= 4) {
        if (vectors == 4) return tile_of<Rows, 4>;
        if (vectors == 3) return tile_of<Rows, 3>;
    }
    return vectors == 2 ? tile_of<Rows, 2> : tile_of<Rows, 1>;
}

constexpr Tile tile_for(int rows, int vectors) {
    if constexpr (tile_rows >= 6) {
        if (rows == 6) return tile_with_rows<6>(vectors);
        if (rows == 5) return tile_with_rows<5>(vectors);
    }
    if (rows == 4) return tile_with_rows<4>(vectors);
    if (rows == 3) return tile_with_rows<3>(vectors);
    return rows == 2 ? tile_with_rows<2>(vectors) : tile_with_rows<1>(vectors);
}

void tile(int rows, int columns, int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
          const float* bias, bool accumulate, float* c, int64_t c_stride) {
    const int vectors = (columns + lanes - 1) / lanes;
    tile_for(rows, vectors)(columns, depth, a, a_stride, b, b_stride, bias, accumulate, c, c_stride);
}

inline Floats load_bf16(const uint16_t* p) {
    typedef uint16_t Halves __attribute__((vector_size(2 * lanes)));
    typedef uint32_t Words __attribute__((vector_size(4 * lanes)));
    Halves halves;
    __builtin_memcpy(&halves, p, sizeof halves);
    return reinterpret_cast<Floats>(__builtin_convertvector(halves, Words) << 16);
}

template <int Rows>
void tile_bf16_of(int columns, int64_t depth, const float* a, int64_t a_stride, const uint16_t* panel,
                  const float* bias, bool accumulate, float* c, int64_t c_stride) {
    Floats sums[Rows][panel_vectors] = {};
    for (int64_t k = 0; k < depth; ++k, panel += panel_columns) {
        Floats right[panel_vectors];
#pragma GCC unroll 8
        for (int v = 0; v < panel_vectors; ++v) right[v] = load_bf16(panel + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const Floats left = broadcast(a[r * a_stride + k]);
#pragma GCC unroll 8
            for (int v = 0; v < panel_vectors; ++v) sums[r][v] = multiply_add(left, right[v], sums[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < panel_vectors; ++v) {
            put_outputs(sums[r][v], v * lanes, columns, bias, accumulate, c + r * c_stride);
        }
    }
}

void tile_bf16(int rows, int columns, int64_t depth, const float* a, int64_t a_stride, const uint16_t* panel,
               const float* bias, bool accumulate, float* c, int64_t c_stride) {
    auto chosen = tile_bf16_of<1>;
    if constexpr (tile_rows >= 6) {
        if (rows == 6) chosen = tile_bf16_of<6>;
        if (rows == 5) chosen = tile_bf16_of<5>;
    }
    if (rows == 4) chosen = tile_bf16_of<4>;
    if (rows == 3) chosen = tile_bf16_of<3>;
    if (rows == 2) chosen = tile_bf16_of<2>;
    chosen(columns, depth, a, a_stride, panel, bias, accumulate, c, c_stride);
}

// The sum of squares; four partial sums, because one would wait for itself at every step.
inline float sum_squares(const float* x, int64_t count) {
    Floats sums[4] = {};
    int64_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            const Floats v = load(x + i + j * lanes);
            sums[j] = multiply_add(v, v, sums[j]);
        }
    }
    Floats rest = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    each_vector(x + i, count - i, [&](int64_t, Floats v, int64_t) { rest = multiply_add(v, v, rest); });
    return sum_lanes(rest);
}

void rms_norm(const float* x, const float* weight, float epsilon, int64_t count, float* y) {
    const float mean = sum_squares(x, count) / float(count);
    const Floats factor = broadcast(1.0f / __builtin_sqrtf(mean + epsilon));
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) {
        store_first(y + i, v * factor * load_first(weight + i, n), n);
    });
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t count, float* y) {
    Floats sum = {};
    each_vector(x, count, [&](int64_t, Floats v, int64_t) { sum += v; });
    const float mean = sum_lanes(sum) / float(count);
    // Two passes: the difference of two large sums would lose the variance.
    float rest = 0;
    Floats squares = {};
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) {
        if (n < lanes) {
            for (int64_t j = 0; j < n; ++j) rest += (x[i + j] - mean) * (x[i + j] - mean);
        } else {
            const Floats distance = v - mean;
            squares = multiply_add(distance, distance, squares);
        }
    });
    const float variance = (sum_lanes(squares) + rest) / float(count);
    const Floats factor = broadcast(1.0f / __builtin_sqrtf(variance + epsilon));
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) {
        const Floats scaled = (v - mean) * factor;
        store_first(y + i, multiply_add(scaled, load_first(weight + i, n), load_first(bias + i, n)), n);
    });
}

void rotate(float* x, const float* cosine, const float* sine, int64_t half, float factor) {
    for (int64_t i = 0; i < half; i += lanes) {
        const int64_t n = half - i < lanes ? half - i : lanes;
        const Floats first = load_first(x + i, n), second = load_first(x + half + i, n);
        const Floats c = load_first(cosine + i, n), s = load_first(sine + i, n);
        store_first(x + i, multiply_add(first, c, -(second * s)) * factor, n);
        store_first(x + half + i, multiply_add(second, c, first * s) * factor, n);
    }
}

void silu_multiply(const float* gate, const float* up, int64_t count, float* y) {
    each_vector(gate, count, [&](int64_t i, Floats g, int64_t n) {
        store_first(y + i, g / (1.0f + exponential(-g)) * load_first(up + i, n), n);
    });
}

void gelu(float* x, int64_t count) {
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) {
        store_first(x + i, 0.5f * v * (1.0f + error_function(v * 0.70710678f)), n);
    });
}

void add(float* y, const float* x, int64_t count) {
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) { store_first(y + i, load_first(y + i, n) + v, n); });
}

void scale(const float* x, float factor, int64_t count, float* y) {
    each_vector(x, count, [&](int64_t i, Floats v, int64_t n) { store_first(y + i, v * factor, n); });
}

void normalise(float* x, int64_t count) {
    const float length = __builtin_sqrtf(sum_squares(x, count));
    if (length > 0) {
        each_vector(x, count, [&](int64_t i, Floats v, int64_t n) { store_first(x + i, v / length, n); });
    }
}

}  // namespace

namespace samesay {

const Kernels SAMESAY_KERNELS = {
    lanes, panel_columns, tile_rows, group, tile_inputs, tile_columns, weight_shift, int(sizeof(Quantised)), tile, tile_bf16, tile_int8,
#if defined(SAMESAY_AMX)
    panel_int8_tiled, panel_pairs_tiled, tile_pairs_tiled, tiled_rows, tiled_pairs, release_tiles_of_thread,
#else
    nullptr, nullptr, nullptr, 0, 0, nullptr,
#endif
    tile_pairs, tile_panel_pairs, to_bf16, pair_bf16, transpose,
    quantise, mix, rms_norm, layer_norm, rotate, silu_multiply, gelu, add, normalise,
    softmax_block, scale, dots, dots_f16, dots_int8, dot_table,
};

}  // namespace samesay
