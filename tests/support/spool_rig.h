/*
 * A spool in a directory of a test's own, with two pipelines, and spans of spool_bytes.h in it.
 */
#pragma once

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/spool.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/settled_fork.h"
#include "tests/support/spool_bytes.h"

enum { ROOM = 4096, AGE_S = 3600 };

static struct kept_log said = KEPT_LOG_INIT;

static inline int try_open(const char *dir, size_t max_bytes, struct spool **out,
                           weir_error_detail *detail) {
    struct logger logger;
    kept_log_logger(&said, &logger);
    return spool_open(&(struct spool_options){.dir = dir,
                                              .max_bytes = max_bytes,
                                              .max_age_ns = AGE_S * NS_PER_S,
                                              .n_places = 16,
                                              .n_pipelines = 2,
                                              .logger = &logger},
                      out, detail);
}

static inline struct spool *open_at(const char *dir, size_t max_bytes) {
    struct spool *spool;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, try_open(dir, max_bytes, &spool, &detail), 0), "%s", detail.message);
    return spool;
}

/* Writes n spans into a mapped file, as a segment does, from the nth of spool_bytes.h on. */
static inline size_t write_spans(struct spool_entry *entry, uint32_t first, uint32_t n) {
    size_t at = SPOOL_BYTES_ROOM;
    for (uint32_t i = 0; i < n; i++) {
        size_t n_span = spool_bytes_span(first + i, spool_map_data(entry) + at);
        spool_file_enter(entry->map, &entry->layout, entry->salt, i, at, n_span);
        at += n_span;
    }
    return at;
}

/* Says what there is to say, as the callers of a spool do. */
static inline struct spool_entry *map_new(struct spool *spool, size_t n_bytes) {
    struct spool_entry *entry = spool_map_new(spool, &SPOOL_BYTES_SCOPE, n_bytes);
    spool_say_news(spool);
    return entry;
}

static inline void keep(struct spool *spool, uint32_t first, uint32_t n, uint8_t pipelines) {
    struct spool_entry *entry = map_new(spool, ROOM);
    cr_assert(entry != NULL, "%s", said.text);
    size_t n_bytes = write_spans(entry, first, n);
    for (size_t i = 0; i < 2; i++) {
        if ((pipelines & 1u << i) != 0) {
            spool_count_waiting(spool, i, n);
        }
    }
    spool_keep(spool, entry, pipelines, n, n_bytes);
    spool_work(spool);
}

/* Done with, and the work done. */
static inline void map_done(struct spool *spool, struct spool_entry *entry, uint32_t n_spans) {
    spool_map_done(spool, entry, n_spans);
    spool_work(spool);
}

/* Takes the next entry up and ends it; -1: none. Its first span must be the given one. */
static inline int take_next(struct spool *spool, size_t pipeline, uint32_t first) {
    struct spool_entry *entry = spool_next(spool, pipeline);
    if (entry == NULL) {
        return -1;
    }
    uint8_t *file, wanted[128];
    size_t n_file;
    struct spool_contents contents;
    cr_assert(eq(int, spool_read(entry, &file, &n_file), 0));
    cr_assert(eq(int, spool_file_read(file, n_file, &contents), 0));
    uint8_t *spans = malloc(contents.n_bytes + 1);
    spool_file_copy(&contents, spans);
    cr_expect(memcmp(spans, wanted, spool_bytes_span(first, wanted)) == 0);
    int n_spans = (int)contents.n_spans;
    free(spans);
    mem_free(file);
    spool_take(spool, entry, pipeline, contents.n_spans);
    spool_finish(spool, entry, pipeline);
    spool_work(spool);
    spool_say_news(spool);
    return n_spans;
}

static inline struct spool_counts counts_of(struct spool *spool, size_t pipeline) {
    struct spool_counts counts;
    spool_get_counts(spool, pipeline, &counts);
    return counts;
}

/* Files in the directory whose names end so. */
static inline size_t n_files(const char *dir, const char *ending) {
    size_t n = 0;
    DIR *names = opendir(dir);
    cr_assert(names != NULL);
    for (const struct dirent *name; (name = readdir(names)) != NULL;) {
        size_t length = strlen(name->d_name), n_ending = strlen(ending);
        n += length > n_ending && strcmp(name->d_name + length - n_ending, ending) == 0;
    }
    closedir(names);
    return n;
}

/* Runs in a process that dies without cleaning up. */
static inline void in_a_process_that_dies(void (*run)(const char *dir), const char *dir) {
    fflush(NULL);
    pid_t child = settled_fork();
    if (child == 0) {
        run(dir);
        kill(getpid(), SIGKILL);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    bool is_killed = WIFSIGNALED(status);
    cr_assert(is_killed, "status %x: %s", status, said.text);
}

static inline void leave_three_files(const char *dir) {
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    write_spans(map_new(spool, ROOM), 3, 2);
    (void)map_new(spool, ROOM); /* empty */
}
