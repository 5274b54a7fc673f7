/*
 * weir: lifecycle hooks of an application that runs as calls, steps, spans and streams.
 *
 * Handles (weir_app, weir_call, weir_step, weir_span, weir_stream) are opaque values: never
 * dereference them. They carry their context, so there is no "current span" and no thread-local
 * state. What is called with a NULL, a stale or an ended handle does nothing, also after
 * weir_close; that a handle was stale or had ended is counted (stale_handles), a NULL, which a
 * begin that failed gave and counted, is not.
 *
 * Threads: a handle may be used from any thread, by one thread at a time; siblings at the same
 * time. Nothing here waits for the network but weir_flush and weir_close, and these return by their
 * deadline.
 *
 * Processes: after fork() the weir and its apps go on in the child, too. Calls, steps, spans and
 * streams that were open stay the parent's: in the child their handles are stale. The child counts
 * from zero and sends what it records itself, by a thread that starts with its first span. A hook,
 * a log callback or a transport may fork; a clock, a sampler or a processor may not. Children of
 * vfork() and posix_spawn() cost nothing; those of _Fork() may not use the library.
 *
 * Strings are NUL-terminated UTF-8 and copied; invalid UTF-8 is repaired (U+FFFD). JSON text must
 * be one JSON value; NaN and Infinity are refused. What is refused or lost is counted:
 * weir_get_stats. The rules of order, of the four streaming modes and of every hook:
 * bridge/README.md.
 */
#pragma once

#include <weir/error.h>
#include <weir/host.h>
#include <weir/otlp.h>
#include <weir/tracking.h>
#include <weir/value.h>
#include <weir/version.h>

