/*
 * weir collect: receives OTLP over HTTP and gRPC and shows it: as trees for people, as JSON Lines
 * for programs.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "bridge/cli/command.h"
#include "bridge/cli/listen.h"
#include "bridge/cli/options.h"
#include "bridge/cli/refusals.h"
#include "bridge/cli/report.h"
#include "bridge/cli/stop_signal.h"
#include "bridge/cli/terminal.h"
#include "bridge/server/bounds.h"
#include "bridge/server/grpc_receiver.h"
#include "bridge/server/receiver.h"
#include "bridge/server/tree.h"
#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/transport.h"
#include "otlp/write_fd.h"

enum {
    TICK_MS = 250,
    MAX_PRINTED_BYTES = 1 << 30, /* trees that become ready at once */
    MAX_SECONDS = 366 * 24 * 3600,
    MAX_COLUMNS = 10000,
    HTTP_PORT = 4318,
    CLOSE_POLL_NS = 10000000
};
static const uint64_t IDLE_NS = UINT64_C(3000000000); /* a trace that is not whole waits so long */
static const uint64_t SIGNAL_PATIENCE_NS = NS_PER_S;

struct settings {
    struct listen_address listen, listen_grpc; /* the second without a host: not wanted */
    const char *output;
    bool tree, brief, ascii;
    uint64_t width;
    uint64_t exit_after;
    uint64_t timeout;
    uint64_t max_body;
    uint64_t max_file_bytes, max_files;
};

static const struct option_row options[] = {
    {"listen", "ADDRESS:PORT",
     "where to listen for HTTP; port 0 takes a free one (default: 127.0.0.1:4318, this machine "
     "alone)",
     OPTION_WORD, offsetof(struct settings, listen), .parse = listen_address_parse,
     .expected = LISTEN_ADDRESS_EXPECTED},
    {"listen-grpc", "ADDRESS:PORT",
     "takes OTLP over gRPC too, there, beside HTTP (usual port: 4317)", OPTION_WORD,
     offsetof(struct settings, listen_grpc), .parse = listen_address_parse,
     .expected = LISTEN_ADDRESS_EXPECTED},
    {"output", "FILE",
     "appends each request to FILE as one line of OTLP JSON; - is standard output", OPTION_TEXT,
     offsetof(struct settings, output)},
    {"output-max-bytes", "BYTES",
     "renames FILE to FILE.1, that to FILE.2 ..., and begins it anew before it grows over this",
     OPTION_NUMBER, offsetof(struct settings, max_file_bytes), .least = 1, .most = INT64_MAX},
    {"output-max-files", "N", "keeps so many of them, FILE included (default: 10)", OPTION_NUMBER,
     offsetof(struct settings, max_files), .least = 2, .most = FILE_MAX_FILES},
    {"tree", NULL, "prints trees of spans (default without --output)", OPTION_FLAG,
     offsetof(struct settings, tree)},
    {"brief", NULL, "trees without attributes and events", OPTION_FLAG,
     offsetof(struct settings, brief)},
    {"ascii", NULL, "trees without characters beyond ASCII", OPTION_FLAG,
     offsetof(struct settings, ascii)},
    {"width", "COLUMNS", "cuts lines of trees (default: the terminal's width; else uncut)",
     OPTION_NUMBER, offsetof(struct settings, width), .least = 20, .most = MAX_COLUMNS},
    {"exit-after", "N", "ends when N spans have come", OPTION_NUMBER,
     offsetof(struct settings, exit_after), .least = 1, .most = UINT64_MAX},
    {"timeout", "SECONDS", "ends after so long; a failure if --exit-after has not come true",
     OPTION_NUMBER, offsetof(struct settings, timeout), .least = 1, .most = MAX_SECONDS},
    {"max-body", "BYTES", "refuses larger requests, packed or unpacked (default: 64 MiB)",
     OPTION_NUMBER, offsetof(struct settings, max_body), .least = 1, .most = UINT32_MAX},
};

static const char *const examples[] = {
    "weir collect",
    "weir collect --listen 127.0.0.1:0 --output spans.jsonl --exit-after 100",
    "weir collect --listen-grpc 127.0.0.1:4317",
    NULL,
};

static int run(int argc, char **argv);

const struct command cmd_collect = {
    .name = "collect",
    .summary = "receives OTLP and prints trees of spans, or writes JSON Lines",
    .about =
        "Receives OTLP traces over HTTP (POST /v1/traces, protobuf or JSON, plain, gzip or zstd), "
        "with --listen-grpc over gRPC too (cleartext), and prints each trace as a tree once it is "
        "whole, or appends each request to a file as a line of OTLP JSON. The first line of "
        "output says where it listens, the second one where for gRPC. The first request of each "
        "kind that is refused is named on standard error. SIGINT (Ctrl-C) or SIGTERM ends it; what "
        "is still incomplete is printed then.",
    .options = options,
    .n_options = ARRAY_LENGTH(options),
    .examples = examples,
    .run = run,
};

