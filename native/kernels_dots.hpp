// Products of rows of floats with others, which may be held in fewer bits. Part of kernels_body.hpp.
#pragma once

#include "simd.hpp"

namespace {

typedef uint16_t Halves __attribute__((vector_size(2 * lanes)));

inline Floats as_floats(const float* p) { return load(p); }

// Numbers of 16 bits, all of them finite.
inline Floats as_floats(const uint16_t* p) {
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#else
    Halves halves;
    __builtin_memcpy(&halves, p, sizeof halves);
    const Ints bits = __builtin_convertvector(halves, Ints);
    const Ints rest = (bits & 0x7fff) << 13;
    // Below 2^-14 the exponent says nothing: there the digits are a whole number, read from the end of a known one.
    const Floats small = reinterpret_cast<Floats>(rest + (113 << 23)) - reinterpret_cast<Floats>(Ints{} + (113 << 23));
    const Floats other = reinterpret_cast<Floats>(rest + (112 << 23));
    const Floats value = rest < (1 << 23) ? small : other;
    return reinterpret_cast<Floats>(reinterpret_cast<Ints>(value) | ((bits & 0x8000) << 16));
#endif
}

// gcc 12 takes convertvector from 8 bits apart into single numbers.
inline Floats as_floats(const int8_t* p) {
#if defined(__AVX512F__)
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return reinterpret_cast<Floats>(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes)));
#elif defined(__AVX2__)
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return reinterpret_cast<Floats>(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)));
#else
    return Floats{float(p[0]), float(p[1]), float(p[2]), float(p[3])};
#endif
}

template <class Value>
inline Floats some_as_floats(const Value* p, int64_t count) {
    Value values[lanes] = {};
    for (int64_t i = 0; i < count; ++i) values[i] = p[i];
    return as_floats(values);
}

inline Floats some_as_floats(const float* p, int64_t count) { return load_some(p, count); }

// What is read this far ahead is there when it is wanted: the machine by itself stops at the end of a page.
constexpr int64_t bytes_ahead = 4096;
constexpr int64_t line_bytes = 64;

template <class Value>
inline void products(const float* x, const Value* rows, int64_t count, int64_t number, float* out) {
    for (int64_t r = 0; r < number; ++r, rows += count) {
        // Four sums, because one would wait for itself at every step.
        Floats sums[4] = {};
        int64_t i = 0;
        for (; i + 4 * lanes <= count; i += 4 * lanes) {
            const char* ahead = reinterpret_cast<const char*>(rows + i) + bytes_ahead;
#pragma GCC unroll 4
            for (int64_t k = 0; k < int64_t(4 * lanes * sizeof(Value)); k += line_bytes) __builtin_prefetch(ahead + k);
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                sums[j] = multiply_add(load(x + i + j * lanes), as_floats(rows + i + j * lanes), sums[j]);
            }
        }
        for (; i < count; i += lanes) {
            const int64_t n = count - i < lanes ? count - i : lanes;
            sums[0] = multiply_add(load_some(x + i, n), some_as_floats(rows + i, n), sums[0]);
        }
        out[r] = sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
}

void dots(const float* x, const float* rows, int64_t count, int64_t number, float* out) {
    products(x, rows, count, number, out);
}

void dots_f16(const float* x, const uint16_t* rows, int64_t count, int64_t number, float* out) {
    products(x, rows, count, number, out);
}

void dots_int8(const float* x, const int8_t* rows, int64_t count, int64_t number, float* out) {
    products(x, rows, count, number, out);
}

// The sums of `products`, in its order, of a few rows with a few others: what is loaded serves several of them.
template <int Lefts, int Rights>
inline void table_block(const float* left, const float* right, int64_t count, float* out, int64_t stride) {
    Floats sums[Lefts][Rights][4] = {};
    int64_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
            Floats x[Lefts];
#pragma GCC unroll 2
            for (int l = 0; l < Lefts; ++l) x[l] = load(left + l * count + i + j * lanes);
#pragma GCC unroll 2
            for (int r = 0; r < Rights; ++r) {
                const Floats y = load(right + r * count + i + j * lanes);
#pragma GCC unroll 2
                for (int l = 0; l < Lefts; ++l) sums[l][r][j] = multiply_add(x[l], y, sums[l][r][j]);
            }
        }
    }
    for (; i < count; i += lanes) {
        const int64_t n = count - i < lanes ? count - i : lanes;
        for (int l = 0; l < Lefts; ++l) {
            const Floats x = load_some(left + l * count + i, n);
            for (int r = 0; r < Rights; ++r) {
                sums[l][r][0] = multiply_add(x, load_some(right + r * count + i, n), sums[l][r][0]);
            }
        }
    }
    for (int l = 0; l < Lefts; ++l) {
        for (int r = 0; r < Rights; ++r) {
            const auto& four = sums[l][r];
            out[l * stride + r] = sum_lanes((four[0] + four[1]) + (four[2] + four[3]));
        }
    }
}

template <int Lefts, int Rights>
inline void table_rows(const float* left, const float* right, int64_t rights, int64_t count, float* out,
                       int64_t stride) {
    int64_t r = 0;
    for (; r + Rights <= rights; r += Rights) table_block<Lefts, Rights>(left, right + r * count, count, out + r, stride);
    for (; r < rights; ++r) table_block<Lefts, 1>(left, right + r * count, count, out + r, stride);
}

void dot_table(const float* left, int64_t lefts, const float* right, int64_t rights, int64_t count, float* out,
               int64_t stride) {
    // With 16 registers, four rows' sums would not stay in them.
    constexpr int together = sizeof(Floats) == 64 ? 2 : 1;
    int64_t l = 0;
    for (; l + 2 <= lefts; l += 2) {
        table_rows<2, together>(left + l * count, right, rights, count, out + l * stride, stride);
    }
    if (l < lefts) table_rows<1, together>(left + l * count, right, rights, count, out + l * stride, stride);
}

}  // namespace
