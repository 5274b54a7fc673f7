#include "otlp/propagation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/context.h"
#include "otlp/piece.h"
#include "otlp/provider.h"
#include "otlp/trace_state.h"

static const char VARIABLE[] = "OTEL_PROPAGATORS";
static const char *const NAMES[N_PROPAGATORS] = {"tracecontext", "baggage"};

const struct propagation propagation_default = {
    .items = {PROPAGATE_TRACE_CONTEXT, PROPAGATE_BAGGAGE}, .n = 2};

/* ---- choosing ---- */

static bool is_name(struct piece text, const char *name) {
    return text.n_bytes == strlen(name) && strncasecmp(text.at, name, text.n_bytes) == 0;
}

static void add(struct propagation *all, enum propagator one) {
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i] == one) {
            return; /* deduplicated (D24) */
        }
    }
    all->items[all->n++] = one;
}

/* Adds the propagator of a name; false: there is none. "none" adds nothing. */
static bool add_name(struct propagation *all, struct piece name, bool *is_none) {
    for (unsigned i = 0; i < N_PROPAGATORS; i++) {
        if (is_name(name, NAMES[i])) {
            add(all, (enum propagator)i);
            return true;
        }
    }
    *is_none = *is_none || is_name(name, "none");
    return is_name(name, "none");
}

/* Names that are not known go to `unknown`, the last of them. False: nothing in the list counts. */
static bool read_list(const char *list, struct propagation *out, struct piece *unknown) {
    bool is_none = false;
    for (const char *rest = list; rest != NULL;) {
        struct piece name = piece_next(&rest, ',');
        if (name.n_bytes > 0 && !add_name(out, name, &is_none)) {
            *unknown = name;
        }
    }
    if (is_none) {
        out->n = 0; /* none beside others: nothing is what was asked for */
    }
    return is_none || out->n > 0;
}

static void note(const struct config_reader *reader, const struct propagation *all,
                 struct config_origin origin) {
    config_note(reader, "propagators", origin, "%s%s%s", all->n > 0 ? NAMES[all->items[0]] : "none",
                all->n > 1 ? "," : "", all->n > 1 ? NAMES[all->items[1]] : "");
}

static struct propagation by_environment(const struct config_reader *reader) {
    struct propagation all = {.n = 0};
    struct piece unknown = {NULL, 0};
    const char *list = config_variable(reader, VARIABLE);
    bool is_set = list != NULL && read_list(list, &all, &unknown);
    if (unknown.at != NULL) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s: %.*s is not available, only tracecontext, baggage and none are%s", VARIABLE,
                   (int)MIN(unknown.n_bytes, 64), unknown.at,
                   is_set ? "" : ": using tracecontext,baggage");
    }
    all = is_set ? all : propagation_default;
    note(reader, &all, is_set ? config_by_variable(VARIABLE) : config_by_default());
    return all;
}

int propagation_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                        struct propagation *out, weir_error_detail *detail) {
    struct propagation all = {.n = 0};
    struct piece unknown = {NULL, 0};
    if (options->propagators == NULL) {
        *out = by_environment(reader);
        return 0;
    }
    (void)read_list(options->propagators, &all, &unknown);
    if (unknown.at != NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "propagators: %.*s is not available, only tracecontext, baggage and none "
                         "are",
                         (int)MIN(unknown.n_bytes, 64), unknown.at);
    }
    note(reader, &all, config_by_option("propagators"));
    *out = all;
    return 0;
}

static const struct propagation *of_provider(const weir_otlp *otlp) {
    return otlp != NULL ? &otlp->propagation : &propagation_default;
}

/* ---- in ---- */

struct extraction {
    weir_carrier_get_fn *get;
    void *carrier;
};

/* All values of a field, joined by commas (G17); NULL: none. The first may be lent as it is; *owned
 * gets what is to be freed. */
static const char *joined(const struct extraction *e, const char *name, size_t max_bytes,
                          struct buf *owned) {
    const char *first = e->get(e->carrier, name, 0);
    const char *value = first != NULL ? e->get(e->carrier, name, 1) : NULL;
    buf_init(owned, max_bytes);
    if (value == NULL) {
        return first;
    }
    buf_append_text(owned, first);
    for (size_t nth = 2; value != NULL && buf_error(owned) == 0; nth++) {
        buf_append_byte(owned, ',');
        buf_append_text(owned, value);
        value = e->get(e->carrier, name, nth);
    }
    buf_append_byte(owned, '\0');
    return buf_error(owned) == 0 ? (const char *)owned->data : NULL;
}

/* *out gets an owned copy without empty members; NULL when there is nothing valid (G11, G20). */
static int copy_trace_state(const char *text, char **out) {
    struct buf copy;
    *out = NULL;
    if (text == NULL || !trace_state_is_valid(text)) {
        return 0;
    }
    buf_init(&copy, WEIR_TRACE_STATE_BYTES);
    trace_state_append(&copy, text);
    if (copy.n_bytes > 0) {
        *out = buf_take_text(&copy);
    }
    int error = copy.error != 0 || (copy.n_bytes > 0 && *out == NULL) ? WEIR_E_NO_MEMORY : 0;
    buf_deinit(&copy);
    return error;
}