#ifdef __cplusplus
#include <type_traits>
extern "C" {
#endif

typedef struct weir weir;
typedef struct weir_app weir_app;
typedef struct weir_call weir_call;
typedef struct weir_step weir_step;
typedef struct weir_span weir_span;
typedef struct weir_stream weir_stream;
typedef struct weir_handle weir_handle; /* any of the five */

/* An error of the application: type as its language calls it ("ValueError"). NULL pointer: none. */
typedef struct weir_error {
    const char *type; /* NULL: "Error" */
    const char *text; /* NULL: ""; an empty text is still an error */
} weir_error;
#define WEIR_ERROR(type_, text_) ((struct weir_error){(type_), (text_)})

/* What a streaming step becomes in OTLP: the table in bridge/README.md. */
typedef enum weir_streaming_mode {
    WEIR_STREAMING_DEFAULT = 0, /* WEIR_STREAMING_MODE, else single_span */
    WEIR_STREAMING_SINGLE_SPAN,
    WEIR_STREAMING_EVENT,
    WEIR_STREAMING_CHUNK_SPANS,
    WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS
} weir_streaming_mode;
/* The mode of a name (`single_span`, `event`, `chunk_spans`, `single_and_chunk_spans` or `both`).
 * 0, or WEIR_E_INVALID. */
WEIR_API int weir_streaming_mode_parse(const char *name, weir_streaming_mode *out);
/* The name of a mode; "default" for 0, NULL for what is none. */
WEIR_API const char *weir_streaming_mode_name(weir_streaming_mode mode);

typedef enum weir_method {
    WEIR_METHOD_STEP = 1,
    WEIR_METHOD_ASTEP,
    WEIR_METHOD_ITERATE,
    WEIR_METHOD_AITERATE,
    WEIR_METHOD_RUN,
    WEIR_METHOD_ARUN,
    WEIR_METHOD_STREAM_RESULT,
    WEIR_METHOD_ASTREAM_RESULT, /* span and hook say stream_result, as in Burr */
    WEIR_METHOD_STREAM_ITERATE,
    WEIR_METHOD_ASTREAM_ITERATE
} weir_method;
/* `step`, `astep`, `iterate` …; NULL for what is none. */
WEIR_API const char *weir_method_name(weir_method method);

/* ---- adapters ---- */

typedef enum weir_hook {
    WEIR_HOOK_POST_APPLICATION_CREATE = 1,
    WEIR_HOOK_PRE_RUN_EXECUTE_CALL,
    WEIR_HOOK_POST_RUN_EXECUTE_CALL,
    WEIR_HOOK_PRE_RUN_STEP,
    WEIR_HOOK_POST_RUN_STEP,
    WEIR_HOOK_PRE_START_SPAN,
    WEIR_HOOK_POST_END_SPAN,
    WEIR_HOOK_DO_LOG_ATTRIBUTES,
    WEIR_HOOK_PRE_START_STREAM,
    WEIR_HOOK_PRE_STREAM_GENERATE,
    WEIR_HOOK_POST_STREAM_GENERATE,
    WEIR_HOOK_POST_STREAM_ITEM,
    WEIR_HOOK_POST_END_STREAM
} weir_hook;

/* How a pull ended. */
typedef enum weir_pull_outcome {
    WEIR_PULL_NONE = 0,
    WEIR_PULL_PRODUCED,
    WEIR_PULL_EXHAUSTED,
    WEIR_PULL_FAILED
} weir_pull_outcome;

/*
 * One lifecycle event. Strings and values are borrowed for the call. Which fields a hook fills is
 * in the table of bridge/README.md; the others are 0 or NULL.
 */
typedef struct weir_lifecycle_event {
    size_t size;
    weir_hook hook;
    uint64_t unix_ns;      /* 0 in weir_emit: now */
    uint64_t monotonic_ns; /* 0 in weir_emit: now, or unix_ns when that is given */
    const char *app_id;
    const char *partition_key;
    weir_method method;
    const char *action;
    int64_t sequence_id;
    bool streams; /* pre_run_step: the action is a streaming one */
    const weir_value *inputs, *result, *state;
    const weir_error *error;
    const char *span_uid, *span_name, *parent_span_uid;
    const char *const *span_dependencies; /* NULL-terminated; NULL: none */
    const weir_key_value *attributes;
    size_t n_attributes;
    /* generate hooks: of the pull; post_stream_item: of the item; both from 0 */
    uint64_t item_index;
    weir_pull_outcome outcome; /* post_stream_generate */
    const weir_value *item;    /* NULL: none, or not given */
    uint64_t stream_initialize_unix_ns;
    uint64_t first_item_unix_ns;
    const weir_graph *graph;
    const weir_pointer *parent, *spawning_parent;
} weir_lifecycle_event;
#define WEIR_LIFECYCLE_EVENT(...)                                                                  \
    ((struct weir_lifecycle_event){.size = sizeof(struct weir_lifecycle_event), __VA_ARGS__})

/* 0, or negative: counted, and logged once per adapter; the other adapters still run. */
typedef int weir_hook_fn(void *data, const weir_lifecycle_event *event);

/*
 * An integrator's own receiver of events: a table whose NULL members are skipped. Called on the
 * thread of the event, with no lock held, after the tracker and the OTLP bridge, in the order
 * given. A hook may call weir; those events reach the other adapters only. C++ exceptions must not
 * leave it.
 */
typedef struct weir_adapter {
    size_t size;
    void *data;
    weir_hook_fn *post_application_create;
    weir_hook_fn *pre_run_execute_call;
    weir_hook_fn *post_run_execute_call;
    weir_hook_fn *pre_run_step;
    weir_hook_fn *post_run_step;
    weir_hook_fn *pre_start_span;
    weir_hook_fn *post_end_span;
    weir_hook_fn *do_log_attributes;
    weir_hook_fn *pre_start_stream;
    weir_hook_fn *pre_stream_generate;
    weir_hook_fn *post_stream_generate;
    weir_hook_fn *post_stream_item;
    weir_hook_fn *post_end_stream;
    void (*destroy)(void *data); /* the last call, from weir_close */
} weir_adapter;
#define WEIR_ADAPTER(...) ((struct weir_adapter){.size = sizeof(struct weir_adapter), __VA_ARGS__})

/* ---- conventions, and what is kept of content ---- */

/*
 * Which attribute names spans carry besides Burr's, or-ed. A profile adds names, never renames or
 * replaces; what the application sets itself always wins. The table is in bridge/README.md.
 */
enum {
    WEIR_CONVENTIONS_BURR = 1,          /* always on; alone: only these, whatever the environment */
    WEIR_CONVENTIONS_GENAI = 2,         /* OpenTelemetry's gen_ai.* */
    WEIR_CONVENTIONS_OPENINFERENCE = 4, /* Phoenix */
    WEIR_CONVENTIONS_LANGFUSE = 8,
    WEIR_CONVENTIONS_LEGACY_USAGE = 16 /* the older token names, which Burr's page adds up */
};
/*
 * The bits of a comma list of names (`burr`, `genai`, `openinference`, `langfuse`, `legacy_usage`);
 * blanks around a name are fine. 0, or WEIR_E_INVALID (*out untouched).
 */
WEIR_API int weir_conventions_parse(const char *names, unsigned *out);

/* How much is kept of content: inputs, results, states, items. */
typedef enum weir_capture {
    WEIR_CAPTURE_DEFAULT = 0,
    WEIR_CAPTURE_NONE,
    WEIR_CAPTURE_TRUNCATE, /* texts over capture_max_chars are cut inside their JSON, which stays
                              valid JSON */
    WEIR_CAPTURE_FULL
} weir_capture;

typedef enum weir_destination { WEIR_TO_TRACKER = 1, WEIR_TO_OTLP } weir_destination;
typedef enum weir_content {
    WEIR_CONTENT_INPUTS = 1,
    WEIR_CONTENT_RESULT,
    WEIR_CONTENT_STATE,
    WEIR_CONTENT_ATTRIBUTE, /* also of weir_event */
    WEIR_CONTENT_ITEM       /* of a stream; to OTLP only */
} weir_content;
typedef enum weir_verdict {
    WEIR_KEEP = 0, /* and look inside, if it is an object or a list */
    WEIR_REPLACE,  /* by *replacement */
    WEIR_DROP      /* leave it out, with its key */
} weir_verdict;

/* What a redaction function is asked about. All is borrowed for the call. */
typedef struct weir_redaction {
    size_t size;
    weir_destination destination;
    weir_content content;
    const char *app_id;
    const char *action;
    int64_t sequence_id;
    /*
     * An attribute's key. Of the others: "" for the whole, else where in it, as "user.name" and
     * "messages.0.text"; cut when longer than 1,023 bytes.
     */
    const char *path;
    /* Texts as WEIR_VALUE_STRING, objects, lists and numbers of JSON as WEIR_VALUE_JSON. */
    const weir_value *value;
} weir_redaction;

/*
 * Decides about one piece of content on its way to one destination. The whole is asked about first;
 * if it is kept, each member and item inside, from the outside in. Keys of a state that begin with
 * "__" are the framework's and are not asked about. Called on the thread of the event, by several
 * at once, with no lock held; it may call weir. What *replacement points to must stay until the
 * call of weir's that is under way on this thread has returned, or until the next question. A
 * result that is none of enum weir_verdict, a replacement that is no sound value, or is no object
 * where one is needed: dropped, and counted (refused_values). Adapters of the host see everything.
 */
typedef weir_verdict weir_redact_fn(void *data, const weir_redaction *what,
                                    weir_value *replacement);

/* ---- weir ---- */

typedef struct weir_options {
    size_t size;
    const char *service_name; /* beats otlp->service_name; NULL: that, or its default */
    const char *project;      /* burr.project; names the tracker's folder; NULL: "default" */
    weir_streaming_mode streaming_mode;
    bool burr_exact; /* spans and files as the reference makes them: bridge/README.md */
    const weir_otlp_options *otlp; /* NULL: defaults and environment */
    bool otlp_off;
    /* "~/.burr" is accepted; NULL: WEIR_TRACKER_DIR; both unset: no tracker */
    const char *tracker_dir;
    uint32_t file_mode;                  /* of the tracker's files; 0: 0600 */
    const char *tracer_name;             /* scope of the spans; NULL: "weir.bridge" */
    uint32_t chunk_span_every;           /* chunk spans for pulls 0, k, 2k …; 0: all */
    uint32_t chunk_span_min_ms;          /* none for shorter pulls; 0: all */
    uint32_t chunk_span_max;             /* the first so many of a stream; 0: all */
    const weir_adapter *const *adapters; /* tables are copied */
    size_t n_adapters;
    const weir_clock *clock; /* NULL: otlp->clock, or the system's; copied */
    weir_log_fn *log;        /* NULL: otlp->log, or warnings to stderr, one line a cause a minute */
    void *log_data;
    weir_log_level log_level;
    unsigned conventions; /* WEIR_CONVENTIONS_…; 0: WEIR_CONVENTIONS, else Burr's only */
    /* Each else by its variable (WEIR_CAPTURE_OTLP, …: none, truncate, full), else the default: */
    weir_capture capture_otlp;    /* inputs, results and states on spans: none */
    weir_capture capture_tracker; /* in Burr's files: full. Less than that: no resuming */
    weir_capture capture_items;   /* content of streams, on spans or events: none */
    uint32_t capture_max_chars;   /* of WEIR_CAPTURE_TRUNCATE: 1024 */
    weir_redact_fn *redact;       /* NULL: nothing is asked */
    void *redact_data;            /* must outlive the weir */
    /* event mode: the stream's sums also as attributes of the method span, for backends that drop
     * events */
    bool stream_event_attributes;
    /* Records are written by a thread: weir_tracker_options.async and .queue_max_bytes. */
    bool tracker_async;
    size_t tracker_queue_bytes;
    /*
     * Spans of the host's own (weir_tracer) whose context came from a step, a span or a stream, and
     * those below them, are recorded in Burr's files too, while their step is open.
     */
    bool mirror;
} weir_options;
#define WEIR_OPTIONS(...) ((struct weir_options){.size = sizeof(struct weir_options), __VA_ARGS__})

/*
 * Opens. *out is set last and untouched on failure; end it with weir_close. `options` NULL:
 * defaults; else made by WEIR_OPTIONS, which sets .size. WEIR_E_INVALID (detail names the option),
 * WEIR_E_NO_MEMORY, WEIR_E_IO, WEIR_E_UNSUPPORTED (HTTP is not built in and no other output is
 * given). Without a detail, why it failed is logged.
 */
WEIR_API int weir_open(const weir_options *options, weir **out, weir_error_detail *detail);
/* Sends what has ended, and with tracker_async writes what waits, within timeout_ms. 0,
 * WEIR_E_TIMEOUT, or WEIR_E_IO (given up). NULL: 0. */
WEIR_API int weir_flush(weir *w, uint32_t timeout_ms);
/*
 * With .otlp = &WEIR_OTLP_OPTIONS(.no_thread = true): what the host's event loop polls, and calls
 * when it is readable; see weir_otlp_poll_fd and weir_otlp_tick. NULL, or without OTLP: -1.
 */
WEIR_API int weir_poll_fd(weir *w);
WEIR_API int64_t weir_tick(weir *w);
/*
 * Ends what is open, flushes, frees; returns within timeout_ms whatever the peer does. 0;
 * WEIR_E_TIMEOUT when spans, or records of a tracker_async, were lost to the deadline; WEIR_E_IO
 * when spans were given up for good, or rejected, since the last flush. NULL: 0. `w` is gone
 * afterwards; its handles are stale.
 */
WEIR_API int weir_close(weir *w, uint32_t timeout_ms);

/* Counters of the lifecycle since weir_open; exact while no call is in progress. */
typedef struct weir_stats {
    size_t size;
    /* calls with a handle that had ended, or never was one (process-wide) */
    uint64_t stale_handles;
    uint64_t out_of_order;   /* calls ignored because their order made no sense */
    uint64_t refused_json;   /* JSON that did not parse, or was no object where one is needed */
    uint64_t refused_values; /* attributes without a key, names that are NULL, options (taken for
                                none) and events of a wrong size */
    uint64_t left_open;      /* steps, spans, streams and calls still open when their app ended */
    uint64_t no_memory;      /* begins that failed for want of memory */
    uint64_t tracker_written, tracker_lost; /* records; graph.json and metadata.json count too */
    uint64_t adapter_faults;                /* hooks of adapters that returned a negative number */
    uint64_t tracker_dropped; /* of tracker_lost: with tracker_async, because the queue was full */
    uint64_t tracker_bytes_queued;
    uint64_t mirrored;    /* spans of the host's own that are in Burr's files, from begin to end */
    uint64_t mirror_lost; /* those that began or ended too late for their step, or found no room */
} weir_stats;
#define WEIR_STATS() ((struct weir_stats){.size = sizeof(struct weir_stats)})
/* Fills *out as far as its .size goes (WEIR_STATS). NULL w: zeros, but for stale_handles. */
WEIR_API void weir_get_stats(weir *w, weir_stats *out);
/* Those of its spans on their way out, as weir_otlp_get_stats; zeros without OTLP, and for NULL. */
WEIR_API void weir_get_otlp_stats(weir *w, weir_otlp_stats *out);
/* The same as one of several pipelines sees them, as weir_otlp_get_pipeline_stats (its errors). */
WEIR_API int weir_get_pipeline_stats(weir *w, size_t index, weir_otlp_stats *out);
/* The metrics otel.sdk.* of its OTLP side, as weir_otlp_each_metric; none without one. */
WEIR_API int weir_each_metric(weir *w, weir_metric_fn *fn, void *data);

/*
 * For bindings that have hooks of their own: takes one event, finds its object by the ids in it (or
 * makes it, on begin hooks) and goes the same way as the calls below, under the same rules of
 * order.
 */
WEIR_API void weir_emit(weir *w, const weir_lifecycle_event *event);

/*
 * What came in with a request, by the propagators in force; then .remote_parent = &out.context for
 * an app, where it is valid. As weir_otlp_extract.
 */
WEIR_API int weir_extract(weir *w, weir_carrier_get_fn *get, void *carrier, weir_propagated *out);

/* A tracer of the same pipeline, for the host's own spans. Owned by `w`. NULL when OTLP is off. */
WEIR_API weir_otlp_tracer *weir_tracer(weir *w, const char *name, const char *version);

/* ---- apps ---- */

typedef struct weir_app_options {
    size_t size;
    const char *app_id; /* [A-Za-z0-9_:.-]{1,255}, not "." or ".."; NULL: a UUIDv4 */
    const char *partition_key;
    const char *state;             /* JSON object; NULL: {} */
    const weir_value *state_value; /* instead of text */
    const weir_graph *graph;       /* copied */
    const weir_pointer *parent;    /* fork: where the state was loaded from */
    const weir_pointer *spawning_parent;
    weir_step *spawning_step; /* instead of ids: a step of an app of the same weir */
    const char *traceparent;  /* remote parent of the calls' spans */
    const char *tracestate;
    bool has_first_sequence_id;
    int64_t first_sequence_id;              /* else the state's __SEQUENCE_ID + 1, else 0 */
    const weir_otlp_context *remote_parent; /* instead of traceparent: what weir_extract found */
} weir_app_options;
#define WEIR_APP_OPTIONS(...)                                                                      \
    ((struct weir_app_options){.size = sizeof(struct weir_app_options), __VA_ARGS__})
/* NULL when it could not be made: a bad id (logged), no memory, w NULL. `options` may be NULL. */
WEIR_API weir_app *weir_app_new(weir *w, const weir_app_options *options);
/* Ends what is open in it (counted). */
WEIR_API void weir_app_free(weir_app *app);
/* Copies the id, cut to out_bytes with its NUL; returns its length, 0 for a stale handle. */
WEIR_API size_t weir_app_id(weir_app *app, char *out, size_t out_bytes);

/* ---- calls and steps ---- */

typedef struct weir_call_options {
    size_t size;
    bool parallel; /* a call of its own, although another call of the app is open */
} weir_call_options;
#define WEIR_CALL_OPTIONS(...)                                                                     \
    ((struct weir_call_options){.size = sizeof(struct weir_call_options), __VA_ARGS__})
/* A call begun while another one of the app is open is silent: no span, its steps belong to the
 * outer one. */
WEIR_API weir_call *weir_call_begin(weir_app *app, weir_method method);
WEIR_API weir_call *weir_call_begin_with(weir_app *app, weir_method method,
                                         const weir_call_options *options);
/* Ends the call, and its method span by this error, which may be NULL: none. */
WEIR_API void weir_call_end(weir_call *call, const weir_error *error);

typedef struct weir_step_options {
    size_t size;
    bool streams;       /* says that a stream will begin; the graph's action may say so too */
    const char *inputs; /* JSON object; NULL: {} */
    const weir_value *inputs_value; /* instead of text */
    bool has_sequence_id; /* false: the next one; true: this one, and the app counts on from it */
    int64_t sequence_id;
} weir_step_options;
#define WEIR_STEP_OPTIONS(...)                                                                     \
    ((struct weir_step_options){.size = sizeof(struct weir_step_options), __VA_ARGS__})
/*
 * Begins a step of the call, or, if that one is silent, of the one it is silent under. NULL when
 * none could be begun: a NULL action (refused_values), a stale call (stale_handles), an app that is
 * being closed (out_of_order), no memory (no_memory), or a NULL call, which counts nowhere.
 * `options` may be NULL.
 */
WEIR_API weir_step *weir_step_begin(weir_call *call, const char *action,
                                    const weir_step_options *options);

typedef struct weir_step_result {
    size_t size;
    const char *result; /* JSON; NULL: null */
    const weir_value *result_value;
    const char *state; /* JSON object; NULL: the last one known */
    const weir_value *state_value;
    const weir_error *error;
} weir_step_result;
#define WEIR_STEP_RESULT(...)                                                                      \
    ((struct weir_step_result){.size = sizeof(struct weir_step_result), __VA_ARGS__})
/* `result` may be NULL: no result, no new state, no error. */
WEIR_API void weir_step_end(weir_step *step, const weir_step_result *result);
/* -1 for a stale handle. */
WEIR_API int64_t weir_step_sequence_id(weir_step *step);

/* ---- spans and attributes; the calls without underscore are below ---- */

/*
 * What weir_span_begin calls: begins a span in a step, or below another span. `dependencies` are
 * names, ended by a NULL, and are copied; NULL: none. NULL when none could be begun, and counted as
 * for a step.
 */
WEIR_API weir_span *weir_step_span_begin(weir_step *parent, const char *name,
                                         const char *const *dependencies);
WEIR_API weir_span *weir_span_span_begin(weir_span *parent, const char *name,
                                         const char *const *dependencies);
WEIR_API void weir_span_end(weir_span *span);

WEIR_API void weir_set_string_(weir_handle *target, const char *key, const char *value);
WEIR_API void weir_set_bool_(weir_handle *target, const char *key, bool value);
WEIR_API void weir_set_int_(weir_handle *target, const char *key, int64_t value);
WEIR_API void weir_set_uint_(weir_handle *target, const char *key, uint64_t value);
WEIR_API void weir_set_double_(weir_handle *target, const char *key, double value);
WEIR_API void weir_set_value_(weir_handle *target, const char *key, weir_value value);
WEIR_API void weir_set_json_(weir_handle *target, const char *key, const char *json);
WEIR_API void weir_set_all_(weir_handle *target, const weir_key_value *attributes,
                            size_t n_attributes);
WEIR_API void weir_event_(weir_handle *target, const char *name, const weir_key_value *attributes,
                          size_t n_attributes);
WEIR_API void weir_set_error_(weir_handle *target, const weir_error *error);
WEIR_API bool weir_traceparent_(weir_handle *handle, char out[56]);
WEIR_API weir_otlp_context weir_context_(weir_handle *handle);
WEIR_API void weir_inject_(weir_handle *handle, const weir_baggage *baggage,
                           weir_carrier_set_fn *set, void *carrier);

/* ---- streams ---- */

/* One at a time for a step; a second one continues its index and summary. */
WEIR_API weir_stream *weir_stream_begin(weir_step *step);
WEIR_API void weir_stream_pull(weir_stream *stream);
WEIR_API void weir_stream_produced(weir_stream *stream);
WEIR_API void weir_stream_exhausted(weir_stream *stream);
WEIR_API void weir_stream_failed(weir_stream *stream, const weir_error *error);
/* The same, with what was produced: for adapters, and for spans if capture_items asks for it. */
WEIR_API void weir_stream_produced_value(weir_stream *stream, weir_value value);
/* The consumer has a produced value. */
WEIR_API void weir_stream_item(weir_stream *stream);
/* produced and item at once. */
WEIR_API void weir_stream_yield(weir_stream *stream);
WEIR_API void weir_stream_yield_value(weir_stream *stream, weir_value value);
/* Only marks; weir_stream_end still ends it. */
WEIR_API void weir_stream_abandon(weir_stream *stream);
WEIR_API void weir_stream_end(weir_stream *stream);

#ifdef __cplusplus
}
#endif

