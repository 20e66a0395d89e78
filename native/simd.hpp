// One vector of floats of the width this file is compiled for. Everything here is in an unnamed
// namespace: the linker must never join code of two instruction sets.
#pragma once

#include <cstdint>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * lanes)));
typedef int32_t Ints __attribute__((vector_size(4 * lanes)));

inline Floats load(const float* p) {
    Floats v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

inline void store(float* p, Floats v) { __builtin_memcpy(p, &v, sizeof v); }

inline Floats broadcast(float x) { return Floats{} + x; }

inline Floats load_some(const float* p, int64_t count) {
    float values[lanes] = {};
    for (int64_t i = 0; i < count; ++i) values[i] = p[i];
    return load(values);
}

inline void store_some(float* p, Floats v, int64_t count) {
    float values[lanes];
    store(values, v);
    for (int64_t i = 0; i < count; ++i) p[i] = values[i];
}

// a * b + c, in one rounding where the machine has it, in two everywhere on a machine that has not.
inline Floats multiply_add(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(
        _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__AVX2__)
    return reinterpret_cast<Floats>(
        _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
    return a * b + c;
#endif
}

inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

// Joins the lanes in halves: a fixed tree, the same in every build of this width.
template <class Join>
inline float join_lanes(Floats v, Join join) {
    typedef float Quarter __attribute__((vector_size(16)));
    Quarter four;
#if defined(__AVX512F__)
    typedef float Half __attribute__((vector_size(32)));
    const __m512 all = reinterpret_cast<__m512>(v);
    const Half eight = join(reinterpret_cast<Half>(_mm512_castps512_ps256(all)),
                            reinterpret_cast<Half>(_mm512_extractf32x8_ps(all, 1)));
    four = join(reinterpret_cast<Quarter>(_mm256_castps256_ps128(reinterpret_cast<__m256>(eight))),
                reinterpret_cast<Quarter>(_mm256_extractf128_ps(reinterpret_cast<__m256>(eight), 1)));
#elif defined(__AVX2__)
    const __m256 all = reinterpret_cast<__m256>(v);
    four = join(reinterpret_cast<Quarter>(_mm256_castps256_ps128(all)),
                reinterpret_cast<Quarter>(_mm256_extractf128_ps(all, 1)));
#else
    four = v;
#endif
    const Quarter two = join(four, Quarter{four[2], four[3], four[2], four[3]});
    return join(two, Quarter{two[1], two[1], two[1], two[1]})[0];
}

inline float sum_lanes(Floats v) {
    return join_lanes(v, [](auto a, auto b) { return a + b; });
}

inline float largest_lane(Floats v) {
    return join_lanes(v, [](auto a, auto b) { return a > b ? a : b; });
}

// e^x with a relative error below 2e-7; exactly 1 at 0 and exactly 0 below -87. Range reduction by
// ln 2 in two parts, then the Taylor polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2].
inline Floats exponential(Floats x) {
    const Floats upper = broadcast(88.0f);
    const Floats lower = broadcast(-87.0f);
    const Floats bounded = x < lower ? lower : (x > upper ? upper : x);
    const Floats shift = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
    const Floats shifted = multiply_add(bounded, broadcast(1.44269504f), shift);
    const Floats n = shifted - shift;
    Floats r = multiply_add(n, broadcast(-0.693359375f), bounded);
    r = multiply_add(n, broadcast(2.12194440e-4f), r);
    Floats p = broadcast(1.0f / 5040);
    p = multiply_add(p, r, broadcast(1.0f / 720));
    p = multiply_add(p, r, broadcast(1.0f / 120));
    p = multiply_add(p, r, broadcast(1.0f / 24));
    p = multiply_add(p, r, broadcast(1.0f / 6));
    p = multiply_add(p, r, broadcast(0.5f));
    p = multiply_add(p, r, broadcast(1.0f));
    p = multiply_add(p, r, broadcast(1.0f));
    const Ints exponent = reinterpret_cast<Ints>(shifted) - reinterpret_cast<Ints>(shift);
    const Floats power = reinterpret_cast<Floats>((exponent + 127) << 23);
    return x < lower ? Floats{} : p * power;
}

// Abramowitz and Stegun 7.1.26: absolute error below 2e-7.
inline Floats error_function(Floats x) {
    const Floats zero = {};
    const Floats magnitude = x < zero ? -x : x;
    const Floats t = 1.0f / multiply_add(broadcast(0.3275911f), magnitude, broadcast(1.0f));
    Floats p = broadcast(1.061405429f);
    p = multiply_add(p, t, broadcast(-1.453152027f));
    p = multiply_add(p, t, broadcast(1.421413741f));
    p = multiply_add(p, t, broadcast(-0.284496736f));
    p = multiply_add(p, t, broadcast(0.254829592f));
    const Floats result = 1.0f - p * t * exponential(-magnitude * magnitude);
    return x < zero ? -result : result;
}

}  // namespace