/* Two traceparents are none (G10). */
static int extract_context(const struct extraction *e, weir_propagated *out) {
    static const char FIELD[] = "traceparent";
    const char *traceparent = e->get(e->carrier, FIELD, 0);
    weir_otlp_context context;
    if (traceparent == NULL || e->get(e->carrier, FIELD, 1) != NULL ||
        weir_otlp_context_parse(traceparent, NULL, &context) != 0) {
        return 0;
    }
    struct buf joint;
    char *trace_state;
    const char *text = joined(e, "tracestate", TRACE_STATE_MAX_TEXT, &joint);
    int error = copy_trace_state(text, &trace_state);
    error = error != 0 ? error : (buf_error(&joint) == WEIR_E_NO_MEMORY ? WEIR_E_NO_MEMORY : 0);
    buf_deinit(&joint);
    if (error != 0) {
        mem_free(trace_state);
        return error;
    }
    mem_free(out->trace_state);
    out->trace_state = trace_state;
    out->context = context;
    out->context.trace_state = trace_state;
    return 1;
}

static int extract_baggage(const struct extraction *e, weir_propagated *out) {
    struct buf joint;
    weir_baggage *baggage = NULL;
    const char *text = joined(e, "baggage", BAGGAGE_MAX_TEXT, &joint);
    int error = buf_error(&joint) == WEIR_E_NO_MEMORY ? WEIR_E_NO_MEMORY : 0;
    if (error == 0 && text != NULL) {
        error = weir_baggage_parse(text, &baggage);
    }
    buf_deinit(&joint);
    if (baggage != NULL) {
        weir_baggage_free(out->baggage);
        out->baggage = baggage;
    }
    return error == WEIR_E_NO_MEMORY ? error : 0;
}

/* What every caller's struct has: what later releases add is looked for behind it, by its size. */
enum { SIZE_OF_FIRST_PROPAGATED = offsetof(weir_propagated, trace_state) + sizeof(char *) };

int weir_otlp_extract(const weir_otlp *otlp, weir_carrier_get_fn *get, void *carrier,
                      weir_propagated *out) {
    if (get == NULL || out == NULL || out->size < SIZE_OF_FIRST_PROPAGATED) {
        return WEIR_E_INVALID;
    }
    const struct extraction e = {get, carrier};
    const struct propagation *all = of_provider(otlp);
    int first_error = 0;
    bool is_found = false;
    for (size_t i = 0; i < all->n; i++) {
        bool is_context = all->items[i] == PROPAGATE_TRACE_CONTEXT;
        int result = is_context ? extract_context(&e, out) : extract_baggage(&e, out);
        is_found = is_found || result > 0;
        first_error = first_error != 0 ? first_error : MIN(result, 0);
    }
    if (first_error != 0) {
        return first_error;
    }
    return is_found ? 0 : WEIR_E_NOT_FOUND;
}

void weir_propagated_deinit(weir_propagated *propagated) {
    if (propagated == NULL) {
        return;
    }
    mem_free(propagated->trace_state);
    weir_baggage_free(propagated->baggage);
    propagated->trace_state = NULL;
    propagated->baggage = NULL;
    propagated->context = (weir_otlp_context){0};
}

/* ---- out ---- */

static void inject_context(const weir_otlp_context *context, weir_carrier_set_fn *set,
                           void *carrier) {
    char traceparent[56];
    if (!weir_otlp_context_format(context, traceparent)) {
        return;
    }
    set(carrier, "traceparent", traceparent);
    char *trace_state;
    if (copy_trace_state(context->trace_state, &trace_state) == 0 && trace_state != NULL) {
        set(carrier, "tracestate", trace_state);
        mem_free(trace_state);
    }
}

static void inject_baggage(const weir_baggage *baggage, weir_carrier_set_fn *set, void *carrier) {
    char header[WEIR_BAGGAGE_BYTES];
    if (weir_baggage_count(baggage) > 0) {
        (void)weir_baggage_format(baggage, header, sizeof header);
        set(carrier, "baggage", header);
    }
}

void weir_otlp_inject(const weir_otlp *otlp, const weir_otlp_context *context,
                      const weir_baggage *baggage, weir_carrier_set_fn *set, void *carrier) {
    const struct propagation *all = of_provider(otlp);
    for (size_t i = 0; set != NULL && i < all->n; i++) {
        if (all->items[i] == PROPAGATE_TRACE_CONTEXT) {
            inject_context(context, set, carrier);
        } else {
            inject_baggage(baggage, set, carrier);
        }
    }
}

const char *const *weir_otlp_propagation_fields(const weir_otlp *otlp) {
    static const char *const fields[2][2][4] = {
        {{NULL}, {"baggage", NULL}},
        {{"traceparent", "tracestate", NULL}, {"traceparent", "tracestate", "baggage", NULL}},
    };
    const struct propagation *all = of_provider(otlp);
    bool has[N_PROPAGATORS] = {false};
    for (size_t i = 0; i < all->n; i++) {
        has[all->items[i]] = true;
    }
    return fields[has[PROPAGATE_TRACE_CONTEXT]][has[PROPAGATE_BAGGAGE]];
}
