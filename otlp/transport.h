/*
 * Which transports there are to be: the host's own, a file, HTTP or gRPC, by options and
 * environment.
 *
 * Each transport is one file behind the two or three calls of weir_transport. None knows what a
 * span is, retries, or says anything itself after it was opened: what went wrong goes to the
 * exporter through weir_error_detail.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config_read.h"
#include "otlp/endpoint.h"
#include "otlp/file_rotation.h"

enum transport_kind { TRANSPORT_OWN, TRANSPORT_FILE, TRANSPORT_CONSOLE, TRANSPORT_HTTP };

/* Where spans are to go; nothing is open yet. Borrows from the options but for the endpoint. */
struct transport_choice {
    enum transport_kind kind;
    const weir_transport *own; /* TRANSPORT_OWN */
    const char *path;          /* TRANSPORT_FILE; "-": standard output */
    struct file_rotation rotation;
    struct endpoint endpoint; /* TRANSPORT_HTTP */
};

enum { TRANSPORT_MAX_CHOICES = 3 };

struct transport_choices {
    struct transport_choice of[TRANSPORT_MAX_CHOICES];
    size_t n; /* 0: nothing is to be recorded */
};

/*
 * Chooses: options->transport, else options->output_path, else options->console, else what
 * OTEL_TRACES_EXPORTER names (D34): otlp (the default), otlp/stdout, console, none, or a list of
 * these, each of which is a pipeline. Names that cannot be used are warned of.
 *
 * *out is set last; free it with transport_choices_deinit. WEIR_E_INVALID (an option or variable,
 * named in detail), WEIR_E_NO_MEMORY.
 */
int transport_choose(const weir_otlp_options *options, const struct config_reader *reader,
                     struct transport_choices *out, weir_error_detail *detail);
/* {0} is fine. */
void transport_choices_deinit(struct transport_choices *choices);

/*
 * Opens what was chosen; nothing of `choice` is kept. *out is set last; its destroy is the caller's
 * until an exporter owns it. WEIR_E_INVALID, WEIR_E_UNSUPPORTED (HTTP is not built in), WEIR_E_IO
 * (the file cannot be opened), WEIR_E_NO_MEMORY.
 */
int transport_open(const struct transport_choice *choice, weir_transport *out,
                   weir_error_detail *detail);

/* OTLP/HTTP with protobuf or JSON bodies, and OTLP/gRPC. Of `endpoint` nothing is kept.
 * WEIR_E_UNSUPPORTED in a build without HTTP; WEIR_E_INVALID (a file of certificates cannot be
 * read, libcurl refuses an option), WEIR_E_IO, WEIR_E_NO_MEMORY. */
int transport_http_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail);
int transport_grpc_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail);

/*
 * OTLP JSON Lines (I1-I3): one TracesData object a line, appended to `path`, which is created with
 * mode 0600; "-" is standard output. A line is written whole or, when the disk is full, not at all.
 * With a rotation (NULL: none; max_files 0: FILE_DEFAULT_FILES) a file that would become too large
 * is renamed and begun anew. One that others rename or remove is begun anew too.
 * WEIR_E_IO, WEIR_E_NO_MEMORY, WEIR_E_INVALID (max_files).
 */
int transport_file_open(const char *path, const struct file_rotation *rotation, weir_transport *out,
                        weir_error_detail *detail);

/* Text for people on standard output (I6); the format may change. WEIR_E_NO_MEMORY. */
int transport_console_open(weir_transport *out, weir_error_detail *detail);
