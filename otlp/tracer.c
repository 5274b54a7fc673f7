#include "otlp/tracer.h"

#include <string.h>

#include "otlp/attributes.h"
#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/encode.h"
#include "otlp/provider.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

static const struct attribute_limits NO_LIMITS = {UINT32_MAX, ENCODE_ALL_CHARS};

static void tracer_free(struct weir_otlp_tracer *tracer) {
    if (tracer != NULL) {
        buf_deinit(&tracer->encoded);
        mem_free(tracer);
    }
}

static void tracer_cleanup(struct weir_otlp_tracer **tracer) {
    tracer_free(*tracer);
}

void tracer_free_all(weir_otlp *otlp) {
    while (otlp->tracers != NULL) {
        struct weir_otlp_tracer *tracer = otlp->tracers;
        otlp->tracers = tracer->next;
        tracer_free(tracer);
    }
}

static void encode_name(struct buf *out, uint8_t tag, const char *text) {
    if (text != NULL) {
        encode_text(out, tag, text, strlen(text));
    }
}

static struct scope_piece piece(const struct buf *buf, size_t from, size_t to) {
    return (struct scope_piece){to > from ? buf->data + from : NULL, to - from};
}

/* The scope's two pieces: its field, left out when nothing is known of it (A7), and the URL. */
static size_t encode_scope(struct weir_otlp_tracer *tracer, const char *name, const char *version,
                           const char *schema_url, const weir_key_value *attributes,
                           size_t n_attributes) {
    struct buf *out = &tracer->encoded;
    size_t mark = wire_open(out, TAG_SCOPE_SPANS_SCOPE);
    encode_name(out, TAG_SCOPE_NAME, name);
    encode_name(out, TAG_SCOPE_VERSION, version);
    struct attributes a = attributes_in(out, TAG_SCOPE_ATTRIBUTES);
    size_t n_refused = n_attributes > 0 && out->error == 0
                           ? attributes_set_all(&a, &NO_LIMITS, attributes, n_attributes)
                           : 0;
    if (out->n_bytes == mark) {
        buf_truncate(out, 0);
    } else {
        wire_close(out, mark);
    }
    size_t n_scope = out->n_bytes;
    encode_name(out, TAG_SCOPE_SPANS_SCHEMA_URL, schema_url);
    if (out->error == 0) {
        tracer->scope.scope = piece(out, 0, n_scope);
        tracer->scope.scope_url = piece(out, n_scope, out->n_bytes);
    }
    return n_refused + a.n_dropped;
}

static bool piece_equals(const struct scope_piece *a, const struct scope_piece *b) {
    return a->n_bytes == b->n_bytes &&
           (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
}

/* Equal scopes have equal bytes. */
static struct weir_otlp_tracer *find(const weir_otlp *otlp, const struct scope *scope) {
    for (struct weir_otlp_tracer *t = otlp->tracers; t != NULL; t = t->next) {
        if (piece_equals(&t->scope.scope, &scope->scope) &&
            piece_equals(&t->scope.scope_url, &scope->scope_url)) {
            return t;
        }
    }
    return NULL;
}

/* The one that is there already, or this one, which is handed over then. */
static struct weir_otlp_tracer *enter(weir_otlp *otlp, struct weir_otlp_tracer **tracer) {
    lock_take(&otlp->tracers_lock);
    struct weir_otlp_tracer *found = find(otlp, &(*tracer)->scope);
    if (found == NULL && otlp->n_tracers < OTLP_MAX_TRACERS) {
        found = *tracer;
        *tracer = NULL;
        found->next = otlp->tracers;
        otlp->tracers = found;
        otlp->n_tracers++;
    }
    lock_give(&otlp->tracers_lock);
    return found;
}

static void say_what_is_wrong(weir_otlp *otlp, const char *name, size_t n_refused) {
    if (name == NULL || *name == '\0') {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "a tracer was asked for without a name: name the instrumented library");
    }
    if (n_refused > 0) {
        logger_say(
            &otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
            "tracer %s: %zu attributes have no key or no valid value, or do not fit: ignored",
            name ? name : "", n_refused);
    }
}

weir_otlp_tracer *weir_otlp_tracer_get_with(weir_otlp *otlp, const char *name, const char *version,
                                            const char *schema_url,
                                            const weir_key_value *attributes, size_t n_attributes) {
    if (otlp == NULL) {
        return NULL;
    }
    CLEANUP(tracer_cleanup) struct weir_otlp_tracer *tracer = mem_zalloc(sizeof *tracer);
    if (tracer == NULL) {
        return NULL;
    }
    tracer->otlp = otlp;
    buf_init(&tracer->encoded, SCOPE_MAX_BYTES);
    size_t n_refused = encode_scope(tracer, name, version, schema_url, attributes, n_attributes);
    if (buf_error(&tracer->encoded) != 0) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "tracer %.100s cannot be made: %s (at most %d bytes)", name ? name : "",
                   weir_strerror(buf_error(&tracer->encoded)), SCOPE_MAX_BYTES);
        return NULL;
    }
    tracer->scope.resource = piece(&otlp->resource, 0, otlp->resource.n_bytes);
    tracer->scope.resource_url = piece(&otlp->resource_url, 0, otlp->resource_url.n_bytes);
    say_what_is_wrong(otlp, name, n_refused);
    struct weir_otlp_tracer *found = enter(otlp, &tracer);
    if (found == NULL) {
        logger_say(&otlp->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "tracer %.100s cannot be made: there are %d already", name ? name : "",
                   OTLP_MAX_TRACERS);
    }
    return found;
}

weir_otlp_tracer *weir_otlp_tracer_get(weir_otlp *otlp, const char *name, const char *version,
                                       const char *schema_url) {
    return weir_otlp_tracer_get_with(otlp, name, version, schema_url, NULL, 0);
}
