// 8-bit linear layers: quantised rows times packed panels. Part of kernels_body.hpp.
//
// The sums are exact integers, so a row's result cannot depend on the tile it is computed in.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace {

using samesay::PanelColumns;
using samesay::QuantisedRow;

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define SAMESAY_VNNI
#endif

#if defined(SAMESAY_VNNI)
// vpdpbusd multiplies unsigned by signed bytes: weights are the unsigned ones, so that four inputs can be broadcast
// straight from memory.
using Quantised = int8_t;
constexpr int group = 4;
constexpr int weight_shift = 0;
#else
// Without it, pairs of 16-bit products: exact, where the 8-bit multiply of AVX2 would saturate.
using Quantised = int16_t;
constexpr int group = 2;
constexpr int weight_shift = -128;
#endif

#if defined(SAMESAY_AMX)
// As a tile register takes them.
constexpr int tile_inputs = 64;
constexpr int tile_columns = lanes;
#else
constexpr int tile_inputs = group;
constexpr int tile_columns = panel_columns;
#endif
// From one vector of columns to the next.
constexpr int64_t bytes_to_next_columns = tile_columns == lanes ? tile_inputs * lanes : group * lanes;

constexpr float largest_quantised = 127.0f;

typedef int32_t Whole __attribute__((vector_size(4 * lanes)));

inline Whole round_to_whole(Floats v) {
    // Exact for |v| < 2^22; ties to even as the hardware rounds.
    const Floats shift = broadcast(12582912.0f);
    return reinterpret_cast<Whole>(v + shift) - reinterpret_cast<Whole>(shift);
}

inline Floats to_floats(Whole v) {
    return __builtin_convertvector(v, Floats);
}

inline void store_quantised(Quantised* out, Whole v, int64_t count) {
#if defined(__AVX512VNNI__)
    if (count == lanes) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v)));
        return;
    }
#elif defined(SAMESAY_VNNI)
    if (count == lanes) {
        const __m256i whole = reinterpret_cast<__m256i>(v);
        const __m128i pairs = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packs_epi16(pairs, pairs));
        return;
    }
#endif
    for (int64_t i = 0; i < count; ++i) out[i] = Quantised(v[i]);
}

inline Floats scaled(Floats v, const float* channel_scale, int64_t i, int64_t count) {
    if (!channel_scale) return v;
    return v * (count == lanes ? load(channel_scale + i) : load_some(channel_scale + i, count));
}

// Unsigned, because the sum wraps around where the input held infinities or NaN.
typedef uint32_t Naturals __attribute__((vector_size(4 * lanes)));

inline uint32_t sum_whole(Naturals v) {
    uint32_t total = 0;
    for (int i = 0; i < lanes; ++i) total += v[i];
    return total;
}

template <class Value>
inline void quantise_row(int64_t count, float scale, float middle, QuantisedRow* row, Value value_at) {
    Quantised* out = static_cast<Quantised*>(row->values);
    const Floats inverse = broadcast(1.0f / scale), centre = broadcast(middle);
    Naturals sum = {};
    int64_t i = 0;
    for (; i < count; i += lanes) {
        const int64_t n = count - i < lanes ? count - i : lanes;
        const Whole whole = round_to_whole((value_at(i, n) - centre) * inverse);
        store_quantised(out + i, whole, n);
        if (n == lanes) sum += reinterpret_cast<Naturals>(whole);
    }
    uint32_t total = sum_whole(sum);
    for (int64_t j = count / lanes * lanes; j < count; ++j) total += uint32_t(int32_t(out[j]));
    for (i = count; i % group; ++i) out[i] = 0;
    row->scale = scale;
    row->middle = middle;
    row->sum = float(int32_t(total));
}

bool quantise(const float* x, const float* channel_scale, int64_t count, float outlier, QuantisedRow* row,
              QuantisedRow* residual) {
    const auto value_at = [&](int64_t i, int64_t n) {
        return scaled(n == lanes ? load(x + i) : load_some(x + i, n), channel_scale, i, n);
    };
    // The span holds zero, which most rows have in it anyway.
    Floats highest = {}, lowest = {}, squares = {};
    for (int64_t i = 0; i < count; i += lanes) {
        const Floats v = value_at(i, count - i < lanes ? count - i : lanes);
        highest = larger(highest, v);
        lowest = larger(lowest, -v);
        squares = multiply_add(v, v, squares);
    }
    const float above = largest_lane(highest), below = largest_lane(lowest);
    const float half = 0.5f * (above + below), middle = 0.5f * (above - below);
    // The smallest scale keeps its inverse finite for rows of zeros or denormal values.
    const float scale = half > 1e-30f ? half / largest_quantised : 1e-30f;
    quantise_row(count, scale, middle, row, value_at);
    if (half * half * float(count) <= outlier * outlier * sum_lanes(squares)) return false;
    const Quantised* coarse = static_cast<const Quantised*>(row->values);
    quantise_row(count, scale / (2 * largest_quantised), 0.0f, residual, [&](int64_t i, int64_t n) {
        Whole whole = {};
        for (int64_t j = 0; j < n; ++j) whole[j] = coarse[i + j];
        return multiply_add(to_floats(whole), broadcast(-scale), value_at(i, n) - broadcast(middle));
    });
    return true;
}