/* clang-format off */
/*
 * The calls that take a step or a span (`target`), or any handle:
 *
 *   weir_set(target, key, value)                  value: text, number, weir_value. In C11 `true` is
 *                                                 an int: booleans need weir_set_bool (C++ knows)
 *   weir_set_bool(target, key, value)             … and _int, _uint, _double, _string, _value
 *   weir_set_json(target, key, json)              text that is checked and taken as JSON
 *   weir_set_all(target, {"k", value}, …)         several at one time; in C++ a braced list
 *   weir_event(target, name, attributes, n)       an event on its OTLP span
 *   weir_set_error(target, error)                 ERROR on its OTLP span; NULL: nothing
 *   weir_span_begin(parent, name, dependencies)   parent: a step or a span
 *   weir_traceparent(handle, out)                 of the span that a span opened below it now would
 *                                                 have as parent; false and "" if none
 *   weir_context(handle)                          the same as a struct; all zero if none
 *   weir_inject(handle, baggage, set, carrier)    the same, and baggage (may be NULL), into the
 *                                                 fields of a carrier: weir_otlp_inject
 */
/* clang-format on */
#ifndef __cplusplus

/* clang-format off */
#define WEIR_TARGET_(t) _Generic((t), weir_step *: (weir_handle *)(t), weir_span *: (weir_handle *)(t))
#define WEIR_ANY_(h)                                                                         \
    _Generic((h), weir_app *: (weir_handle *)(h), weir_call *: (weir_handle *)(h),           \
             weir_step *: (weir_handle *)(h), weir_span *: (weir_handle *)(h),               \
             weir_stream *: (weir_handle *)(h))
