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

// The first `count` values, zeros after them.
inline Floats load_some(const float* p, int64_t count) {
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(_mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p));
#else
    float values[lanes] = {};
    for (int64_t i = 0; i < count; ++i) values[i] = p[i];
    return load(values);
#endif
}

inline void store_some(float* p, Floats v, int64_t count) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), reinterpret_cast<__m512>(v));
#else
    float values[lanes];
    store(values, v);
    for (int64_t i = 0; i < count; ++i) p[i] = values[i];
#endif
}

// Of a vector that may end early.
inline Floats load_first(const float* p, int64_t count) { return count == lanes ? load(p) : load_some(p, count); }

inline void store_first(float* p, Floats v, int64_t count) {
    if (count == lanes) {
        store(p, v);
    } else {
        store_some(p, v, count);
    }
}

// A vector of sums from column `column` on becomes outputs of a row at `c`, as far as its `columns` go.
inline void put_outputs(Floats sums, int column, int columns, const float* bias, bool accumulate, float* c) {
    const int64_t count = columns - column < lanes ? columns - column : lanes;
    if (count <= 0) return;
    if (bias) sums += load(bias + column);
    if (accumulate) sums += load_first(c + column, count);
    store_first(c + column, sums, count);
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

// gcc 12 makes a comparison and a blend of what is one instruction.
inline Floats larger(Floats a, Floats b) {
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(_mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<Floats>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
    return a > b ? a : b;
#endif
}

inline Floats smaller(Floats a, Floats b) {
#if defined(__AVX512F__)
    return reinterpret_cast<Floats>(_mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<Floats>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
    return a < b ? a : b;
#endif
}

inline Floats magnitude(Floats v) { return reinterpret_cast<Floats>(reinterpret_cast<Ints>(v) & 0x7fffffff); }

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

// 2^x for x <= 0 with a relative error below 2e-7; exactly 1 at 0 and exactly 0 below -126. A minimax polynomial
// over what rounding leaves of x.
inline Floats power_of_two(Floats x) {
    const Floats shift = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
    const Floats lower = broadcast(-126.0f);
    const Floats bounded = larger(x, lower);
    const Floats shifted = bounded + shift;
    const Floats r = bounded - (shifted - shift);
    Floats p = broadcast(1.326472731e-3f);
    p = multiply_add(p, r, broadcast(9.671512991e-3f));
    p = multiply_add(p, r, broadcast(5.550733581e-2f));
    p = multiply_add(p, r, broadcast(0.2402224243f));
    p = multiply_add(p, r, broadcast(0.6931470037f));
    p = multiply_add(p, r, broadcast(1.0f));
    // The whole part goes straight into the exponent of p, which lies between 0.7 and 1.5.
    const Ints whole = reinterpret_cast<Ints>(shifted) - reinterpret_cast<Ints>(shift);
    const Floats power = reinterpret_cast<Floats>(reinterpret_cast<Ints>(p) + (whole << 23));
#if defined(__AVX512F__)
    const __mmask16 kept = _mm512_cmp_ps_mask(reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(lower), _CMP_GE_OQ);
    return reinterpret_cast<Floats>(_mm512_maskz_mov_ps(kept, reinterpret_cast<__m512>(power)));
#else
    return x >= lower ? power : Floats{};
#endif
}

// The error function as x P(x^2) / Q(x^2), a minimax fit of absolute error below 5e-7 with its rounding.
inline Floats error_function(Floats x) {
    const Floats bounded = larger(smaller(x, broadcast(3.92f)), broadcast(-3.92f));
    const Floats t = bounded * bounded;
    Floats p = broadcast(2.0347304e-6f);
    p = multiply_add(p, t, broadcast(2.8748051e-4f));
    p = multiply_add(p, t, broadcast(3.8683680e-3f));
    p = multiply_add(p, t, broadcast(5.3060606e-2f));
    p = multiply_add(p, t, broadcast(0.19276498f));
    p = multiply_add(p, t, broadcast(1.1283790f));
    Floats q = broadcast(3.8070655e-5f);
    q = multiply_add(q, t, broadcast(1.1881255e-3f));
    q = multiply_add(q, t, broadcast(1.5172376e-2f));
    q = multiply_add(q, t, broadcast(0.11508500f));
    q = multiply_add(q, t, broadcast(0.50416517f));
    q = multiply_add(q, t, broadcast(1.0f));
    return bounded * p / q;
}

}  // namespace
