/*
 * bench [NAME-PART…]: measures, and prints one JSON object a line, first of how it was built, then
 * of each row and each place of each curve. table.py makes the table of it. NAME-PART chooses rows,
 * curves and sections whose name holds it.
 *
 * bench --for SECONDS NAME-PART: goes on measuring one row, for profile.sh to look at.
 */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

enum { CLOSE_MS = 20000 };

uint64_t bench_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return clock_ns_of(now);
}

_Noreturn void bench_die(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(EXIT_FAILURE);
}

static int post_nowhere(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

weir_transport bench_null_transport(void) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_nowhere;
    return transport;
}

weir *bench_open(weir_streaming_mode mode, const char *tracker_dir) {
    weir_transport transport = bench_null_transport();
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir *w = NULL;
    if (weir_open(&WEIR_OPTIONS(.project = "bench", .streaming_mode = mode,
                                .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport),
                                .tracker_dir = tracker_dir),
                  &w, &detail) != 0) {
        bench_die(detail.message);
    }
    return w;
}

void bench_close(weir *w) {
    if (weir_close(w, CLOSE_MS) != 0) {
        bench_die("spans were lost at the close");
    }
}

weir_otlp *bench_otlp_open(const weir_otlp_options *options) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_otlp *otlp = NULL;
    if (weir_otlp_open(options, &otlp, &detail) != 0) {
        bench_die(detail.message);
    }
    return otlp;
}

/* ---- what is measured ---- */

/* Steady ones first: what follows leaves threads' stacks, files and warm caches behind. */
static const struct bench_section *const SECTIONS[] = {
    &bench_floor,   &bench_otlp,    &bench_lifecycle,  &bench_tracking, &bench_pipeline,
    &bench_scaling, &bench_threads, &bench_end_to_end, &bench_latency,
};

struct samples {
    double values[BENCH_MAX_SAMPLES];
    unsigned n;
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(struct samples *samples) {
    qsort(samples->values, samples->n, sizeof samples->values[0], by_value);
}

/* The first one is thrown away: it fills caches and touches memory for the first time. */
static void sample_row(const struct bench_row *row, struct samples *out) {
    if (row->n_samples > 1) {
        (void)row->sample(row->n);
    }
    for (out->n = 0; out->n < row->n_samples; out->n++) {
        out->values[out->n] = row->sample(row->n);
    }
    sort(out);
}

/* Place by place, again and again: what the machine does meanwhile happens to all of them. */
static void sample_curve(const struct bench_curve *curve, struct samples *out) {
    for (unsigned i = 0; i <= curve->n_samples; i++) {
        for (size_t k = 0; k < curve->n_xs; k++) {
            double value = curve->sample(curve->xs[k]);
            if (i > 0) {
                out[k].values[out[k].n++] = value;
            }
        }
    }
    for (size_t k = 0; k < curve->n_xs; k++) {
        sort(&out[k]);
    }
}

static void print_samples(const struct samples *samples) {
    printf("\"minimum\": %.10g, \"median\": %.10g, \"maximum\": %.10g, \"samples\": %u",
           samples->values[0], samples->values[samples->n / 2], samples->values[samples->n - 1],
           samples->n);
}

static void print_text(const char *name, const char *text) {
    if (text != NULL) {
        printf(", \"%s\": \"%s\"", name, text);
    }
}

static void print_row(const struct bench_section *section, const struct bench_row *row) {
    struct samples samples;
    const char *absence = row->absence != NULL ? row->absence() : NULL;
    printf("{\"section\": \"%s\", \"name\": \"%s\", \"unit\": \"%s\", ", section->title, row->name,
           row->unit);
    if (absence != NULL) {
        printf("\"absence\": \"%s\"}\n", absence);
        return;
    }
    sample_row(row, &samples);
    print_samples(&samples);
    if (row->goal != 0 || row->has_goal) {
        printf(", \"goal\": %.10g, \"goal_is_least\": %s", row->goal,
               row->goal_is_least ? "true" : "false");
    }
    print_text("operation", row->operation);
    print_text("floor", row->floor);
    printf("}\n");
    (void)fflush(stdout);
}

static void print_place(const struct bench_section *section, const struct bench_curve *curve,
                        size_t x, const struct samples *samples) {
    printf("{\"section\": \"%s\", \"curve\": \"%s\", \"x_name\": \"%s\", \"x\": %zu, ",
           section->title, curve->name, curve->x_name, x);
    print_samples(samples);
    printf(", \"unit\": \"%s\", \"more_is_better\": %s", curve->unit,
           curve->more_is_better ? "true" : "false");
    print_text("unit_of_more", curve->unit_of_more);
    print_text("note", curve->note);
    printf("}\n");
}

static void print_curve(const struct bench_section *section, const struct bench_curve *curve) {
    struct samples samples[BENCH_MAX_PLACES] = {0};
    sample_curve(curve, samples);
    for (size_t i = 0; i < curve->n_xs; i++) {
        print_place(section, curve, curve->xs[i], &samples[i]);
    }
    (void)fflush(stdout);
}

/* ---- what is chosen ---- */

static bool is_chosen(const struct bench_section *section, const char *name, char **parts) {
    if (*parts == NULL) {
        return true;
    }
    for (; *parts != NULL; parts++) {
        if (strstr(name, *parts) != NULL || strstr(section->title, *parts) != NULL) {
            return true;
        }
    }
    return false;
}

static void run_section(const struct bench_section *section, char **parts) {
    for (const struct bench_row *row = section->rows; row != NULL && row->name != NULL; row++) {
        if (is_chosen(section, row->name, parts)) {
            print_row(section, row);
        }
    }
    for (const struct bench_curve *c = section->curves; c != NULL && c->name != NULL; c++) {
        if (is_chosen(section, c->name, parts)) {
            print_curve(section, c);
        }
    }
}

/* The row of that name, else the first one whose name holds it. */
static const struct bench_row *find_row(const char *name) {
    const struct bench_row *first = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(SECTIONS); i++) {
        const struct bench_row *row = SECTIONS[i]->rows;
        for (; row != NULL && row->name != NULL; row++) {
            if (strcmp(row->name, name) == 0) {
                return row;
            }
            if (first == NULL && strstr(row->name, name) != NULL) {
                first = row;
            }
        }
    }
    if (first == NULL) {
        bench_die("no row has such a name");
    }
    return first;
}

static void run_for(double seconds, const char *name) {
    const struct bench_row *row = find_row(name);
    uint64_t until = bench_now_ns() + (uint64_t)(seconds * 1e9);
    fprintf(stderr, "row: %s\n", row->name);
    do {
        (void)row->sample(row->n);
    } while (bench_now_ns() < until);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "--for") == 0) {
        run_for(strtod(argv[2], NULL), argv[3]);
        return EXIT_SUCCESS;
    }
    printf("{\"compiler\": \"%s %s\", \"version\": \"%s\"}\n", COMPILER, __VERSION__, WEIR_VERSION);
    for (size_t i = 0; i < ARRAY_LENGTH(SECTIONS); i++) {
        run_section(SECTIONS[i], argv + 1);
    }
    return EXIT_SUCCESS;
}
