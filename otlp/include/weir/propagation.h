/*
 * What travels between processes: span contexts (W3C Trace Context Level 2) and baggage (W3C
 * Baggage), in and out of anything that carries named texts: HTTP headers, message properties, the
 * environment.
 *
 * Functions without a note may be called from any thread; none waits, and none needs a pipeline
 * (G25): where one takes a weir_otlp, NULL stands for the default, trace context and then baggage.
 */
#pragma once

#include <weir/error.h>
#include <weir/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- traceparent ---- */

/* Writes a traceparent (G2): 55 characters and NUL. false and "" when the context is invalid or
 * NULL. */
WEIR_API bool weir_otlp_context_format(const weir_otlp_context *context, char out[56]);
/*
 * Reads a traceparent (G3-G7) and, optionally, a tracestate, which is borrowed. A bad tracestate is
 * left out (G11). 0, or WEIR_E_SYNTAX with *out untouched (NULL traceparent included).
 */
WEIR_API WEIR_WARN_UNUSED int
weir_otlp_context_parse(const char *traceparent, const char *trace_state, weir_otlp_context *out);

/* ---- tracestate: a text, changed by making another (E11) ---- */

enum {
    WEIR_TRACE_STATE_BYTES = 16448, /* of the longest there can be, with its NUL */
    WEIR_BAGGAGE_BYTES = 8193       /* the same of a baggage header (G29) */
};

/*
 * In all of these `state` may be NULL, and one that is invalid counts as empty, so that what comes
 * out is always valid. `out` has n_bytes and must not overlap `state`; WEIR_E_TOO_LARGE when they
 * are too few, WEIR_E_INVALID for a NULL; *out is untouched then.
 */

/* The value of a key, borrowed from `state`, n_bytes long. false: there is none. */
WEIR_API bool weir_trace_state_get(const char *state, const char *key, const char **value,
                                   size_t *n_bytes);
/* Adds or replaces: the entry is the first one then, and the last of 33 is left out (G14, G18).
 * WEIR_E_INVALID also for a key or value that breaks G15 or G16. */
WEIR_API WEIR_WARN_UNUSED int weir_trace_state_set(const char *state, const char *key,
                                                   const char *value, char *out, size_t n_bytes);
WEIR_API WEIR_WARN_UNUSED int weir_trace_state_delete(const char *state, const char *key, char *out,
                                                      size_t n_bytes);
/* At most max_chars of it: whole entries go, those over 128 characters first, then from the right
 * (G19). At least 512 characters should be passed on. */
WEIR_API WEIR_WARN_UNUSED int weir_trace_state_cut(const char *state, size_t max_chars, char *out,
                                                   size_t n_bytes);

/* ---- baggage: an immutable set of named values (G25-G30) ---- */

typedef struct weir_baggage weir_baggage;

/* Texts are NUL-terminated and borrowed from the baggage. */
typedef struct weir_baggage_member {
    const char *name;
    const char *value; /* UTF-8; may hold U+0000 when it came from outside */
    size_t value_bytes;
    const char *metadata; /* the properties as they came, "a=1;b"; "": none */
} weir_baggage_member;

/*
 * Makes a new baggage with this member set; `baggage` (NULL: empty) stays as it is. A member of
 * that name is replaced. Free *out with weir_baggage_free. WEIR_E_INVALID: name is no token of HTTP
 * (letters, digits, !#$%&'*+-.^_`|~), value is NULL or no UTF-8, metadata (NULL: none) is not
 * printable ASCII without commas; WEIR_E_TOO_LARGE: more than 64 members, or 8,192 bytes as a
 * header; WEIR_E_NO_MEMORY. *out is untouched then.
 */
WEIR_API WEIR_WARN_UNUSED int weir_baggage_set(const weir_baggage *baggage, const char *name,
                                               const char *value, const char *metadata,
                                               weir_baggage **out);
/* The same without a member; one that is not there makes a copy. WEIR_E_INVALID (name or out is
 * NULL), WEIR_E_NO_MEMORY. */
WEIR_API WEIR_WARN_UNUSED int weir_baggage_remove(const weir_baggage *baggage, const char *name,
                                                  weir_baggage **out);
/*
 * Reads a header (several ones: joined by commas). Members that are none are left out, and so are
 * those that no longer fit into the limits; of equal names the last one counts. WEIR_E_SYNTAX: no
 * good member in it, or NULL; WEIR_E_INVALID (out is NULL), WEIR_E_NO_MEMORY; *out is untouched
 * then.
 */
