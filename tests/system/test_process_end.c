/*
 * What a pipeline does that nobody closes, and one that nobody uses.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/peer.h"
#include "tests/support/temp.h"

enum { LATE_MS = 8000 };

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
}
TestSuite(process_end, .init = begin, .timeout = 60);

static uint64_t now_ms(void) {
    weir_clock clock = clock_system();
    return clock_monotonic(&clock) / 1000000;
}

static weir_otlp *open_to(const char *url) {
    weir_otlp *otlp;
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url, .log_level = WEIR_LOG_NONE),
                                &otlp, NULL),
                 0));
    return otlp;
}

static void end_span(weir_otlp *otlp) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "process end", NULL, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "last", NULL));
}

/* Until the child has ended; its exit status. */
static int status_of(pid_t child) {
    int status = -1;
    cr_assert(eq(int, (int)waitpid(child, &status, 0), (int)child));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(process_end, exit_without_close_sends_what_has_ended) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    pid_t child = fork();
    if (child == 0) {
        end_span(open_to(peer_url(peer)));
        exit(7);
    }
    cr_expect(eq(int, status_of(child), 7));
    cr_expect(eq(sz, peer_n_requests(peer), 1));
    peer_stop(peer);
}

Test(process_end, exit_waits_for_a_silent_peer_only_so_long) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    uint64_t began = now_ms();
    pid_t child = fork();
    if (child == 0) {
        end_span(open_to(peer_url(peer)));
        exit(7);
    }
    cr_expect(eq(int, status_of(child), 7));
    cr_expect(lt(u64, now_ms() - began, LATE_MS));
    peer_stop(peer);
}

Test(process_end, exit_says_on_stderr_what_it_did_not_send) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "stderr");
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_closed_port());
    pid_t child = fork();
    if (child == 0) {
        weir_otlp *otlp;
        dup2(open(path, O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        if (weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url), &otlp, NULL) == 0) {
            end_span(otlp);
            end_span(otlp);
        }
        exit(7);
    }
    cr_expect(eq(int, status_of(child), 7));
    char *said CLEANUP(temp_path_free) = temp_read(path, NULL);
    cr_expect(strstr(said, "2 spans were not sent before the exit, without a close: ") != NULL,
              "%s", said);
    cr_expect(strstr(said, "Connection refused") != NULL, "%s", said);
}

Test(process_end, exit_after_close_and_twice_over_is_fine) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    pid_t child = fork();
    if (child == 0) {
        weir_otlp *first = open_to(peer_url(peer)), *second = open_to(peer_url(peer));
        end_span(first);
        end_span(second);
        weir_otlp *third = open_to(peer_url(peer));
        (void)!weir_otlp_close(first, 5000);
        end_span(third);
        exit(7);
    }
    cr_expect(eq(int, status_of(child), 7));
    cr_expect(eq(sz, peer_n_requests(peer), 3));
    peer_stop(peer);
}

/* How long a child that exits at once takes. */
static uint64_t ms_of_a_child(void) {
    uint64_t began = now_ms();
    pid_t child = fork();
    if (child == 0) {
        exit(7);
    }
    cr_expect(eq(int, status_of(child), 7));
    return now_ms() - began;
}

Test(process_end, a_forked_child_neither_sends_nor_waits) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    weir_otlp *otlp = open_to(peer_url(peer));
    end_span(otlp);
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 5; i++) { /* a loaded machine may hold up one, hardly all */
        least = MIN(least, ms_of_a_child());
    }
    cr_expect(lt(u64, least, EXPORTER_EXIT_MS)); /* the time that exit allows for sending */
    cr_expect(eq(sz, peer_n_requests(peer), 0));
    (void)!weir_otlp_close(otlp, 100);
    peer_stop(peer);
}

/* ---- idle ---- */

/* How often the exporter's thread has gone to sleep so far. */
static long n_sleeps(void) {
    char path[300], line[128], name[32];
    long n = -1, found = -1;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        bool is_ours = false;
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            if (sscanf(line, "Name: %31s", name) == 1) {
                is_ours = strcmp(name, "weir-export") == 0;
            } else if (is_ours && sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1) {
                found = n;
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    closedir(tasks);
    return found;
}

Test(process_end, an_idle_pipeline_wakes_nobody) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    weir_otlp *otlp = open_to(peer_url(peer));
    end_span(otlp);
    cr_assert(eq(int, weir_otlp_flush(otlp, 20000), 0));
    long before, after = n_sleeps();
    for (int i = 0; i < 100; i++) { /* until it has come to rest */
        before = after;
        poll(NULL, 0, 20);
        after = n_sleeps();
        if (after == before) {
            break;
        }
    }
    poll(NULL, 0, 400);
    cr_expect(ge(long, after, 1));
    cr_expect(eq(long, n_sleeps(), after));
    (void)!weir_otlp_close(otlp, 5000);
    peer_stop(peer);
}
