/* Contributions of many trajectories, and their sums, with nothing kept: what `plain.py` does, compiled.
 *
 * A contribution is g = sum_t w_t psi(s_t, a_t). The weights are gathered in a table over pairs (s, a), from which the
 * scores follow once a trajectory. Numbers and choices are those of pgverify.randomness, bit for bit: products and
 * sums of doubles are never contracted (-ffp-contract=off), and no sum is reordered.
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

#define LANES 16 /* trajectories under way together: while one waits for a table, others go on */
#define WINDOW 4
#define FIRST_ROOM 64

enum { START = 0, STEP = 1, SURVIVAL = 2, NOISE = 3 };

typedef struct {
    double threshold;
    double reward[2]; /* of the alias, and of the cell itself */
    int32_t pair[2], next[2];
} Cell;

typedef struct {
    uint64_t key[2];
    const double *start_threshold;
    const int64_t *start_alias;
    const Cell *cells;        /* [S, M] */
    const double *noise;      /* [S, M, 2], or none */
    const uint8_t *terminal;  /* [S] */
    const double *ratio;      /* [S*A] pi/mu, or none */
    const double *critic;     /* [times, S], or none */
    const double *baseline;   /* [times, S] */
    double (*normal)(double, int);
    int64_t states, pairs, choices;
    int64_t critic_times, baseline_times;
    int64_t horizon;          /* -1: none */
    int64_t horizon_terminates;
    int64_t whole;            /* the return of the whole trajectory, at every step */
    double survival, discount, decay, weighting, scale, gain;
} Law;

typedef struct {
    int32_t *pair, *next; /* [room, LANES]: next[t] follows step t */
    double *reward;
    double *weight;
    int64_t room;
    int64_t taken; /* by the longest */
} Steps;

