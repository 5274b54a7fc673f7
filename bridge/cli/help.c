#include "bridge/cli/help.h"

#include <string.h>

enum { HELP_COLUMNS = 80, OPTION_MAX_BYTES = 64 };

/* Prints words, breaking lines before the last column; continuation lines are indented. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent) {
    while (*text != '\0') {
        size_t n_word = strcspn(text, " \n");
        if (column > indent && column + 1 + n_word > HELP_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, n_word, out);
        column += n_word;
        text += n_word;
        for (; *text == '\n'; text++) { /* a line feed in the text is kept */
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : (int)indent, "");
            column = indent;
        }
        text += *text == ' ';
    }
    fputc('\n', out);
}

static size_t option_heading(const struct option_row *row, char *out) {
    int n = snprintf(out, OPTION_MAX_BYTES, "--%s%s%s", row->name, row->value != NULL ? " " : "",
                     row->value != NULL ? row->value : "");
    return (size_t)n;
}

static size_t widest_option(const struct command *command) {
    char heading[OPTION_MAX_BYTES];
    size_t widest = strlen("--help");
    for (size_t i = 0; i < command->n_options; i++) {
        size_t width = option_heading(&command->options[i], heading);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static void print_option(FILE *out, const char *heading, const char *help, size_t widest) {
    fprintf(out, "  %-*s  ", (int)widest, heading);
    print_wrapped(out, help, widest + 4, widest + 4);
}

static void print_options(FILE *out, const struct command *command) {
    size_t widest = widest_option(command);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < command->n_options; i++) {
        char heading[OPTION_MAX_BYTES];
        option_heading(&command->options[i], heading);
        print_option(out, heading, command->options[i].help, widest);
    }
    print_option(out, "--help", "prints this text", widest);
}

void help_print_command(FILE *out, const struct command *command) {
    fprintf(out, "Usage: weir %s [OPTIONS]%s%s\n\n", command->name,
            command->arguments != NULL ? " " : "",
            command->arguments != NULL ? command->arguments : "");
    print_wrapped(out, command->about, 0, 0);
    print_options(out, command);
    fprintf(out, "\n%s:\n", command->examples[1] != NULL ? "Examples" : "Example");
    for (size_t i = 0; command->examples[i] != NULL; i++) {
        fprintf(out, "  %s\n", command->examples[i]);
    }
}

void help_print_program(FILE *out) {
    fputs("Usage: weir COMMAND [OPTIONS] [ARGUMENTS]\n\n"
          "Watches streaming applications: OpenTelemetry spans over OTLP, and Burr's local\n"
          "tracking files.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(out, "  %-10s", commands[i]->name);
        print_wrapped(out, commands[i]->summary, 12, 12);
    }
    fputs("\nOptions:\n"
          "  --help     prints this text; weir COMMAND --help that of a command\n"
          "  --version  prints the version\n\n"
          "Example:\n",
          out);
    if (commands[0] != NULL) {
        fprintf(out, "  %s\n", commands[0]->examples[0]);
    }
    fputs("\nExit codes: 0 done, 1 failed, 2 the command line makes no sense.\n", out);
}
