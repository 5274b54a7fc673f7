/*
 * An exporter whose segments are files: what it gives up for now waits, and is sent later.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/spool.h"
#include "tests/support/exporter_rig.h"
#include "tests/support/settled_fork.h"
#include "tests/support/temp.h"

static const struct script_step ACCEPTS[] = {{.status = 200}};
static const struct script_step REFUSES[] = {{.status = 503}};
static const struct script_step REJECTS[] = {{.status = 400}};
static const struct script_step RECOVERS[] = {{.status = 503}, {.status = 503}, {.status = 200}};

static char *dir;

static void begin(void) {
    dir = temp_dir_new();
}
static void end(void) {
    temp_dir_remove(&dir);
}
TestSuite(exporter_spool, .init = begin, .fini = end, .timeout = 60);

static struct spool *open_spool(size_t n_pipelines) {
    struct spool *spool;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = spool_open(&(const struct spool_options){.dir = dir,
                                                         .max_bytes = SPOOL_DEFAULT_BYTES,
                                                         .max_age_ns = S(3600),
                                                         .n_places = 64,
                                                         .n_pipelines = n_pipelines,
                                                         .logger = &rig.logger},
                           &spool, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return spool;
}

/* After the pipelines were added. */
static void start_spooling(void) {
    const struct exporter_options options = exporter_options(S(3600));
    rig.pool.spool = open_spool(rig.n_pipelines);
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
}

/* Every span pushed or adopted has one fate. */
static void expect_books(const struct exporter_counts *counts, uint64_t n_pushed) {
    uint64_t sum = counts->in_flight + counts->acknowledged + counts->rejected + counts->spooled;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += counts->dropped[i];
    }
    cr_expect(eq(u64, counts->taken, n_pushed));
    cr_expect(eq(u64, sum, n_pushed + counts->adopted));
}

static int stop_spooling(uint64_t ns, uint64_t n_pushed, struct exporter_counts *last) {
    bool is_deaf = rig.script.steps[0].wait == SCRIPT_DEAF; /* its thread keeps one segment */
    int error = exporter_stop(rig.exporter, clock_now_ns() + ns, last);
    for (size_t i = 0; i < rig.n_pipelines; i++) {
        expect_books(&last[i], n_pushed);
        cr_expect(eq(u64, last[i].in_flight, 0));
    }
    cr_expect(eq(sz, segment_pool_held_bytes(&rig.pool), is_deaf ? SEGMENT_FIRST_BYTES : 0));
    segment_pool_deinit(&rig.pool);
    spool_close(rig.pool.spool);
    return error;
}

static void wait_acknowledged(size_t index, uint64_t n_spans) {
    while (counts_of(index).acknowledged < n_spans) {
        usleep(1000);
    }
}

/* As the driver would, which is idle for seconds yet. */
static struct segment *take_spooled(size_t index) {
    pthread_mutex_lock(&rig.exporter->mutex);
    struct segment *segment = pipeline_take_spooled(&rig.exporter->pipelines[index]);
    pthread_mutex_unlock(&rig.exporter->mutex);
    return segment;
}

static uint64_t spool_at_ns(size_t index) {
    pthread_mutex_lock(&rig.exporter->mutex);
    uint64_t at_ns = rig.exporter->pipelines[index].spool_at_ns;
    pthread_mutex_unlock(&rig.exporter->mutex);
    return at_ns;
}

/* Has it look into the spool at once. */
static void hasten(size_t index) {
    pthread_mutex_lock(&rig.exporter->mutex);
    rig.exporter->pipelines[index].spool_at_ns = 0;
    pipeline_wake(&rig.exporter->pipelines[index]);
    pthread_mutex_unlock(&rig.exporter->mutex);
}

Test(exporter_spool, delivered_spans_leave_nothing_behind) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(ACCEPTS, S(10));
    start_spooling();
    for (uint32_t i = 1; i <= 20; i++) {
        push(i);
        cr_assert(eq(int, flush_in(S(10)), 0));
    }
    cr_expect(eq(int, stop_spooling(S(10), 210, last), 0));
    cr_expect(eq(u64, last[0].acknowledged, 210));
    cr_expect(eq(u64, last[0].spooled + last[0].kept, 0));
    cr_expect(eq(int, rmdir(dir), 0)); /* not even the lock */
    cr_assert(eq(int, mkdir(dir, 0700), 0));
    cr_expect(eq(uint, rig.log.n, 0), "%s", rig.log.text);
}

