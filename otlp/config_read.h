/*
 * One setting, read: the option in code, else the first variable that has a good value, else the
 * default (D1-D9); said to the report. A new variable is one call.
 *
 * A bad value of a variable is warned of, with the value, and the variable taken as unset. Each
 * call borrows its struct; `option` is the option's name, also in the report. Variables stand in
 * the order of their precedence; NULL: there is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/log.h"
#include "otlp/common/macro.h"
#include "otlp/config_report.h"

/* What every resolver gets. */
struct config_reader {
    struct logger *logger;        /* hears of values that cannot be used */
    struct config_report *report; /* NULL: nobody wants to know */
    bool is_code_only;            /* the environment speaks of another pipeline */
};

struct config_u64 {
    const char *option;
    bool is_given;
    uint64_t given;
    const char *variables[2];
    uint64_t otherwise;
    uint64_t least;      /* smaller or larger numbers in a variable are out of range (D5) */
    uint64_t most;       /* 0: none; code and default are cut to it */
    uint64_t special;    /* this number … */
    const char *meaning; /* … is shown as this word; NULL: as a number */
    const char *unit;    /* shown behind the number; NULL: none */
};
uint64_t config_u64(const struct config_reader *reader, const struct config_u64 *setting);

/* A time given in milliseconds; its nanoseconds. Some centuries stand for every longer one (D6). */
uint64_t config_ns_of_ms(const struct config_reader *reader, const struct config_u64 *setting);

/* True is "true" in any case; anything else is false, and all but "false" is warned of (D3). */
struct config_bool {
    const char *option;
    bool is_given;
    bool given;
    const char *variable;
};
bool config_bool(const struct config_reader *reader, const struct config_bool *setting);

/* An index into names, which are matched in any case (D8). A NULL name matches nothing. */
struct config_enum {
    const char *option;
    bool is_given;
    unsigned given; /* below n_names */
    const char *variables[2];
    const char *const *names;
    unsigned n_names;
    unsigned otherwise;
};
unsigned config_enum(const struct config_reader *reader, const struct config_enum *setting);

/* The same for a list of such words, "a,b": bits of the places in names, at most 32. */
struct config_set {
    const char *option;
    const char *variable;
    const char *const *names;
    unsigned n_names;
    uint32_t otherwise;
};
uint32_t config_set(const struct config_reader *reader, const struct config_set *setting);

/* Borrowed from the options, the environment or the struct; NULL: nothing is set. */
struct config_text {
    const char *option;
    const char *given;
    const char *variables[2];
    const char *otherwise;
    enum config_privacy privacy;
};
/* *origin gets where it came from; NULL: nobody asks. */
const char *config_text(const struct config_reader *reader, const struct config_text *setting,
                        struct config_origin *origin);

/* The value of a variable, unless the environment does not count; NULL: unset or empty (D2). */
const char *config_variable(const struct config_reader *reader, const char *name);

/* A line of the report for what none of these reads. Formats only when somebody wants to know. */
void config_note(const struct config_reader *reader, const char *name, struct config_origin origin,
                 const char *format, ...) PRINTF_FORMAT(4, 5);
/* The same for text as it is; NULL: none. */
void config_note_text(const struct config_reader *reader, const char *name, const char *value,
                      enum config_privacy privacy, struct config_origin origin);

#define CONFIG_U64(reader, ...) config_u64((reader), &(const struct config_u64){__VA_ARGS__})
#define CONFIG_NS_OF_MS(reader, ...)                                                               \
    config_ns_of_ms((reader), &(const struct config_u64){.unit = "ms", __VA_ARGS__})
#define CONFIG_BOOL(reader, ...) config_bool((reader), &(const struct config_bool){__VA_ARGS__})
#define CONFIG_ENUM(reader, ...) config_enum((reader), &(const struct config_enum){__VA_ARGS__})
#define CONFIG_SET(reader, ...) config_set((reader), &(const struct config_set){__VA_ARGS__})
#define CONFIG_TEXT(reader, origin, ...)                                                           \
    config_text((reader), &(const struct config_text){__VA_ARGS__}, (origin))
