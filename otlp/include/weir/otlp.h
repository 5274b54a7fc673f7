/*
 * OpenTelemetry spans and their way out as OTLP, usable without the lifecycle API.
 *
 * provider (weir_otlp) -> tracer -> span -> batch -> exporter -> transport. A span is encoded while
 * it is built, in one pass; ended spans lie in bounded memory until one exporter thread sends them.
 *
 * Threads: every function may be called from any thread; one span by one thread at a time.
 * Handles: weir_otlp_span is opaque and checked: what is called with a NULL, a stale or an ended
 * one does nothing, also after weir_otlp_close; all but NULL are counted (stale_handles). A
 * weir_otlp and its tracers are plain pointers that die with the close. Nothing here waits for the
 * network but flush and close, and these return by their deadline.
 *
 * Processes: after fork() a weir_otlp and its tracers go on in the child, too. Spans that were open
 * or not sent yet stay the parent's: in the child they are stale, and counted as dropped
 * (WEIR_DROP_FORKED_CHILD); all other counters begin at zero. The child's thread starts with its
 * first span, over a connection of its own. A child of _Fork() may not use the library.
 */
#pragma once

#include <weir/error.h>
#include <weir/host.h>
#include <weir/metrics.h>
#include <weir/processor.h>
#include <weir/propagation.h>
#include <weir/sampler.h>
#include <weir/trace.h>
#include <weir/value.h>
#include <weir/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a transport got for one request. It comes with .size and with retry_after_ms at -1, all else
 * 0, and is filled member by member, as far as .size goes.
 */
typedef struct weir_transport_response {
    size_t size;
    int http_status;        /* 200 for transports that are not HTTP */
    int64_t retry_after_ms; /* the peer asked not to come back before; -1: not given */
    /* An ExportTraceServiceResponse, or with a failure a google.rpc.Status, in protobuf whatever
     * the peer spoke; borrowed until the next post, and may be NULL when n_bytes is 0. */
    const uint8_t *body;
    size_t n_bytes;
    bool has_grpc_status; /* then grpc_status decides, not http_status (C7) */
    int grpc_status;      /* 0: OK */
    bool has_retry_info;  /* with retry_after_ms: a status that is retried only so (C17) */
} weir_transport_response;

/* What advance returns while the answer has not come. */
enum { WEIR_PENDING = 1 };

/*
 * Sends one request body: an ExportTraceServiceRequest in protobuf.
 * All calls but cancel come from one thread at a time (the exporter's; the host's own, if it drives
 * the pipeline itself), with no lock held (E63). weir's own transports (HTTP, gRPC, files, the
 * console) need this too, and each pipeline has one of its own.
 */
typedef struct weir_transport {
    size_t size;
    /*
     * Sends `body` (borrowed for the call) and waits for the answer, at most until
     * `deadline_monotonic_ns` of CLOCK_MONOTONIC, whatever clock the spans use. 0 when an answer
     * came (any status; *response filled); WEIR_E_TIMEOUT, or WEIR_E_IO when there was no answer,
     * both worth a retry; WEIR_E_TOO_LARGE for an answer over its bound, WEIR_E_INVALID for a
     * request that can never be sent, WEIR_E_NO_MEMORY, all three not retried. `detail` is for the
     * log: filled on failure, and with an answer when there is more to say of it than its status
     * (where a redirect leads).
     */
    int (*post)(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns,
                weir_transport_response *response, weir_error_detail *detail);
    /* Any thread: a post under way must give up soon (WEIR_E_TIMEOUT). NULL: post never waits. */
    void (*cancel)(void *data);
    /*
     * The last call; NULL: nothing to do. It comes before weir_otlp_close returns, unless post did
     * not come back by the deadline of the close: then after post, whenever that is.
     */
    void (*destroy)(void *data);
    void *data;
    bool is_disk; /* it writes a file: failures are not retried, and counted as WEIR_DROP_DISK */
    /*
     * NULL: what post gets is the request itself. Else called once a request, before its attempts:
     * *out gets what every attempt is to post (compressed, framed, in JSON), owned by the transport
     * and valid until the next prepare. 0; WEIR_E_TOO_LARGE (over the peer's limit),
     * WEIR_E_NO_MEMORY, WEIR_E_SYNTAX: the request is given up, with words in `detail`. `body`
     * stays valid until then too, and *out may be the same.
     */
    int (*prepare)(void *data, const uint8_t *body, size_t n_bytes, const uint8_t **out,
                   size_t *n_out, weir_error_detail *detail);
    /*
     * For hosts without a thread for us: a post in steps that wait for nothing. All three or none;
     * without them such a host can only post and wait. start begins (body borrowed until the answer
     * has come; 0, or as post); advance does what can be done now: WEIR_PENDING, else as post
     * returns; poll_fd is readable when advance has something to do (-1: not known, call it again
     * soon) and is to be asked for anew after each call.
     */
    int (*start)(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_monotonic_ns);
    int (*advance)(void *data, weir_transport_response *response, weir_error_detail *detail);
    int (*poll_fd)(void *data);
    /*
     * In a forked child, on the thread that forked, before any other call there: the connections
     * are the parent's. Forget them without a word to the peer; a post that was under way never
     * comes back. NULL: nothing to do, the child posts as the parent does.
     */
    void (*after_fork)(void *data);
} weir_transport;
#define WEIR_TRANSPORT_INIT                                                                        \
    { sizeof(struct weir_transport), NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL }

