/*
 * What is in force and where each value came from, for people who look for a fault (`weir doctor`).
 *
 * Every resolver of options and environment takes a struct config_report through its reader
 * (config_read.h); NULL there means that nobody wants to know, and costs nothing. Secrets do not
 * get in: they are masked before they are kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From the lowest precedence to the highest (D1). */
enum config_source { CONFIG_FROM_DEFAULT = 0, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_OPTION };

struct config_origin {
    enum config_source source;
    const char *name; /* of the variable or option; NULL for a default */
};

static inline struct config_origin config_by_default(void) {
    return (struct config_origin){CONFIG_FROM_DEFAULT, NULL};
}
static inline struct config_origin config_by_variable(const char *name) {
    return (struct config_origin){CONFIG_FROM_ENVIRONMENT, name};
}
static inline struct config_origin config_by_option(const char *name) {
    return (struct config_origin){CONFIG_FROM_OPTION, name};
}

/* How much of a value may be seen. */
enum config_privacy {
    CONFIG_PUBLIC = 0, /* all, but for user, password and query of URLs in it */
    CONFIG_URL,        /* a URL, perhaps without its scheme: the same */
    CONFIG_SECRET      /* nothing */
};

struct config_line {
    char *name;  /* the option's: "timeout_ms", "header authorization" */
    char *value; /* one line of UTF-8 */
    enum config_source source;
    char *origin; /* the variable or option; "" for a default */
};

/* Begins as {0}. Lines stand in the order in which their names came first. */
struct config_report {
    struct config_line *lines;
    size_t n;
    bool is_cut; /* memory was short, or there were more than CONFIG_MAX_LINES */
};

/* Frees the lines. NULL is fine. */
void config_report_deinit(struct config_report *report);

/*
 * Adds a line, or replaces the one of this name: what comes later has the higher precedence. A
 * value NULL is shown as "none". Values longer than CONFIG_MAX_VALUE are cut. NULL report: nothing
 * is done. Everything is copied.
 */
void config_report_put(struct config_report *report, const char *name, const char *value,
                       enum config_privacy privacy, struct config_origin origin);

/* The line of a name, or NULL. Borrowed until the next put. */
const struct config_line *config_report_find(const struct config_report *report, const char *name);

/* "default", "environment", "option". */
const char *config_source_name(enum config_source source);

/* True for names such as "password", "api_key", "x-auth-token" or "process.command_line", the
 * values of which may be secrets. NULL: false. */
bool config_is_secret_name(const char *name);
