/* weir_open, weir_flush, weir_close, weir_get_stats: the life of the whole. */
#include <string.h>

#include <weir/weir.h>

#include "bridge/app.h"
#include "bridge/core.h"
#include "bridge/mirror.h"
#include "bridge/options.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/id.h"
#include "otlp/common/options.h"
#include "otlp/common/uncancelled.h"

static const char DEFAULT_SCOPE[] = "weir.bridge";
static const char REFERENCE_SCOPE[] = "burr.integrations.opentelemetry";

/* The mirror comes behind the host's own processors. */
static int open_mirrored(weir_otlp_options *otlp, struct weir *w, weir_error_detail *detail) {
    size_t n = otlp->processors != NULL ? otlp->n_processors : 0;
    const weir_processor mirror = mirror_processor(w);
    const weir_processor **all = mem_array(n + 1, sizeof(*all));
    w->mirror = mirror_new();
    if (all == NULL || w->mirror == NULL) {
        mem_free(all);
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the mirror");
    }
    if (n > 0) {
        memcpy(all, otlp->processors, n * sizeof(*all));
    }
    all[n] = &mirror;
    otlp->processors = all;
    otlp->n_processors = n + 1;
    int error = weir_otlp_open(otlp, &w->otlp, detail);
    mem_free(all);
    return error;
}

static int open_pipeline(const weir_options *options, weir_otlp_options *otlp, struct weir *w,
                         weir_error_detail *detail) {
    return options->mirror && w->tracker != NULL ? open_mirrored(otlp, w, detail)
                                                 : weir_otlp_open(otlp, &w->otlp, detail);
}

static int open_otlp(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    if (options->otlp_off) {
        return 0;
    }
    weir_otlp_options otlp;
    (void)options_read(&otlp, sizeof otlp, options->otlp); /* options_apply has looked at it */
    otlp.service_name = options->service_name != NULL ? options->service_name : otlp.service_name;
    otlp.clock = &w->clock;
    otlp.log = w->logger.fn != NULL ? core_pass_message : NULL;
    otlp.log_data = w;
    otlp.log_level = w->logger.level;
    int error = open_pipeline(options, &otlp, w, detail);
    if (error == WEIR_E_UNSUPPORTED && options->otlp == NULL && w->tracker != NULL) {
        core_say(w, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                 "this build cannot send over HTTP: only the tracker's files are written");
        return 0; /* nobody asked for OTLP by name, and the files are wanted */
    }
    if (error != 0) {
        return error;
    }
    const char *scope = w->burr_exact ? REFERENCE_SCOPE : DEFAULT_SCOPE;
    scope = options->tracer_name != NULL ? options->tracer_name : scope;
    const char *version = w->burr_exact && options->tracer_name == NULL ? NULL : WEIR_VERSION;
    w->tracer = weir_otlp_tracer_get(w->otlp, scope, version, NULL);
    return w->tracer != NULL ? 0 : error_set(detail, WEIR_E_NO_MEMORY, "no memory for a tracer");
}

static int open_tracker(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    const struct config_reader reader = {.logger = &w->logger};
    const char *directory = options_tracker_dir(options, &reader);
    if (directory == NULL) {
        return 0;
    }
    weir_log_fn *log = w->logger.fn != NULL ? core_pass_message : NULL;
    return weir_tracker_open(
        &WEIR_TRACKER_OPTIONS(.directory = directory, .project = w->project,
                              .file_mode = options->file_mode, .burr_exact = !core_improves(w, 8),
                              .async = options->tracker_async,
                              .queue_max_bytes = options->tracker_queue_bytes, .log = log,
                              .log_data = w, .log_level = w->logger.level),
        &w->tracker, detail);
}

static void add_own_hooks(struct weir *w, weir_destination destination,
                          core_hook_fn *const hooks[N_HOOKS]) {
    for (int hook = 0; hook < N_HOOKS; hook++) {
        if (hooks[hook] != NULL) {
            w->own_destinations[hook][w->n_own_hooks[hook]] = destination;
            w->own_hooks[hook][w->n_own_hooks[hook]++] = hooks[hook];
        }
    }
}

static void connect_own_adapters(struct weir *w) {
    if (w->tracker != NULL) {
        add_own_hooks(w, WEIR_TO_TRACKER, adapter_tracker_hooks);
    }
    if (w->otlp != NULL) {
        core_hook_fn *hooks[N_HOOKS] = {0};
        adapter_otlp_hooks(w, hooks);
        add_own_hooks(w, WEIR_TO_OTLP, hooks);
    }
    w->is_otlp_alone = w->tracker == NULL && w->n_guests == 0 && w->capture.is_plain;
}

/* Forgets a weir that did not come to life: the host keeps its adapters. */
static int give_up(struct weir *w, int error) {
    w->n_guests = 0;
    (void)weir_otlp_close(w->otlp, 0);
    mirror_free(w);
    weir_tracker_close(w->tracker);
    core_release(w);
    return error;
}

static int open_whole(const weir_options *options, weir **out, weir_error_detail *detail) {
    struct weir *w = mem_zalloc(sizeof *w);
    if (w == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a weir");
    }
    atomic_init(&w->n_owners, 1);
    w->bucket_seed = id_random();
    int error = options_apply(options, w, detail);
    if (error == 0) {
        error = open_tracker(options, w, detail);
    }
    if (error == 0) {
        error = open_otlp(options, w, detail);
    }
    if (error != 0) {
        return give_up(w, error);
    }
    connect_own_adapters(w);
    core_watch_forks(w);
    core_say_messages(w);
    *out = w;
    return 0;
}

