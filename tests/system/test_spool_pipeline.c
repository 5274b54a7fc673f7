/*
 * Whole pipelines with a spool: the options, and what a user sees of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/peer.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"

static struct kept_log said = KEPT_LOG_INIT;
static char *dir;

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("WEIR_SPOOL_DIR");
    dir = temp_dir_new();
}
static void end(void) {
    temp_dir_remove(&dir);
}
TestSuite(spool_pipeline, .init = begin, .fini = end, .timeout = 60);

static int try_open(const char *url, const char *spool_dir, weir_otlp **out,
                    weir_error_detail *detail) {
    return weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url, .spool_dir = spool_dir,
                                             .has_timeout_ms = true, .timeout_ms = 100,
                                             .log = kept_log_fn, .log_data = &said),
                          out, detail);
}

static weir_otlp *open_to(const char *url, const char *spool_dir) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, try_open(url, spool_dir, &otlp, &detail), 0), "%s", detail.message);
    return otlp;
}

static void end_spans(weir_otlp *otlp, int n) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "spool", NULL, NULL);
    for (int i = 0; i < n; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
    }
}

/* Exact: every span has one fate. */
static weir_otlp_stats stats_of(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    uint64_t sum = stats.live + stats.not_sampled + stats.queued + stats.in_flight +
                   stats.acknowledged + stats.rejected + stats.spooled;
    for (size_t i = 0; i < ARRAY_LENGTH(stats.dropped); i++) {
        sum += stats.dropped[i];
    }
    cr_expect(eq(u64, stats.started + stats.adopted, sum));
    return stats;
}

static char *nowhere(void) {
    static char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", peer_closed_port());
    return url;
}

Test(spool_pipeline, spans_wait_for_a_collector_beyond_the_close) {
    const struct peer_step steps[] = {{.status = 200}};
    weir_otlp *otlp = open_to(nowhere(), dir);
    end_spans(otlp, 10);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), WEIR_E_TIMEOUT));
    weir_otlp_stats stats = stats_of(otlp);
    cr_expect(eq(u64, stats.spooled, 10));
    cr_expect(gt(u64, stats.spool_bytes, 0));
    end_spans(otlp, 5);
    cr_expect(eq(int, weir_otlp_close(otlp, 50), 0)); /* nothing is lost */
    cr_expect(kept_log_has(&said, "wait in the spool"));

    struct peer *peer = peer_start(steps, 1);
    otlp = open_to(peer_url(peer), dir);
    cr_expect(eq(u64, stats_of(otlp).adopted, 15));
    while (stats_of(otlp).acknowledged < 15) {
        usleep(1000);
    }
    stats = stats_of(otlp);
    cr_expect(eq(u64, stats.spooled, 0));
    cr_expect(eq(u64, stats.started, 0));
    cr_expect(eq(int, weir_otlp_close(otlp, 5000), 0));
    peer_stop(peer);
    cr_expect(eq(int, rmdir(dir), 0)); /* nothing is left */
    cr_assert(eq(int, mkdir(dir, 0700), 0));
}

/* Named in code it is an error, named by the variable a warning: the host runs on. */
Test(spool_pipeline, a_directory_that_others_may_write_to_is_refused) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, chmod(dir, 0777), 0));
    cr_expect(eq(int, try_open(nowhere(), dir, &otlp, &detail), WEIR_E_INVALID));
    cr_expect(otlp == NULL);
    cr_expect(strstr(detail.message, "chmod go-w it") != NULL, "%s", detail.message);
    setenv("WEIR_SPOOL_DIR", dir, 1);
    otlp = open_to(nowhere(), NULL);
    cr_expect(kept_log_has(&said, "chmod go-w it: ended spans are in memory alone"));
    end_spans(otlp, 3);
    cr_expect(eq(u64, stats_of(otlp).spool_bytes, 0));
    cr_expect(lt(int, weir_otlp_close(otlp, 50), 0)); /* lost */
}

Test(spool_pipeline, a_directory_that_cannot_be_made_costs_the_spool_alone) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "no/where");
    weir_otlp *otlp = open_to(nowhere(), path);
    cr_expect(kept_log_has(&said, "cannot be made"), "%s", said.text);
    end_spans(otlp, 1);
    cr_expect(eq(u64, stats_of(otlp).started, 1));
    (void)weir_otlp_close(otlp, 0);
}

Test(spool_pipeline, nothing_is_made_when_nothing_is_sent) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spool");
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    weir_otlp *otlp = open_to(NULL, path);
    end_spans(otlp, 1);
    cr_expect(eq(int, weir_otlp_close(otlp, 1000), 0));
    cr_expect(ne(int, access(path, F_OK), 0));
}

/* The child of a fork is an owner of its own, and leaves its parent's spans to its parent. */
Test(spool_pipeline, a_forked_child_leaves_its_parents_spans_alone) {
    const struct peer_step steps[] = {{.status = 200}};
    struct peer *peer = peer_start(steps, 1);
    weir_otlp *otlp = open_to(nowhere(), dir);
    end_spans(otlp, 4);
    cr_expect(eq(int, weir_otlp_flush(otlp, 10000), WEIR_E_TIMEOUT));
    end_spans(otlp, 3); /* in an open segment, which the child has a mapping of */
    fflush(NULL);
    pid_t child = settled_fork();
    if (child == 0) {
        weir_otlp_stats before = {.size = sizeof before}, after = before;
        weir_otlp_get_stats(otlp, &before);
        end_spans(otlp, 2);
        weir_otlp_get_stats(otlp, &after);
        (void)weir_otlp_close(otlp, 50);
        _exit(before.spooled == 0 && before.adopted == 0 && after.started == before.started + 2
                  ? 0
                  : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0));
    cr_expect(eq(u64, stats_of(otlp).spooled, 4));
    cr_expect(eq(int, weir_otlp_close(otlp, 50), 0));
    otlp = open_to(peer_url(peer), dir);
    cr_expect(ge(u64, stats_of(otlp).adopted, 7)); /* and the child's two, if it could keep them */
    cr_expect(le(u64, stats_of(otlp).adopted, 9));
    while (stats_of(otlp).spooled + stats_of(otlp).in_flight > 0) {
        usleep(1000);
    }
    cr_expect(eq(int, weir_otlp_close(otlp, 5000), 0));
    cr_expect(eq(u64, said.n > 0, 1));
    peer_stop(peer);
}
