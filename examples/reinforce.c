/* REINFORCE in C99, as a program that speaks docs/protocol.md. Kinds gradient and weights.

   cc -std=c99 -O2 -o reinforce examples/reinforce.c -lm

   With --bug drop-discount or --bug shift it is wrong on purpose. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *memory(void *old, size_t bytes)
{
    void *block = realloc(old, bytes ? bytes : 1);
    if (!block) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return block;
}

/* One line of any length without its end, or NULL at the end of the input; the block is used again. */
static char *read_line(void)
{
    static char *line = NULL;
    static size_t size = 0;
    size_t length = 0;
    for (;;) {
        if (size - length < 2)
            line = memory(line, size = 2 * size + 4096);
        if (!fgets(line + length, (int)(size - length), stdin))
            return NULL;
        length += strlen(line + length);
        if (line[length - 1] == '\n') {
            line[length - 1] = '\0';
            return line;
        }
    }
}

/* What stands after "name": in a request. Requests hold no white space and each name once. */
static const char *field(const char *request, const char *name)
{
    char key[64];
    const char *at;
    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(request, key);
    if (!at) {
        fprintf(stderr, "the request has no field %s\n", name);
        exit(1);
    }
    return at + strlen(key);
}

static double number(const char *request, const char *name)
{
    return strtod(field(request, name), NULL);
}

/* The numbers of nested lists, row by row: the brackets say no more than the sizes do. */
static double *numbers(const char *request, const char *name, size_t count)
{
    double *found = memory(NULL, count * sizeof *found);
    const char *at = field(request, name);
    for (size_t i = 0; i < count; i++) {
        char *end;
        at += strspn(at, "[],");
        found[i] = strtod(at, &end);
        if (end == at) {
            fprintf(stderr, "%s holds fewer than %lu numbers\n", name, (unsigned long)count);
            exit(1);
        }
        at = end;
    }
    return found;
}

/* Print [rows][columns] as nested lists, with all 17 digits. */
static void print_table(const double *table, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++) {
        printf(i ? ",[" : "[[");
        for (size_t k = 0; k < columns; k++)
            printf(k ? ",%.17g" : "%.17g", table[i * columns + k]);
        printf("]");
    }
    printf("]");
}

static int is_kind(const char *request, const char *kind)
{
    return strncmp(field(request, "kind") + 1, kind, strlen(kind)) == 0;
}

/* Print the value that is asked for. */
static void print_value(const char *request, const char *bug)
{
    const size_t n = (size_t)number(request, "num_trajectories"), T = (size_t)number(request, "num_steps");
    const size_t S = (size_t)number(request, "num_states"), A = (size_t)number(request, "num_actions");
    const size_t d = (size_t)number(request, "num_parameters");
    const double discount = number(request, "discount");
    double *states = numbers(request, "states", n * (T + 1)), *actions = numbers(request, "actions", n * T);
    double *rewards = numbers(request, "rewards", n * T), *lengths = numbers(request, "lengths", n);
    double *score = numbers(request, "score", S * A * d);
    double *weights = memory(NULL, n * T * sizeof *weights), *rows = memory(NULL, n * d * sizeof *rows);

    for (size_t i = 0; i < n * T; i++)
        weights[i] = 0.0;
    for (size_t i = 0; i < n * d; i++)
        rows[i] = 0.0;
    for (size_t i = 0; i < n; i++) {
        double future = 0.0; /* G_{t+1} */
        for (size_t t = (size_t)lengths[i]; t-- > 0;) {
            const double total = rewards[i * T + t] + discount * future;
            const double factor = strcmp(bug, "drop-discount") == 0 ? 1.0 : pow(discount, (double)t);
            const double weight = factor * (strcmp(bug, "shift") == 0 ? discount * future : total);
            const size_t s = (size_t)states[i * (T + 1) + t], a = (size_t)actions[i * T + t];
            weights[i * T + t] = weight; /* γ^t G_t */
            for (size_t k = 0; k < d; k++)
                rows[i * d + k] += weight * score[(s * A + a) * d + k]; /* Σ_t w_t ∇ log π(a_t|s_t) */
            future = total;
        }
    }

    if (is_kind(request, "weights"))
        print_table(weights, n, T);
    else
        print_table(rows, n, d);
    free(states), free(actions), free(rewards), free(lengths), free(score), free(weights), free(rows);
}

int main(int argc, char **argv)
{
    const char *bug = argc == 3 && strcmp(argv[1], "--bug") == 0 ? argv[2] : "";
    for (char *request; (request = read_line());) {
        printf("{\"version\":1,\"id\":%.0f,", number(request, "id"));
        if (is_kind(request, "gradient") || is_kind(request, "weights")) {
            printf("\"value\":");
            print_value(request, bug);
        } else {
            printf("\"error\":\"this kind is not supported\"");
        }
        puts("}");
        fflush(stdout); /* or the answer waits in a buffer for ever */
    }
    return 0;
}
