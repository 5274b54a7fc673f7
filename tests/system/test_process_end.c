/*
 * What a pipeline does that nobody closes, and one that nobody uses.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "tests/support/helper.h"
#include "tests/support/peer.h"
#include "tests/support/temp.h"

enum { LATE_MS = 8000, SURVIVED = 7 };

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_LOG_LEVEL");
}
TestSuite(process_end, .init = begin, .timeout = 60);

static uint64_t now_ms(void) {
    return clock_now_ns() / NS_PER_MS;
}

/* ---- a program that ends ---- */

/* What it said: to be freed. It must have ended as it should. */
static char *said_by_helper(const char *mode, const char *url) {
    return helper_run("process_end_helper", mode, url, "", SURVIVED);
}

Test(process_end, exit_without_close_sends_what_has_ended) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    char *said CLEANUP(temp_path_free) = said_by_helper("two-spans", peer_url(peer));
    expect_text(said, "");
    cr_expect(eq(sz, peer_n_requests(peer), 1));
    peer_stop(peer);
}

Test(process_end, exit_waits_for_a_silent_peer_only_so_long) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    uint64_t began = now_ms();
    char *said CLEANUP(temp_path_free) = said_by_helper("two-spans", peer_url(peer));
    cr_expect(lt(u64, now_ms() - began, LATE_MS));
    cr_expect(strstr(said, "2 spans were not sent before the exit, without a close: ") != NULL,
              "%s", said);
    peer_stop(peer);
}

Test(process_end, exit_says_why_it_could_not_send) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_closed_port());
    char *said CLEANUP(temp_path_free) = said_by_helper("two-spans", url);
    cr_expect(strstr(said, "2 spans were not sent before the exit, without a close: ") != NULL,
              "%s", said);
    cr_expect(strstr(said, "Connection refused") != NULL, "%s", said);
}

Test(process_end, exit_looks_after_those_that_are_open) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    char *said CLEANUP(temp_path_free) = said_by_helper("close-one-of-three", peer_url(peer));
    expect_text(said, "");
    cr_expect(eq(sz, peer_n_requests(peer), 3));
    peer_stop(peer);
}

/* A child of a program with threads confuses the search for leaks: it misses the parent's. */
static void search_no_leaks(void) {
    char options[1024];
    const char *given = getenv("ASAN_OPTIONS");
    snprintf(options, sizeof options, "%s:detect_leaks=0", given != NULL ? given : "");
    setenv("ASAN_OPTIONS", options, 1);
}

Test(process_end, a_forked_child_neither_sends_nor_waits) {
    const struct peer_step steps[] = {{.act = PEER_SILENT}};
    struct peer *peer = peer_start(steps, 1);
    search_no_leaks();
    char *said CLEANUP(temp_path_free) = said_by_helper("time-children", peer_url(peer));
    long ms = strtol(said, NULL, 10);
    /* EXPORTER_EXIT_MS is what exit allows for sending. */
    cr_expect(ms >= 0 && ms < EXPORTER_EXIT_MS, "%s", said);
    cr_expect(le(sz, peer_n_requests(peer), 1)); /* the parent's, when it closed */
    peer_stop(peer);
}

Test(process_end, a_forked_child_that_exits_sends_its_own) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    search_no_leaks();
    char *said CLEANUP(temp_path_free) = said_by_helper("child-exits", peer_url(peer));
    size_t n_bytes, n_alone;
    const uint8_t *body = peer_body(peer, 0, &n_bytes);
    cr_assert(eq(sz, peer_n_requests(peer), 1));
    cr_assert(body != NULL);
    expect_text(said, "");
    char *again CLEANUP(temp_path_free) = said_by_helper("two-spans", peer_url(peer));
    (void)peer_body(peer, 1, &n_alone);
    cr_expect(lt(sz, n_bytes, n_alone)); /* one span, not the parent's too */
    expect_text(again, "");
    peer_stop(peer);
}

/* What its transport uses is torn down by handlers that were there before ours, as OpenSSL's would
 * be. */
Test(process_end, exit_lets_a_post_that_a_close_left_behind_come_back) {
    char *said CLEANUP(temp_path_free) = said_by_helper("post-left-behind", "");
    expect_text(said, "");
}

/* They are there for those who want no exit handlers. */
static void expect_silence(const char *mode) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    char *said CLEANUP(temp_path_free) = said_by_helper(mode, peer_url(peer));
    expect_text(said, "");
    cr_expect(eq(sz, peer_n_requests(peer), 0));
    peer_stop(peer);
}

Test(process_end, _exit_sends_nothing) {
    expect_silence("_exit");
}
Test(process_end, quick_exit_sends_nothing) {
    expect_silence("quick_exit");
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
