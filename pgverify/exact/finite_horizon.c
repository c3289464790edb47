/* Values and visits of a chain over a finite horizon in one go, and the gradient from them: what
 * `exact/action_sums.py` does in NumPy, compiled.
 *
 * What is wanted is the sum over time of the action values, each weighted by its state's visits,
 *
 *     U(s,a) = sum_t gamma^t d_t(s) Q_t(s,a) = N(s) r(s,a) + gamma sum_s' P(s'|s,a) G(s,s'),
 *     G(s,s') = sum_t gamma^t d_t(s) V_{t+1}(s'),   N(s) = sum_t gamma^t d_t(s),
 *
 * because the advantage is linear in Q with coefficients that do not depend on time: it is taken once, of the sum.
 * With few states G is a table [S, S], and gamma is in P from the start; with many, the visits are kept and U is
 * summed while the values go backward, in the same gather. No sum is reordered between machines: no BLAS, and no
 * product is fused but where `fused.h` says.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dynamics.h"

#define WIDE 0 /* eight numbers in two registers */
#include "fused.h"
#include "table_pass.h"
#if defined(__x86_64__) && defined(__GNUC__)
#undef WIDE
#define WIDE 1 /* in one */
#include "fused.h"
#include "table_pass.h"
#else
#define by_table_in_one by_table_in_two
#endif
#undef by_table

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
    const int64_t S = law->states, A = law->actions;
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

/* U [S, A] and J; of a table only where the processor fuses products. */
int pgverify_action_sums(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                         double discount, double *sums, double *expected) {
    const int64_t S = law->states, table = S * S <= 2 * S * law->actions * law->most;
    if (!table) return by_lists(law, probability, reward, horizon, discount, sums, expected);
    if (has_wide_registers()) return by_table_in_one(law, probability, reward, horizon, discount, sums, expected);
    if (has_fused_products()) return by_table_in_two(law, probability, reward, horizon, discount, sums, expected);
    return NOT_ON_THIS_PROCESSOR;
}

/* The same of a table on a processor whose registers are narrow: for the test that it is the same to the bit. */
int pgverify_action_sums_in_two(const Dynamics *law, const double *probability, const double *reward, int64_t horizon,
                                double discount, double *sums, double *expected) {
    if (!has_fused_products()) return NOT_ON_THIS_PROCESSOR;
    return by_table_in_two(law, probability, reward, horizon, discount, sums, expected);
}

/* The sums of all others, from both ends: nothing is subtracted. Returns the sum of all. */
static inline double sums_of_others(const double *restrict x, int64_t count, double *restrict others) {
    double before = 0.0, behind = 0.0;
    for (int64_t i = 0; i < count; i++) {
        others[i] = before;
        before += x[i];
    }
    for (int64_t i = count; i-- > 0;) {
        others[i] += behind;
        behind += x[i];
    }
    return before;
}

/* pi and 1 - pi of one state; returns whether all actions are possible. */
static inline int softmax(const double *restrict logits, int64_t actions, double *restrict chosen,
                          double *restrict complement) {
    double largest = logits[0];
    for (int64_t a = 1; a < actions; a++) largest = logits[a] > largest ? logits[a] : largest;
    for (int64_t a = 0; a < actions; a++) chosen[a] = exp(logits[a] - largest);
    const double sum = sums_of_others(chosen, actions, complement);
    int possible = 1;
    for (int64_t a = 0; a < actions; a++) {
        complement[a] /= sum;
        chosen[a] /= sum;
        possible &= chosen[a] != 0.0;
    }
    return possible;
}

/* What U of one state gives the logits, in its place: with w = pi(a) sum_b pi(b) (U(a) - U(b)), which is pi times the
 * advantage, w(a) (1 - pi(a)) - pi(a) sum_{b != a} w(b). */
static inline void to_logits(const double *restrict chosen, const double *restrict complement, int64_t actions,
                             double *restrict weighted, double *restrict others, double *restrict sums) {
    for (int64_t a = 0; a < actions; a++) {
        double advantage = 0.0;
        for (int64_t b = 0; b < actions; b++) advantage += chosen[b] * (sums[a] - sums[b]);
        weighted[a] = chosen[a] * advantage;
    }
    sums_of_others(weighted, actions, others);
    for (int64_t a = 0; a < actions; a++) sums[a] = weighted[a] * complement[a] - chosen[a] * others[a];
}

/* The gradient of J in the logits [S, A] of a tabular softmax; J follows it. */
int pgverify_gradient(const Task *task, const double *logits, double *gradient) {
    const Dynamics *law = task->law;
    const int64_t S = law->states, A = law->actions, pairs = S * A;
    double *chosen = calloc((size_t)(2 * pairs + 2 * A), sizeof(double));
    if (!chosen) return NO_MEMORY;
    double *complement = chosen + pairs, *weighted = complement + pairs, *others = weighted + A;
    int failed = FOUND;
    for (int64_t i = 0; i < pairs; i += A)
        if (!softmax(logits + i, A, chosen + i, complement + i) && law->running[i / A]) failed = IMPOSSIBLE_ACTION;
    if (!failed)
        failed = pgverify_action_sums(law, chosen, task->reward, task->horizon, task->discount, gradient,
                                      gradient + pairs);
    for (int64_t i = 0; i < pairs && !failed; i += A)
        to_logits(chosen + i, complement + i, A, weighted, others, gradient + i);
    free(chosen);
    return failed;
}
