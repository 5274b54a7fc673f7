#include "otlp/spool_config.h"

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"

int spool_config_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                         struct spool_config *out, weir_error_detail *detail) {
    struct config_origin origin = config_by_default();
    if (options->spool_max_bytes > 0 && options->spool_max_bytes < SPOOL_MIN_BYTES) {
        return error_set(detail, WEIR_E_INVALID,
                         "spool_max_bytes is %zu: at least %d are needed, or 0 for the default",
                         options->spool_max_bytes, SPOOL_MIN_BYTES);
    }
    out->dir = CONFIG_TEXT(reader, &origin, .option = "spool_dir", .given = options->spool_dir,
                           .variables = {"WEIR_SPOOL_DIR"});
    out->is_by_code = origin.source == CONFIG_FROM_OPTION;
    out->max_bytes = (size_t)CONFIG_U64(
        reader, .option = "spool_max_bytes", .is_given = options->spool_max_bytes > 0,
        .given = options->spool_max_bytes, .variables = {"WEIR_SPOOL_MAX_BYTES"},
        .otherwise = SPOOL_DEFAULT_BYTES, .least = SPOOL_MIN_BYTES, .most = SIZE_MAX / 2,
        .unit = "bytes");
    out->max_age_ns =
        CONFIG_U64(reader, .option = "spool_max_age_s", .is_given = options->spool_max_age_s > 0,
                   .given = options->spool_max_age_s, .variables = {"WEIR_SPOOL_MAX_AGE_S"},
                   .otherwise = SPOOL_DEFAULT_AGE_S, .least = 1, .most = UINT64_MAX / NS_PER_S,
                   .unit = "s") *
        NS_PER_S;
    return 0;
}
