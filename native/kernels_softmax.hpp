// What attention does beside its products: keys laid out by dimension, and the softmax. Part of kernels_body.hpp.
#pragma once

#include "kernels_pairs.hpp"
#include "simd.hpp"

namespace {

#if defined(__AVX512F__)

// Transposes 16 x 16 words: pairs of words, pairs of pairs, then quarters of registers change places.
inline void transpose_square(const uint32_t* from, int64_t from_stride, int count, uint32_t* to, int64_t to_stride) {
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
        a[i] = i < count ? _mm512_loadu_ps(reinterpret_cast<const float*>(from + i * from_stride)) : _mm512_setzero_ps();
    }
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        const auto joined = [&](int low, int high, bool upper) {
            const __m512d x = _mm512_castps_pd(b[i + low]), y = _mm512_castps_pd(b[i + high]);
            return _mm512_castpd_ps(upper ? _mm512_unpackhi_pd(x, y) : _mm512_unpacklo_pd(x, y));
        };
        a[i] = joined(0, 2, false);
        a[i + 1] = joined(0, 2, true);
        a[i + 2] = joined(1, 3, false);
        a[i + 3] = joined(1, 3, true);
    }
    // a[4 g + j] holds, in quarter q, column 4 q + j of rows 4 g to 4 g + 3.
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        const __m512 low01 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x44), high01 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xee);
        const __m512 low23 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x44);
        const __m512 high23 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xee);
        float* out = reinterpret_cast<float*>(to + j * to_stride);
        _mm512_storeu_ps(out, _mm512_shuffle_f32x4(low01, low23, 0x88));
        _mm512_storeu_ps(out + 4 * to_stride, _mm512_shuffle_f32x4(low01, low23, 0xdd));
        _mm512_storeu_ps(out + 8 * to_stride, _mm512_shuffle_f32x4(high01, high23, 0x88));
        _mm512_storeu_ps(out + 12 * to_stride, _mm512_shuffle_f32x4(high01, high23, 0xdd));
    }
}

#endif

void transpose(const uint32_t* from, int64_t from_stride, int count, int64_t words, uint32_t* to, int64_t to_stride) {
    int64_t word = 0;
#if defined(__AVX512F__)
    for (; word + 16 <= words; word += 16) {
        transpose_square(from + word, from_stride, count, to + word * to_stride, to_stride);
    }
#endif
    for (; word < words; ++word) {
        for (int i = 0; i < lanes; ++i) to[word * to_stride + i] = i < count ? from[i * from_stride + word] : 0;
    }
}

inline Floats where_visible(Floats v, int64_t first, int64_t begin, int64_t end, float otherwise) {
#if defined(__AVX512F__)
    const auto below = [&](int64_t position) {
        const int64_t count = position <= first ? 0 : position >= first + lanes ? lanes : position - first;
        return uint32_t((1u << count) - 1);
    };
    const __mmask16 visible = __mmask16(below(end) & ~below(begin));
    return reinterpret_cast<Floats>(
        _mm512_mask_blend_ps(visible, _mm512_set1_ps(otherwise), reinterpret_cast<__m512>(v)));
#else
    float values[lanes];
    store(values, v);
    for (int64_t i = 0; i < lanes; ++i) {
        if (first + i < begin || first + i >= end) values[i] = otherwise;
    }
    return load(values);
#endif
}

// 2^x for x <= 0, on its way to bfloat16.
#if defined(SAMESAY_AMX)

// As power_of_two, in fewer steps: between products of tiles the softmax is what takes longest. Exactly 1 at 0 and exactly 0
// at minus infinity, where what is left of x by its whole part is 0 too. A minimax polynomial, with its rounding a relative
// error below 2e-7.
inline Floats weight_of(Floats x) {
    const __m512 v = reinterpret_cast<__m512>(x);
    const Floats r = reinterpret_cast<Floats>(_mm512_reduce_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
    Floats p = broadcast(1.86713005e-3f);
    p = multiply_add(p, r, broadcast(9.01703071e-3f));
    p = multiply_add(p, r, broadcast(5.57999127e-2f));
    p = multiply_add(p, r, broadcast(0.240164444f));
    p = multiply_add(p, r, broadcast(0.693151295f));
    p = multiply_add(p, r, broadcast(1.0f));
    return reinterpret_cast<Floats>(_mm512_scalef_ps(reinterpret_cast<__m512>(p), v));
}

#else

inline Floats weight_of(Floats x) { return power_of_two(x); }

#endif

float softmax_block(float* scores, int64_t visible_begin, int64_t visible_end, int64_t count, float* maximum,
                    float* sum, uint16_t* halves) {
    Floats largest = broadcast(*maximum);
    for (int64_t i = 0; i < count; i += lanes) {
        Floats seen = load(scores + i);
        if (i < visible_begin || i + lanes > visible_end) {
            seen = where_visible(seen, i, visible_begin, visible_end, -__builtin_inff());
            store(scores + i, seen);
        }
        largest = larger(largest, seen);
    }
    const float new_maximum = largest_lane(largest);
    Floats total = {};
    for (int64_t i = 0; i < count; i += lanes) {
        const Floats below = load(scores + i) - new_maximum;
        if (halves) {
            const Floats weight = weight_of(below);
            total += weight;
            store_halves(halves + i, to_halves(weight), lanes);
        } else {
            const Floats weight = power_of_two(below);
            total += weight;
            store(scores + i, weight);
        }
    }
    const float old_maximum = *maximum;
    *maximum = new_maximum;
    const float shrink = old_maximum == new_maximum ? 1.0f : power_of_two(broadcast(old_maximum - new_maximum))[0];
    *sum = *sum * shrink + sum_lanes(total);
    return shrink;
}

}  // namespace
