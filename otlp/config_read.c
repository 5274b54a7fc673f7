#include "otlp/config_read.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "otlp/bounds.h"
#include "otlp/common/clock.h"
#include "otlp/common/env.h"

/* Before the variables are asked. */
static struct config_origin by_code(bool is_given, const char *option) {
    return is_given ? config_by_option(option) : config_by_default();
}

void config_note_text(const struct config_reader *reader, const char *name, const char *value,
                      enum config_privacy privacy, struct config_origin origin) {
    config_report_put(reader->report, name, value, privacy, origin);
}

void config_note(const struct config_reader *reader, const char *name, struct config_origin origin,
                 const char *format, ...) {
    if (reader->report == NULL) {
        return;
    }
    char value[CONFIG_MAX_VALUE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    config_note_text(reader, name, value, CONFIG_PUBLIC, origin);
}

const char *config_variable(const struct config_reader *reader, const char *name) {
    return name != NULL && !reader->is_code_only ? env_text(name) : NULL;
}

/* ---- numbers ---- */

static bool read_u64(const struct config_reader *reader, const struct config_u64 *setting,
                     uint64_t *out, struct config_origin *origin) {
    uint64_t most = setting->most != 0 ? setting->most : UINT64_MAX;
    for (size_t i = 0; i < ARRAY_LENGTH(setting->variables); i++) {
        const char *name = setting->variables[i];
        if (config_variable(reader, name) != NULL &&
            env_number(name, setting->least, most, out, reader->logger)) {
            *origin = config_by_variable(name);
            return true;
        }
    }
    return false;
}

uint64_t config_u64(const struct config_reader *reader, const struct config_u64 *setting) {
    uint64_t number = setting->is_given ? setting->given : setting->otherwise;
    struct config_origin origin = by_code(setting->is_given, setting->option);
    if (!setting->is_given) {
        (void)read_u64(reader, setting, &number, &origin);
    }
    if (setting->most != 0) {
        number = MIN(number, setting->most);
    }
    if (setting->meaning != NULL && number == setting->special) {
        config_note(reader, setting->option, origin, "%s", setting->meaning);
    } else {
        config_note(reader, setting->option, origin, "%" PRIu64 "%s%s", number,
                    setting->unit != NULL ? " " : "", setting->unit != NULL ? setting->unit : "");
    }
    return number;
}

uint64_t config_ns_of_ms(const struct config_reader *reader, const struct config_u64 *setting) {
    uint64_t ms = config_u64(reader, setting);
    return MIN(ms, UINT64_MAX / 2 / NS_PER_MS) * NS_PER_MS;
}

/* ---- words ---- */

bool config_bool(const struct config_reader *reader, const struct config_bool *setting) {
    bool value = setting->is_given && setting->given;
    struct config_origin origin = by_code(setting->is_given, setting->option);
    if (!setting->is_given && config_variable(reader, setting->variable) != NULL) {
        value = env_flag(setting->variable, reader->logger);
        origin = config_by_variable(setting->variable);
    }
    config_note(reader, setting->option, origin, "%s", value ? "true" : "false");
    return value;
}

unsigned config_enum(const struct config_reader *reader, const struct config_enum *setting) {
    unsigned value = setting->is_given ? setting->given : setting->otherwise;
    struct config_origin origin = by_code(setting->is_given, setting->option);
    for (size_t i = 0; !setting->is_given && i < ARRAY_LENGTH(setting->variables); i++) {
        const char *name = setting->variables[i];
        if (config_variable(reader, name) != NULL &&
            env_enum(name, setting->names, setting->n_names, &value, reader->logger)) {
            origin = config_by_variable(name);
            break;
        }
    }
    config_note_text(reader, setting->option, setting->names[value], CONFIG_PUBLIC, origin);
    return value;
}

uint32_t config_set(const struct config_reader *reader, const struct config_set *setting) {
    uint32_t set = setting->otherwise;
    struct config_origin origin = config_by_default();
    if (config_variable(reader, setting->variable) != NULL &&
        env_set(setting->variable, setting->names, setting->n_names, &set, reader->logger)) {
        origin = config_by_variable(setting->variable);
    }
    char list[CONFIG_MAX_VALUE] = "";
    for (unsigned i = 0, n = 0; i < setting->n_names && n < sizeof list; i++) {
        if ((set >> i & 1) != 0) {
            n += (unsigned)snprintf(list + n, sizeof list - n, "%s%s", n > 0 ? "," : "",
                                    setting->names[i]);
        }
    }
    config_note_text(reader, setting->option, list, CONFIG_PUBLIC, origin);
    return set;
}

static const char *read_text(const struct config_reader *reader, const struct config_text *setting,
                             struct config_origin *origin) {
    if (setting->given != NULL) {
        *origin = config_by_option(setting->option);
        return setting->given;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(setting->variables); i++) {
        const char *text = config_variable(reader, setting->variables[i]);
        if (text != NULL) {
            *origin = config_by_variable(setting->variables[i]);
            return text;
        }
    }
    *origin = config_by_default();
    return setting->otherwise;
}

const char *config_text(const struct config_reader *reader, const struct config_text *setting,
                        struct config_origin *origin) {
    struct config_origin found;
    const char *text = read_text(reader, setting, &found);
    config_note_text(reader, setting->option, text, setting->privacy, found);
    if (origin != NULL) {
        *origin = found;
    }
    return text;
}