WEIR_API WEIR_WARN_UNUSED int weir_baggage_parse(const char *header, weir_baggage **out);
/* Writes the header, cut to n_bytes with the NUL, and returns its whole length, as snprintf does.
 * NULL: "". */
WEIR_API size_t weir_baggage_format(const weir_baggage *baggage, char *out, size_t n_bytes);

WEIR_API size_t weir_baggage_count(const weir_baggage *baggage);
/* The nth member, in the order in which they were set. false, *out untouched: there is none. */
WEIR_API bool weir_baggage_at(const weir_baggage *baggage, size_t nth, weir_baggage_member *out);
/* The same by name, which is case-sensitive. */
WEIR_API bool weir_baggage_get(const weir_baggage *baggage, const char *name,
                               weir_baggage_member *out);
/* To clear a baggage is to free it and to pass NULL on. NULL is fine. */
WEIR_API void weir_baggage_free(weir_baggage *baggage);

/* ---- carriers ---- */

/*
 * The nth value of a field, from 0, NUL-terminated; NULL: there are no more. Names are given in
 * lower case; where the carrier ignores case (HTTP) so must this function (G22). The text must stay
 * until the extraction is over.
 */
typedef const char *weir_carrier_get_fn(void *carrier, const char *name, size_t nth);
/* Puts a field in place of any older one of its name. Both texts are borrowed for the call. */
typedef void weir_carrier_set_fn(void *carrier, const char *name, const char *value);

/* A carrier to read from: a NULL-terminated list of "name: value" lines, names in any case. The
 * carrier is a `const char *const *`, cast to void *. */
WEIR_API const char *weir_carrier_get_line(void *lines, const char *name, size_t nth);

/*
 * The environment (G31): the fields are TRACEPARENT, TRACESTATE, BAGGAGE. To read this process's
 * own, give the carrier NULL; while another thread changes it, that is as unsafe as getenv.
 */
WEIR_API const char *weir_carrier_get_env(void *env, const char *name, size_t nth);

/* An environment for a child process. */
typedef struct weir_env weir_env;
/* A copy of this process's environment, or of `environment` (NULL-terminated "NAME=value") if it is
 * not NULL. NULL when memory is short. */
WEIR_API weir_env *weir_env_new(char *const *environment);
/* weir_carrier_set_fn for a weir_env. When memory is short the field is left out. */
WEIR_API void weir_carrier_set_env(void *env, const char *name, const char *value);
/* For execve and posix_spawn; borrowed until the next change. NULL env: NULL. */
WEIR_API char *const *weir_env_list(const weir_env *env);
WEIR_API void weir_env_free(weir_env *env);
/* The name of a field as a variable: upper case, other characters than letters and digits `_`, a
 * leading digit behind a `_`. Cut to n_bytes with the NUL; returns its whole length. */
WEIR_API size_t weir_env_name(const char *name, char *out, size_t n_bytes);

/* ---- in and out ---- */

/* What was extracted. Begins as WEIR_PROPAGATED_INIT, ends with weir_propagated_deinit. */
typedef struct weir_propagated {
    size_t size;
    weir_otlp_context context; /* invalid: none came; its trace_state is owned here */
    weir_baggage *baggage;     /* owned here; NULL: none came */
    char *trace_state;         /* owned; use context.trace_state */
} weir_propagated;
#define WEIR_PROPAGATED_INIT                                                                       \
    { sizeof(struct weir_propagated), {{0}, {0}, 0, false, NULL, 0}, NULL, NULL }

/*
 * Reads what the pipeline's propagators find: a context to give as parent, and baggage. What is
 * not there, or is bad, leaves what *out holds as it is (G12). 0; WEIR_E_NOT_FOUND: no context
 * came (baggage may have); WEIR_E_NO_MEMORY; WEIR_E_INVALID (get or out is NULL, out->size is
 * none).
 */
WEIR_API int weir_otlp_extract(const weir_otlp *otlp, weir_carrier_get_fn *get, void *carrier,
                               weir_propagated *out);
/* Frees what it owns and empties it. NULL is fine. */
WEIR_API void weir_propagated_deinit(weir_propagated *propagated);

/*
 * Writes what the pipeline's propagators say: traceparent of a valid context, tracestate if it has
 * one (G1), baggage if there is some. context and baggage may be NULL.
 */
WEIR_API void weir_otlp_inject(const weir_otlp *otlp, const weir_otlp_context *context,
                               const weir_baggage *baggage, weir_carrier_set_fn *set,
                               void *carrier);
/* The field names that inject may set, NULL-terminated; for carriers that must be told. Static. */
WEIR_API const char *const *weir_otlp_propagation_fields(const weir_otlp *otlp);

#ifdef __cplusplus
}
#endif
