// Products of bfloat16 pairs, in attention and in linear layers. Part of kernels_body.hpp.
#pragma once

#include "kernels_int8.hpp"
#include "simd.hpp"

namespace {

typedef uint32_t Words __attribute__((vector_size(4 * lanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * lanes)));

#if defined(__AVX512BF16__)

inline Halves to_halves(Floats v) {
    return reinterpret_cast<Halves>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(v)));
}

inline Words to_words(Halves v) { return reinterpret_cast<Words>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(v))); }

#else

// The bfloat16 bits of each lane, rounded to nearest, ties to even. Finite values only.
inline Halves to_halves(Floats v) {
    const Words bits = reinterpret_cast<Words>(v);
    return __builtin_convertvector((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16, Halves);
}

inline Words to_words(Halves v) { return __builtin_convertvector(v, Words); }

#endif

inline void store_halves(uint16_t* y, Halves v, int64_t count) {
    if (count == lanes) {
        __builtin_memcpy(y, &v, sizeof v);
    } else {
        for (int64_t j = 0; j < count; ++j) y[j] = v[j];
    }
}

void to_bf16(const float* x, int64_t count, uint16_t* y) {
    for (int64_t i = 0; i < count; i += lanes) {
        const int64_t n = count - i < lanes ? count - i : lanes;
        store_halves(y + i, to_halves(n == lanes ? load(x + i) : load_some(x + i, n)), n);
    }
}

void pair_bf16(const float* a, const float* b, int64_t count, uint32_t* y) {
    for (int64_t i = 0; i < count; i += lanes) {
        const int64_t n = count - i < lanes ? count - i : lanes;
        Words words = to_words(to_halves(n == lanes ? load(a + i) : load_some(a + i, n)));
        if (b) words |= to_words(to_halves(n == lanes ? load(b + i) : load_some(b + i, n))) << 16;
        if (n == lanes) {
            __builtin_memcpy(y + i, &words, sizeof words);
        } else {
            for (int64_t j = 0; j < n; ++j) y[i + j] = words[j];
        }
    }
}

#if defined(__AVX512BF16__)

template <int Rows, int Vectors, int Lines>
void tile_pairs_of(int columns, int64_t pairs, const uint16_t* a, int64_t a_stride, const uint32_t* b,
                   int64_t b_stride, const float* bias, bool accumulate, float* c, int64_t c_stride,
                   const void* ahead) {
    const char* next = static_cast<const char*>(ahead);
    Floats sums[Rows][Vectors] = {};
    for (int64_t p = 0; p < pairs; ++p, b += b_stride) {
        fetch_ahead<Lines>(next);
        __m512i right[Vectors];
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) right[v] = _mm512_loadu_si512(b + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            int32_t pair;
            __builtin_memcpy(&pair, a + r * a_stride + 2 * p, sizeof pair);
            const __m512i left = _mm512_set1_epi32(pair);
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v) {
                asm("vdpbf16ps %2, %1, %0" : "+v"(sums[r][v]) : "v"(right[v]), "v"(left));
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) put_outputs(sums[r][v], v * lanes, columns, bias, accumulate, c + r * c_stride);
    }
}

using TilePairs = void (*)(int, int64_t, const uint16_t*, int64_t, const uint32_t*, int64_t, const float*, bool,
                           float*, int64_t, const void*);

template <int Rows>
constexpr TilePairs tile_pairs_with_rows(int vectors, int lines) {
    if (vectors == 4 && lines == 1) return tile_pairs_of<Rows, 4, 1>;
    if (vectors == 4 && lines == 2) return tile_pairs_of<Rows, 4, 2>;
    if (vectors == 4 && lines == 4) return tile_pairs_of<Rows, 4, 4>;
    if (vectors == 4) return tile_pairs_of<Rows, 4, 0>;
    if (vectors == 3) return tile_pairs_of<Rows, 3, 0>;
    return vectors == 2 ? tile_pairs_of<Rows, 2, 0> : tile_pairs_of<Rows, 1, 0>;
}

inline TilePairs tile_pairs_for(int rows, int vectors, int lines) {
    if (rows == 6) return tile_pairs_with_rows<6>(vectors, lines);
    if (rows == 5) return tile_pairs_with_rows<5>(vectors, lines);
    if (rows == 4) return tile_pairs_with_rows<4>(vectors, lines);
    if (rows == 3) return tile_pairs_with_rows<3>(vectors, lines);
    return rows == 2 ? tile_pairs_with_rows<2>(vectors, lines) : tile_pairs_with_rows<1>(vectors, lines);
}

void tile_pairs_chosen(int rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride, const uint32_t* b,
                       int64_t b_stride, bool accumulate, float* c, int64_t c_stride) {
    const TilePairs chosen = tile_pairs_for(rows, (columns + lanes - 1) / lanes, 0);
    chosen(columns, pairs, a, a_stride, b, b_stride, nullptr, accumulate, c, c_stride, nullptr);
}

// A panel always has all its columns, whatever of them is wanted.
void tile_panel_pairs_chosen(int rows, int columns, int64_t pairs, const uint16_t* a, int64_t a_stride,
                             const uint32_t* panel, const float* bias, bool accumulate, float* c, int64_t c_stride,
                             const void* ahead, int ahead_lines) {
    const TilePairs chosen = tile_pairs_for(rows, panel_vectors, ahead_lines);
    chosen(columns, pairs, a, a_stride, panel, panel_columns, bias, accumulate, c, c_stride, ahead);
}

constexpr auto tile_pairs = &tile_pairs_chosen;
constexpr auto tile_panel_pairs = &tile_panel_pairs_chosen;

#else

constexpr decltype(samesay::Kernels::tile_pairs) tile_pairs = nullptr;
constexpr decltype(samesay::Kernels::tile_panel_pairs) tile_panel_pairs = nullptr;

#endif

}  // namespace
