/*
 * spool_kill_helper record DIR URL RUN: ends spans on several threads until it is killed, and
 * writes a report to stdout for each whose end returned. The nth span of a thread is named
 * "run.thread.n".
 *
 * spool_kill_helper drain DIR URL: sends what earlier runs left, and prints how many spans it took
 * over and how many of their records were not whole.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/id.h"
#include "tests/system/spool_kill.h"

static weir_otlp *otlp;
static uint32_t run;

static void open_to(const char *dir, const char *url, uint32_t timeout_ms) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_otlp_open(
        &WEIR_OTLP_OPTIONS(.endpoint = url, .service_name = "killed", .spool_dir = dir,
                           .spool_max_bytes = (size_t)1 << 30, /* no span goes for want of room */
                           .max_export_spans = 64, .has_schedule_delay_ms = true,
                           .schedule_delay_ms = 1, .has_timeout_ms = true, .timeout_ms = timeout_ms,
                           .log_level = WEIR_LOG_ERROR),
        &otlp, &detail);
    if (error != 0) {
        fprintf(stderr, "%s\n", detail.message);
        exit(1);
    }
}

static void *record(void *data) {
    static char pad[32768];
    struct kill_report report = {.thread = *(uint32_t *)data};
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "kill", "1", NULL);
    for (;; report.n++) {
        char name[40];
        snprintf(name, sizeof name, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, run, report.thread,
                 report.n);
        weir_otlp_span *span = weir_otlp_span_begin(tracer, name, NULL);
        /* Mostly small; now and then so large that a kill may well hit the writing. */
        size_t n_pad = id_random() % 10 == 0 ? id_random() % sizeof pad : id_random() % 256;
        weir_value value = weir_value_bytes(pad, n_pad);
        weir_otlp_span_set(span, "pad", &value);
        weir_otlp_span_end(span);
        if (write(STDOUT_FILENO, &report, sizeof report) != sizeof report) {
            exit(1);
        }
    }
    return NULL;
}

static void record_until_killed(void) {
    static uint32_t numbers[KILL_N_THREADS];
    pthread_t threads[KILL_N_THREADS];
    for (uint32_t i = 0; i < KILL_N_THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, record, &numbers[i]) != 0) {
            exit(1);
        }
    }
    pause();
}

/* The parent gives up on it when it takes too long. */
static void drain(void) {
    weir_otlp_stats stats = {.size = sizeof stats};
    do {
        usleep(1000);
        weir_otlp_get_stats(otlp, &stats);
    } while (stats.spooled > 0 || stats.in_flight > 0);
    printf("%" PRIu64 " %" PRIu64 "\n", stats.adopted, stats.dropped[WEIR_DROP_SPOOL_DAMAGED]);
    exit(weir_otlp_close(otlp, 5000) == 0 ? 0 : 1);
}

int main(int n_arguments, char **arguments) {
    alarm(120); /* whatever happens to the test */
    if (n_arguments == 5 && strcmp(arguments[1], "record") == 0) {
        run = (uint32_t)strtoul(arguments[4], NULL, 10);
        open_to(arguments[2], arguments[3], 100);
        record_until_killed();
    } else if (n_arguments == 4 && strcmp(arguments[1], "drain") == 0) {
        open_to(arguments[2], arguments[3], 10000);
        drain();
    }
    return 2;
}
