/*
 * The metrics of a provider as a list that a test looks into: one row a value, its attributes as
 * text, "key=value,key=value" in the order in which they came.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weir/otlp.h>

#include "tests/support/expect.h"

enum { METRIC_LIST_MAX = 256 };

struct metric_row {
    char name[64], unit[16], attributes[320];
    weir_instrument instrument;
    uint64_t value, count;
    double sum;
};

struct metric_list {
    struct metric_row rows[METRIC_LIST_MAX];
    size_t n;
};

static inline void metric_list_add(const weir_metric *metric, void *data) {
    struct metric_list *list = data;
    struct metric_row *row = &list->rows[list->n++ % METRIC_LIST_MAX];
    *row = (struct metric_row){.instrument = metric->instrument,
                               .value = metric->value,
                               .count = metric->count,
                               .sum = metric->sum};
    snprintf(row->name, sizeof row->name, "%s", metric->name);
    snprintf(row->unit, sizeof row->unit, "%s", metric->unit);
    for (size_t i = 0; i < metric->n_attributes; i++) {
        const weir_key_value *a = &metric->attributes[i];
        size_t n = strlen(row->attributes);
        char *at = row->attributes + n;
        size_t n_left = sizeof row->attributes - n;
        if (a->value.kind == WEIR_VALUE_INT) {
            snprintf(at, n_left, "%s%s=%" PRId64, i > 0 ? "," : "", a->key, a->value.as.integer);
        } else {
            snprintf(at, n_left, "%s%s=%.*s", i > 0 ? "," : "", a->key,
                     (int)a->value.as.string.n_bytes, a->value.as.string.bytes);
        }
    }
}

static inline void metric_list_read(struct metric_list *list, weir_otlp *otlp) {
    list->n = 0;
    cr_assert(eq(int, weir_otlp_each_metric(otlp, metric_list_add, list), 0));
    cr_assert(le(sz, list->n, METRIC_LIST_MAX));
}

/* The row of this name whose attributes are these, or NULL. */
static inline const struct metric_row *metric_find(const struct metric_list *list, const char *name,
                                                   const char *attributes) {
    for (size_t i = 0; i < list->n; i++) {
        const struct metric_row *row = &list->rows[i];
        if (strcmp(row->name, name) == 0 && strcmp(row->attributes, attributes) == 0) {
            return row;
        }
    }
    return NULL;
}

/* 0 when there is none. */
static inline uint64_t metric_value(const struct metric_list *list, const char *name,
                                    const char *attributes) {
    const struct metric_row *row = metric_find(list, name, attributes);
    return row != NULL ? row->value : 0;
}

/* How many rows have this name. */
static inline size_t metric_n_rows(const struct metric_list *list, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        n += strcmp(list->rows[i].name, name) == 0;
    }
    return n;
}
