/*
 * A process that records is killed again and again, at moments of no choice; in the end every span
 * whose end had returned is found at the collector. WEIR_TEST_KILLS says how often (40; the full
 * proof takes 200).
 */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/spool_file.h"
#include "otlp/wire_read.h"
#include "tests/support/expect.h"
#include "tests/support/peer.h"
#include "tests/support/temp.h"
#include "tests/system/spool_kill.h"

enum { DEFAULT_KILLS = 40, MAX_KILLS = 1000, MAX_SPANS = 1 << 16 /* of one thread */ };

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_SDK_DISABLED");
    unsetenv("OTEL_TRACES_SAMPLER");
}
TestSuite(spool_kill, .init = begin, .timeout = 290);

/* What became of the spans of one thread of one run. */
struct thread_spans {
    uint32_t n_reported;
    uint8_t *is_found; /* MAX_SPANS */
};
static struct thread_spans spans[MAX_KILLS][KILL_N_THREADS];

static char *dir;
static struct peer *peer;
static unsigned n_torn; /* records that a kill hit */

/* ---- the helper ---- */

static pid_t start_helper(char *const *arguments, int *out_fd) {
    static char helper[4200];
    int ends[2];
    ssize_t n = readlink("/proc/self/exe", helper, sizeof helper - 40);
    cr_assert(n > 0 && pipe(ends) == 0);
    helper[n] = '\0';
    snprintf(strrchr(helper, '/'), 40, "/system/spool_kill_helper");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t child;
    cr_assert(eq(int, posix_spawn(&child, helper, &actions, NULL, arguments, environ), 0));
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out_fd = ends[0];
    return child;
}

static void take_report(unsigned run, const struct kill_report *report) {
    cr_assert(report->thread < KILL_N_THREADS && report->n < MAX_SPANS);
    struct thread_spans *thread = &spans[run][report->thread];
    cr_assert(eq(u32, report->n, thread->n_reported));
    thread->n_reported++;
}

/* Until the helper has reported so many, or is dead. */
static void read_reports(unsigned run, int fd, uint64_t n) {
    struct kill_report report;
    for (; n > 0 && read(fd, &report, sizeof report) == sizeof report; n--) {
        take_report(run, &report);
    }
}

/* ---- what a kill leaves ---- */

/* A record that was being written. Salts tell files seen before: others may have them by now. */
static void look_for_torn(const char *name) {
    static uint32_t seen[4096];
    static size_t n_seen;
    size_t n_file;
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    char *file CLEANUP(temp_path_free) = temp_read(path, &n_file);
    struct spool_contents contents;
    if (strstr(name, ".seg") == NULL || file == NULL ||
        spool_file_read((const uint8_t *)file, n_file, &contents) != 0 || contents.n_damaged == 0) {
        return;
    }
    for (size_t i = 0; i < n_seen; i++) {
        if (seen[i] == contents.salt) {
            return;
        }
    }
    seen[n_seen++ % ARRAY_LENGTH(seen)] = contents.salt;
    n_torn += contents.n_damaged;
}

static void count_torn(void) {
    DIR *names = opendir(dir);
    cr_assert(names != NULL);
    for (const struct dirent *name; (name = readdir(names)) != NULL;) {
        look_for_torn(name->d_name);
    }
    closedir(names);
}

/* One life and death. Every third run finds no collector. */
static void record_and_kill(unsigned run) {
    char number[16], gone[64];
    snprintf(number, sizeof number, "%u", run);
    snprintf(gone, sizeof gone, "http://127.0.0.1:%d", peer_closed_port());
    char *url = expect_unconst(run % 3 == 2 ? gone : peer_url(peer));
    char mode[] = "record", program[] = "spool_kill_helper";
    char *arguments[] = {program, mode, dir, url, number, NULL};
    int fd;
    pid_t child = start_helper(arguments, &fd);
    if (run % 8 == 7) {
        usleep((useconds_t)(id_random() % 4000)); /* while it opens and adopts, perhaps */
    } else {
        read_reports(run, fd, 1 + id_random() % 600);
        usleep((useconds_t)(id_random() % 500));
    }
    cr_assert(eq(int, kill(child, SIGKILL), 0));
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, SIGKILL)); /* it had not ended by itself */
    read_reports(run, fd, UINT64_MAX);
    close(fd);
    count_torn();
}