/*
 * Limits of one span (E44). A limit counts only with its has_ flag; else its default holds. A limit
 * of a later release would be a member of weir_otlp_options.
 */
typedef struct weir_otlp_limits {
    bool has_max_attributes;
    uint32_t max_attributes; /* 128 */
    bool has_max_events;
    uint32_t max_events; /* 128 */
    bool has_max_links;
    uint32_t max_links; /* 128 */
    bool has_max_event_attributes;
    uint32_t max_event_attributes; /* 128, for one event */
    bool has_max_link_attributes;
    uint32_t max_link_attributes; /* 128, for one link */
    bool has_max_value_chars;
    uint32_t max_value_chars; /* no limit; characters of a string, bytes of a byte array (E46) */
} weir_otlp_limits;

/* How requests are written. 0 stands for what the environment says, else for the default. */
typedef enum weir_otlp_protocol {
    WEIR_OTLP_PROTOCOL_DEFAULT = 0,       /* OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf */
    WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF = 1, /* port 4318 */
    WEIR_OTLP_PROTOCOL_HTTP_JSON = 2,     /* port 4318 */
    WEIR_OTLP_PROTOCOL_GRPC = 3           /* port 4317 */
} weir_otlp_protocol;

typedef enum weir_otlp_compression {
    WEIR_OTLP_COMPRESSION_DEFAULT = 0, /* OTEL_EXPORTER_OTLP_COMPRESSION, else none */
    WEIR_OTLP_COMPRESSION_NONE = 1,
    WEIR_OTLP_COMPRESSION_GZIP = 2, /* every OTLP server takes it (B5) */
    WEIR_OTLP_COMPRESSION_ZSTD = 3  /* some do */
} weir_otlp_compression;

typedef enum weir_otlp_tls_version {
    WEIR_OTLP_TLS_DEFAULT = 0, /* 1.2 */
    WEIR_OTLP_TLS_1_2 = 1,
    WEIR_OTLP_TLS_1_3 = 2
} weir_otlp_tls_version;

/*
 * What the resource may say of itself when it is asked to, beneath OTEL_RESOURCE_ATTRIBUTES and
 * what is given in code; found out once, at open.
 */
typedef enum weir_detector {
    WEIR_DETECT_PROCESS = 1,  /* process.pid, .executable.*, .owner, .runtime.* */
    WEIR_DETECT_HOST = 2,     /* host.name, .arch, .id; os.* */
    WEIR_DETECT_INSTANCE = 4, /* service.instance.id: a random UUID */
    WEIR_DETECT_COMMAND = 8   /* process.command_args, which may hold secrets */
} weir_detector;

