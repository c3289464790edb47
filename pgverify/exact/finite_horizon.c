/* Values and visits of a chain over a finite horizon in one go, and the gradient from them: what
 * `exact/action_sums.py` does in NumPy, compiled.
 *
 * What is wanted is the sum over time of the action values, each weighted by its state's visits,
 *
 *     U(s,a) = sum_t gamma^t d_t(s) Q_t(s,a) = N(s) r(s,a) + gamma sum_s' P(s'|s,a) G(s,s'),
 *     G(s,s') = sum_t gamma^t d_t(s) V_{t+1}(s'),   N(s) = sum_t gamma^t d_t(s),
 *
 * because the advantage is linear in Q with coefficients that do not depend on time: it is taken once, of the sum.
 * With few states G is a table [S, S]; with many, the visits are kept and U is summed while the values go backward,
 * in the same gather. No sum is reordered between machines: no contraction, no BLAS.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

typedef struct {
    const int32_t *successor; /* [S, A, K] */
    const double *weight;     /* [S, A, K] */
    const double *start;      /* [S] */
    const uint8_t *running;   /* [S] */
    int64_t states, actions, most;
    int64_t everywhere; /* whether successor k of every pair is state k */
} Dynamics;

enum { NO_MEMORY = -1, FOUND = 0, IMPOSSIBLE_ACTION = 1 };

typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

static inline __attribute__((always_inline)) double product(const double *restrict x, const double *restrict y,
                                                            int64_t count) {
    double a[4] = {0.0, 0.0, 0.0, 0.0};
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; k++) a[k] += x[i + k] * y[i + k];
    double rest = 0.0;
    for (; i < count; i++) rest += x[i] * y[i];
    return ((a[0] + a[2]) + (a[1] + a[3])) + rest;
}

/* G = sum_t visits[t]ᵀ values[t], four rows and eight columns in registers over all times; zero before. */
static inline __attribute__((always_inline)) void joint_of(const double *restrict visits, const double *restrict values,
                                                           int64_t times, int64_t width, double *restrict joint) {
    for (int64_t s = 0; s < width; s += 4)
        for (int64_t k = 0; k < width; k += 8) {
            Four sum[4][2] = {{{0.0}}};
            const int pair = k + 8 <= width;
            for (int64_t t = 0; t < times; t++) {
                const double *x = visits + t * width + s, *v = values + t * width + k;
                const Four one = *(const Four *)v, two = pair ? *(const Four *)(v + 4) : one;
                for (int row = 0; row < 4; row++) {
                    sum[row][0] += x[row] * one;
                    sum[row][1] += x[row] * two;
                }
            }
            for (int row = 0; row < 4; row++) {
                *(Four *)(joint + (s + row) * width + k) = sum[row][0];
                if (pair) *(Four *)(joint + (s + row) * width + k + 4) = sum[row][1];
            }
        }
}

/* One step of the visits and one of the values, which do not wait for each other, while P is read once:
 * after = Pᵀ visits (zero before), here = paid + gamma P following. All of a width that is a multiple of four. */
static inline __attribute__((always_inline)) void both(const double *restrict onward, int64_t width, double discount,
        const double *restrict visits, double *restrict after, const double *restrict following,
        const double *restrict paid, double *restrict here) {
    for (int64_t s = 0; s < width; s += 4) {
        const double *p = onward + s * width, *q = p + width, *r = q + width, *u = r + width;
        const double a = visits[s], b = visits[s + 1], c = visits[s + 2], d = visits[s + 3];
        Four one = {0.0}, two = {0.0}, three = {0.0}, four = {0.0};
        for (int64_t i = 0; i < width; i += 4) {
            const Four w = *(const Four *)(p + i), x = *(const Four *)(q + i), y = *(const Four *)(r + i),
                       z = *(const Four *)(u + i), v = *(const Four *)(following + i);
            *(Four *)(after + i) += (a * w + b * x) + (c * y + d * z);
            one += w * v;
            two += x * v;
            three += y * v;
            four += z * v;
        }
        here[s] = paid[s] + discount * ((one[0] + one[2]) + (one[1] + one[3]));
        here[s + 1] = paid[s + 1] + discount * ((two[0] + two[2]) + (two[1] + two[3]));
        here[s + 2] = paid[s + 2] + discount * ((three[0] + three[2]) + (three[1] + three[3]));
        here[s + 3] = paid[s + 3] + discount * ((four[0] + four[2]) + (four[1] + four[3]));
    }
}

