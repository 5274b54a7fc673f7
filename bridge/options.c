#include "bridge/options.h"

#include "otlp/common/alloc.h"
#include "otlp/common/env.h"
#include "otlp/common/error.h"
#include "otlp/common/sized.h"

static int apply_mode(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    if ((unsigned)options->streaming_mode > WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS) {
        return error_set(detail, WEIR_E_INVALID,
                         "streaming_mode %d is none of enum weir_streaming_mode",
                         (int)options->streaming_mode);
    }
    w->mode = options->streaming_mode;
    if (w->mode != WEIR_STREAMING_DEFAULT) {
        return 0;
    }
    w->mode = WEIR_STREAMING_SINGLE_SPAN;
    const char *name = env_text("WEIR_STREAMING_MODE");
    if (name != NULL && weir_streaming_mode_parse(name, &w->mode) != 0) {
        return error_set(detail, WEIR_E_INVALID,
                         "WEIR_STREAMING_MODE=%s: use single_span, event, chunk_spans or "
                         "single_and_chunk_spans",
                         name);
    }
    return 0;
}

static void apply_host(const weir_options *options, struct weir *w) {
    weir_otlp_options otlp;
    sized_read(&otlp, sizeof otlp, options->otlp);
    w->clock = clock_or_system(options->clock != NULL ? options->clock : otlp.clock);
    weir_log_level level =
        options->log_level != WEIR_LOG_DEFAULT ? options->log_level : otlp.log_level;
    if (options->log != NULL) {
        logger_init(&w->logger, options->log, options->log_data, level);
    } else {
        logger_init(&w->logger, otlp.log, otlp.log_data, level);
    }
}

static void fill_hooks(const weir_adapter *table, weir_hook_fn *hooks[N_HOOKS]) {
    hooks[WEIR_HOOK_POST_APPLICATION_CREATE] = table->post_application_create;
    hooks[WEIR_HOOK_PRE_RUN_EXECUTE_CALL] = table->pre_run_execute_call;
    hooks[WEIR_HOOK_POST_RUN_EXECUTE_CALL] = table->post_run_execute_call;
    hooks[WEIR_HOOK_PRE_RUN_STEP] = table->pre_run_step;
    hooks[WEIR_HOOK_POST_RUN_STEP] = table->post_run_step;
    hooks[WEIR_HOOK_PRE_START_SPAN] = table->pre_start_span;
    hooks[WEIR_HOOK_POST_END_SPAN] = table->post_end_span;
    hooks[WEIR_HOOK_DO_LOG_ATTRIBUTES] = table->do_log_attributes;
    hooks[WEIR_HOOK_PRE_START_STREAM] = table->pre_start_stream;
    hooks[WEIR_HOOK_PRE_STREAM_GENERATE] = table->pre_stream_generate;
    hooks[WEIR_HOOK_POST_STREAM_GENERATE] = table->post_stream_generate;
    hooks[WEIR_HOOK_POST_STREAM_ITEM] = table->post_stream_item;
    hooks[WEIR_HOOK_POST_END_STREAM] = table->post_end_stream;
}

static int apply_adapters(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    if (options->n_adapters > WEIR_MAX_ADAPTERS) {
        return error_set(detail, WEIR_E_INVALID, "n_adapters is %zu; at most %d are possible",
                         options->n_adapters, WEIR_MAX_ADAPTERS);
    }
    if (options->n_adapters == 0) {
        return 0;
    }
    if (options->adapters == NULL) {
        return error_set(detail, WEIR_E_INVALID, "adapters is NULL but n_adapters is not 0");
    }
    w->guests = mem_zalloc(options->n_adapters * sizeof *w->guests);
    if (w->guests == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for adapters");
    }
    for (size_t i = 0; i < options->n_adapters; i++) {
        if (options->adapters[i] == NULL) {
            return error_set(detail, WEIR_E_INVALID, "adapters[%zu] is NULL", i);
        }
    }
    for (size_t i = 0; i < options->n_adapters; i++) {
        struct guest *guest = &w->guests[i];
        sized_read(&guest->table, sizeof guest->table, options->adapters[i]);
        fill_hooks(&guest->table, guest->hooks);
        for (int hook = 0; hook < N_HOOKS; hook++) {
            w->has_guest[hook] = w->has_guest[hook] || guest->hooks[hook] != NULL;
        }
    }
    w->n_guests = options->n_adapters; /* from here on their destroy is called */
    return 0;
}

int options_apply(const weir_options *options, struct weir *w, weir_error_detail *detail) {
    if (options->otlp != NULL && options->otlp->size == 0) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_otlp_options.size is 0: use WEIR_OTLP_OPTIONS()");
    }
    w->burr_exact = options->burr_exact;
    w->chunk_span_every = options->chunk_span_every;
    w->chunk_span_min_ns = (uint64_t)options->chunk_span_min_ms * 1000000;
    w->chunk_span_max = options->chunk_span_max;
    apply_host(options, w);
    w->project = mem_strdup(options->project != NULL ? options->project : "default");
    if (w->project == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the project's name");
    }
    int error = apply_mode(options, w, detail);
    return error != 0 ? error : apply_adapters(options, w, detail);
}

const char *options_tracker_dir(const weir_options *options) {
    if (options->tracker_dir != NULL) {
        return *options->tracker_dir != '\0' ? options->tracker_dir : NULL;
    }
    return env_text("WEIR_TRACKER_DIR");
}