/* A field marked [pipeline] counts in `pipelines` too; every other one is of the whole. */
typedef struct weir_otlp_options {
    size_t size;
    const char *service_name; /* NULL: OTEL_SERVICE_NAME, else unknown_service:<program> */
    const weir_key_value
        *resource; /* beats OTEL_RESOURCE_ATTRIBUTES; not copied after open returns */
    size_t n_resource;
    const char *resource_schema_url;
    /* base URL (B37); NULL: environment, else http://localhost:4318 [pipeline] */
    const char *endpoint;
    const char *traces_endpoint; /* used as it is (B36); beats endpoint [pipeline] */
    /* "name: value", NULL-terminated list; beats the environment's by name [pipeline] */
    const char *const *headers;
    const char *output_path; /* JSON Lines file instead of HTTP; "-": standard output [pipeline] */
    const weir_transport *transport; /* the host's own instead; copied, destroyed at close
                                        [pipeline] */
    bool has_timeout_ms;             /* [pipeline] */
    uint32_t timeout_ms; /* one request, retries included; 10,000; 0: no limit (D7) [pipeline] */
    bool has_schedule_delay_ms;
    uint32_t schedule_delay_ms; /* 5,000: how long an ended span may wait for company */
    uint32_t max_export_spans;  /* spans in a request; 0: 512 */
    size_t max_queue_bytes;     /* memory of ended spans; 0: 4 MiB; at least 64 KiB */
    size_t max_span_bytes;      /* one encoded span; 0: 1 MiB */
    uint64_t max_queue_spans;   /* 0: OTEL_BSP_MAX_QUEUE_SIZE if set, else no count limit */
    weir_otlp_limits limits;
    const weir_clock *clock; /* NULL: the system's; copied */
    weir_log_fn *log;        /* NULL: warnings to stderr, one line a cause a minute */
    void *log_data;
    weir_log_level log_level;
    bool has_disabled; /* else OTEL_SDK_DISABLED */
    bool disabled;     /* nothing is recorded or sent; a parent's context still goes on (D20) */
    bool has_export_timeout_ms;
    uint32_t export_timeout_ms; /* 30,000; the same as timeout_ms: the sooner counts; 0: no limit */
    /* NULL: OTEL_TRACES_SAMPLER, else parent-based with always-on at the root (E34). Taken over
     * when the open succeeds. */
    const weir_sampler *sampler;
    const weir_id_generator *id_generator;   /* NULL: random ids of weir's own; copied */
    const weir_processor *const *processors; /* called in this order; copied; at most 16 */
    size_t n_processors;
    uint32_t detectors; /* enum weir_detector, or-ed; none by default */
    /* "tracecontext", "baggage", both with a comma between, or "none"; NULL: OTEL_PROPAGATORS, else
     * "tracecontext,baggage" */
    const char *propagators;
    weir_otlp_protocol protocol;       /* [pipeline] */
    weir_otlp_compression compression; /* [pipeline] */
    /* [pipeline] Of TLS, as PEM files; NULL: the variables OTEL_EXPORTER_OTLP_CERTIFICATE,
     * …_CLIENT_CERTIFICATE, …_CLIENT_KEY, else the system's authorities and no certificate. */
    const char *ca_file;
    const char *client_certificate_file;   /* with the chain, if there is one [pipeline] */
    const char *client_key_file;           /* without a password [pipeline] */
    weir_otlp_tls_version min_tls_version; /* [pipeline] */
    bool has_insecure;                     /* [pipeline] */
    bool insecure;     /* [pipeline] gRPC to an endpoint without scheme: no TLS (D12); false */
    const char *proxy; /* [pipeline] URL; NULL: http_proxy, https_proxy, no_proxy; "": none */
    const char *unix_socket;   /* [pipeline] path of the socket to connect to; NULL: TCP */
    const char *user_agent;    /* [pipeline] product to put before weir's own: "shop/1.2" (B40) */
    size_t max_request_bytes;  /* [pipeline] before compression; 0: 64 MiB; at most 1 GiB (B7) */
    size_t max_response_bytes; /* [pipeline] after decompression; 0: 4 MiB; at most 1 GiB (B8) */
    /* With output_path, a regular file: one that would become larger is renamed to path.1, that to
     * path.2 …, and begun anew. 0: never. [pipeline] */
    uint64_t output_max_bytes;
    uint32_t output_max_files; /* path included; the oldest goes; 2 to 1,000, 0: 10 [pipeline] */
    bool console; /* text for people on standard output, instead of HTTP; its format may change
                     [pipeline] */
    /*
     * A directory in which ended spans survive the death of the process and an endpoint that does
     * not answer (otlp/README.md: Spool). NULL: WEIR_SPOOL_DIR, else none. Made if missing, but not
     * the one above it. WEIR_E_INVALID when it belongs to another user or others may write to it.
     * The open waits for its disk, and so does the end of a span whose thread needs a new file;
     * with no_thread also tick, flush and close. All else keeps its deadline on a disk that hangs,
     * unless the kernel holds back a write to mapped memory.
     */
    const char *spool_dir;
    size_t spool_max_bytes;   /* of one process's files there; 0: 64 MiB; at least 1 MiB */
    uint64_t spool_max_age_s; /* older spans are dropped; 0: 259,200, three days */
    /*
     * Further destinations, which get the same spans, each with its own queue, retries and counters
     * (B32); with the first one at most eight. Of each only the fields marked so count, and no
     * other may be set; OTEL_EXPORTER_OTLP_* variables speak of the first one alone, so that no
     * credentials go elsewhere. One that lags keeps at most its share of max_queue_bytes (one part
     * of as many as there are); beyond it, it loses the newest spans.
     */
    const struct weir_otlp_options *const *pipelines;
    size_t n_pipelines;
    /*
     * No thread is made: the host's event loop calls weir_otlp_tick when weir_otlp_poll_fd is
     * readable, and flush and close send in the thread that calls them. A transport of the host's
     * own must then be able to work in steps (start, advance, poll_fd), or never wait.
     */
    bool no_thread;
} weir_otlp_options;
#define WEIR_OTLP_OPTIONS(...)                                                                     \
    ((struct weir_otlp_options){.size = sizeof(struct weir_otlp_options), __VA_ARGS__})

