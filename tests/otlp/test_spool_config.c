#include <stdlib.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/spool_config.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"

static struct kept_log said = KEPT_LOG_INIT;

static void forget(void) {
    unsetenv("WEIR_SPOOL_DIR");
    unsetenv("WEIR_SPOOL_MAX_BYTES");
    unsetenv("WEIR_SPOOL_MAX_AGE_S");
}
TestSuite(spool_config, .init = forget);

static int resolve(const weir_otlp_options *options, struct spool_config *out,
                   weir_error_detail *detail) {
    struct logger logger;
    kept_log_logger(&said, &logger);
    const struct config_reader reader = {.logger = &logger};
    return spool_config_resolve(options, &reader, out, detail);
}

static struct spool_config resolved(const weir_otlp_options *options) {
    struct spool_config config = {0};
    cr_assert(eq(int, resolve(options, &config, NULL), 0));
    return config;
}

Test(spool_config, is_off_by_default) {
    struct spool_config config = resolved(&WEIR_OTLP_OPTIONS());
    cr_expect(config.dir == NULL);
    cr_expect(eq(sz, config.max_bytes, SPOOL_DEFAULT_BYTES));
    cr_expect(eq(u64, config.max_age_ns, SPOOL_DEFAULT_AGE_S * NS_PER_S));
}

/* Code before environment before default (D1). */
Test(spool_config, takes_options_before_variables) {
    setenv("WEIR_SPOOL_DIR", "/by/variable", 1);
    setenv("WEIR_SPOOL_MAX_BYTES", "2000000", 1);
    setenv("WEIR_SPOOL_MAX_AGE_S", "60", 1);
    struct spool_config config = resolved(&WEIR_OTLP_OPTIONS());
    expect_text(config.dir, "/by/variable");
    cr_expect(not(config.is_by_code));
    cr_expect(eq(sz, config.max_bytes, 2000000));
    cr_expect(eq(u64, config.max_age_ns, 60 * NS_PER_S));
    config = resolved(&WEIR_OTLP_OPTIONS(.spool_dir = "/by/code", .spool_max_bytes = 3000000,
                                         .spool_max_age_s = 5));
    expect_text(config.dir, "/by/code");
    cr_expect(config.is_by_code);
    cr_expect(eq(sz, config.max_bytes, 3000000));
    cr_expect(eq(u64, config.max_age_ns, 5 * NS_PER_S));
}

/* An empty variable is unset (D2); a bad number is warned of and left out (D5). */
Test(spool_config, does_without_bad_variables) {
    setenv("WEIR_SPOOL_DIR", "", 1);
    setenv("WEIR_SPOOL_MAX_BYTES", "100", 1);
    setenv("WEIR_SPOOL_MAX_AGE_S", "a week", 1);
    struct spool_config config = resolved(&WEIR_OTLP_OPTIONS());
    cr_expect(config.dir == NULL);
    cr_expect(eq(sz, config.max_bytes, SPOOL_DEFAULT_BYTES));
    cr_expect(eq(u64, config.max_age_ns, SPOOL_DEFAULT_AGE_S * NS_PER_S));
    cr_expect(kept_log_has(&said, "WEIR_SPOOL_MAX_BYTES"));
    cr_expect(kept_log_has(&said, "WEIR_SPOOL_MAX_AGE_S"));
}

Test(spool_config, refuses_a_bound_that_holds_nothing) {
    struct spool_config config = {.max_bytes = 7};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, resolve(&WEIR_OTLP_OPTIONS(.spool_max_bytes = 4096), &config, &detail),
                 WEIR_E_INVALID));
    cr_expect(strstr(detail.message, "spool_max_bytes is 4096") != NULL);
    cr_expect(eq(sz, config.max_bytes, 7));
    /* Some centuries stand for every longer time. */
    config = resolved(&WEIR_OTLP_OPTIONS(.spool_max_age_s = UINT64_MAX));
    cr_expect(ge(u64, config.max_age_ns, UINT64_MAX - NS_PER_S));
}