#define weir_set(target, key, value)                                                         \
    _Generic((value), char *: weir_set_string_, const char *: weir_set_string_,              \
             bool: weir_set_bool_, char: weir_set_int_, signed char: weir_set_int_,          \
             short: weir_set_int_, int: weir_set_int_, long: weir_set_int_,                  \
             long long: weir_set_int_, unsigned char: weir_set_uint_,                        \
             unsigned short: weir_set_uint_, unsigned: weir_set_uint_,                       \
             unsigned long: weir_set_uint_, unsigned long long: weir_set_uint_,              \
             float: weir_set_double_, double: weir_set_double_,                              \
             weir_value: weir_set_value_)(WEIR_TARGET_(target), (key), (value))
/* clang-format on */
#define weir_set_string(target, key, value) weir_set_string_(WEIR_TARGET_(target), (key), (value))
#define weir_set_bool(target, key, value) weir_set_bool_(WEIR_TARGET_(target), (key), (value))
#define weir_set_int(target, key, value) weir_set_int_(WEIR_TARGET_(target), (key), (value))
#define weir_set_uint(target, key, value) weir_set_uint_(WEIR_TARGET_(target), (key), (value))
#define weir_set_double(target, key, value) weir_set_double_(WEIR_TARGET_(target), (key), (value))
#define weir_set_value(target, key, value) weir_set_value_(WEIR_TARGET_(target), (key), (value))
#define weir_set_json(target, key, json) weir_set_json_(WEIR_TARGET_(target), (key), (json))
#define weir_set_all(target, ...)                                                                  \
    weir_set_all_(WEIR_TARGET_(target), (const weir_key_value[]){__VA_ARGS__},                     \
                  sizeof((const weir_key_value[]){__VA_ARGS__}) / sizeof(weir_key_value))