/*
 * Starts a provider with its pipelines. `options` NULL: all defaults. *out is set last and
 * untouched on failure; the caller owns it and frees it with weir_otlp_close. WEIR_E_INVALID (an
 * option; detail names it), WEIR_E_NO_MEMORY, WEIR_E_UNSUPPORTED (HTTP, or a compression, is not
 * built in), WEIR_E_IO (output_path cannot be opened).
 */
WEIR_API WEIR_WARN_UNUSED int weir_otlp_open(const weir_otlp_options *options, weir_otlp **out,
                                             weir_error_detail *detail);

/*
 * Sends what has ended until now, by all pipelines, and waits for the answers, at most timeout_ms.
 * 0; WEIR_E_TIMEOUT (also when spans were left to the spool since the last flush); WEIR_E_IO when
 * spans were given up for good, or rejected, by any of them since the last flush. NULL: 0.
 */
WEIR_API int weir_otlp_flush(weir_otlp *otlp, uint32_t timeout_ms);

/*
 * With no_thread: a file descriptor that is readable when weir_otlp_tick has something to do, for
 * poll, epoll and the like; it is only to be polled, and stays the same until the close, but in a
 * forked child, which asks anew. While there is nothing to do it is silent. -1: there are threads,
 * or nothing is recorded, or otlp is NULL.
 */
WEIR_API int weir_otlp_poll_fd(weir_otlp *otlp);
/*
 * Does what can be done without waiting for a peer; what goes to a file is written. The
 * milliseconds after which there is more to do, for hosts that cannot poll the descriptor (it is
 * readable then too); -1: nothing before the descriptor is readable. Any thread: while one is in
 * it, others come back at once, and may record meanwhile.
 */
WEIR_API int64_t weir_otlp_tick(weir_otlp *otlp);

/*
 * Flushes, stops the exporter threads and frees everything, within timeout_ms whatever the peers
 * do; what waits in a spool is sent as well, as long as it arrives. Spans that are still open are
 * dropped, and the log says how many. 0; WEIR_E_TIMEOUT when spans that had ended were lost to the
 * deadline (those that a spool keeps are not); WEIR_E_IO when spans were given up for good, or
 * rejected, since the last flush. NULL: 0. `otlp` and its tracers are gone afterwards; span handles
 * become stale. No other call on them may be in progress meanwhile.
 */
WEIR_API int weir_otlp_close(weir_otlp *otlp, uint32_t timeout_ms);

/*
 * The tracer of a scope: the same pointer for equal arguments; owned by `otlp`. NULL or empty name:
 * a working tracer without a name, and a warning (E2). NULL version or schema_url: none. NULL when
 * `otlp` is NULL or memory is short.
 */
