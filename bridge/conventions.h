/*
 * Convention profiles: the attribute names by which backends know what Burr's names mean.
 *
 * The application, or the bridge, says a thing once; this says it again under the names of each
 * profile that was chosen. What the application set itself is never touched. Called by the OTLP
 * adapter only, under the app's lock, and only when some profile was chosen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/weir.h>

struct weir;
struct app;
struct step;
struct otlp_part;

/* What a span stands for in the lifecycle. */
enum span_role { SPAN_OF_METHOD, SPAN_OF_ACTION, SPAN_OF_USER, SPAN_OF_CHUNK };

/* What has been learnt of a span since its begin; kept in its otlp_part. */
struct conventions_part {
    uint64_t given;   /* names of the table that the application has set */
    uint8_t kind;     /* enum span_kind of conventions.c */
    bool has_settled; /* the kind is not to be guessed any more */
};

/* Kind and session of a span that has just begun. */
void conventions_begin(const struct weir *w, const struct app *app, struct otlp_part *part,
                       enum span_role role);
/* An action span's place in the graph of the run: below the step before it. */
void conventions_node(const struct weir *w, struct step *step, struct otlp_part *part);
/* The application has set this attribute: the same under the other profiles' names. */
void conventions_given(const struct weir *w, const struct app *app, struct otlp_part *part,
                       const weir_key_value *attribute);
/* What the step took in and gave, as JSON text. */
void conventions_input(const struct weir *w, struct otlp_part *part, const weir_value *text);
void conventions_output(const struct weir *w, struct otlp_part *part, const weir_value *text);
/* True when some profile has names for input and output. */
bool conventions_have_content(const struct weir *w);
/* The same as messages, for a span that turned out to be a model call. NULL: not known. */
void conventions_messages(const struct weir *w, struct otlp_part *part, const weir_value *input,
                          const weir_value *output, const weir_error *error);
/* That a stream was, and when its first item came. */
void conventions_stream(const struct weir *w, const struct step *step, struct otlp_part *part);
void conventions_error(const struct weir *w, struct otlp_part *part, const weir_error *error,
                       uint64_t unix_ns);

/* The names of some WEIR_CONVENTIONS_… as weir_conventions_parse takes them: "burr,genai". */
enum { CONVENTIONS_TEXT_BYTES = 80 };
void conventions_describe(unsigned bits, char out[CONVENTIONS_TEXT_BYTES]);

/* The older name of a token count, for Burr's files; NULL: it has none. */
const char *conventions_legacy_name(const char *key);
