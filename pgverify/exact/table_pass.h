/* Few states: the chain as a table, padded with rows and columns of zeros to a multiple of four. */
#ifndef PGVERIFY_TABLE_PASS
#define PGVERIFY_TABLE_PASS

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dynamics.h"
#include "fused.h"

/* P of one state, zero before, and what is paid there on average. */
INLINE double row_of(const Dynamics *law, int64_t s, const double *restrict chosen, const double *restrict reward,
                     double *restrict row) {
    const int64_t A = law->actions, K = law->most;
    const double *restrict w = law->weight + s * A * K;
    const int32_t *restrict next = law->successor + s * A * K;
    double mean = 0.0;
    for (int64_t a = 0; a < A; a++) mean += chosen[a] * reward[a];
    int64_t k = 0;
    if (law->everywhere) {
        for (; k + 8 <= K; k += 8) { /* each sum over actions in a register: the row is written once */
            Four one = {0.0}, two = {0.0};
            for (int64_t a = 0; a < A; a++) {
                one = fused(four_times(chosen[a]), four_at(w + a * K + k), one);
                two = fused(four_times(chosen[a]), four_at(w + a * K + k + 4), two);
            }
            put_four(row + k, one);
            put_four(row + k + 4, two);
        }
        for (; k < K; k++)
            for (int64_t a = 0; a < A; a++) row[k] = __builtin_fma(chosen[a], w[a * K + k], row[k]);
        return mean;
    }
    for (int64_t a = 0; a < A; a++, w += K, next += K)
        for (k = 0; k < K; k++) row[next[k]] = __builtin_fma(chosen[a], w[k], row[next[k]]);
    return mean;
}

/* One step of the visits and one of the values, which do not wait for each other, while P is read once:
 * after = Pᵀ visits (zero before), here = paid + gamma P following. */
INLINE void both(const double *restrict onward, int64_t width, int upward, double discount,
                 const double *restrict visits, double *restrict after, const double *restrict following,
                 const double *restrict paid, double *restrict here) {
    for (int64_t done = 0; done < width; done += 4) {
        const int64_t s = upward ? width - 4 - done : done;
        const double *p = onward + s * width, *q = p + width, *r = q + width, *u = r + width;
        const Four a = four_times(visits[s]), b = four_times(visits[s + 1]), c = four_times(visits[s + 2]),
                   d = four_times(visits[s + 3]);
        Four one = {0.0}, two = {0.0}, three = {0.0}, four = {0.0};
        for (int64_t i = 0; i < width; i += 4) {
            const Four w = four_at(p + i), x = four_at(q + i), y = four_at(r + i), z = four_at(u + i),
                       v = four_at(following + i);
            put_four(after + i, fused(d, z, fused(c, y, fused(b, x, fused(a, w, four_at(after + i))))));
            one = fused(w, v, one);
            two = fused(x, v, two);
            three = fused(y, v, three);
            four = fused(z, v, four);
        }
        const Four ahead = sums_of_four(one, two, three, four);
        put_four(here + s, fused(four_times(discount), ahead, four_at(paid + s)));
    }
}

/* G = sum_t visits[t]ᵀ values[t], four rows and eight columns in registers over all times. */
INLINE void joint_of(const double *restrict visits, const double *restrict values, int64_t times, int64_t width,
                     double *restrict joint) {
    for (int64_t s = 0; s < width; s += 4)
        for (int64_t k = 0; k < width; k += 8) {
            Four sum[4][2] = {{{0.0}}};
            const int pair = k + 8 <= width;
            for (int64_t t = 0; t < times; t++) {
                const double *x = visits + t * width + s, *v = values + t * width + k;
                const Four one = four_at(v), two = pair ? four_at(v + 4) : one;
                for (int row = 0; row < 4; row++) {
                    sum[row][0] = fused(four_times(x[row]), one, sum[row][0]);
                    sum[row][1] = fused(four_times(x[row]), two, sum[row][1]);
                }
            }
            for (int row = 0; row < 4; row++) {
                put_four(joint + (s + row) * width + k, sum[row][0]);
                if (pair) put_four(joint + (s + row) * width + k + 4, sum[row][1]);
            }
        }
}

/* U [S, A] from G, N and r. */
INLINE void sums_of(const Dynamics *law, const double *restrict joint, int64_t width, const double *restrict total,
                    const double *restrict reward, double discount, double *restrict sums) {
    const int64_t S = law->states, A = law->actions, K = law->most;
    const double *restrict w = law->weight;
    const int32_t *restrict next = law->successor;
    for (int64_t s = 0; s < S; s++) {
        const double *row = joint + s * width;
        for (int64_t a = 0; a < A; a++, w += K, next += K) {
            double ahead = 0.0;
            if (law->everywhere)
                ahead = product(w, row, K);
            else
                for (int64_t k = 0; k < K; k++) ahead = __builtin_fma(w[k], row[next[k]], ahead);
            sums[s * A + a] = total[s] * reward[s * A + a] + discount * ahead;
        }
    }
}

FUSED static int by_table(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                          double discount, double *sums, double *expected) {
    const int64_t S = law->states, A = law->actions, width = (S + 3) / 4 * 4, table = width * width;
    char *room = malloc(64 + sizeof(double) * (size_t)(2 * table + 2 * (horizon + 1) * width + 2 * width));
    if (!room) return NO_MEMORY;
    double *onward = (double *)(((uintptr_t)room + 63) / 64 * 64), *joint = onward + table; /* P and G */
    double *visits = joint + table, *values = visits + (horizon + 1) * width; /* [T + 1, width] each */
    double *last = values + horizon * width, *paid = last + width, *total = paid + width;
    memset(onward, 0, sizeof(double) * (size_t)table);
    memset(visits, 0, sizeof(double) * (size_t)((horizon + 1) * width));
    memset(last, 0, sizeof(double) * (size_t)(3 * width)); /* V_T and the sums behind it */
    for (int64_t s = 0; s < S; s++)
        paid[s] = row_of(law, s, probability + s * A, reward + s * A, onward + s * width);
    memcpy(visits, law->start, sizeof(double) * (size_t)S);
    for (int64_t t = 0; t < horizon; t++) {
        double *here = visits + t * width, *following = values + (horizon - t) * width;
        /* To and fro: the rows of P that were read last are still near. */
        both(onward, width, t % 2, discount, here, here + width, following, paid, following - width);
    }
    *expected = product(law->start, values, S);
    double power = 1.0;
    for (int64_t t = 0; t < horizon; t++) {
        double *row = visits + t * width;
        for (int64_t s = 0; s < S; s++) total[s] += row[s] *= law->running[s] ? power : 0.0;
        power *= discount;
    }
    joint_of(visits, values + width, horizon, width, joint);
    sums_of(law, joint, width, total, reward, discount, sums);
    free(room);
    return FOUND;
}

#endif