WEIR_API weir_otlp_tracer *weir_otlp_tracer_get(weir_otlp *otlp, const char *name,
                                                const char *version, const char *schema_url);
/* The same with attributes of the scope, which are part of its identity (F11). */
WEIR_API weir_otlp_tracer *weir_otlp_tracer_get_with(weir_otlp *otlp, const char *name,
                                                     const char *version, const char *schema_url,
                                                     const weir_key_value *attributes,
                                                     size_t n_attributes);

/*
 * Whether a span begun now could reach anybody: false when nothing is exported and no processor is
 * registered, and for NULL (E5). For what is costly to compute; spans need not ask.
 */
WEIR_API bool weir_otlp_tracer_is_enabled(const weir_otlp_tracer *tracer);

typedef struct weir_otlp_span_options {
    size_t size;
    weir_otlp_kind kind;
    const weir_otlp_context *parent; /* NULL, or invalid: root */
    bool has_start_time;
    uint64_t start_unix_ns;           /* else now */
    const weir_key_value *attributes; /* seen by samplers, unlike those set later (E17) */
    size_t n_attributes;
    const weir_otlp_link *links; /* likewise: better given here than added later (E17) */
    size_t n_links;
    const weir_otlp_context
        *context; /* the ids to use instead of new ones (a replayed span); else NULL */
} weir_otlp_span_options;
#define WEIR_OTLP_SPAN_OPTIONS(...)                                                                \
    ((struct weir_otlp_span_options){.size = sizeof(struct weir_otlp_span_options), __VA_ARGS__})

/*
 * Begins a span. NULL when none could be begun: the queue is full, or no memory (both counted as
 * dropped), or the tracer is NULL. `options` may be NULL. NULL name: "".
 */
WEIR_API weir_otlp_span *weir_otlp_span_begin(weir_otlp_tracer *tracer, const char *name,
                                              const weir_otlp_span_options *options);
/* Sets an attribute; a key set before is replaced and comes last. NULL or empty key, NULL value:
 * ignored, counted. */
WEIR_API void weir_otlp_span_set(weir_otlp_span *span, const char *key, const weir_value *value);
/* Adds an event now. NULL name: ignored, counted. NULL attributes: none; if n_attributes says
 * otherwise, counted. */
WEIR_API void weir_otlp_span_add_event(weir_otlp_span *span, const char *name,
                                       const weir_key_value *attributes, size_t n_attributes);
/* Adds an event of a given time, which is not corrected (E20). */
WEIR_API void weir_otlp_span_add_event_at(weir_otlp_span *span, uint64_t unix_ns, const char *name,
                                          const weir_key_value *attributes, size_t n_attributes);

/* An error or exception of the application. */
typedef struct weir_otlp_error {
    size_t size;
    const char *type;       /* its class or code, of few different values; NULL or "": not known */
    const char *message;    /* NULL: none */
    const char *stacktrace; /* NULL: none */
    bool escaped;           /* it left the scope of the span */
} weir_otlp_error;
#define WEIR_OTLP_ERROR(...)                                                                       \
    ((struct weir_otlp_error){.size = sizeof(struct weir_otlp_error), __VA_ARGS__})
/*
 * Adds an event `exception` with exception.type, .message, .stacktrace and .escaped, where
 * attributes given here win (E30), and unless the status is Ok, sets the status to Error with the
 * message, and the attribute error.type (J16). NULL error, or one without a size: ignored, counted.
 */
WEIR_API void weir_otlp_span_record_error(weir_otlp_span *span, const weir_otlp_error *error,
                                          const weir_key_value *attributes, size_t n_attributes);
/* NULL link, or one with an invalid context and nothing else to say: ignored, counted. */
WEIR_API void weir_otlp_span_add_link(weir_otlp_span *span, const weir_otlp_link *link);
/* Ok is final, Unset is ignored, else the last call wins (E23). description counts with ERROR only
 * (E24); NULL: none. */
WEIR_API void weir_otlp_span_set_status(weir_otlp_span *span, weir_otlp_status status,
                                        const char *description);