/* What the receivers' threads and the main thread share. */
struct collector {
    const struct settings *settings;
    struct stop_signal stop;
    struct receiver *http; /* the main thread's */
    struct grpc_receiver *grpc;
    struct refusals refusals;
    _Atomic uint64_t
        signal_seen_ns;    /* when a stalled output first noticed the signal; 0: not yet */
    pthread_mutex_t mutex; /* guards all below */
    weir_transport lines;  /* --output; post is NULL without */
    struct tree *tree;     /* --tree; NULL without */
    struct buf text;       /* of trees, before it is printed */
    uint64_t n_spans;
    bool is_closed;  /* nothing is taken any more */
    bool has_failed; /* the output cannot be written: `failure` says why */
    weir_error_detail failure;
};

/* ---- output ---- */

/* Remembers the first failure and ends the command; what comes meanwhile is refused. */
static int fail(struct collector *collector, int error) {
    collector->has_failed = true;
    stop_signal_ask(&collector->stop);
    return error;
}

/* A reader of the output that stands still does not keep a signal from ending the command: it has
 * a second more. */
static bool is_cut_off(void *data) {
    struct collector *collector = data;
    if (!stop_signal_has_come(&collector->stop)) {
        return false;
    }
    uint64_t none = 0, now = clock_now_ns();
    atomic_compare_exchange_strong(&collector->signal_seen_ns, &none, now);
    return now - collector->signal_seen_ns >= SIGNAL_PATIENCE_NS;
}

/* Prints the trees that are ready. */
static int print_text(struct collector *collector, weir_error_detail *detail) {
    const struct write_limits limits = {UINT64_MAX, is_cut_off, collector};
    struct buf *text = &collector->text;
    size_t n_written;
    int error = buf_error(text);
    if (error != 0) {
        error_set(detail, error, "no memory to print a trace");
    } else if (!write_fd_all(STDOUT_FILENO, text->data, text->n_bytes, &limits, &n_written)) {
        error = errno == ETIMEDOUT
                    ? error_set(detail, WEIR_E_TIMEOUT,
                                "standard output was not read: %zu bytes of trees are lost",
                                text->n_bytes - n_written)
                    : error_set_os(detail, WEIR_E_IO, errno, "cannot write to standard output");
    }
    buf_clear(text);
    return error;
}

static int write_line(struct collector *collector, const uint8_t *request, size_t n_bytes,
                      weir_error_detail *detail) {
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    return collector->lines.post(collector->lines.data, request, n_bytes, UINT64_MAX, &response,
                                 detail);
}

static int add_to_tree(struct collector *collector, const uint8_t *request, size_t n_bytes,
                       weir_error_detail *detail) {
    struct decoded *decoded = NULL;
    int error = decode_request(request, n_bytes, TREE_MAX_DECODED_BYTES, &decoded, detail);
    if (error != 0) {
        return error;
    }
    error = tree_add(collector->tree, decoded_request(decoded), clock_now_ns(), &collector->text);
    decoded_free(decoded);
    return error != 0 ? error_set(detail, error, "no memory for the trees") : 0;
}

/* The trees come first: a request that is too large for them must not be in the file either. */
static int output(struct collector *collector, const uint8_t *request, size_t n_bytes,
                  weir_error_detail *detail) {
    int error;
    if (collector->tree != NULL) {
        error = add_to_tree(collector, request, n_bytes, detail);
        if (error != 0) {
            return error;
        }
    }
    error = collector->lines.post != NULL ? write_line(collector, request, n_bytes, detail) : 0;
    if (error == WEIR_E_INVALID) {
        return WEIR_E_TOO_LARGE; /* this request, not the file */
    }
    if (error != 0) {
        collector->failure = *detail;
        return fail(collector, WEIR_E_IO);
    }
    if (collector->tree != NULL && print_text(collector, detail) != 0) {
        collector->failure = *detail;
        return fail(collector, WEIR_E_IO);
    }
    return 0;
}

static int take(void *data, const uint8_t *request, size_t n_bytes,
                const struct decode_counts *counts, weir_error_detail *detail) {
    struct collector *collector = data;
    pthread_mutex_lock(&collector->mutex);
    int error = collector->has_failed
                    ? error_set(detail, WEIR_E_CLOSED, "the output cannot be written")
                : collector->is_closed ? error_set(detail, WEIR_E_CLOSED, "the collector is ending")
                                       : output(collector, request, n_bytes, detail);
    if (error == 0) {
        collector->n_spans += counts->n_spans;
    }
    uint64_t wanted = collector->settings->exit_after;
    if (wanted != 0 && collector->n_spans >= wanted) {
        stop_signal_ask(&collector->stop);
    }
    pthread_mutex_unlock(&collector->mutex);
    return error;
}