/* The export's deadline passes: without a spool they would be dropped. */
Test(exporter_spool, what_is_given_up_for_now_waits_for_the_next_process) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, MS(50));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT)); /* not sent, and not lost */
    cr_expect(eq(u64, counts().spooled, 3));
    cr_expect(eq(int, flush_in(S(10)), 0)); /* nothing new */
    cr_expect(kept_log_has(&rig.log, "spans wait in the spool: "));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].spooled, 3));

    rig.n_pipelines = 0;
    ADD_PIPELINE(ACCEPTS, S(10));
    start_spooling();
    wait_acknowledged(0, 3);
    cr_expect(eq(u64, counts().adopted, 3));
    cr_expect(eq(int, stop_spooling(S(10), 0, last), 0));
    cr_expect(eq(u64, last[0].spooled, 0));
}

Test(exporter_spool, sends_it_itself_when_the_endpoint_answers_again) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(RECOVERS, MS(1)); /* no time for a second attempt */
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    push(4);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, counts().spooled, 7));
    push(5); /* is taken, and the others follow */
    cr_expect(eq(int, flush_in(S(10)), 0));
    wait_acknowledged(0, 12);
    cr_expect(kept_log_has(&rig.log, "spans arrive again; those in the spool follow"));
    cr_expect(eq(int, stop_spooling(S(10), 12, last), 0));
    cr_expect(eq(u64, last[0].kept, 7));
    cr_expect(eq(uint, rig.log.n, 2), "%s", rig.log.text);
}

Test(exporter_spool, tries_again_by_itself_after_a_pause) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step steps[] = {{.status = 503}, {.status = 200}};
    ADD_PIPELINE(steps, MS(1));
    start_spooling();
    uint64_t began = clock_now_ns();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    wait_acknowledged(0, 3);
    cr_expect(ge(u64, clock_now_ns() - began, MS(EXPORTER_SPOOL_FIRST_MS) / 2));
    (void)stop_spooling(S(10), 3, last);
}

/* As without a spool (B25): another attempt would bring the same. */
Test(exporter_spool, what_the_endpoint_refuses_for_good_is_dropped) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REJECTS, S(10));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].dropped[WEIR_DROP_EXPORT_FAILED], 3));
    cr_expect(eq(u64, last[0].spooled, 0));
}

/* The refusal may be the whole endpoint's (a token that has expired, say): those that wait are not
 * all sent into it. */
Test(exporter_spool, a_refusal_costs_one_entry_a_pause) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step steps[] = {{.status = 503}, {.status = 503}, {.status = 401}};
    ADD_PIPELINE(steps, MS(1));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    push(4);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    push(5);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(gt(u64, spool_at_ns(0), clock_now_ns()));
    cr_expect(eq(u64, counts().spooled, 7));
    uint64_t began = clock_now_ns();
    hasten(0);
    while (counts().dropped[WEIR_DROP_EXPORT_FAILED] < 8) {
        usleep(1000);
    }
    cr_expect(ge(u64, spool_at_ns(0), began + MS(EXPORTER_SPOOL_FIRST_MS)));
    cr_expect(eq(int, stop_spooling(S(10), 12, last), WEIR_E_IO)); /* the three, untold so far */
    cr_expect(eq(u64, last[0].spooled, 4));
    cr_expect(eq(u64, last[0].requests, 4));
}

static void expect_kept_without_memory(void) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    start_spooling();
    uint64_t began = clock_now_ns();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    cr_expect(ge(u64, spool_at_ns(0), began + MS(EXPORTER_SPOOL_FIRST_MS)));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].spooled, 3));
    cr_expect(eq(u64, last[0].dropped[WEIR_DROP_NO_MEMORY], 0));
}

Test(exporter_spool, a_post_without_memory_is_given_up_for_now) {
    static const struct script_step steps[] = {{.error = WEIR_E_NO_MEMORY}, {.status = 200}};
    ADD_PIPELINE(steps, S(10));
    expect_kept_without_memory();
}

