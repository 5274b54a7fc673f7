/*
 * Carriers of the library's own: lists of header lines, and the environment.
 */
#include <weir/propagation.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

/* ---- "name: value" lines ---- */

/* The value of a line of that name, in any case; NULL: another name. */
static const char *value_in(const char *line, const char *name, size_t n_name) {
    return strncasecmp(line, name, n_name) == 0 && line[n_name] == ':' ? line + n_name + 1 : NULL;
}

const char *weir_carrier_get_line(void *lines, const char *name, size_t nth) {
    const char *const *line = lines;
    size_t n_name = name != NULL ? strlen(name) : 0;
    for (; n_name > 0 && line != NULL && *line != NULL; line++) {
        const char *value = value_in(*line, name, n_name);
        if (value != NULL && nth-- == 0) {
            return value + strspn(value, " \t");
        }
    }
    return NULL;
}

/* ---- the environment ---- */

static char variable_char(char c) {
    if (c >= 'a' && c <= 'z') {
        return (char)(c - 'a' + 'A');
    }
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

size_t weir_env_name(const char *name, char *out, size_t n_bytes) {
    size_t length = 0;
    const char *from = name != NULL ? name : "";
    bool is_behind_digit = *from >= '0' && *from <= '9';
    for (; *from != '\0'; length++) {
        char c = is_behind_digit ? '_' : variable_char(*from++);
        is_behind_digit = false;
        if (length + 1 < n_bytes) {
            out[length] = c;
        }
    }
    if (n_bytes > 0) {
        out[MIN(length, n_bytes - 1)] = '\0';
    }
    return length;
}

struct weir_env {
    char **items; /* each owned; NULL-terminated */
    size_t n;
};

/* The place of a variable, or the one behind the last. */
static size_t place_of(const weir_env *env, const char *name, size_t n_name) {
    size_t i = 0;
    while (i < env->n &&
           !(strncmp(env->items[i], name, n_name) == 0 && env->items[i][n_name] == '=')) {
        i++;
    }
    return i;
}

const char *weir_carrier_get_env(void *env, const char *name, size_t nth) {
    char variable[ENV_MAX_NAME];
    size_t n_name = weir_env_name(name, variable, sizeof variable);
    if (nth > 0 || n_name == 0 || n_name >= sizeof variable) {
        return NULL;
    }
    if (env == NULL) {
        return getenv(variable);
    }
    const weir_env *own = env;
    size_t place = place_of(own, variable, n_name);
    return place < own->n ? own->items[place] + n_name + 1 : NULL;
}

void weir_env_free(weir_env *env) {
    if (env == NULL) {
        return;
    }
    for (size_t i = 0; i < env->n; i++) {
        mem_free(env->items[i]);
    }
    mem_free(env->items);
    mem_free(env);
}

static void env_cleanup(weir_env **env) {
    weir_env_free(*env);
}

weir_env *weir_env_new(char *const *environment) {
    char *const *from = environment != NULL ? environment : environ;
    size_t n = 0;
    while (from != NULL && from[n] != NULL && n < ENV_MAX_VARIABLES) {
        n++;
    }
    CLEANUP(env_cleanup) weir_env *env = mem_zalloc(sizeof *env);
    if (env == NULL || (env->items = mem_array(n + 1, sizeof *env->items)) == NULL) {
        return NULL;
    }
    for (; env->n < n; env->n++) {
        env->items[env->n] = mem_strdup(from[env->n]);
        if (env->items[env->n] == NULL) {
            return NULL;
        }
    }
    env->items[n] = NULL;
    weir_env *made = env;
    env = NULL;
    return made;
}

/* "NAME=value"; NULL: no memory. */
static char *item_of(const char *name, size_t n_name, const char *value) {
    size_t n_value = strlen(value);
    char *item = mem_alloc(n_name + 1 + n_value + 1);
    if (item != NULL) {
        memcpy(item, name, n_name);
        item[n_name] = '=';
        memcpy(item + n_name + 1, value, n_value + 1);
    }
    return item;
}

void weir_carrier_set_env(void *env, const char *name, const char *value) {
    weir_env *own = env;
    char variable[ENV_MAX_NAME];
    size_t n_name = weir_env_name(name, variable, sizeof variable);
    if (own == NULL || value == NULL || n_name == 0 || n_name >= sizeof variable) {
        return;
    }
    size_t place = place_of(own, variable, n_name);
    char *item = item_of(variable, n_name, value);
    if (item != NULL && place == own->n) {
        char **items = mem_realloc(own->items, (own->n + 2) * sizeof *items);
        if (items == NULL) {
            mem_free(item);
            return;
        }
        items[++own->n] = NULL;
        items[place] = NULL;
        own->items = items;
    }
    if (item != NULL) {
        mem_free(own->items[place]);
        own->items[place] = item;
    }
}

char *const *weir_env_list(const weir_env *env) {
    return env != NULL ? env->items : NULL;
}