static inline void philox(const uint64_t *key, uint64_t c0, uint64_t c1, uint64_t c2, uint64_t *out) {
    uint64_t k0 = key[0], k1 = key[1], c3 = 0;
    for (int round = 0; round < 10; round++) {
        unsigned __int128 a = (unsigned __int128)0xD2E7470EE14C6C93u * c0;
        unsigned __int128 b = (unsigned __int128)0xCA5A826395121157u * c2;
        uint64_t n0 = (uint64_t)(b >> 64) ^ c1 ^ k0, n2 = (uint64_t)(a >> 64) ^ c3 ^ k1;
        c1 = (uint64_t)b;
        c3 = (uint64_t)a;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B97F4A7C15u;
        k1 += 0xBB67AE8584CAA73Bu;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static inline double uniform(uint64_t word) { return (double)(int64_t)(word >> 11) * 0x1p-53; }

static int reserve(Steps *steps, int64_t room) {
    if (room <= steps->room) return 0;
    int32_t *pair = realloc(steps->pair, sizeof(int32_t) * LANES * room);
    if (pair) steps->pair = pair;
    int32_t *next = realloc(steps->next, sizeof(int32_t) * LANES * room);
    if (next) steps->next = next;
    double *reward = realloc(steps->reward, sizeof(double) * LANES * room);
    if (reward) steps->reward = reward;
    double *weight = realloc(steps->weight, sizeof(double) * LANES * room);
    if (weight) steps->weight = weight;
    if (!pair || !next || !reward || !weight) return -1;
    steps->room = room;
    return 0;
}

/* One step of every lane that is under way; `ends` and `noisy` are known where this is compiled in. */
static inline __attribute__((always_inline)) int step(const Law *law, int lanes, int64_t t, const int ends,
        const int noisy, const double (*numbers)[LANES], const double (*going)[LANES], const double (*normal)[LANES],
        int32_t *state, uint8_t *alive, Steps *steps, int64_t *length, uint8_t *ended) {
    const int64_t choices = law->choices;
    const double scale = (double)choices;
    const int column = (int)(t % WINDOW);
    int32_t *pair = steps->pair + t * LANES, *next = steps->next + t * LANES;
    double *reward = steps->reward + t * LANES;
    int stopped = 0;
    for (int lane = 0; lane < lanes; lane++) {
        if (ends && !alive[lane]) {
            pair[lane] = 0;
            reward[lane] = 0.0;
            next[lane] = state[lane];
            continue;
        }
        const double x = numbers[column][lane] * scale;
        const int64_t whole = (int64_t)x, place = (int64_t)state[lane] * choices + whole;
        const Cell *cell = law->cells + place;
        const int own = x - (double)whole < cell->threshold;
        const int32_t following = cell->next[own];
        double paid = cell->reward[own];
        if (noisy) paid += law->noise[2 * place + own] * normal[column][lane];
        pair[lane] = cell->pair[own];
        reward[lane] = paid;
        next[lane] = state[lane] = following;
        if (ends) {
            length[lane] = t + 1;
            if (law->terminal[following] || (law->survival < 1.0 && !(going[column][lane] < law->survival))) {
                alive[lane] = 0;
                ended[lane] = 1;
                stopped++;
            }
        }
    }
    return stopped;
}

static void numbers_of(const Law *law, uint64_t first, int lanes, uint64_t window, uint64_t channel,
                       double (*numbers)[LANES]) {
    for (int lane = 0; lane < lanes; lane++) {
        uint64_t words[WINDOW];
        philox(law->key, first + (uint64_t)lane + 1, window, channel, words);
        for (int j = 0; j < WINDOW; j++) numbers[j][lane] = uniform(words[j]);
    }
}

/* Draw LANES trajectories or fewer: the first states, the numbers of steps, and what happened. */
static int draw(const Law *law, uint64_t first, int lanes, Steps *steps, int32_t *start, int64_t *length,
                uint8_t *ended) {
    double numbers[WINDOW][LANES], going[WINDOW][LANES], normal[WINDOW][LANES];
    int32_t state[LANES];
    uint8_t alive[LANES];
    int under_way = 0, ends = law->survival < 1.0;
    for (int64_t s = 0; s < law->states && !ends; s++) ends = law->terminal[s];
    numbers_of(law, first, lanes, 0, START, numbers);
    for (int lane = 0; lane < lanes; lane++) {
        const double x = numbers[0][lane] * (double)law->states;
        int64_t cell = (int64_t)x;
        if (!(x - (double)cell < law->start_threshold[cell])) cell = law->start_alias[cell];
        start[lane] = state[lane] = (int32_t)cell;
        alive[lane] = !law->terminal[cell];
        length[lane] = ends ? 0 : law->horizon;
        ended[lane] = !alive[lane];
        under_way += alive[lane];
    }
    int64_t t = 0;
    for (; under_way && t != law->horizon; t++) {
        if (t % WINDOW == 0) {
            const uint64_t window = (uint64_t)(t / WINDOW);
            if (t + WINDOW > steps->room && reserve(steps, 2 * steps->room)) return -1;
            numbers_of(law, first, lanes, window, STEP, numbers);
            if (law->survival < 1.0) numbers_of(law, first, lanes, window, SURVIVAL, going);
            if (law->noise) {
                numbers_of(law, first, lanes, window, NOISE, normal);
                for (int j = 0; j < WINDOW; j++)
                    for (int lane = 0; lane < lanes; lane++)
                        normal[j][lane] = law->normal(fmax(normal[j][lane], 0x1p-54), 0);
            }
        }
        const double (*n)[LANES] = numbers, (*g)[LANES] = going, (*z)[LANES] = normal;
        if (law->noise)
            under_way -= step(law, lanes, t, 1, 1, n, g, z, state, alive, steps, length, ended);
        else if (ends)
            under_way -= step(law, lanes, t, 1, 0, n, g, z, state, alive, steps, length, ended);
        else
            step(law, lanes, t, 0, 0, n, g, z, state, alive, steps, length, ended);
    }
    steps->taken = t;
    if (law->horizon_terminates)
        for (int lane = 0; lane < lanes; lane++) ended[lane] = 1;
    return 0;
}

static inline double table_at(const double *table, int64_t times, int64_t states, int64_t t, int64_t state) {
    return table[(t < times ? t : times - 1) * states + state];
}

/* r_t - rho + gamma V_{t+1}(s_{t+1}) - V_t(s_t) in the place of the rewards; V is 0 once an episode has terminated. */
static void errors(const Law *law, Steps *steps, int lanes, const int32_t *start, const int64_t *length,
                   const uint8_t *ended) {
    for (int64_t t = 0; t < steps->taken; t++) {
        const int32_t *here = t ? steps->next + (t - 1) * LANES : start, *after = steps->next + t * LANES;
        for (int lane = 0; lane < lanes; lane++) {
            if (t >= length[lane]) continue;
            const int last = t + 1 == length[lane] && ended[lane];
            const double ahead =
                last ? 0.0 : table_at(law->critic, law->critic_times, law->states, t + 1, after[lane]);
            double *x = steps->reward + t * LANES + lane;
            *x = *x + law->discount * ahead -
                 table_at(law->critic, law->critic_times, law->states, t, here[lane]);
        }
    }
}

/* Add the weights of the lanes to their rows [lanes, S*A], which are zero before. */
WIDE static void weigh(const Law *law, Steps *steps, int lanes, const int32_t *start, const int64_t *length,
                       const uint8_t *ended, double *rows) {
    double sum[LANES] = {0.0}, decided[LANES];
    double power = 1.0;
    for (int lane = 0; lane < LANES; lane++) decided[lane] = 1.0;
    if (law->gain != 0.0)
        for (int64_t t = 0; t < steps->taken; t++)
            for (int lane = 0; lane < lanes; lane++)
                if (t < length[lane]) steps->reward[t * LANES + lane] -= law->gain;
    if (law->critic) errors(law, steps, lanes, start, length, ended);
    if (law->whole) {
        for (int64_t t = 0; t < steps->taken; t++) {
            const double *reward = steps->reward + t * LANES;
            for (int lane = 0; lane < LANES; lane++) sum[lane] += power * reward[lane];
            power *= law->decay;
        }
        for (int64_t t = 0; t < steps->taken; t++) memcpy(steps->weight + t * LANES, sum, sizeof sum);
        if (law->ratio)
            for (int64_t t = 0; t < steps->taken; t++)
                for (int lane = 0; lane < lanes; lane++)
                    if (t < length[lane]) decided[lane] *= law->ratio[steps->pair[t * LANES + lane]];
    } else {
        for (int64_t t = steps->taken - 1; t >= 0; t--) {
            const double *x = steps->reward + t * LANES;
            double *weight = steps->weight + t * LANES;
            for (int lane = 0; lane < LANES; lane++) weight[lane] = sum[lane] = x[lane] + law->decay * sum[lane];
            if (law->ratio)
                for (int lane = 0; lane < lanes; lane++)
                    if (t < length[lane]) sum[lane] *= law->ratio[steps->pair[t * LANES + lane]];
        }
    }
    power = law->scale;
    for (int64_t t = 0; t < steps->taken; t++) {
        const int32_t *here = t ? steps->next + (t - 1) * LANES : start, *pair = steps->pair + t * LANES;
        const double *weight = steps->weight + t * LANES;
        const double *baseline = law->baseline + (t < law->baseline_times ? t : law->baseline_times - 1) * law->states;
        for (int lane = 0; lane < lanes; lane++) {
            if (t >= length[lane]) continue;
            double w = power * (weight[lane] - baseline[here[lane]]);
            if (law->ratio) {
                if (!law->whole) decided[lane] *= law->ratio[pair[lane]];
                w *= decided[lane];
            }
            rows[lane * law->pairs + pair[lane]] += w;
        }
        power *= law->weighting;
    }
}

/* Fill rows [rows, S*A] with the weights of trajectories first, first + 1, ... */
int pgverify_weights(const Law *law, uint64_t first, int64_t rows, double *weights) {
    Steps steps = {NULL, NULL, NULL, NULL, 0, 0};
    int64_t room = law->horizon >= 0 ? (law->horizon + WINDOW) / WINDOW * WINDOW : FIRST_ROOM;
    int failed = reserve(&steps, room);
    memset(weights, 0, sizeof(double) * rows * law->pairs);
    for (int64_t row = 0; row < rows && !failed; row += LANES) {
        const int lanes = rows - row < LANES ? (int)(rows - row) : LANES;
        int32_t start[LANES];
        int64_t length[LANES];
        uint8_t ended[LANES];
        failed = draw(law, first + (uint64_t)row, lanes, &steps, start, length, ended);
        if (!failed) weigh(law, &steps, lanes, start, length, ended, weights + row * law->pairs);
    }
    free(steps.pair);
    free(steps.next);
    free(steps.reward);
    free(steps.weight);
    return failed;
}

/* Add to first to fourth, [S*A] each, what contributions of a tabular softmax differ by from those of trajectories that
 * visit nothing, which are -centre: sums of (g - c)^k - (-c)^k over visited pairs alone, where pairs are many. */
int pgverify_softmax_diagonal(const Law *law, uint64_t first_row, int64_t rows, int64_t actions,
                              const double *probability, const double *complement, const double *centre, double *first,
                              double *second, double *third, double *fourth) {
    Steps steps = {NULL, NULL, NULL, NULL, 0, 0};
    int64_t room = law->horizon >= 0 ? (law->horizon + WINDOW) / WINDOW * WINDOW : FIRST_ROOM;
    double *weights = calloc((size_t)(LANES * law->pairs + actions), sizeof(double));
    int failed = !weights || reserve(&steps, room);
    for (int64_t row = 0; row < rows && !failed; row += LANES) {
        const int lanes = rows - row < LANES ? (int)(rows - row) : LANES;
        int32_t start[LANES];
        int64_t length[LANES];
        uint8_t ended[LANES];
        failed = draw(law, first_row + (uint64_t)row, lanes, &steps, start, length, ended);
        if (failed) break;
        weigh(law, &steps, lanes, start, length, ended, weights);
        double *after = weights + LANES * law->pairs;
        for (int64_t t = 0; t < steps.taken; t++)
            for (int lane = 0; lane < lanes; lane++) {
                if (t >= length[lane]) continue;
                const int64_t s = t ? steps.next[(t - 1) * LANES + lane] : start[lane];
                double *w = weights + lane * law->pairs + s * actions;
                const double *p = probability + s * actions, *rest = complement + s * actions, *c = centre + s * actions;
                double sum = 0.0, before = 0.0;
                int visited = 0;
                for (int64_t a = 0; a < actions; a++) visited |= w[a] != 0.0;
                if (!visited) continue; /* of no weight, or a state that has been here before */
                for (int64_t a = actions - 1; a >= 0; a--) {
                    after[a] = sum;
                    sum += w[a];
                }
                for (int64_t a = 0; a < actions; a++) {
                    const double g = w[a] * rest[a] - p[a] * (before + after[a]), y = g - c[a];
                    const double square = y * y, more = g * (g - 2.0 * c[a]);
                    before += w[a];
                    w[a] = 0.0;
                    first[s * actions + a] += g;
                    second[s * actions + a] += more;
                    third[s * actions + a] += g * (square - y * c[a] + c[a] * c[a]);
                    fourth[s * actions + a] += more * (square + c[a] * c[a]);
                }
            }
    }
    free(weights);
    free(steps.pair);
    free(steps.next);
    free(steps.reward);
    free(steps.weight);
    return failed;
}

/* w_b (1 - pi_b) - pi_b sum_{a != b} w_a in the place of w, for one state; the number of actions is known where this is
 * compiled in. The others' sum comes from both sides: nothing is subtracted. */
static inline __attribute__((always_inline)) void score_of(double *restrict w, const double *restrict p,
                                                           const double *restrict rest, const int64_t actions,
                                                           double *restrict after) {
    double sum = 0.0, before = 0.0;
    for (int64_t a = actions - 1; a >= 0; a--) {
        after[a] = sum;
        sum += w[a];
    }
    for (int64_t a = 0; a < actions; a++) {
        const double own = w[a];
        w[a] = own * rest[a] - p[a] * (before + after[a]);
        before += own;
    }
}

static inline __attribute__((always_inline)) void few_actions(double *weights, int64_t rows, int64_t states,
                                                              const int64_t actions, const double *probability,
                                                              const double *complement) {
    double after[4];
    for (int64_t row = 0; row < rows; row++)
        for (int64_t s = 0; s < states; s++)
            score_of(weights + (row * states + s) * actions, probability + s * actions, complement + s * actions,
                     actions, after);
}

/* Turn weights [rows, S, A] into contributions of a tabular softmax. */
WIDE void pgverify_softmax_scores(double *weights, int64_t rows, int64_t states, int64_t actions,
                                  const double *probability, const double *complement, double *after) {
    if (actions == 2) return few_actions(weights, rows, states, 2, probability, complement);
    if (actions == 3) return few_actions(weights, rows, states, 3, probability, complement);
    if (actions == 4) return few_actions(weights, rows, states, 4, probability, complement);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t s = 0; s < states; s++) {
            double *w = weights + (row * states + s) * actions;
            int visited = 0;
            for (int64_t a = 0; a < actions; a++) visited |= w[a] != 0.0;
            if (visited) score_of(w, probability + s * actions, complement + s * actions, actions, after);
        }
}

/* Turn weights [rows, S*A] into contributions [rows, d] by a table of scores [S*A, d]. */
WIDE void pgverify_table_scores(const double *weights, int64_t rows, int64_t pairs, int64_t d, const double *score,
                                double *out) {
    memset(out, 0, sizeof(double) * rows * d);
    for (int64_t row = 0; row < rows; row++) {
        double *g = out + row * d;
        for (int64_t k = 0; k < pairs; k++) {
            const double w = weights[row * pairs + k];
            if (w == 0.0) continue;
            const double *psi = score + k * d;
            for (int64_t j = 0; j < d; j++) g[j] += w * psi[j];
        }
    }
}

enum { ROWS_AT_HAND = 64 }; /* rows that stay in the nearest cache while they are gone through tile by tile */

typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

/* scatter += g' g over the upper triangle: tiles of four by eight entries stay in registers over all rows. */
static inline __attribute__((always_inline)) void add_scatter(const double *restrict g, int64_t rows, int64_t d,
                                                              double *restrict scatter) {
    for (int64_t i = 0; i < d; i += 4) {
        int64_t j = i;
        for (; i + 4 <= d && j + 8 <= d; j += 8) {
            Four sum[4][2] = {{{0.0}}};
            for (int64_t row = 0; row < rows; row++) {
                const double *y = g + row * d;
                const Four one = *(const Four *)(y + j), two = *(const Four *)(y + j + 4);
                for (int k = 0; k < 4; k++) {
                    sum[k][0] += y[i + k] * one;
                    sum[k][1] += y[i + k] * two;
                }
            }
            for (int k = 0; k < 4; k++) {
                *(Four *)(scatter + (i + k) * d + j) += sum[k][0];
                *(Four *)(scatter + (i + k) * d + j + 4) += sum[k][1];
            }
        }
        for (; i + 4 <= d && j + 4 <= d; j += 4) {
            Four sum[4] = {{0.0}};
            for (int64_t row = 0; row < rows; row++) {
                const double *y = g + row * d;
                const Four one = *(const Four *)(y + j);
                for (int k = 0; k < 4; k++) sum[k] += y[i + k] * one;
            }
            for (int k = 0; k < 4; k++) *(Four *)(scatter + (i + k) * d + j) += sum[k];
        }
        for (; j < d; j++)
            for (int64_t k = i; k < i + 4 && k < d; k++) {
                double sum = 0.0;
                for (int64_t row = 0; row < rows; row++) sum += g[row * d + k] * g[row * d + j];
                scatter[k * d + j] += sum;
            }
    }
}

/* Powers of y = g - centre, column by column: sums stay in registers over the rows at hand. */
static inline __attribute__((always_inline)) void add_powers(double *restrict g, int64_t rows, int64_t d,
                                                             const double *restrict centre, double *restrict first,
                                                             double *restrict second, double *restrict third,
                                                             double *restrict fourth) {
    int64_t i = 0;
    for (; i + 4 <= d; i += 4) {
        const Four c = *(const Four *)(centre + i);
        Four one = {0.0}, two = {0.0}, three = {0.0}, four = {0.0};
        for (int64_t row = 0; row < rows; row++) {
            Four *place = (Four *)(g + row * d + i);
            const Four v = *place - c, square = v * v;
            *place = v;
            one += v;
            two += square;
            three += square * v;
            four += square * square;
        }
        *(Four *)(first + i) += one;
        *(Four *)(second + i) += two;
        *(Four *)(third + i) += three;
        *(Four *)(fourth + i) += four;
    }
    for (; i < d; i++)
        for (int64_t row = 0; row < rows; row++) {
            const double v = g[row * d + i] - centre[i], square = v * v;
            g[row * d + i] = v;
            first[i] += v;
            second[i] += square;
            third[i] += square * v;
            fourth[i] += square * square;
        }
}

/* Sums of |y|^2 y and |y|^4. */
static inline __attribute__((always_inline)) void add_norms(const double *restrict g, int64_t rows, int64_t d,
                                                            double *restrict norm_third, double *restrict norm_fourth) {
    for (int64_t row = 0; row < rows; row++) {
        const double *y = g + row * d;
        Four sums = {0.0};
        double norm = 0.0;
        int64_t i = 0;
        for (; i + 4 <= d; i += 4) sums += *(const Four *)(y + i) * *(const Four *)(y + i);
        for (; i < d; i++) norm += y[i] * y[i];
        norm += (sums[0] + sums[2]) + (sums[1] + sums[3]);
        for (i = 0; i < d; i++) norm_third[i] += norm * y[i];
        *norm_fourth += norm * norm;
    }
}

/* Add contributions [rows, d] to their sums about a centre; scatter, norm_third and norm_fourth may be missing. */
WIDE void pgverify_add(double *restrict g, int64_t rows, int64_t d, const double *restrict centre,
                       double *restrict first, double *restrict second, double *restrict third, double *restrict fourth,
                       double *restrict scatter, double *restrict norm_third, double *restrict norm_fourth) {
    for (int64_t row = 0; row < rows; row += ROWS_AT_HAND) {
        const int64_t here = rows - row < ROWS_AT_HAND ? rows - row : ROWS_AT_HAND;
        add_powers(g + row * d, here, d, centre, first, second, third, fourth);
        if (!scatter) continue;
        add_norms(g + row * d, here, d, norm_third, norm_fourth);
        add_scatter(g + row * d, here, d, scatter);
    }
}