static int prepare_without_memory(void *data, const uint8_t *body, size_t n_bytes,
                                  const uint8_t **out, size_t *n_out, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)out, (void)n_out, (void)detail;
    return WEIR_E_NO_MEMORY;
}

Test(exporter_spool, a_request_without_memory_is_given_up_for_now) {
    ADD_PIPELINE(ACCEPTS, S(10))->transport.prepare = prepare_without_memory;
    expect_kept_without_memory();
}

/* What the parent has left to the spool is no news to the child's first flush. */
Test(exporter_spool, a_forked_child_flushes_what_is_its_own) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, MS(1));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    fflush(NULL);
    lock_take(&rig.pool.spool->lock);
    pid_t child = settled_fork();
    if (child == 0) {
        spool_begin_anew(rig.pool.spool);
        exporter_begin_anew(rig.exporter);
        _exit(-flush_in(S(10)));
    }
    lock_give(&rig.pool.spool->lock);
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_expect(eq(int, status, 0)); /* exited, with 0 */
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].spooled, 3));
}

Test(exporter_spool, a_close_that_has_no_time_leaves_it) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, S(100));
    start_spooling();
    for (int i = 0; i < 5; i++) {
        push(2);
    }
    cr_expect(eq(int, stop_spooling(MS(100), 10, last), 0)); /* nothing is lost */
    cr_expect(eq(u64, last[0].spooled, 10));
    cr_expect(kept_log_has(&rig.log, "10 spans were not sent before the close and wait in the "
                                     "spool"));
    struct spool *next = open_spool(1);
    struct spool_counts counts;
    spool_get_counts(next, 0, &counts);
    cr_expect(eq(u64, counts.adopted, 10));
    spool_close(next);
}

/* ---- processes that live for a moment ---- */

/* In five files, left by an exporter whose endpoint did not answer. */
static void leave_ten_spans(void) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, MS(1));
    start_spooling();
    for (int i = 0; i < 5; i++) {
        push(2);
    }
    (void)stop_spooling(S(10), 10, last);
    cr_assert(eq(u64, last[0].spooled, 10));
    rig.n_pipelines = 0;
}

/* Else what one such process leaves might never be sent, if all are such. */
Test(exporter_spool, a_close_sends_what_waits_as_long_as_it_arrives) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    leave_ten_spans();
    ADD_PIPELINE(ACCEPTS, S(10));
    start_spooling();
    push(3);
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].adopted, 10));
    cr_expect(eq(u64, last[0].acknowledged, 13));
    cr_expect(eq(u64, last[0].spooled, 0));
    cr_expect(eq(int, rmdir(dir), 0));
    cr_assert(eq(int, mkdir(dir, 0700), 0));
}

Test(exporter_spool, a_close_asks_an_endpoint_that_does_not_answer_once) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    leave_ten_spans();
    ADD_PIPELINE(REFUSES, S(100));
    start_spooling();
    uint64_t began = clock_now_ns();
    cr_expect(eq(int, stop_spooling(S(50), 0, last), 0));
    cr_expect(lt(u64, clock_now_ns() - began, S(25)));
    cr_expect(eq(u64, last[0].requests, 1));
    cr_expect(eq(u64, last[0].spooled, 10));
}

Test(exporter_spool, a_close_sends_what_waits_by_its_deadline) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step steps[] = {{.status = 200}, {.wait = SCRIPT_UNTIL_CANCELLED}};
    leave_ten_spans();
    ADD_PIPELINE(steps, S(100));
    start_spooling();
    uint64_t began = clock_now_ns();
    cr_expect(eq(int, stop_spooling(MS(100), 0, last), 0));
    cr_expect(ge(u64, clock_now_ns() - began, MS(100)));
    cr_expect(lt(u64, clock_now_ns() - began, S(25)));
    cr_expect(eq(u64, last[0].acknowledged, 2));
    cr_expect(eq(u64, last[0].spooled, 8));
}

/* ---- who pushes while it stops ---- */

static void (*cancel_script)(void *data);

