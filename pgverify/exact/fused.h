/* Eight numbers at once, and their fused products: x y + z, rounded once. Included once for each width of registers.
 *
 * Which products are fused, and in which order eight partial sums are added, is written down and not left to the
 * compiler (-ffp-contract=off): all processors that have the instruction give the same bits, whether eight numbers fill
 * one register (WIDE) or two. On those that have not, it would be a call a number: nothing is reckoned there.
 */
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#ifndef PGVERIFY_FUSED
#define PGVERIFY_FUSED

static inline int has_fused_products(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__) || defined(__FP_FAST_FMA)
    return 1;
#else
    return 0;
#endif
}

static inline int has_wide_registers(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    return has_fused_products() && __builtin_cpu_supports("avx512f");
#else
    return 0;
#endif
}

typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

/* The first n of eight are taken where -1 stands from 8 - n on. */
static const int64_t TAKEN[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

#endif

#undef FUSED
#undef INLINE
#undef NAMED
#if WIDE
#define FUSED __attribute__((target("avx512f,avx2,fma")))
#define NAMED(name) name##_in_one
#elif defined(__x86_64__) && defined(__GNUC__)
#define FUSED __attribute__((target("avx2,fma")))
#define NAMED(name) name##_in_two
#else
#define FUSED
#define NAMED(name) name##_in_two
#endif
#define INLINE FUSED static inline __attribute__((always_inline))

#undef Eight
#undef eight_times
#undef eight_at
#undef first_of
#undef put_eight
#undef fused
#undef halves_added
#undef sum_of_eight
#undef put_sums
#undef product
#define Eight NAMED(Eight)
#define eight_times NAMED(eight_times)
#define eight_at NAMED(eight_at)
#define first_of NAMED(first_of)
#define put_eight NAMED(put_eight)
#define fused NAMED(fused)
#define halves_added NAMED(halves_added)
#define sum_of_eight NAMED(sum_of_eight)
#define put_sums NAMED(put_sums)
#define product NAMED(product)

#if WIDE

typedef __m512d Eight;

INLINE Eight eight_times(double x) { return _mm512_set1_pd(x); }

INLINE Eight eight_at(const double *x) { return _mm512_loadu_pd(x); }

INLINE Eight first_of(const double *x, int64_t count) { return _mm512_maskz_loadu_pd((1u << count) - 1u, x); }

INLINE void put_eight(double *x, Eight values) { _mm512_storeu_pd(x, values); }

INLINE Eight fused(Eight x, Eight y, Eight z) { return _mm512_fmadd_pd(x, y, z); }

INLINE Four halves_added(Eight x) {
    return (Four)_mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
}

#else

typedef struct {
    Four low, high;
} Eight;

INLINE Eight eight_times(double x) { return (Eight){{x, x, x, x}, {x, x, x, x}}; }

INLINE Eight eight_at(const double *x) { return (Eight){*(const Four *)x, *(const Four *)(x + 4)}; }

INLINE void put_eight(double *x, Eight values) {
    *(Four *)x = values.low;
    *(Four *)(x + 4) = values.high;
}

#if defined(__x86_64__) && defined(__GNUC__)

INLINE Eight first_of(const double *x, int64_t count) {
    const __m256i *taken = (const __m256i *)(TAKEN + 8 - count);
    return (Eight){(Four)_mm256_maskload_pd(x, _mm256_loadu_si256(taken)),
                   (Four)_mm256_maskload_pd(x + 4, _mm256_loadu_si256(taken + 1))};
}

INLINE Eight fused(Eight x, Eight y, Eight z) {
    return (Eight){(Four)_mm256_fmadd_pd((__m256d)x.low, (__m256d)y.low, (__m256d)z.low),
                   (Four)_mm256_fmadd_pd((__m256d)x.high, (__m256d)y.high, (__m256d)z.high)};
}

#else

INLINE Eight first_of(const double *x, int64_t count) {
    double taken[8];
    for (int64_t i = 0; i < 8; i++) taken[i] = TAKEN[8 - count + i] ? x[i] : 0.0;
    return eight_at(taken);
}

INLINE Eight fused(Eight x, Eight y, Eight z) {
    for (int i = 0; i < 4; i++) {
        z.low[i] = __builtin_fma(x.low[i], y.low[i], z.low[i]);
        z.high[i] = __builtin_fma(x.high[i], y.high[i], z.high[i]);
    }
    return z;
}

#endif

INLINE Four halves_added(Eight x) { return x.low + x.high; }

#endif

INLINE double sum_of_eight(Eight x) {
    const Four sums = halves_added(x);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* The sums of four added to as many numbers, stored whole: what reads them together does not wait for four stores. */
INLINE void put_sums(Eight one, Eight two, Eight three, Eight four, const double *more, double *sums) {
#if defined(__x86_64__) && defined(__GNUC__)
    const __m256d a = _mm256_hadd_pd((__m256d)halves_added(one), (__m256d)halves_added(two)),
                  b = _mm256_hadd_pd((__m256d)halves_added(three), (__m256d)halves_added(four));
    const __m256d added = _mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31));
    *(Four *)sums = *(const Four *)more + (Four)added;
#else
    const Four added = {sum_of_eight(one), sum_of_eight(two), sum_of_eight(three), sum_of_eight(four)};
    *(Four *)sums = *(const Four *)more + added;
#endif
}

/* The second has zeros, or anything finite, up to a multiple of eight. */
INLINE double product(const double *restrict x, const double *restrict y, int64_t count) {
    Eight sum = eight_times(0.0);
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) sum = fused(eight_at(x + i), eight_at(y + i), sum);
    if (i < count) sum = fused(first_of(x + i, count - i), eight_at(y + i), sum);
    return sum_of_eight(sum);
}