// A vector of weights, the inputs of a group in every lane of one, and their products added to sums. As assembly, because
// gcc spills the sums of the intrinsic from five rows on.
#if defined(__AVX512VNNI__)

using Weights = __m512i;

inline Weights load_weights(const uint8_t* p) { return _mm512_loadu_si512(p); }
inline Weights repeated(int32_t inputs) { return _mm512_set1_epi32(inputs); }
inline void add_products(Whole& sum, Weights weights, Weights inputs) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(inputs));
}

#elif defined(SAMESAY_VNNI)

using Weights = __m256i;

inline Weights load_weights(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Weights repeated(int32_t inputs) { return _mm256_set1_epi32(inputs); }
inline void add_products(Whole& sum, Weights weights, Weights inputs) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(weights), "x"(inputs));
}

#elif defined(__AVX2__)

using Weights = __m256i;

inline Weights load_weights(const uint8_t* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Weights repeated(int32_t inputs) { return _mm256_set1_epi32(inputs); }
inline void add_products(Whole& sum, Weights weights, Weights inputs) {
    sum += reinterpret_cast<Whole>(_mm256_madd_epi16(weights, inputs));
}

#endif

// What is the same for all outputs of a row.
struct RowFactors {
    Floats negative_sum, scale, middle;

    explicit RowFactors(const QuantisedRow& row)
        : negative_sum(broadcast(-row.sum)), scale(broadcast(row.scale)), middle(broadcast(row.middle)) {}
};

// The value of a vector of sums from column `column` of the panel on.
inline Floats value_of(Whole products, const RowFactors& row, int column, const PanelColumns& held) {
    const Floats centred = multiply_add(load(held.zero + column), row.negative_sum, to_floats(products));
    return multiply_add(centred * row.scale, load(held.scale + column), load(held.sum + column) * row.middle);
}

inline void finish_int8(Whole products, const QuantisedRow& row, int v, int columns, const PanelColumns& held,
                        bool accumulate, float* c) {
    const Floats value = value_of(products, RowFactors(row), v * lanes, held);
    put_outputs(value, v * lanes, columns, held.bias, accumulate, c);
}

template <int Lines>
inline void fetch_ahead(const char*& ahead) {
#pragma GCC unroll 4
    for (int i = 0; i < Lines; ++i) __builtin_prefetch(ahead + 64 * i, 0, 2);
    ahead += 64 * Lines;
}

template <int Rows, int Lines>
void tile_int8_of(int columns, int64_t depth, const QuantisedRow* const* a, const uint8_t* panel,
                  const PanelColumns& held, bool accumulate, float* const* c, const void* ahead) {
    const char* next = static_cast<const char*>(ahead);
    const int64_t groups = (depth + group - 1) / group;
    Whole sums[Rows][panel_vectors] = {};
    const Quantised* rows[Rows];
    for (int r = 0; r < Rows; ++r) rows[r] = static_cast<const Quantised*>(a[r]->values);
    for (int64_t k = 0; k < groups; ++k) {
        fetch_ahead<Lines>(next);
#if defined(__AVX2__)
        Weights weights[panel_vectors];
#pragma GCC unroll 8
        for (int v = 0; v < panel_vectors; ++v) weights[v] = load_weights(panel + bytes_to_next_columns * v);
        panel += group * tile_columns;
        // Past the last group of a tile lie those of its neighbours.
        if (tile_columns < panel_columns && (k + 1) % (tile_inputs / group) == 0) {
            panel += (panel_columns - tile_columns) * tile_inputs;
        }
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            int32_t inputs;
            __builtin_memcpy(&inputs, rows[r] + group * k, sizeof inputs);
            const Weights left = repeated(inputs);
#pragma GCC unroll 8
            for (int v = 0; v < panel_vectors; ++v) add_products(sums[r][v], weights[v], left);
        }
#else
        for (int r = 0; r < Rows; ++r) {
            const int32_t first = rows[r][group * k], second = rows[r][group * k + 1];
            for (int v = 0; v < panel_vectors; ++v) {
                for (int i = 0; i < lanes; ++i) {
                    const int8_t* pair = reinterpret_cast<const int8_t*>(panel) + group * (v * lanes + i);
                    sums[r][v][i] += first * pair[0] + second * pair[1];
                }
            }
        }
        panel += group * lanes * panel_vectors;
#endif
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < panel_vectors; ++v) finish_int8(sums[r][v], *a[r], v, columns, held, accumulate, c[r]);
    }
}

