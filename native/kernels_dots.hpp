// Products of one row of floats with a few others, which may be held in fewer bits. Part of kernels_body.hpp.
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

}  // namespace
