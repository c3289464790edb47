/* What no policy changes, as `compiled_sums.py` lays it out, and what a pass over a horizon may answer. */
#ifndef PGVERIFY_DYNAMICS
#define PGVERIFY_DYNAMICS

#include <stdint.h>

typedef struct {
    const int32_t *successor; /* [S, A, K] */
    const double *weight;     /* [S, A, K] */
    const double *start;      /* [S] */
    const uint8_t *running;   /* [S] */
    int64_t states, actions, most;
    int64_t everywhere; /* whether successor k of every pair is state k */
} Dynamics;

typedef struct {
    const Dynamics *law;
    const double *reward; /* r(s,a) [S, A] */
    int64_t horizon;
    double discount;
} Task;

enum { NO_MEMORY = -1, FOUND = 0, IMPOSSIBLE_ACTION = 1, NOT_ON_THIS_PROCESSOR = 2 };

#endif