using TileInt8 = void (*)(int, int64_t, const QuantisedRow* const*, const uint8_t*, const PanelColumns&, bool,
                          float* const*, const void*);

template <int Rows>
constexpr TileInt8 tile_int8_with_rows(int lines) {
    if (lines == 4) return tile_int8_of<Rows, 4>;
    if (lines == 2) return tile_int8_of<Rows, 2>;
    return lines == 1 ? tile_int8_of<Rows, 1> : tile_int8_of<Rows, 0>;
}

void tile_int8(int rows, int columns, int64_t depth, const QuantisedRow* const* a, const uint8_t* panel,
               const PanelColumns& held, bool accumulate, float* const* c, const void* ahead, int ahead_lines) {
    TileInt8 chosen = nullptr;
    if constexpr (tile_rows >= 6) {
        if (rows == 6) chosen = tile_int8_with_rows<6>(ahead_lines);
        if (rows == 5) chosen = tile_int8_with_rows<5>(ahead_lines);
    }
    if (rows == 4) chosen = tile_int8_with_rows<4>(ahead_lines);
    if (rows == 3) chosen = tile_int8_with_rows<3>(ahead_lines);
    if (rows == 2) chosen = tile_int8_with_rows<2>(ahead_lines);
    if (rows == 1) chosen = tile_int8_with_rows<1>(ahead_lines);
    chosen(columns, depth, a, panel, held, accumulate, c, ahead);
}

// One stage of the transform inside a vector: lane i meets lane i ^ step.
template <int step>
inline Floats mix_stage(Floats v) {
    Ints partner;
    Floats sign;
    for (int i = 0; i < lanes; ++i) {
        partner[i] = i ^ step;
        sign[i] = i & step ? -1.0f : 1.0f;
    }
#if defined(__clang__)
    Floats swapped;
    for (int i = 0; i < lanes; ++i) swapped[i] = v[partner[i]];
#else
    const Floats swapped = __builtin_shuffle(v, partner);
#endif
    return multiply_add(v, sign, swapped);
}

inline Floats mix_within(Floats v) {
    v = mix_stage<1>(v);
    v = mix_stage<2>(v);
    if constexpr (lanes > 4) v = mix_stage<4>(v);
    if constexpr (lanes > 8) v = mix_stage<8>(v);
    return v;
}

inline void mix_small(float* b, int64_t block) {
    for (int64_t step = 1; step < block; step *= 2) {
        for (int64_t i = 0; i < block; i += 2 * step) {
            for (int64_t j = i; j < i + step; ++j) {
                const float u = b[j], v = b[j + step];
                b[j] = u + v;
                b[j + step] = u - v;
            }
        }
    }
    const float factor = 1.0f / __builtin_sqrtf(float(block));
    for (int64_t j = 0; j < block; ++j) b[j] *= factor;
}

// A block of `vectors` vectors, all of it in registers.
template <int vectors>
inline void mix_block(const float* x, float* y) {
    const Floats factor = broadcast(1.0f / __builtin_sqrtf(float(vectors * lanes)));
    Floats v[vectors];
#pragma GCC unroll 32
    for (int i = 0; i < vectors; ++i) v[i] = mix_within(load(x + i * lanes));
#pragma GCC unroll 8
    for (int step = 1; step < vectors; step *= 2) {
#pragma GCC unroll 32
        for (int i = 0; i < vectors; ++i) {
            if (i & step) continue;
            const Floats sum = v[i] + v[i + step];
            v[i + step] = v[i] - v[i + step];
            v[i] = sum;
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < vectors; ++i) store(y + i * lanes, v[i] * factor);
}

void mix(const float* x, int64_t count, int64_t block, float* y) {
    for (int64_t begin = 0; begin < count; begin += block) {
        switch (block / lanes) {
            case 1: mix_block<1>(x + begin, y + begin); break;
            case 2: mix_block<2>(x + begin, y + begin); break;
            case 4: mix_block<4>(x + begin, y + begin); break;
            case 8: mix_block<8>(x + begin, y + begin); break;
            case 16: mix_block<16>(x + begin, y + begin); break;
            case 32: mix_block<32>(x + begin, y + begin); break;
            default:
                for (int64_t j = 0; j < block; ++j) y[begin + j] = x[begin + j];
                mix_small(y + begin, block);
        }
    }
}

}  // namespace