static void say_refusal(void *data, const struct receiver_refusal *refusal) {
    refusals_add(&((struct collector *)data)->refusals, refusal);
}

/* ---- beginning ---- */

static int open_tree(struct collector *collector) {
    const struct settings *settings = collector->settings;
    bool is_wanted = settings->tree || settings->output == NULL;
    if (!is_wanted) {
        return COMMAND_OK;
    }
    collector->tree = tree_new(&(struct tree_options){
        .columns = settings->width != 0 ? settings->width : terminal_columns(STDOUT_FILENO),
        .is_ascii = settings->ascii,
        .has_colour = terminal_has_colour(STDOUT_FILENO),
        .has_details = !settings->brief,
        .idle_ns = IDLE_NS,
    });
    return collector->tree != NULL ? COMMAND_OK : report_failure("no memory for the trees");
}

static int open_outputs(struct collector *collector) {
    const struct settings *settings = collector->settings;
    if (settings->tree && settings->output != NULL && strcmp(settings->output, "-") == 0) {
        return report_usage("--tree and --output - would both write to standard output");
    }
    const struct file_rotation rotation = {settings->max_file_bytes, (uint32_t)settings->max_files};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (settings->output != NULL &&
        transport_file_open(settings->output, &rotation, &collector->lines, &detail) != 0) {
        return report_failure("%s", detail.message);
    }
    return open_tree(collector);
}

static void close_outputs(struct collector *collector) {
    if (collector->lines.destroy != NULL) {
        collector->lines.destroy(collector->lines.data);
    }
    tree_free(collector->tree);
    buf_deinit(&collector->text);
}

static void warn_if_public(const char *url) {
    if (strncmp(url, "http://127.", 11) != 0 && strncmp(url, "http://[::1]", 12) != 0) {
        report_note("whoever reaches %s can send spans here", url);
    }
}

/* ---- running and ending ---- */

static void tick(struct collector *collector) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (pthread_mutex_trylock(&collector->mutex) != 0) {
        return; /* a receiver prints; it may wait for the reader, and signals must be seen */
    }
    if (collector->tree != NULL && !collector->has_failed) {
        tree_tick(collector->tree, clock_now_ns(), &collector->text);
        if (print_text(collector, &detail) != 0) {
            collector->failure = detail;
            fail(collector, WEIR_E_IO);
        }
    }
    pthread_mutex_unlock(&collector->mutex);
}

/* Returns true when --timeout ended it. */
static bool wait_for_end(struct collector *collector) {
    uint64_t timeout_ns = collector->settings->timeout * NS_PER_S;
    uint64_t start_ns = clock_now_ns();
    while (stop_signal_wait(&collector->stop, TICK_MS) == STOP_NOT_YET) {
        tick(collector);
        if (timeout_ns != 0 && clock_now_ns() - start_ns >= timeout_ns) {
            return true;
        }
    }
    return false;
}

/* Takes nothing more, so that the receivers can be stopped. What is being written is waited for,
 * until a signal comes. */
static void close_sink(struct collector *collector) {
    const struct timespec moment = {.tv_nsec = CLOSE_POLL_NS};
    while (pthread_mutex_trylock(&collector->mutex) != 0) {
        if (is_cut_off(collector) && collector->lines.cancel != NULL) {
            collector->lines.cancel(collector->lines.data);
        }
        nanosleep(&moment, NULL);
    }
    collector->is_closed = true;
    pthread_mutex_unlock(&collector->mutex);
}

/* Prints what waited for more spans. The receivers have stopped: nobody else is here. */
static void print_rest(struct collector *collector) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (collector->tree == NULL || collector->has_failed) {
        return;
    }
    tree_flush(collector->tree, &collector->text);
    if (print_text(collector, &detail) != 0) {
        collector->failure = detail;
        collector->has_failed = true;
    }
}

static void say_counts(struct collector *collector, const struct receiver_counts *counts) {
    CLEANUP(buf_deinit) struct buf kinds;
    buf_init(&kinds, sizeof collector->refusals * 2);
    refusals_list(&collector->refusals, &kinds);
    report_note("%" PRIu64 " %s, %" PRIu64 " %s; %" PRIu64 " refused%.*s", counts->n_accepted,
                report_noun(counts->n_accepted, "request", "requests"), counts->n_spans,
                report_noun(counts->n_spans, "span", "spans"), counts->n_refused,
                (int)kinds.n_bytes, (const char *)kinds.data);
}

