#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "otlp/common/log.h"
#include "tests/support/expect.h"

/* What a callback was told. */
struct heard {
    int n;
    weir_log_level level;
    char message[600];
};

static void hear(weir_log_level level, const char *message, void *data) {
    struct heard *heard = data;
    heard->n++;
    heard->level = level;
    snprintf(heard->message, sizeof heard->message, "%s", message);
    errno = EBADF; /* a callback may do anything */
}

static FILE *stderr_file;

static void redirect_stderr(void) {
    stderr_file = tmpfile();
    dup2(fileno(stderr_file), STDERR_FILENO);
}

/* What went to stderr so far. */
static const char *stderr_text(void) {
    static char text[8192];
    ssize_t n_bytes = pread(fileno(stderr_file), text, sizeof text - 1, 0);
    text[n_bytes < 0 ? 0 : n_bytes] = '\0';
    return text;
}

static void forget_level(void) {
    unsetenv("OTEL_LOG_LEVEL");
    redirect_stderr();
}

TestSuite(log, .init = forget_level);

Test(log, goes_to_the_callback_with_level_and_one_line) {
    struct heard heard = {0};
    struct logger logger;
    logger_init(&logger, hear, &heard, WEIR_LOG_DEFAULT);
    logger_say(&logger, WEIR_LOG_ERROR, LOG_CAUSE_EXPORT, "peer said: %s", "no\nweir: forged");
    cr_assert(eq(int, heard.n, 1));
    cr_assert(eq(int, (int)heard.level, WEIR_LOG_ERROR));
    expect_text(heard.message, "peer said: no weir: forged");
    expect_text(stderr_text(), "");
}

Test(log, keeps_errno) {
    struct heard heard = {0};
    struct logger logger;
    logger_init(&logger, hear, &heard, WEIR_LOG_DEFAULT);
    errno = ENOSPC;
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "x");
    cr_assert(eq(int, errno, ENOSPC));
    cr_assert(eq(int, heard.n, 1));
}

Test(log, a_callback_is_not_rate_limited) {
    struct heard heard = {0};
    struct logger logger;
    logger_init(&logger, hear, &heard, WEIR_LOG_DEFAULT);
    for (int i = 0; i < 10; i++) {
        logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "x");
    }
    cr_assert(eq(int, heard.n, 10));
}

Test(log, says_what_the_level_lets_through) {
    static const weir_log_level levels[] = {WEIR_LOG_ERROR, WEIR_LOG_WARN, WEIR_LOG_INFO,
                                            WEIR_LOG_DEBUG};
    for (int level = WEIR_LOG_NONE; level <= WEIR_LOG_DEBUG; level++) {
        struct heard heard = {0};
        struct logger logger;
        logger_init(&logger, hear, &heard, (weir_log_level)level);
        for (size_t i = 0; i < ARRAY_LENGTH(levels); i++) {
            logger_say(&logger, levels[i], LOG_CAUSE_CONFIG, "x");
        }
        cr_assert(eq(int, heard.n, level - WEIR_LOG_NONE));
    }
}

Test(log, takes_its_level_from_the_environment_in_any_case) {
    static const struct {
        const char *name;
        weir_log_level level;
    } rows[] = {{"none", WEIR_LOG_NONE}, {"ERROR", WEIR_LOG_ERROR}, {"Warn", WEIR_LOG_WARN},
                {"info", WEIR_LOG_INFO}, {"debug", WEIR_LOG_DEBUG}, {"", WEIR_LOG_INFO}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct heard heard = {0};
        struct logger logger;
        setenv("OTEL_LOG_LEVEL", rows[i].name, 1);
        logger_init(&logger, hear, &heard, WEIR_LOG_DEFAULT);
        cr_assert(eq(int, (int)logger.level, (int)rows[i].level), "%s", rows[i].name);
        cr_assert(eq(int, heard.n, 0));
        logger_init(&logger, hear, &heard, WEIR_LOG_ERROR);
        cr_assert(eq(int, (int)logger.level, WEIR_LOG_ERROR), "an option beats it");
    }
}

Test(log, an_unknown_level_is_said_once_with_its_text) {
    struct heard heard = {0};
    struct logger logger;
    setenv("OTEL_LOG_LEVEL", "loud", 1);
    logger_init(&logger, hear, &heard, WEIR_LOG_DEFAULT);
    cr_assert(eq(int, heard.n, 1));
    cr_assert(ne(ptr, strstr(heard.message, "OTEL_LOG_LEVEL=loud"), NULL));
    cr_assert(eq(int, (int)logger.level, WEIR_LOG_INFO));
}

Test(log, without_a_callback_one_line_a_minute_and_cause) {
    struct logger logger;
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEFAULT);
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "first");
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "too soon");
    logger_say(&logger, WEIR_LOG_ERROR, LOG_CAUSE_TRACKER, "another");
    expect_text(stderr_text(), "weir: warn: first\nweir: error: another\n");
    uint64_t minute = 60000000000u;
    uint64_t before = logger.next_ns[LOG_CAUSE_EXPORT];
    logger.next_ns[LOG_CAUSE_EXPORT] = before - minute; /* a minute later */
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "again");
    expect_text(stderr_text(), "weir: warn: first\nweir: error: another\nweir: warn: again\n");
    cr_assert(ge(u64, logger.next_ns[LOG_CAUSE_EXPORT], before));
}

Test(log, without_a_callback_information_is_kept_to_itself) {
    struct logger logger;
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEBUG);
    logger_say(&logger, WEIR_LOG_INFO, LOG_CAUSE_EXPORT, "fine");
    logger_say(&logger, WEIR_LOG_DEBUG, LOG_CAUSE_EXPORT, "detail");
    expect_text(stderr_text(), "");
}

Test(log, none_silences_stderr) {
    struct logger logger;
    setenv("OTEL_LOG_LEVEL", "none", 1);
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEFAULT);
    logger_say(&logger, WEIR_LOG_ERROR, LOG_CAUSE_EXPORT, "x");
    expect_text(stderr_text(), "");
}

Test(log, a_long_message_is_cut_and_stays_one_line) {
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct logger logger;
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEFAULT);
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "%s", text);
    const char *said = stderr_text();
    cr_assert(eq(sz, strlen(said), strlen("weir: warn: ") + 511 + 1));
    cr_assert(eq(chr, said[strlen(said) - 1], '\n'));
}

static void *say_one(void *data) {
    logger_say(data, WEIR_LOG_WARN, LOG_CAUSE_QUEUE, "one of many");
    return NULL;
}

Test(log, of_many_threads_one_gets_the_minute) {
    struct logger logger;
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEFAULT);
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, say_one, &logger)));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    expect_text(stderr_text(), "weir: warn: one of many\n");
}

Test(log, a_closed_stderr_is_borne) {
    close(STDERR_FILENO);
    struct logger logger;
    logger_init(&logger, NULL, NULL, WEIR_LOG_DEFAULT);
    errno = 0;
    logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "x");
    cr_assert(eq(int, errno, 0));
}