/* Replaces the name. NULL: ignored, counted. */
WEIR_API void weir_otlp_span_set_name(weir_otlp_span *span, const char *name);
WEIR_API bool weir_otlp_span_is_recording(weir_otlp_span *span);
/* All zero for an invalid handle. trace_state is borrowed until the span's end. */
WEIR_API weir_otlp_context weir_otlp_span_context(weir_otlp_span *span);
/* Ends the span now. The second end of a span does nothing (E26). */
WEIR_API void weir_otlp_span_end(weir_otlp_span *span);
/* Ends it at a given time, which is not corrected. */
WEIR_API void weir_otlp_span_end_at(weir_otlp_span *span, uint64_t unix_ns);

typedef enum weir_drop_cause {
    WEIR_DROP_QUEUE_FULL = 0,
    WEIR_DROP_SPAN_TOO_LARGE,
    WEIR_DROP_EXPORT_FAILED, /* given up: not retryable, or the export's deadline passed */
    WEIR_DROP_SHUTDOWN_DEADLINE,
    WEIR_DROP_FORKED_CHILD, /* in a child: was live or not sent yet; the parent sends it */
    WEIR_DROP_DISK,         /* output_path could not be written */
    WEIR_DROP_NO_MEMORY,
    WEIR_DROP_SPOOL_FULL,    /* spool_max_bytes: the oldest that waited */
    WEIR_DROP_SPOOL_AGED,    /* spool_max_age_s */
    WEIR_DROP_SPOOL_DAMAGED, /* what a spool file held was not whole */
    WEIR_N_DROP_CAUSES
} weir_drop_cause;

/*
 * Counters since open. Beside each the otel.sdk.* metric it stands for; all of these with their
 * attributes: <weir/metrics.h>.
 * started + adopted = live + not_sampled + queued + in_flight + acknowledged + rejected + sum of
 * dropped + spooled, exact while no call is in progress, else off by at most the calls in progress.
 */
typedef struct weir_otlp_stats {
    size_t size;
    uint64_t started; /* otel.sdk.span.started */
    uint64_t live;    /* otel.sdk.span.live */
    uint64_t not_sampled;
    uint64_t queued;       /* otel.sdk.processor.span.queue.size */
    uint64_t in_flight;    /* otel.sdk.exporter.span.inflight */
    uint64_t acknowledged; /* otel.sdk.exporter.span.exported */
    uint64_t rejected;     /* the same, error.type = rejected */
    uint64_t dropped[16];  /* by weir_drop_cause */
    uint64_t stale_handles;
    uint64_t refused_values;  /* attributes, events, links, options with a NULL or bad argument */
    uint64_t export_requests; /* requests that got an answer, or were given up */
    uint64_t export_retries;
    uint64_t queue_bytes; /* memory of ended spans, waiting or in flight */
    uint64_t queue_capacity_bytes;
    uint64_t spooled;        /* wait on disk for the endpoint to answer */
    uint64_t adopted;        /* were left there by processes that have died */
    uint64_t spool_bytes;    /* of all files in spool_dir, those being filled included */
    uint64_t spool_refusals; /* segments that are in memory alone, as the disk refused them */
    uint64_t processed;      /* otel.sdk.processor.span.processed: their export began, each time */
    uint64_t exports;        /* that ended, of one request each, retries included … */
    uint64_t export_ns;      /* … and their time together: otel.sdk.exporter.operation.duration */
} weir_otlp_stats;
#define WEIR_OTLP_STATS() ((struct weir_otlp_stats){.size = sizeof(struct weir_otlp_stats)})
/*
 * Fills *out as far as its .size goes. With several pipelines, what is about sending is of the
 * first one, and the bytes are of all. NULL otlp: zeros.
 */
WEIR_API void weir_otlp_get_stats(weir_otlp *otlp, weir_otlp_stats *out);

/* How many pipelines there are; 0 when nothing is recorded, or otlp is NULL. */
WEIR_API size_t weir_otlp_n_pipelines(weir_otlp *otlp);
/*
 * The counters as one pipeline sees them: the equation holds for each. In this order: what the
 * options themselves and the environment name, then options.pipelines. Of several, queue_bytes is
 * what this one keeps in memory, out of its share. 0; WEIR_E_NOT_FOUND, with *out untouched, when
 * there are not so many; WEIR_E_INVALID (out NULL).
 */
WEIR_API int weir_otlp_get_pipeline_stats(weir_otlp *otlp, size_t index, weir_otlp_stats *out);

#ifdef __cplusplus
}
#endif