/* Few states: the chain as a table, padded with rows and columns of zeros to a multiple of four. */
WIDE static int by_table(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                         double discount, double *sums, double *expected) {
    const int64_t S = law->states, A = law->actions, K = law->most, width = (S + 3) / 4 * 4;
    double *room = calloc((size_t)(2 * width * width + 2 * (horizon + 1) * width + 2 * width), sizeof(double));
    if (!room) return NO_MEMORY;
    double *onward = room, *joint = onward + width * width;                /* P and G */
    double *visits = joint + width * width, *values = visits + (horizon + 1) * width; /* [T + 1, width] each */
    double *paid = values + (horizon + 1) * width, *total = paid + width;
    for (int64_t s = 0; s < S; s++) {
        double mean = 0.0;
        for (int64_t a = 0; a < A; a++) {
            const double chosen = probability[s * A + a];
            const double *w = law->weight + (s * A + a) * K;
            const int32_t *next = law->successor + (s * A + a) * K;
            double *row = onward + s * width;
            mean += chosen * reward[s * A + a];
            if (law->everywhere)
                for (int64_t k = 0; k < S; k++) row[k] += chosen * w[k];
            else
                for (int64_t k = 0; k < K; k++) row[next[k]] += chosen * w[k];
        }
        paid[s] = mean;
    }
    memcpy(visits, law->start, sizeof(double) * S);
    for (int64_t t = 0; t < horizon; t++) {
        double *following = values + (horizon - t) * width, *here = visits + t * width;
        both(onward, width, discount, here, here + width, following, paid, following - width);
    }
    *expected = product(law->start, values, S);
    double power = 1.0;
    for (int64_t t = 0; t < horizon; t++) {
        double *row = visits + t * width;
        for (int64_t s = 0; s < S; s++) total[s] += row[s] *= law->running[s] ? power : 0.0;
        power *= discount;
    }
    joint_of(visits, values + width, horizon, width, joint);
    for (int64_t s = 0; s < S; s++)
        for (int64_t a = 0; a < A; a++) {
            const double *w = law->weight + (s * A + a) * K, *row = joint + s * width;
            const int32_t *next = law->successor + (s * A + a) * K;
            double ahead = 0.0;
            if (law->everywhere)
                ahead = product(w, row, S);
            else
                for (int64_t k = 0; k < K; k++) ahead += w[k] * row[next[k]];
            sums[s * A + a] = total[s] * reward[s * A + a] + discount * ahead;
        }
    free(room);
    return FOUND;
}

/* One step of the visits along the lists, added to what is there. */
static void onward(const Dynamics *law, const double *restrict probability, const double *restrict here,
                   double *restrict after) {
    const int64_t S = law->states, A = law->actions, K = law->most;
    const double *restrict w = law->weight;
    const int32_t *restrict next = law->successor;
    for (int64_t s = 0; s < S; s++) {
        if (here[s] == 0.0) {
            w += A * K;
            next += A * K;
            continue;
        }
        for (int64_t a = 0; a < A; a++, w += K, next += K) {
            const double mass = here[s] * probability[s * A + a];
            for (int64_t k = 0; k < K; k++) after[next[k]] += mass * w[k];
        }
    }
}

/* One step of the values along the lists, and what it adds to the sums. */
static void backward(const Dynamics *law, const double *restrict probability, const double *restrict reward,
                     double discount, double power, const double *restrict visited, const double *restrict after,
                     double *restrict here, double *restrict sums) {
    const int64_t S = law->states, A = law->actions, K = law->most;
    const uint8_t *restrict running = law->running;
    const double *restrict w = law->weight;
    const int32_t *restrict next = law->successor;
    for (int64_t s = 0; s < S; s++) {
        const double here_weight = running[s] ? power * visited[s] : 0.0;
        double value = 0.0;
        for (int64_t a = 0; a < A; a++, w += K, next += K) {
            double even = 0.0, odd = 0.0;
            int64_t k = 0;
            for (; k + 2 <= K; k += 2) {
                even += w[k] * after[next[k]];
                odd += w[k + 1] * after[next[k + 1]];
            }
            if (k < K) even += w[k] * after[next[k]];
            const double action = reward[s * A + a] + discount * (even + odd);
            value += probability[s * A + a] * action;
            sums[s * A + a] += here_weight * action;
        }
        here[s] = value;
    }
}