/* For a host that did not ask why: without telemetry and without a word would look like success. */
static void say_failure(const weir_options *options, const weir_error_detail *detail) {
    struct logger logger;
    logger_init(&logger, options->log, options->log_data, options->log_level);
    logger_say(&logger, WEIR_LOG_ERROR, LOG_CAUSE_CONFIG, "weir_open: %s", detail->message);
}

int weir_open(const weir_options *options, weir **out, weir_error_detail *detail) {
    UNCANCELLED();
    weir_error_detail own = WEIR_ERROR_DETAIL_INIT;
    weir_error_detail *told = detail != NULL ? detail : &own;
    weir_options full;
    bool is_known = options_read(&full, sizeof full, options);
    int error;
    if (out == NULL) {
        error = error_set(told, WEIR_E_INVALID, "out is NULL");
    } else if (!is_known) {
        error =
            error_set(told, WEIR_E_INVALID,
                      "weir_options.size is %zu: use WEIR_OPTIONS(), or a library as new as the "
                      "header",
                      options->size);
    } else {
        error = open_whole(&full, out, told);
    }
    if (error != 0 && detail == NULL) {
        say_failure(&full, &own);
    }
    return error;
}

/* Any app that is still open, pinned; none is added any more. */
static struct app *next_open_app(struct weir *w) {
    struct app *app = NULL;
    lock_take(&w->lock);
    w->is_closing = true;
    for (size_t i = 0; i < WEIR_APP_BUCKETS && app == NULL; i++) {
        app = w->buckets[i];
    }
    if (app != NULL) {
        app_pin(app);
    }
    lock_give(&w->lock);
    return app;
}

/* What is left of a time that ends then; deadlines are real, whatever clock the spans use. */
static uint32_t ms_until(uint64_t deadline_ns) {
    return (uint32_t)MIN(clock_ms_until(deadline_ns), UINT32_MAX);
}

int weir_flush(weir *w, uint32_t timeout_ms) {
    UNCANCELLED();
    if (w == NULL) {
        return 0;
    }
    uint64_t deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
    int error = weir_otlp_flush(w->otlp, timeout_ms);
    int tracker_error = weir_tracker_flush(w->tracker, ms_until(deadline_ns));
    return error != 0 ? error : tracker_error;
}

int weir_poll_fd(weir *w) {
    return w != NULL ? weir_otlp_poll_fd(w->otlp) : -1;
}

int64_t weir_tick(weir *w) {
    return w != NULL ? weir_otlp_tick(w->otlp) : -1;
}

int weir_close(weir *w, uint32_t timeout_ms) {
    UNCANCELLED();
    if (w == NULL) {
        return 0;
    }
    uint64_t deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
    for (struct app *app = next_open_app(w); app != NULL; app = next_open_app(w)) {
        app_shut(app);
        app_unpin(app);
    }
    core_wait_for_apps(w, timeout_ms * NS_PER_MS);
    /* adapters' hooks and a slow disk have taken their part */
    int error = weir_otlp_close(w->otlp, ms_until(deadline_ns));
    mirror_free(w);
    int tracker_error = weir_tracker_close_within(w->tracker, ms_until(deadline_ns));
    w->otlp = NULL;
    w->tracker = NULL;
    error = error != 0 ? error : tracker_error;
    core_say_messages(w);
    core_release(w);
    return error;
}

static uint64_t counted(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void weir_get_stats(weir *w, weir_stats *out) {
    weir_stats stats = {.size = sizeof stats, .stale_handles = handle_n_stale()};
    if (w != NULL) {
        const struct counters *c = &w->counters;
        weir_tracker_stats tracker = {.size = sizeof tracker};
        weir_tracker_get_stats(w->tracker, &tracker);
        stats.out_of_order = counted(&c->out_of_order);
        stats.refused_json = counted(&c->refused_json);
        stats.refused_values = counted(&c->refused_values);
        stats.left_open = counted(&c->left_open);
        stats.no_memory = counted(&c->no_memory);
        stats.adapter_faults = counted(&c->adapter_faults);
        stats.tracker_written = tracker.records_written;
        stats.mirrored = counted(&c->mirrored);
        stats.mirror_lost = counted(&c->mirror_lost);
        stats.tracker_dropped = tracker.records_dropped;
        stats.tracker_bytes_queued = tracker.bytes_queued;
        stats.tracker_lost = tracker.records_lost + counted(&c->records_lost);
    }
    options_write(out, &stats, sizeof stats);
}

void weir_get_otlp_stats(weir *w, weir_otlp_stats *out) {
    weir_otlp_get_stats(w != NULL ? w->otlp : NULL, out);
}

int weir_get_pipeline_stats(weir *w, size_t index, weir_otlp_stats *out) {
    return weir_otlp_get_pipeline_stats(w != NULL ? w->otlp : NULL, index, out);
}

int weir_each_metric(weir *w, weir_metric_fn *fn, void *data) {
    return weir_otlp_each_metric(w != NULL ? w->otlp : NULL, fn, data);
}

weir_otlp_tracer *weir_tracer(weir *w, const char *name, const char *version) {
    return w != NULL ? weir_otlp_tracer_get(w->otlp, name, version, NULL) : NULL;
}
