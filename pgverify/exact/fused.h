/* Four numbers at once, and their fused products: x y + z, rounded once.
 *
 * Which products are fused is written down, not left to the compiler (-ffp-contract=off): all processors that have the
 * instruction give the same bits. On those that have not, it would be a call a number: nothing is reckoned there.
 */
#ifndef PGVERIFY_FUSED
#define PGVERIFY_FUSED

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define FUSED __attribute__((target("avx2,fma")))
#else
#define FUSED
#endif
#define INLINE FUSED static inline __attribute__((always_inline))

typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

static inline int has_fused_products(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__) || defined(__FP_FAST_FMA)
    return 1;
#else
    return 0;
#endif
}

INLINE Four four_times(double x) { return (Four){x, x, x, x}; }

INLINE Four four_at(const double *x) { return *(const Four *)x; }

INLINE void put_four(double *x, Four values) { *(Four *)x = values; }

INLINE Four fused(Four x, Four y, Four z) {
#if defined(__x86_64__) && defined(__GNUC__)
    return (Four)_mm256_fmadd_pd((__m256d)x, (__m256d)y, (__m256d)z);
#else
    return (Four){__builtin_fma(x[0], y[0], z[0]), __builtin_fma(x[1], y[1], z[1]), __builtin_fma(x[2], y[2], z[2]),
                  __builtin_fma(x[3], y[3], z[3])};
#endif
}

INLINE double sum_of_four(Four x) { return (x[0] + x[1]) + (x[2] + x[3]); }

/* The sums of four at once, as one that can be stored whole: what reads them together does not wait for four stores. */
INLINE Four sums_of_four(Four one, Four two, Four three, Four four) {
#if defined(__x86_64__) && defined(__GNUC__)
    const __m256d a = _mm256_hadd_pd((__m256d)one, (__m256d)two), b = _mm256_hadd_pd((__m256d)three, (__m256d)four);
    return (Four)_mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31));
#else
    return (Four){sum_of_four(one), sum_of_four(two), sum_of_four(three), sum_of_four(four)};
#endif
}

INLINE double product(const double *restrict x, const double *restrict y, int64_t count) {
    Four one = {0.0}, two = {0.0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        one = fused(four_at(x + i), four_at(y + i), one);
        two = fused(four_at(x + i + 4), four_at(y + i + 4), two);
    }
    double rest = 0.0;
    for (; i < count; i++) rest = __builtin_fma(x[i], y[i], rest);
    return sum_of_four(one + two) + rest;
}

#endif
