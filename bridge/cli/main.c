/*
 * The `weir` program: finds the command and runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "bridge/cli/command.h"
#include "bridge/cli/help.h"
#include "bridge/cli/report.h"

static const char *command_name(const void *data, size_t n) {
    (void)data;
    return commands[n] != NULL ? commands[n]->name : NULL;
}

const struct command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int refuse_unknown(const char *name) {
    const char *nearest = report_nearest(name, command_name, NULL);
    if (name[0] == '-') {
        return report_usage("no option %s; options of a command follow its name", name);
    }
    if (nearest != NULL) {
        return report_usage("no command '%s'; did you mean '%s'?", name, nearest);
    }
    return report_usage("no command '%s'", name);
}

static int run_help(int argc, char **argv) {
    if (argc == 0) {
        help_print_program(stdout);
        return COMMAND_OK;
    }
    const struct command *command = command_find(argv[0]);
    if (command == NULL) {
        return refuse_unknown(argv[0]);
    }
    help_print_command(stdout, command);
    return COMMAND_OK;
}

static int run_command(const struct command *command, int argc, char **argv) {
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "weir %s", command->name);
    report_set_command(prefix);
    int exit_code = command->run(argc, argv);
    report_set_command("weir");
    return exit_code;
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        help_print_program(stderr);
        return COMMAND_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        return run_help(argc - 2, argv + 2);
    }
    if (strcmp(word, "--version") == 0) {
        puts("weir " WEIR_VERSION);
        return COMMAND_OK;
    }
    const struct command *command = command_find(word);
    return command != NULL ? run_command(command, argc - 2, argv + 2) : refuse_unknown(word);
}

/* Where the caller closed one of the first three, no socket or file of ours takes its number: what
 * is printed would go there. Writing to the stand-in fails, as to a closed one. */
static void hold_standard_descriptors(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int main(int argc, char **argv) {
    hold_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write, with a message, */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
    int exit_code = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return exit_code;
    }
    int failed = report_failure("cannot write to standard output: %s", strerror(errno));
    return exit_code != COMMAND_OK ? exit_code : failed;
}
