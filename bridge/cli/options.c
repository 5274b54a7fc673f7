#include "bridge/cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/cli/help.h"
#include "bridge/cli/report.h"

static const struct option_row *find_option(const struct command *command, const char *name,
                                            size_t n_bytes) {
    for (size_t i = 0; i < command->n_options; i++) {
        const struct option_row *row = &command->options[i];
        if (strlen(row->name) == n_bytes && memcmp(row->name, name, n_bytes) == 0) {
            return row;
        }
    }
    return NULL;
}

static const char *option_name(const void *data, size_t n) {
    const struct command *command = data;
    return n < command->n_options ? command->options[n].name : NULL;
}

static bool refuse_unknown(const struct command *command, const char *word) {
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *nearest = word[1] == '-' ? report_nearest(name, option_name, command) : NULL;
    if (nearest != NULL) {
        report_usage("no option --%s; did you mean --%s?", name, nearest);
    } else {
        report_usage("no option %s", word);
    }
    return false;
}

static bool parse_number(const struct option_row *row, const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!is_number || number < row->least || number > row->most) {
        report_usage("--%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", row->name,
                     row->least, row->most, text);
        return false;
    }
    *out = number;
    return true;
}

static bool append(const struct option_row *row, const char *text, struct option_list *list) {
    if (list->n == OPTION_LIST_MAX) {
        report_usage("--%s may be given %d times", row->name, OPTION_LIST_MAX);
        return false;
    }
    list->items[list->n++] = text;
    return true;
}

static bool store(const struct option_row *row, const char *text, void *settings) {
    void *member = (char *)settings + row->offset;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)member = true; return true;
    case OPTION_TEXT: *(const char **)member = text; return true;
    case OPTION_NUMBER: return parse_number(row, text, member);
    case OPTION_LIST: return append(row, text, member);
    case OPTION_WORD: break;
    }
    if (!row->parse(text, member)) {
        report_usage("--%s takes %s, not '%s'", row->name, row->expected, text);
        return false;
    }
    return true;
}

/* Reads the option at argv[*at] and steps over its argument. False: said what is wrong. */
static bool read_option(const struct command *command, int argc, char **argv, int *at,
                        void *settings) {
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t n_bytes = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct option_row *row =
        word[1] == '-' ? find_option(command, word + 2, n_bytes - 2) : NULL;
    if (row == NULL) {
        return refuse_unknown(command, word);
    }
    if (row->kind == OPTION_FLAG && equals != NULL) {
        report_usage("--%s takes no value", row->name);
        return false;
    }
    const char *text = equals != NULL ? equals + 1 : NULL;
    if (row->kind != OPTION_FLAG && text == NULL) {
        if (*at + 1 >= argc) {
            report_usage("--%s needs a value: --%s %s", row->name, row->name, row->value);
            return false;
        }
        text = argv[++*at];
    }
    return store(row, text, settings);
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "-" alone is an argument: standard input or output. */
static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0';
}

static bool check_count(const struct command *command, const struct arguments *found) {
    if (found->n_items > command->max_arguments) {
        report_usage("unexpected argument '%s'", found->items[command->max_arguments]);
        return false;
    }
    if (found->n_items < command->min_arguments) {
        report_usage("%s is missing", command->arguments);
        return false;
    }
    return true;
}

bool options_parse(const struct command *command, int argc, char **argv, void *settings,
                   struct arguments *arguments, int *exit_code) {
    struct arguments found = {.items = argv};
    bool options_ended = false;
    *exit_code = COMMAND_USAGE;
    for (int i = 0; i < argc; i++) {
        if (options_ended || !is_option(argv[i])) {
            found.items[found.n_items++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_ended = true;
        } else if (is_help(argv[i])) {
            help_print_command(stdout, command);
            *exit_code = COMMAND_OK;
            return false;
        } else if (!read_option(command, argc, argv, &i, settings)) {
            return false;
        }
    }
    if (!check_count(command, &found)) {
        return false;
    }
    if (arguments != NULL) {
        *arguments = found;
    }
    return true;
}