/* A close gives its mutex back to cancel a post: others may push then. */
static void push_and_cancel(void *data) {
    push(7);
    cancel_script(data);
}

static void stop_while_others_push(void) {
    static const struct script_step steps[] = {{.wait = SCRIPT_UNTIL_CANCELLED}};
    for (int i = 0; i < 2; i++) {
        weir_transport *transport = &ADD_PIPELINE(steps, S(100))->transport;
        cancel_script = transport->cancel;
        transport->cancel = push_and_cancel;
    }
}

Test(exporter_spool, a_push_while_it_stops_is_accounted_for) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    stop_while_others_push();
    start_spooling();
    push(2);
    script_wait_posts(&rig.scripts[0], 1);
    script_wait_posts(&rig.scripts[1], 1);
    cr_expect(eq(int, stop_spooling(MS(50), 2 + 7 + 7, last), 0));
    cr_expect(eq(u64, last[0].spooled, 16));
    cr_expect(eq(u64, last[1].spooled, 16));
    struct spool *next = open_spool(1); /* and is on disk */
    struct spool_counts counts;
    spool_get_counts(next, 0, &counts);
    cr_expect(eq(u64, counts.adopted, 16));
    spool_close(next);
}

Test(exporter_spool, a_push_while_it_stops_without_a_spool_is_counted_as_lost) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    stop_while_others_push();
    start_pipelines();
    push(2);
    script_wait_posts(&rig.scripts[0], 1);
    script_wait_posts(&rig.scripts[1], 1);
    cr_expect(eq(int, exporter_stop(rig.exporter, clock_now_ns() + MS(50), last), WEIR_E_TIMEOUT));
    for (size_t i = 0; i < 2; i++) {
        expect_sum(&last[i], 16);
        cr_expect(eq(u64, last[i].dropped[WEIR_DROP_SHUTDOWN_DEADLINE], 16));
    }
    segment_pool_deinit(&rig.pool);
}

/* A post that does not come back keeps its thread, and the memory it reads; the file stays. */
Test(exporter_spool, a_close_leaves_a_hanging_post_its_memory) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step steps[] = {{.wait = SCRIPT_DEAF}};
    ADD_PIPELINE(steps, S(100));
    start_spooling();
    push(2);
    push(3);
    script_wait_posts(&rig.script, 1);
    cr_expect(eq(int, stop_spooling(MS(50), 5, last), 0));
    cr_expect(eq(u64, last[0].spooled, 5));
    script_release(&rig.script);
    struct spool *next = open_spool(1);
    struct spool_counts counts;
    spool_get_counts(next, 0, &counts);
    cr_expect(eq(u64, counts.adopted, 5));
    spool_close(next);
}

/* ---- several pipelines ---- */

Test(exporter_spool, each_pipeline_has_its_own_that_waits) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(ACCEPTS, S(10));
    ADD_PIPELINE(RECOVERS, MS(1));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    push(4);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    cr_expect(eq(u64, counts_of(0).acknowledged, 7));
    cr_expect(eq(u64, counts_of(0).spooled, 0));
    cr_expect(eq(u64, counts_of(1).spooled, 7));
    push(5);
    cr_expect(eq(int, flush_in(S(10)), 0));
    wait_acknowledged(1, 12);
    cr_expect(eq(int, stop_spooling(S(10), 12, last), 0));
    cr_expect(eq(u64, last[0].acknowledged, 12)); /* none of them twice */
    cr_expect(eq(int, rmdir(dir), 0));
    cr_assert(eq(int, mkdir(dir, 0700), 0));
}

/* One has given it up, and found nothing in the spool as the other still held the segment: it looks
 * again. */
Test(exporter_spool, what_another_held_is_taken_up_when_it_lets_go) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step hangs[] = {{.wait = SCRIPT_DEAF}};
    ADD_PIPELINE(RECOVERS, MS(1));
    ADD_PIPELINE(hangs, S(100));
    start_spooling();
    push(3);
    while (counts_of(0).spooled < 3) {
        usleep(1000);
    }
    hasten(0);
    while (spool_at_ns(0) == 0 || spool_at_ns(0) == UINT64_MAX) {
        usleep(1000);
    }
    script_release(&rig.scripts[1]);
    wait_acknowledged(1, 3);
    cr_expect(ne(u64, spool_at_ns(0), UINT64_MAX));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].spooled, 3));
}

