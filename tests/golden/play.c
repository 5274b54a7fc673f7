#include "tests/golden/play.h"

#include <string.h>

#include "otlp/common/lock.h"
#include "otlp/common/macro.h"
#include "tests/golden/collect.h"
#include "tests/support/temp.h"

enum { PLAY_FLUSH_MS = 20000, PLAY_CLOSE_MS = 20000 };

/* The last thing that weir said of itself, to explain a failure. */
struct heard {
    struct lock lock; /* guards text */
    char text[256];
};

static void hear(weir_log_level level, const char *message, void *data) {
    struct heard *heard = data;
    (void)level;
    lock_take(&heard->lock);
    size_t length = MIN(strlen(message), sizeof heard->text - 1);
    memcpy(heard->text, message, length);
    heard->text[length] = '\0';
    lock_give(&heard->lock);
}

static const char *with_heard(struct arena *arena, struct heard *heard, const char *what) {
    lock_take(&heard->lock);
    const char *text = heard->text[0] ? arena_format(arena, "%s (%s)", what, heard->text)
                                      : arena_format(arena, "%s", what);
    lock_give(&heard->lock);
    return text;
}

/* A run that loses records or spans proves nothing about them. */
static const char *losses(struct arena *arena, weir *w) {
    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    weir_otlp_stats spans = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &spans);
    uint64_t dropped = spans.rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        dropped += spans.dropped[i];
    }
    if (dropped == 0 && stats.tracker_lost == 0 && stats.refused_json == 0 &&
        stats.no_memory == 0) {
        return NULL;
    }
    return arena_format(arena, "lost: %llu spans, %llu records, %llu refused JSON values",
                        (unsigned long long)dropped, (unsigned long long)stats.tracker_lost,
                        (unsigned long long)stats.refused_json);
}

static const char *play_in(struct arena *arena, weir *w, const struct scenario *scenario,
                           const struct play_options *options, struct fake_clock *clock,
                           const char *directory, struct collector *collector,
                           struct play_result *out) {
    if (options->door == PLAY_HANDLES) {
        play_by_handles(arena, w, clock, scenario);
    } else {
        play_by_emit(w, clock, scenario);
    }
    if (weir_flush(w, PLAY_FLUSH_MS) != 0) {
        return "weir_flush failed";
    }
    const char *fault = losses(arena, w);
    fault = fault ? fault : collector_spans(collector, arena, &out->spans);
    char *root CLEANUP(temp_path_free) = temp_path(directory, SCENARIO_PROJECT);
    out->files = files_read(arena, root);
    return fault;
}

const char *play_scenario(struct arena *arena, const struct scenario *scenario,
                          const struct play_options *options, struct play_result *out) {
    struct fake_clock clock = {scenario->hooks[0].unix_ns, scenario->hooks[0].unix_ns};
    struct heard heard = {0};
    struct collector collector;
    collector_init(&collector);
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    weir_transport transport = collector_transport(&collector);
    weir_clock public_clock = fake_clock_public(&clock);
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error =
        weir_open(&WEIR_OPTIONS(.service_name = "golden", .project = SCENARIO_PROJECT,
                                .streaming_mode = options->mode, .burr_exact = options->burr_exact,
                                .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport),
                                .tracker_dir = directory, .clock = &public_clock, .log = hear,
                                .log_data = &heard, .log_level = WEIR_LOG_WARN),
                  &w, &detail);
    const char *fault =
        error != 0 ? arena_format(arena, "weir_open: %s", detail.message)
                   : play_in(arena, w, scenario, options, &clock, directory, &collector, out);
    if (fault != NULL) {
        fault = with_heard(arena, &heard, fault);
    }
    (void)weir_close(w, PLAY_CLOSE_MS);
    collector_deinit(&collector);
    return fault;
}
