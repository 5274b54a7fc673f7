/*
 * run_scenarios: plays recorded runs of the reference through weir and compares.
 *
 *   run_scenarios DIR…                        one line a scenario and mode; 1 when any fails
 *   run_scenarios --print MODE [--exact] FILE what came out, as JSON in the form of the recordings
 *
 * The test build run_scenarios_without takes `--without N` in front: weir then lacks improvement N,
 * and the run must fail and name it.
 *
 * It knows nothing of any scenario: the rules for what weir does better are in improve.c.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#ifdef WEIR_TEST_IMPROVEMENTS
#include "bridge/core.h"
#endif
#include "otlp/common/macro.h"
#include "tests/golden/check.h"
#include "tests/golden/play.h"
#include "tests/golden/print.h"
#include "tests/support/temp.h"

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: run_scenarios DIR...\n"
                            "       run_scenarios --print MODE [--exact] FILE\n"
                            "MODE: single_span, event, chunk_spans, single_and_chunk_spans\n";

struct totals {
    size_t n_scenarios;
    size_t n_failed; /* lines */
};

static void run_file(const char *path, struct totals *totals) {
    struct arena arena CLEANUP(arena_free) = {0};
    struct scenario scenario;
    totals->n_scenarios++;
    const char *fault = scenario_read(&arena, path, &scenario);
    if (fault != NULL) {
        totals->n_failed++;
        printf("FAIL %s: %s\n", path, fault);
        return;
    }
    for (weir_streaming_mode mode = WEIR_STREAMING_SINGLE_SPAN;
         mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS; mode++) {
        struct arena played CLEANUP(arena_free) = {0};
        fault = check_scenario(&played, &scenario, mode);
        totals->n_failed += fault != NULL;
        printf("%s %s %s\n%s", fault ? "FAIL" : "ok  ", scenario.name,
               weir_streaming_mode_name(mode), fault ? fault : "");
        (void)fflush(stdout);
    }
}

/* A scenario is a regular file that is a JSON object; "*.json" must be one. */
static bool is_scenario(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".json") == 0) {
        return true;
    }
    char *text CLEANUP(temp_path_free) = temp_read(path, NULL);
    return text != NULL && text[strspn(text, " \t\r\n")] == '{';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_directory(const char *directory, struct totals *totals) {
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, NULL, by_name);
    if (n < 0 && errno == ENOTDIR && is_scenario(directory)) {
        run_file(directory, totals);
        return 0;
    }
    if (n < 0) {
        fprintf(stderr, "run_scenarios: %s: %s\n", directory, strerror(errno));
        return EXIT_FAILURE;
    }
    size_t n_before = totals->n_scenarios;
    for (int i = 0; i < n; i++) {
        char *path CLEANUP(temp_path_free) = temp_path(directory, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && is_scenario(path)) {
            run_file(path, totals);
        }
        free(entries[i]); /* scandir's, not ours */
    }
    free(entries);
    if (totals->n_scenarios == n_before) {
        fprintf(stderr, "run_scenarios: %s holds no scenario\n", directory);
        return EXIT_FAILURE;
    }
    return 0;
}

static int run_all(char **directories) {
    struct totals totals = {0};
    int status = 0;
    for (char **directory = directories; *directory != NULL; directory++) {
        status |= run_directory(*directory, &totals);
    }
    printf("%zu scenarios, 4 modes, exact and improved, handles and weir_emit: %zu failed\n",
           totals.n_scenarios, totals.n_failed);
    return totals.n_failed > 0 ? EXIT_FAILURE : status;
}

static int print_one(weir_streaming_mode mode, bool burr_exact, const char *path) {
    struct arena arena CLEANUP(arena_free) = {0};
    struct scenario scenario;
    struct play_result result = {0};
    const struct play_options options = {mode, burr_exact, PLAY_HANDLES};
    const char *fault = scenario_read(&arena, path, &scenario);
    fault = fault ? fault : play_scenario(&arena, &scenario, &options, &result);
    if (fault != NULL) {
        fprintf(stderr, "run_scenarios: %s: %s\n", path, fault);
        return EXIT_FAILURE;
    }
    print_result(stdout, &arena, &result);
    return EXIT_SUCCESS;
}

/* Passes over `--without N`, where it means something. */
static bool leave_out(int *argc, char ***argv) {
#ifdef WEIR_TEST_IMPROVEMENTS
    if (*argc > 2 && strcmp((*argv)[1], "--without") == 0) {
        long number = strtol((*argv)[2], NULL, 10);
        core_improvements_off = 1U << (number & 31);
        *argc -= 2;
        *argv += 2;
        return number > 0 && number < 32;
    }
#else
    (void)argc;
    (void)argv;
#endif
    return true;
}

int main(int argc, char **argv) {
    /* local stamps of the recordings are UTC; the environment's settings must not count */
    (void)setenv("TZ", "UTC", 1);
    tzset();
    if (!leave_out(&argc, &argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (argc >= 2 && argv[1][0] != '-') {
        return run_all(argv + 1);
    }
    bool burr_exact = argc == 5 && strcmp(argv[3], "--exact") == 0;
    weir_streaming_mode mode;
    bool has_file = (argc == 4 && argv[3][0] != '-') || burr_exact;
    if (has_file && strcmp(argv[1], "--print") == 0 &&
        weir_streaming_mode_parse(argv[2], &mode) == 0) {
        return print_one(mode, burr_exact, argv[argc - 1]);
    }
    fputs(usage, stderr);
    return EXIT_USAGE;
}