/* ---- memory ---- */

/* An endpoint that hangs: the queue would be full by and by, and drop. */
Test(exporter_spool, a_crowded_queue_goes_to_disk) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step steps[] = {{.wait = SCRIPT_DEAF}};
    ADD_PIPELINE(steps, S(100));
    start_spooling();
    for (int i = 0; i < 600; i++) { /* 2.4 MB, of a pool of one */
        push(2);
    }
    struct exporter_counts now = counts();
    cr_expect(gt(u64, now.spooled, 800));
    cr_expect(eq(u64, now.dropped[WEIR_DROP_QUEUE_FULL], 0));
    cr_expect(le(sz, segment_pool_held_bytes(&rig.pool), RIG_POOL_BYTES));
    cr_expect(eq(int, stop_spooling(MS(50), 1200, last), 0));
    cr_expect(eq(u64, last[0].spooled, 1200));
    script_release(&rig.script);
}

/* It waits for its next attempt. */
static bool has_refused(size_t index) {
    pthread_mutex_lock(&rig.exporter->mutex);
    bool has = rig.exporter->pipelines[index].state == PIPELINE_WAITING;
    pthread_mutex_unlock(&rig.exporter->mutex);
    return has;
}

/* What is to be done on the disk is done by one that waits for its next attempt, not left to one
 * that hangs. */
Test(exporter_spool, a_pipeline_at_rest_works_for_one_that_hangs) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    static const struct script_step hangs[] = {{.wait = SCRIPT_DEAF}};
    static const struct script_step later[] = {{.status = 503, .retry_after_ms = 90000}};
    ADD_PIPELINE(hangs, S(200));
    ADD_PIPELINE(later, S(200));
    start_spooling();
    push(2);
    script_wait_posts(&rig.scripts[0], 1);
    while (!has_refused(1)) {
        usleep(1000);
    }
    push(2); /* is queued, so that the next one is no reason to wake anybody */
    struct segment *segment = segment_of(2);
    struct spool_entry *entry = spool_map_new(rig.pool.spool, &rig.scope, 1000);
    spool_map_done(rig.pool.spool, entry, 0);
    exporter_push(rig.exporter, segment);
    while (spool_has_work(rig.pool.spool)) {
        usleep(1000);
    }
    cr_expect(eq(u64, counts_of(1).requests, 1));
    cr_expect(eq(int, stop_spooling(MS(50), 6, last), 0));
    cr_expect(eq(u64, last[0].spooled, 6));
    script_release(&rig.scripts[0]);
}

/* The disk refuses: memory alone, and then what is given up is lost as without a spool. */
Test(exporter_spool, segments_without_a_file_are_dropped_as_ever) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, MS(1));
    start_spooling();
    rig.pool.spool->is_refused = true;
    rig.pool.spool->try_again_ns = UINT64_MAX;
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_IO));
    cr_expect(eq(u64, spool_n_refused(rig.pool.spool), 1));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].dropped[WEIR_DROP_EXPORT_FAILED], 3));
}

/* As many spans as a file has places for, whatever room there is. */
Test(exporter_spool, a_segment_is_full_when_its_places_are) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(ACCEPTS, S(10));
    start_spooling();
    struct segment *segment = segment_of(64);
    cr_expect(segment_room(segment, 2) == NULL);
    cr_expect(not(segment_grow(&rig.pool, segment, 2)));
    exporter_push(rig.exporter, segment);
    cr_expect(eq(int, flush_in(S(10)), 0));
    (void)stop_spooling(S(10), 64, last);
}

/* ---- what is read back ---- */

