/*
 * bench [--json] [NAME…]: measures what the goals speak of and prints one table: minimum, median
 * and maximum of the samples, the goal, and whether the median meets it. NAME chooses rows that
 * contain it. Run it on an idle machine; a figure of one machine says nothing of another.
 */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

enum { MAX_SAMPLES = 64, CLOSE_MS = 20000 };

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

/* ---- the table ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const char *verdict(const struct bench_row *row, double median) {
    if (row->goal == 0) {
        return "";
    }
    bool is_met = row->goal_is_least ? median >= row->goal : median <= row->goal;
    return is_met ? "met" : "missed";
}

static void print_machine(bool as_json) {
    struct utsname system;
    char model[128] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "re");
    for (char line[256]; file != NULL && fgets(line, sizeof line, file) != NULL;) {
        if (sscanf(line, "model name : %127[^\n]", model) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)uname(&system);
    printf(as_json
               ? "{\"machine\": \"%s, %ld processors, %s %s\", \"compiler\": \"%s\", \"rows\": ["
               : "%s, %ld processors, %s %s, compiler %s\n\n",
           model, sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release, __VERSION__);
    if (!as_json) {
        printf("%-58s %12s %12s %12s  %-8s %12s\n", "", "minimum", "median", "maximum", "", "goal");
    }
}

static void print_row(const struct bench_row *row, const double *samples, bool as_json) {
    static bool has_printed;
    double median = samples[row->n_samples / 2];
    double least = samples[0], most = samples[row->n_samples - 1];
    if (as_json) {
        printf("%s\n{\"name\": \"%s\", \"unit\": \"%s\", \"minimum\": %g, \"median\": %g, "
               "\"maximum\": %g, \"samples\": %u, \"goal\": %g, \"verdict\": \"%s\"}",
               has_printed ? "," : "", row->name, row->unit, least, median, most, row->n_samples,
               row->goal, verdict(row, median));
        has_printed = true;
        return;
    }
    printf("%-58s %12.*f %12.*f %12.*f  %-8s ", row->name, median < 100, least, median < 100,
           median, median < 100, most, row->unit);
    if (row->goal != 0) {
        printf("%s %9.10g  %s", row->goal_is_least ? ">=" : "<=", row->goal, verdict(row, median));
    }
    printf("\n");
    (void)fflush(stdout);
}

static bool is_chosen(const struct bench_row *row, char **names) {
    if (*names == NULL) {
        return true;
    }
    for (; *names != NULL; names++) {
        if (strstr(row->name, *names) != NULL) {
            return true;
        }
    }
    return false;
}

static void run_rows(const struct bench_row *rows, char **names, bool as_json) {
    for (const struct bench_row *row = rows; row->name != NULL; row++) {
        double samples[MAX_SAMPLES];
        if (!is_chosen(row, names)) {
            continue;
        }
        for (unsigned i = 0; i < row->n_samples; i++) {
            samples[i] = row->sample();
        }
        qsort(samples, row->n_samples, sizeof samples[0], by_value);
        print_row(row, samples, as_json);
    }
}

int main(int argc, char **argv) {
    static const struct bench_row *const tables[] = {bench_otlp_rows, bench_lifecycle_rows,
                                                     bench_pipeline_rows, bench_tracking_rows};
    bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    char **names = argv + 1 + as_json;
    print_machine(as_json);
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        run_rows(tables[i], names, as_json);
    }
    printf(as_json ? "\n]}\n" : "\n");
    return EXIT_SUCCESS;
}
