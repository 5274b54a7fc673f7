#include "otlp/processor.h"

#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/handle.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "otlp/provider.h"
#include "otlp/span_pool.h"

/* ---- registration ---- */

static int check(const weir_otlp_options *options, weir_error_detail *detail) {
    if (options->n_processors > OTLP_MAX_PROCESSORS) {
        return error_set(detail, WEIR_E_INVALID, "n_processors is %zu: at most %d",
                         options->n_processors, OTLP_MAX_PROCESSORS);
    }
    if (options->processors == NULL && options->n_processors > 0) {
        return error_set(detail, WEIR_E_INVALID, "processors is NULL and n_processors is %zu",
                         options->n_processors);
    }
    return 0;
}

static int copy(const weir_otlp_options *options, weir_processor *to, weir_error_detail *detail) {
    for (size_t i = 0; i < options->n_processors; i++) {
        const weir_processor *given = options->processors[i];
        if (given == NULL || !options_read(&to[i], sizeof to[i], given)) {
            return error_set(detail, WEIR_E_INVALID,
                             "processors[%zu] is NULL, or has a wrong size: use WEIR_PROCESSOR()",
                             i);
        }
    }
    return 0;
}

int processors_init(const weir_otlp_options *options, struct processors *out,
                    weir_error_detail *detail) {
    int error = check(options, detail);
    if (error != 0 || options->n_processors == 0) {
        return error;
    }
    weir_processor *items = mem_zalloc(options->n_processors * sizeof *items);
    if (items == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the processors");
    }
    error = copy(options, items, detail);
    if (error != 0) {
        mem_free(items);
        return error;
    }
    *out = (struct processors){items, options->n_processors};
    return 0;
}

void processors_deinit(struct processors *processors) {
    mem_free(processors->items);
    *processors = (struct processors){0};
}

/* ---- spans ---- */

void processors_start(struct otlp_span *span, const weir_otlp_context *parent) {
    const struct processors *all = &span->tracer->otlp->processors;
    weir_otlp_span *handle = handle_begin(span->slot);
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].on_start != NULL) {
            all->items[i].on_start(all->items[i].data, handle, parent);
        }
    }
}

void processors_end(struct otlp_span *span, uint64_t end_unix_ns) {
    const struct processors *all = &span->tracer->otlp->processors;
    const struct weir_otlp_view view = {span, end_unix_ns};
    handle_end(span->slot);
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].on_end != NULL) {
            all->items[i].on_end(all->items[i].data, &view);
        }
    }
}

/* ---- flush and shutdown ---- */

static uint32_t ms_left(uint64_t deadline_ns) {
    return (uint32_t)MIN(clock_ms_until(deadline_ns), UINT32_MAX);
}

int processors_flush(const struct processors *processors, uint64_t deadline_ns) {
    int first = 0;
    for (size_t i = 0; i < processors->n; i++) {
        const weir_processor *p = &processors->items[i];
        int error = p->flush != NULL ? p->flush(p->data, ms_left(deadline_ns)) : 0;
        first = first != 0 ? first : MIN(error, 0);
    }
    return first;
}

int processors_shutdown(const struct processors *processors, uint64_t deadline_ns) {
    int first = 0;
    for (size_t i = 0; i < processors->n; i++) {
        const weir_processor *p = &processors->items[i];
        int error = p->shutdown != NULL ? p->shutdown(p->data, ms_left(deadline_ns)) : 0;
        first = first != 0 ? first : MIN(error, 0);
    }
    return first;
}