static int conclude(struct collector *collector, const struct receiver_counts *counts,
                    bool is_timeout) {
    uint64_t wanted = collector->settings->exit_after;
    say_counts(collector, counts);
    if (collector->has_failed) {
        return report_failure("%s", collector->failure.message);
    }
    if (is_timeout && counts->n_spans < wanted) {
        return report_failure("%" PRIu64 " of %" PRIu64 " spans came within %" PRIu64 " s",
                              counts->n_spans, wanted, collector->settings->timeout);
    }
    return COMMAND_OK;
}

static struct receiver_options options_of(struct collector *collector,
                                          const struct listen_address *listen) {
    return (struct receiver_options){
        .address = listen->host,
        .port = listen->port,
        .max_body_bytes = collector->settings->max_body,
        .take = take,
        .refused = say_refusal,
        .data = collector,
    };
}

/* Both on one port: the second would only find it taken, by nobody one could end. */
static int check_ports(const struct settings *settings) {
    const struct listen_address *http = &settings->listen, *grpc = &settings->listen_grpc;
    if (grpc->host[0] != '\0' && grpc->port == http->port && grpc->port != 0 &&
        strcmp(grpc->host, http->host) == 0) {
        return report_usage("HTTP and gRPC cannot both listen on port %u; HTTP has %s; gRPC's "
                            "usual port: --listen-grpc 4317",
                            (unsigned)grpc->port,
                            grpc->port == HTTP_PORT ? "4318 unless --listen says otherwise"
                                                    : "it by --listen");
    }
    return COMMAND_OK;
}

/* Returns an exit code. */
static int start(struct collector *collector) {
    const struct settings *settings = collector->settings;
    struct receiver_options http = options_of(collector, &settings->listen);
    struct receiver_options grpc = options_of(collector, &settings->listen_grpc);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (receiver_start(&http, &collector->http, &detail) != 0) {
        return report_failure("%s (HTTP: --listen)", detail.message);
    }
    if (settings->listen_grpc.host[0] != '\0' &&
        grpc_receiver_start(&grpc, &collector->grpc, &detail) != 0) {
        return report_failure("%s (gRPC: --listen-grpc)", detail.message);
    }
    return COMMAND_OK;
}

/* The counts of both together. */
static struct receiver_counts stop(struct collector *collector) {
    struct receiver_counts http = {0}, grpc = {0};
    close_sink(collector);
    collector->http = receiver_stop(collector->http, &http);
    collector->grpc = grpc_receiver_stop(collector->grpc, &grpc);
    return (struct receiver_counts){http.n_accepted + grpc.n_accepted,
                                    http.n_refused + grpc.n_refused, http.n_spans + grpc.n_spans};
}

/* Whoever started this waits for these lines. 0, or what kept them from being written. */
static int say_where(const struct collector *collector) {
    printf("listening on %s\n", receiver_url(collector->http));
    if (collector->grpc != NULL) {
        printf("listening on %s (gRPC)\n", grpc_receiver_url(collector->grpc));
    }
    if (fflush(stdout) != 0) {
        int os_error = errno;
        clearerr(stdout);
        return os_error;
    }
    warn_if_public(receiver_url(collector->http));
    if (collector->grpc != NULL) {
        warn_if_public(grpc_receiver_url(collector->grpc));
    }
    return 0;
}

static int collect(struct collector *collector) {
    int exit_code = start(collector);
    if (exit_code != COMMAND_OK) {
        stop(collector);
        return exit_code;
    }
    int os_error = say_where(collector);
    if (os_error != 0) {
        stop(collector);
        return report_failure("cannot write to standard output: %s", strerror(os_error));
    }
    bool is_timeout = wait_for_end(collector);
    struct receiver_counts counts = stop(collector);
    print_rest(collector);
    return conclude(collector, &counts, is_timeout);
}

static int run(int argc, char **argv) {
    struct settings settings = {.listen = {"127.0.0.1", HTTP_PORT}};
    int exit_code;
    if (!options_parse(&cmd_collect, argc, argv, &settings, NULL, &exit_code)) {
        return exit_code;
    }
    exit_code = check_ports(&settings);
    if (exit_code != COMMAND_OK) {
        return exit_code;
    }
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct collector collector = {.settings = &settings};
    refusals_init(&collector.refusals);
    buf_init(&collector.text, MAX_PRINTED_BYTES);
    pthread_mutex_init(&collector.mutex, NULL);
    if (stop_signal_init(&collector.stop, &detail) != 0) {
        return report_failure("%s", detail.message);
    }
    exit_code = open_outputs(&collector);
    if (exit_code == COMMAND_OK) {
        exit_code = collect(&collector);
    }
    close_outputs(&collector);
    stop_signal_deinit(&collector.stop);
    pthread_mutex_destroy(&collector.mutex);
    refusals_deinit(&collector.refusals);
    return exit_code;
}