static uint64_t drain(uint64_t *n_damaged) {
    char mode[] = "drain", program[] = "spool_kill_helper", text[64] = "";
    char *arguments[] = {program, mode, dir, expect_unconst(peer_url(peer)), NULL};
    int fd, status;
    uint64_t n_adopted;
    pid_t child = start_helper(arguments, &fd);
    cr_assert(read(fd, text, sizeof text - 1) > 0);
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    cr_assert(eq(int, sscanf(text, "%" SCNu64 " %" SCNu64, &n_adopted, n_damaged), 2));
    close(fd);
    return n_adopted;
}

/* ---- what has arrived ---- */

/* The next submessage with this number; false when there is none. */
static bool next_field(struct wire_reader *reader, uint32_t number, struct wire_reader *inner) {
    struct wire_field field;
    int got;
    while ((got = wire_read(reader, &field)) == 1) {
        if (field.number == number && field.type == WIRE_LEN) {
            *inner = wire_reader_over(field.bytes, field.n_bytes);
            return true;
        }
    }
    cr_assert(eq(int, got, 0)); /* the request is whole */
    return false;
}

static void find_span(struct wire_reader span) {
    struct wire_reader name;
    uint32_t run, thread, n;
    char text[40] = "";
    cr_assert(next_field(&span, 5, &name));
    size_t n_name = (size_t)(name.end - name.at);
    cr_assert(lt(sz, n_name, sizeof text));
    memcpy(text, name.at, n_name);
    cr_assert(eq(int, sscanf(text, "%" SCNu32 ".%" SCNu32 ".%" SCNu32, &run, &thread, &n), 3));
    cr_assert(run < MAX_KILLS && thread < KILL_N_THREADS && n < MAX_SPANS);
    spans[run][thread].is_found[n] = 1;
}

static void find_spans(struct wire_reader request) {
    struct wire_reader resource_spans, scope_spans, span;
    while (next_field(&request, 1, &resource_spans)) {
        while (next_field(&resource_spans, 2, &scope_spans)) {
            while (next_field(&scope_spans, 2, &span)) {
                find_span(span);
            }
        }
    }
}

static void expect_all_found(unsigned n_kills) {
    uint64_t n_reported = 0, n_found = 0;
    for (unsigned run = 0; run < n_kills; run++) {
        for (uint32_t thread = 0; thread < KILL_N_THREADS; thread++) {
            struct thread_spans *of = &spans[run][thread];
            for (uint32_t n = 0; n < of->n_reported; n++) {
                n_found += of->is_found[n];
            }
            n_reported += of->n_reported;
        }
    }
    cr_log_info("%u kills, %" PRIu64 " spans whose end had returned, %" PRIu64
                " found, %u torn records",
                n_kills, n_reported, n_found, n_torn);
    cr_expect(gt(u64, n_reported, n_kills));
    cr_expect(eq(u64, n_found, n_reported));
}

/* ---- the proof ---- */

static unsigned wanted_kills(void) {
    const char *text = getenv("WEIR_TEST_KILLS");
    unsigned long n = text != NULL ? strtoul(text, NULL, 10) : DEFAULT_KILLS;
    return n > 0 && n <= MAX_KILLS ? (unsigned)n : DEFAULT_KILLS;
}

Test(spool_kill, every_span_that_ended_arrives) {
    const struct peer_step steps[] = {{.status = 200}};
    unsigned n_kills = wanted_kills();
    dir = temp_dir_new();
    peer = peer_start(steps, 1);
    unsigned run = 0;
    for (; run < n_kills || (n_torn == 0 && run < MAX_KILLS); run++) { /* until one hit a write */
        for (uint32_t thread = 0; thread < KILL_N_THREADS; thread++) {
            spans[run][thread].is_found = calloc(MAX_SPANS, 1);
        }
        record_and_kill(run);
    }
    uint64_t n_damaged;
    uint64_t n_adopted = drain(&n_damaged);
    cr_expect(le(u64, n_damaged, n_adopted));
    for (size_t i = 0; i < peer_n_requests(peer); i++) {
        size_t n_body;
        const uint8_t *body = peer_body(peer, i, &n_body);
        if (body != NULL) { /* else a kill cut it */
            find_spans(wire_reader_over(body, n_body));
        }
    }
    expect_all_found(run);
    cr_expect(n_torn > 0, "no kill has hit a write: nothing is proved of torn records");
    peer_stop(peer);
    temp_dir_remove(&dir);
}
