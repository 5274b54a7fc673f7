/*
 * The processors of a provider, and calling them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

struct otlp_span;

struct processors {
    weir_processor *items; /* owned copies, in the order of registration */
    size_t n;
};

/* What the view of an ended span is made of: its parts, which are still there. */
struct weir_otlp_view {
    const struct otlp_span *span;
    uint64_t end_unix_ns;
};

/* Copies the options' processors. WEIR_E_INVALID (detail names which), WEIR_E_NO_MEMORY; *out is
 * untouched then. */
int processors_init(const weir_otlp_options *options, struct processors *out,
                    weir_error_detail *detail);
/* Frees the copies, without calling them. */
void processors_deinit(struct processors *processors);

/* Gives a recording span its handle and shows it to each. `parent` may be NULL. */
void processors_start(struct otlp_span *span, const weir_otlp_context *parent);
/* Shows each the ended span; its handle is stale from here on. */
void processors_end(struct otlp_span *span, uint64_t end_unix_ns);

/* Calls flush, or shutdown, of each, with what is left until the deadline (of the system's
 * monotonic clock). 0, or the first error of one. */
int processors_flush(const struct processors *processors, uint64_t deadline_ns);
int processors_shutdown(const struct processors *processors, uint64_t deadline_ns);
