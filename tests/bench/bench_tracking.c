/* Burr's files: records written, logs read. */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp/common/macro.h"
#include "tests/support/temp.h"

enum { RECORDS = 2000, READ_RECORDS = 20000, STATE_BYTES = 10000, INPUT_BYTES = 200 };

static weir_tracker *open_tracker(const char *directory, weir_tracker_app **app) {
    weir_tracker *tracker = NULL;
    if (weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = directory, .project = "bench"),
                          &tracker, NULL) != 0 ||
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "app"), app, NULL) !=
            0) {
        bench_die("no tracker could be opened");
    }
    return tracker;
}

/* A JSON object of about n_bytes. */
static char *make_json(size_t n_bytes) {
    char *json = malloc(n_bytes + 64);
    if (json == NULL) {
        bench_die("out of memory");
    }
    static const char head[] = "{\"prompt\":\"";
    memcpy(json, head, sizeof head);
    memset(json + sizeof head - 1, 'x', n_bytes - (sizeof head - 1) - 2);
    memcpy(json + n_bytes - 2, "\"}", 3);
    return json;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median_us(uint64_t *times) {
    qsort(times, RECORDS, sizeof *times, by_value);
    return (double)times[RECORDS / 2] / 1e3;
}

static double begin_entry(size_t n_bytes) {
    static uint64_t times[RECORDS];
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    weir_tracker_app *app = NULL;
    weir_tracker *tracker = open_tracker(directory, &app);
    char *json = make_json(n_bytes);
    weir_value inputs = weir_value_json(json);
    for (int i = 0; i < RECORDS; i++) {
        uint64_t before = bench_now_ns();
        (void)weir_tracker_begin_entry(app, before, "answer", &inputs, i);
        times[i] = bench_now_ns() - before;
    }
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(json);
    return median_us(times);
}

static double end_entry(size_t n_bytes) {
    static uint64_t times[RECORDS];
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    weir_tracker_app *app = NULL;
    weir_tracker *tracker = open_tracker(directory, &app);
    char *json = make_json(n_bytes);
    weir_value state = weir_value_json(json);
    for (int i = 0; i < RECORDS; i++) {
        uint64_t before = bench_now_ns();
        (void)weir_tracker_end_entry(app, before, "answer", NULL, NULL, &state, i);
        times[i] = bench_now_ns() - before;
    }
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(json);
    return median_us(times);
}

static double write_alone(size_t n_bytes) {
    static uint64_t times[RECORDS];
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(directory, "log");
    char *bytes = make_json(n_bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (int i = 0; i < RECORDS; i++) {
        uint64_t before = bench_now_ns();
        if (write(fd, bytes, n_bytes) < 0) {
            bench_die("write failed");
        }
        times[i] = bench_now_ns() - before;
    }
    (void)close(fd);
    free(bytes);
    return median_us(times);
}

/* A log like those that Burr leaves: small records and states of 1 kB. */
static void write_log(const char *directory) {
    weir_tracker_app *app = NULL;
    weir_tracker *tracker = open_tracker(directory, &app);
    char *json = make_json(1000);
    weir_value state = weir_value_json(json);
    for (int i = 0; i < READ_RECORDS; i++) {
        (void)weir_tracker_begin_entry(app, 1, "answer", NULL, i);
        (void)weir_tracker_end_entry(app, 2, "answer", NULL, NULL, &state, i);
    }
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(json);
}

static double read_log(size_t unused) {
    (void)unused;
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    write_log(directory);
    char *path CLEANUP(temp_path_free) = temp_path(directory, "bench/app/log.jsonl");
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    size_t n_bytes = 0, n_records = 0;
    if (weir_reader_open(path, &reader, NULL) != 0) {
        bench_die("the log cannot be read");
    }
    uint64_t before = bench_now_ns();
    while (weir_reader_next(reader, &record, NULL) == 1) {
        n_bytes += record.whole.n_bytes + 1;
        n_records++;
    }
    double seconds = (double)(bench_now_ns() - before) / 1e9;
    weir_reader_close(reader);
    if (n_records != 2 * READ_RECORDS) {
        bench_die("records are missing");
    }
    return (double)n_bytes / 1e6 / seconds;
}

static const struct bench_row rows[] = {
    {.name = "begin_entry, inputs of 200 B",
     .unit = "us",
     .goal = 3,
     .n_samples = 7,
     .sample = begin_entry,
     .n = INPUT_BYTES,
     .operation = "begin_entry, 200 B",
     .floor = "write(2) of 200 B"},
    {.name = "write(2) of 200 B",
     .unit = "us",
     .n_samples = 7,
     .sample = write_alone,
     .n = INPUT_BYTES},
    {.name = "end_entry, state of 10 kB",
     .unit = "us",
     .goal = 15,
     .n_samples = 7,
     .sample = end_entry,
     .n = STATE_BYTES,
     .operation = "end_entry, 10 kB",
     .floor = "write(2) of 10 kB"},
    {.name = "write(2) of 10 kB",
     .unit = "us",
     .n_samples = 7,
     .sample = write_alone,
     .n = STATE_BYTES},
    {.name = "reading a log",
     .unit = "MB/s",
     .goal = 500,
     .goal_is_least = true,
     .n_samples = 7,
     .sample = read_log},
    {0},
};

const struct bench_section bench_tracking = {"Burr's files", rows, NULL};
