/* Few states: the chain as a table, padded with zeros: rows to a multiple of four, columns to one of eight. Included
 * once for each width of registers, after `fused.h`.
 */
#undef row_of
#undef some_rows
#undef both
#undef joint_of
#undef sums_of
#undef by_table
#define row_of NAMED(row_of)
#define some_rows NAMED(some_rows)
#define both NAMED(both)
#define joint_of NAMED(joint_of)
#define sums_of NAMED(sums_of)
#define by_table NAMED(by_table)

/* gamma P of one state, and what is paid there on average. */
INLINE double row_of(const Dynamics *law, int64_t s, const double *restrict chosen, const double *restrict reward,
                     double discount, int64_t width, double *restrict row) {
    const int64_t A = law->actions, K = law->most;
    const double *restrict w = law->weight + s * A * K;
    const int32_t *restrict next = law->successor + s * A * K;
    double mean = 0.0;
    for (int64_t a = 0; a < A; a++) mean += chosen[a] * reward[a];
    if (law->everywhere) { /* each sum over actions in a register: the row is written once */
        int64_t k = 0;
        for (; k + 8 <= K; k += 8) {
            Eight sum = eight_times(0.0);
            for (int64_t a = 0; a < A; a++)
                sum = fused(eight_times(discount * chosen[a]), eight_at(w + a * K + k), sum);
            put_eight(row + k, sum);
        }
        if (k < K) {
            Eight sum = eight_times(0.0);
            for (int64_t a = 0; a < A; a++)
                sum = fused(eight_times(discount * chosen[a]), first_of(w + a * K + k, K - k), sum);
            put_eight(row + k, sum);
        }
        return mean;
    }
    memset(row, 0, sizeof(double) * (size_t)width);
    for (int64_t a = 0; a < A; a++, w += K, next += K)
        for (int64_t k = 0; k < K; k++) row[next[k]] = __builtin_fma(discount * chosen[a], w[k], row[next[k]]);
    return mean;
}

/* What so many rows of N, four or eight, do in one step of the visits and one of the values, read once for both. */
INLINE void some_rows(const int many, const double *restrict onward, int64_t width, int first,
                      const double *restrict visits, double *restrict after, const double *restrict following,
                      const double *restrict paid, double *restrict here) {
    Eight weight[8], sum[8];
    for (int row = 0; row < many; row++) weight[row] = eight_times(visits[row]);
    for (int row = 0; row < many; row++) sum[row] = eight_times(0.0);
    for (int64_t i = 0; i < width; i += 8) {
        const Eight v = eight_at(following + i);
        Eight arrived = first ? eight_times(0.0) : eight_at(after + i);
        for (int row = 0; row < many; row++) {
            const Eight w = eight_at(onward + row * width + i);
            arrived = fused(weight[row], w, arrived);
            sum[row] = fused(w, v, sum[row]);
        }
        put_eight(after + i, arrived);
    }
    for (int row = 0; row < many; row += 4)
        put_sums(sum[row], sum[row + 1], sum[row + 2], sum[row + 3], paid + row, here + row);
}

/* One step of each, which do not wait for each other, with N = gamma P: after = Nᵀ visits, here = paid + N following.
 */
INLINE void both(const double *restrict onward, int64_t rows, int64_t width, const double *restrict visits,
                 double *restrict after, const double *restrict following, const double *restrict paid,
                 double *restrict here) {
    int64_t s = 0;
    for (; WIDE && s + 8 <= rows; s += 8) /* there are registers for them */
        some_rows(8, onward + s * width, width, s == 0, visits + s, after, following, paid + s, here + s);
    for (; s < rows; s += 4)
        some_rows(4, onward + s * width, width, s == 0, visits + s, after, following, paid + s, here + s);
}

/* G = sum_t visits[t]ᵀ values[t], four rows and eight or sixteen columns in registers over all times. */
INLINE void joint_of(const double *restrict visits, const double *restrict values, int64_t times, int64_t rows,
                     int64_t width, double *restrict joint) {
    enum { SPAN = WIDE ? 2 : 1 };
    for (int64_t s = 0; s < rows; s += 4)
        for (int64_t k = 0; k < width; k += 8 * SPAN) {
            Eight sum[4][SPAN];
            const int64_t further = k + 8 * SPAN <= width ? 8 * (SPAN - 1) : 0; /* the last one twice */
            for (int row = 0; row < 4; row++)
                for (int half = 0; half < SPAN; half++) sum[row][half] = eight_times(0.0);
            for (int64_t t = 0; t < times; t++) {
                const double *x = visits + t * width + s, *v = values + t * width + k;
                const Eight one = eight_at(v), two = eight_at(v + further);
                for (int row = 0; row < 4; row++) {
                    const Eight weight = eight_times(x[row]);
                    sum[row][0] = fused(weight, one, sum[row][0]);
                    if (SPAN == 2) sum[row][SPAN - 1] = fused(weight, two, sum[row][SPAN - 1]);
                }
            }
            for (int row = 0; row < 4; row++) {
                put_eight(joint + (s + row) * width + k, sum[row][0]);
                if (further) put_eight(joint + (s + row) * width + k + further, sum[row][SPAN - 1]);
            }
        }
}

/* U [S, A] from G, N and r; nothing is summed where no step is taken. */
INLINE void sums_of(const Dynamics *law, const double *restrict joint, int64_t width, const double *restrict total,
                    const double *restrict reward, double discount, double *restrict sums) {
    const int64_t S = law->states, A = law->actions, K = law->most;
    const double *restrict w = law->weight;
    const int32_t *restrict next = law->successor;
    for (int64_t s = 0; s < S; s++) {
        const double *row = joint + s * width;
        for (int64_t a = 0; a < A; a++, w += K, next += K) {
            double ahead = 0.0;
            if (!law->running[s]) {
                sums[s * A + a] = 0.0;
                continue;
            }
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
    const int64_t S = law->states, A = law->actions, rows = (S + 3) / 4 * 4, width = (S + 7) / 8 * 8;
    char *room = malloc(64 + sizeof(double) * (size_t)(width * (2 * rows + 2 * (horizon + 1) + 2)));
    if (!room) return NO_MEMORY;
    double *onward = (double *)(((uintptr_t)room + 63) / 64 * 64), *joint = onward + rows * width; /* N and G */
    double *visits = joint + rows * width, *values = visits + (horizon + 1) * width; /* [T + 1, width] each */
    double *last = values + horizon * width, *paid = last + width, *total = paid + width;
    memset(last, 0, sizeof(double) * (size_t)(3 * width)); /* V_T and the sums behind it */
    for (int64_t s = 0; s < S; s++)
        paid[s] = row_of(law, s, probability + s * A, reward + s * A, discount, width, onward + s * width);
    memset(onward + S * width, 0, sizeof(double) * (size_t)((rows - S) * width));
    memset(visits + S, 0, sizeof(double) * (size_t)(width - S));
    memcpy(visits, law->start, sizeof(double) * (size_t)S);
    for (int64_t t = 0; t < horizon; t++) { /* gamma^t times the visits */
        double *here = visits + t * width, *following = values + (horizon - t) * width;
        for (int64_t s = rows; s < width; s++) following[s - width] = 0.0;
        for (int64_t s = 0; s < rows; s++) total[s] += here[s];
        both(onward, rows, width, here, here + width, following, paid, following - width);
    }
    *expected = product(law->start, values, S);
    joint_of(visits, values + width, horizon, rows, width, joint);
    sums_of(law, joint, width, total, reward, discount, sums);
    free(room);
    return FOUND;
}