Test(exporter_spool, a_host_without_descriptors_loses_nothing) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    struct rlimit before, none;
    ADD_PIPELINE(REFUSES, MS(1));
    start_spooling();
    push(3);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
    none = before;
    none.rlim_cur = 0;
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &none), 0));
    uint64_t began = clock_now_ns();
    cr_expect(take_spooled(0) == NULL);
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &before), 0));
    cr_expect(ge(u64, spool_at_ns(0), began + MS(EXPORTER_SPOOL_FIRST_MS))); /* not at once */
    cr_expect(eq(u64, counts().spooled, 3));
    cr_expect(eq(u64, counts().dropped[WEIR_DROP_SPOOL_DAMAGED], 0));
    cr_expect(eq(int, stop_spooling(S(10), 3, last), 0));
    cr_expect(eq(u64, last[0].spooled, 3));
}

Test(exporter_spool, damage_is_counted_and_the_rest_is_sent) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    ADD_PIPELINE(REFUSES, MS(1));
    start_spooling();
    push(5);
    cr_expect(eq(int, flush_in(S(10)), WEIR_E_TIMEOUT));
    const struct spool_entry *entry = rig.pool.spool->first;
    size_t n_file;
    char *path = strdup(entry->path);
    char *file CLEANUP(temp_path_free) = temp_read(path, &n_file);
    file[n_file - 1] ^= 0x40; /* the last byte of the last span */
    (void)stop_spooling(S(10), 5, last);
    struct spool *spool = open_spool(1); /* only adopts: gives the file a new name */
    temp_write(spool->first->path, file, n_file);
    spool_close(spool);

    rig.n_pipelines = 0;
    ADD_PIPELINE(ACCEPTS, S(10));
    start_spooling();
    wait_acknowledged(0, 4);
    cr_expect(eq(int, stop_spooling(S(10), 0, last), 0));
    cr_expect(eq(u64, last[0].adopted, 5));
    cr_expect(eq(u64, last[0].dropped[WEIR_DROP_SPOOL_DAMAGED], 1));
    cr_expect(kept_log_has(&rig.log, "loses spans"));
    free(path);
}

/* The same request as the first time, byte by byte. */
Test(exporter_spool, what_is_read_back_is_what_was_sent) {
    static const struct scope scope = {
        .resource = {(const uint8_t *)"\x0a\x0b\x0a\x09\x0a\x01k\x12\x04\x0a\x02vv", 13},
        .scope = {(const uint8_t *)"\x0a\x06\x0a\x04name", 8},
        .scope_url = {(const uint8_t *)"\x1a\x03s:u", 5},
        .resource_url = {(const uint8_t *)"\x1a\x03r:u", 5},
    };
    struct segment_pool *pool = &rig.pool;
    kept_log_logger(&rig.log, &rig.logger);
    segment_pool_init(pool, RIG_POOL_BYTES, 10);
    pool->spool = open_spool(1);
    rig.scope = scope;
    struct segment *segment = segment_of(5);
    segment_seal(segment);
    size_t n_file;
    uint8_t *file;
    cr_assert(eq(int, spool_read(segment->mapped, &file, &n_file), 0));
    struct spool_contents contents;
    cr_assert(
        eq(int, spool_file_read(segment->mapped->map, segment->mapped->n_bytes, &contents), 0));
    struct segment *again = segment_read_back(pool, &contents);
    cr_assert(again != NULL);
    cr_expect(eq(u32, again->n_spans, 5));
    cr_expect(eq(sz, again->n_body_bytes, segment->n_body_bytes));
    cr_expect(memcmp(again->body, segment->body, segment->n_body_bytes) == 0);
    cr_expect(eq(u64, atomic_load(&pool->n_spans), 5)); /* the one that was committed is not */
    segment_release(pool, again);
    pool->max_bytes = atomic_load(&pool->used_bytes);
    cr_expect(segment_read_back(pool, &contents) == NULL); /* the bound */
    pool->max_spans = 0;
    segment_release(pool, segment);

    /* What alone is over the bound passes when there is nothing else: else it would never. */
    pool->max_bytes = 1;
    cr_assert(eq(int, spool_file_read(file, n_file, &contents), 0));
    again = segment_read_back(pool, &contents);
    cr_assert(again != NULL);
    cr_expect(segment_read_back(pool, &contents) == NULL);
    segment_release(pool, again);
    mem_free(file);
    segment_pool_deinit(pool);
    cr_expect(eq(sz, atomic_load(&pool->used_bytes), 0));
    spool_close(pool->spool);
}
