/*
 * A command of the `weir` program: one constant table in one cmd_<name>.c file.
 *
 * The table is all there is to know of a command from outside: main.c finds it by name, options.c
 * reads the command line by it, help.c prints its help from it, so none of the three can disagree
 * with another. How to add a command: bridge/cli/README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of every command. */
enum { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

/* What an option's argument becomes, and the type of the settings' member it is stored in. */
enum option_kind {
    OPTION_FLAG,   /* no argument; bool */
    OPTION_TEXT,   /* const char *, borrowed from the command line */
    OPTION_NUMBER, /* uint64_t, from `least` to `most` */
    OPTION_LIST,   /* struct option_list; given once for each item */
    OPTION_WORD    /* what `parse` makes of it */
};

/* Texts of a repeated option, borrowed, with NULL behind the last. */
enum { OPTION_LIST_MAX = 64 };
struct option_list {
    const char *items[OPTION_LIST_MAX + 1];
    size_t n;
};

struct option_row {
    const char *name;  /* without the two dashes */
    const char *value; /* how help names the argument: "FILE"; NULL for a flag */
    const char *help;  /* one sentence without a full stop, with the default in brackets */
    enum option_kind kind;
    size_t offset;        /* of the member in the command's settings */
    uint64_t least, most; /* OPTION_NUMBER */
    /* OPTION_WORD: fills the member; false when the text is none of `expected`. */
    bool (*parse)(const char *text, void *member);
    const char *expected; /* OPTION_WORD: for the message: "single_span, event, ..." */
};

struct command {
    const char *name;
    const char *summary;   /* one line, for the list of commands */
    const char *about;     /* a paragraph or more, for the command's own help */
    const char *arguments; /* how help names what is no option: "PATH..."; NULL: none */
    size_t min_arguments, max_arguments;
    const struct option_row *options;
    size_t n_options;
    const char *const *examples; /* NULL-terminated; at least one */
    /* Runs it with what follows the command's name. Returns an exit code. */
    int (*run)(int argc, char **argv);
};

/* One a file: cmd_<name>.c. */
extern const struct command cmd_replay;
extern const struct command cmd_load;
extern const struct command cmd_validate;
extern const struct command cmd_collect;
extern const struct command cmd_demo;
extern const struct command cmd_doctor;

/* All commands, in the order of the help text; NULL-terminated. */
extern const struct command *const commands[];

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);