/* Many states: along the lists. Two rows of states stay in the cache, whatever is kept of them. */
static int by_lists(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                    double discount, double *sums, double *expected) {
    const int64_t S = law->states, A = law->actions, K = law->most;
    double *visits = calloc((size_t)(horizon * S), sizeof(double));
    double *values = calloc((size_t)(2 * S), sizeof(double));
    if (!visits || !values) {
        free(visits);
        free(values);
        return NO_MEMORY;
    }
    double *here = values, *after = values + S;
    memcpy(visits, law->start, sizeof(double) * S);
    for (int64_t t = 0; t + 1 < horizon; t++) {
        memset(after, 0, sizeof(double) * S);
        onward(law, probability, visits + t * S, after);
        memcpy(visits + (t + 1) * S, after, sizeof(double) * S);
    }
    memset(sums, 0, sizeof(double) * S * A);
    for (int64_t t = horizon - 1; t >= 0; t--) {
        double *kept = after;
        after = here;
        here = kept; /* V_t goes where V_{t+2} was */
        backward(law, probability, reward, discount, pow(discount, (double)t), visits + t * S, after, here, sums);
    }
    *expected = 0.0;
    for (int64_t s = 0; s < S; s++) *expected += law->start[s] * here[s];
    free(visits);
    free(values);
    return FOUND;
}

/* U [S, A] and J. */
int pgverify_action_sums(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                         double discount, double *sums, double *expected) {
    const int64_t S = law->states, table = S * S <= 2 * S * law->actions * law->most;
    return table ? by_table(law, probability, reward, horizon, discount, sums, expected)
                 : by_lists(law, probability, reward, horizon, discount, sums, expected);
}

/* The gradient of J in the logits [S, A] of a tabular softmax; J follows it. */
int pgverify_softmax_gradient(const Dynamics *law, const double *logits, const double *reward, int64_t horizon,
                              double discount, double *gradient) {
    const int64_t S = law->states, A = law->actions;
    double *probability = calloc((size_t)(2 * S * A + A), sizeof(double));
    if (!probability) return NO_MEMORY;
    double *complement = probability + S * A, *weighted = complement + S * A;
    int failed = FOUND;
    for (int64_t s = 0; s < S; s++) {
        const double *z = logits + s * A;
        double *p = probability + s * A, *rest = complement + s * A, largest = z[0], sum = 0.0;
        for (int64_t a = 1; a < A; a++) largest = z[a] > largest ? z[a] : largest;
        for (int64_t a = 0; a < A; a++) sum += p[a] = exp(z[a] - largest);
        for (int64_t a = 0; a < A; a++) { /* 1 - pi as the sum of the others: nothing is subtracted */
            double others = 0.0;
            for (int64_t b = 0; b < A; b++) others += b == a ? 0.0 : p[b];
            rest[a] = others / sum;
        }
        for (int64_t a = 0; a < A; a++) {
            p[a] /= sum;
            if (p[a] == 0.0 && law->running[s]) failed = IMPOSSIBLE_ACTION;
        }
    }
    if (!failed) failed = pgverify_action_sums(law, probability, reward, horizon, discount, gradient, gradient + S * A);
    for (int64_t s = 0; s < S && !failed; s++) {
        const double *p = probability + s * A, *rest = complement + s * A;
        double *u = gradient + s * A, sum_of_others;
        for (int64_t a = 0; a < A; a++) { /* pi(a) sum_b pi(b) (U(a) - U(b)) */
            double advantage = 0.0;
            for (int64_t b = 0; b < A; b++) advantage += p[b] * (u[a] - u[b]);
            weighted[a] = p[a] * advantage;
        }
        for (int64_t a = 0; a < A; a++) {
            sum_of_others = 0.0;
            for (int64_t b = 0; b < A; b++) sum_of_others += b == a ? 0.0 : weighted[b];
            u[a] = weighted[a] * rest[a] - p[a] * sum_of_others;
        }
    }
    free(probability);
    return failed;
}
