/*
 * fault_scenarios DIR…: plays every recorded run with its nth allocation failing, for every n, by
 * both doors. Nothing may crash or hang, every span must be accounted for, and what reached the log
 * must be whole lines of JSON.
 *
 * It knows nothing of what a run should give: run_scenarios holds that.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "tests/golden/play.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

enum { FLUSH_MS = 20000 };

struct totals {
    size_t n_runs, n_open_failed, n_failed;
};

/* Takes everything; allocates nothing, so that only weir's own allocations fail. */
static int post_accept(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    (void)data;
    (void)body;
    (void)n_bytes;
    (void)deadline_ns;
    (void)detail;
    response->http_status = 200;
    return 0;
}

static void ignore(weir_log_level level, const char *message, void *data) {
    (void)level;
    (void)message;
    (void)data;
}

/* Every line but a torn last one is a JSON object. */
static bool log_is_sound(const char *text, size_t n_bytes) {
    size_t at = 0;
    while (at < n_bytes) {
        const char *end = memchr(text + at, '\n', n_bytes - at);
        if (end == NULL) {
            return false;
        }
        size_t length = (size_t)(end - (text + at));
        if (length == 0 || text[at] != '{' || weir_json_check(text + at, length, NULL) != 0) {
            return false;
        }
        at += length + 1;
    }
    return true;
}

static bool logs_are_sound(const char *directory) {
    char *root CLEANUP(temp_path_free) = temp_path(directory, SCENARIO_PROJECT);
    DIR *apps = opendir(root);
    bool is_sound = true;
    for (struct dirent *app; apps != NULL && (app = readdir(apps)) != NULL;) {
        char *folder CLEANUP(temp_path_free) = temp_path(root, app->d_name);
        char *path CLEANUP(temp_path_free) = temp_path(folder, "log.jsonl");
        size_t n_bytes;
        char *text CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
        is_sound = is_sound && (text == NULL || log_is_sound(text, n_bytes));
    }
    if (apps != NULL) {
        closedir(apps);
    }
    return is_sound;
}

static bool sum_is_exact(const weir_otlp_stats *s) {
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s->dropped[i];
    }
    if (sum != s->started) {
        printf("  started %" PRIu64 " but %" PRIu64 " accounted for\n", s->started, sum);
    }
    return sum == s->started;
}

struct variant {
    struct play_options play;
    bool has_content; /* of every kind, under every profile, mirrored, and asked about */
};

static weir_verdict replace_texts(void *data, const weir_redaction *what, weir_value *replacement) {
    (void)data;
    *replacement = weir_value_string("***");
    return what->value->kind == WEIR_VALUE_STRING ? WEIR_REPLACE : WEIR_KEEP;
}

static void ask_for_content(weir_options *options) {
    options->mirror = true;
    options->conventions = WEIR_CONVENTIONS_GENAI | WEIR_CONVENTIONS_OPENINFERENCE |
                           WEIR_CONVENTIONS_LANGFUSE | WEIR_CONVENTIONS_LEGACY_USAGE;
    options->capture_otlp = options->capture_items = WEIR_CAPTURE_FULL;
    options->capture_tracker = WEIR_CAPTURE_TRUNCATE;
    options->redact = replace_texts;
}

static const char *play_short(struct arena *arena, const struct scenario *scenario,
                              const struct variant *variant, const char *directory,
                              struct totals *totals) {
    const struct play_options *options = &variant->play;
    struct fake_clock clock = {scenario->hooks[0].unix_ns, scenario->hooks[0].unix_ns};
    weir_clock public_clock = fake_clock_public(&clock);
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_accept;
    weir *w = NULL;
    const weir_otlp_options otlp = WEIR_OTLP_OPTIONS(.transport = &transport);
    weir_options all =
        WEIR_OPTIONS(.project = SCENARIO_PROJECT, .streaming_mode = options->mode, .otlp = &otlp,
                     .tracker_dir = directory, .clock = &public_clock, .log = ignore);
    if (variant->has_content) {
        ask_for_content(&all);
    }
    if (weir_open(&all, &w, NULL) != 0) {
        totals->n_open_failed++;
        return w == NULL ? NULL : "weir_open failed and set *out";
    }
    if (options->door == PLAY_HANDLES) {
        play_by_handles(arena, w, &clock, scenario);
    } else {
        play_by_emit(w, &clock, scenario);
    }
    (void)weir_flush(w, FLUSH_MS);
    weir_otlp_stats stats = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &stats);
    (void)weir_close(w, FLUSH_MS);
    return sum_is_exact(&stats) ? NULL : "the spans do not add up";
}

/* One run with its nth allocation failing; false when it made fewer. */
static bool run_once(const struct scenario *scenario, const struct variant *variant, size_t n,
                     struct totals *totals) {
    struct arena arena CLEANUP(arena_free) = {0};
    (void)arena_alloc(&arena, 1); /* a whole block: the test's own memory is not to fail */
    char *directory CLEANUP(temp_dir_remove) = temp_dir_new();
    (void)fault_arm(n, false);
    const char *fault = play_short(&arena, scenario, variant, directory, totals);
    bool has_struck = fault_has_struck();
    fault_disarm();
    if (fault == NULL && !logs_are_sound(directory)) {
        fault = "a log holds a broken line";
    }
    totals->n_runs++;
    if (fault != NULL) {
        totals->n_failed++;
        printf("FAIL %s %s %s, allocation %zu: %s\n", scenario->name,
               weir_streaming_mode_name(variant->play.mode),
               variant->play.door == PLAY_HANDLES ? "handles" : "weir_emit", n, fault);
    }
    return has_struck;
}

/* The mode that makes the most of a stream, and the one that makes the least. */
static const struct variant VARIANTS[] = {
    {{WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS, false, PLAY_HANDLES}, false},
    {{WEIR_STREAMING_EVENT, false, PLAY_EMIT}, false},
    {{WEIR_STREAMING_CHUNK_SPANS, false, PLAY_EMIT}, true},
};

static void run_file(const char *path, struct totals *totals) {
    struct arena arena CLEANUP(arena_free) = {0};
    struct scenario scenario;
    const char *fault = scenario_read(&arena, path, &scenario);
    if (fault != NULL) {
        totals->n_failed++;
        printf("FAIL %s: %s\n", path, fault);
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(VARIANTS); i++) {
        size_t n = 1;
        while (run_once(&scenario, &VARIANTS[i], n, totals)) {
            n++;
        }
    }
}

static void run_directory(const char *directory, struct totals *totals) {
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(entries[i]->d_name);
        if (length > 5 && strcmp(entries[i]->d_name + length - 5, ".json") == 0) {
            char *path CLEANUP(temp_path_free) = temp_path(directory, entries[i]->d_name);
            run_file(path, totals);
        }
        free(entries[i]); /* scandir's, not ours */
    }
    free(entries);
}

int main(int argc, char **argv) {
    struct totals totals = {0};
    (void)setenv("TZ", "UTC", 1);
    for (int i = 1; i < argc; i++) {
        run_directory(argv[i], &totals);
    }
    printf("%zu runs, each with another allocation failing (%zu before weir_open was done): %zu "
           "failed\n",
           totals.n_runs, totals.n_open_failed, totals.n_failed);
    if (fault_is_available() && totals.n_open_failed == 0) {
        printf("FAIL: no allocation of weir_open was made to fail\n");
        return EXIT_FAILURE;
    }
    return totals.n_failed > 0 || totals.n_runs == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