#define weir_event(target, name, attributes, n_attributes)                                         \
    weir_event_(WEIR_TARGET_(target), (name), (attributes), (n_attributes))
#define weir_set_error(target, error) weir_set_error_(WEIR_TARGET_(target), (error))
#define weir_traceparent(handle, out) weir_traceparent_(WEIR_ANY_(handle), (out))
#define weir_context(handle) weir_context_(WEIR_ANY_(handle))
#define weir_inject(handle, baggage, set, carrier)                                                 \
    weir_inject_(WEIR_ANY_(handle), (baggage), (set), (carrier))
#define weir_span_begin(parent, name, dependencies)                                                \
    _Generic((parent), weir_step *                                                                 \
             : weir_step_span_begin, weir_span *                                                   \
             : weir_span_span_begin)((parent), (name), (dependencies))

/* End on leaving the scope; after an explicit end they do nothing. Only the stream's abandons. */
static inline void weir_cleanup_call_(weir_call **call) {
    weir_call_end(*call, NULL);
}
static inline void weir_cleanup_step_(weir_step **step) {
    weir_step_end(*step, NULL);
}
static inline void weir_cleanup_span_(weir_span **span) {
    weir_span_end(*span);
}
static inline void weir_cleanup_stream_(weir_stream **stream) {
    weir_stream_abandon(*stream);
    weir_stream_end(*stream);
}
#define WEIR_SCOPED_CALL __attribute__((cleanup(weir_cleanup_call_))) weir_call
#define WEIR_SCOPED_STEP __attribute__((cleanup(weir_cleanup_step_))) weir_step
#define WEIR_SCOPED_SPAN __attribute__((cleanup(weir_cleanup_span_))) weir_span
#define WEIR_SCOPED_STREAM __attribute__((cleanup(weir_cleanup_stream_))) weir_stream

#else

#include <weir/weir_cpp.h>

#endif
