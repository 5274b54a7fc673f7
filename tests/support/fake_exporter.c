#include "tests/support/fake_exporter.h"

#include <stdlib.h>
#include <string.h>

#include "otlp/exporter.h"
#include "otlp/transport.h"

enum { MAX_BODIES = 4096 };

struct fake_exporter fake_exporter;

static struct {
    uint8_t *bytes;
    size_t n_bytes;
} bodies[MAX_BODIES];

/* Everything is called by one thread at a time, but for the stress tests, which use the real one.
 */
struct exporter {
    struct exporter_options options;
    struct segment *held;
    struct exporter_counts counts;
};

static struct exporter *current;

static void keep_body(struct segment *segment) {
    segment_seal(segment);
    size_t n_bytes = segment->n_body_bytes;
    if (fake_exporter.n_bodies < MAX_BODIES) {
        uint8_t *copy = malloc(n_bytes + 1);
        if (copy == NULL) {
            return; /* a test of failing allocations does not look at bodies */
        }
        memcpy(copy, segment->body, n_bytes);
        bodies[fake_exporter.n_bodies].bytes = copy;
        bodies[fake_exporter.n_bodies].n_bytes = n_bytes;
        fake_exporter.n_bodies++;
    }
}

static void finish(struct exporter *exporter, struct segment *segment) {
    exporter->counts.acknowledged += segment->n_spans;
    exporter->counts.in_flight -= segment->n_spans;
    exporter->counts.requests++;
    segment_release(exporter->options.pool, segment);
}

void exporter_push(struct exporter *exporter, struct segment *segment) {
    if (!fake_exporter.keeps_no_bodies) {
        keep_body(segment);
    }
    fake_exporter.n_spans += segment->n_spans;
    exporter->counts.taken += segment->n_spans;
    exporter->counts.in_flight += segment->n_spans;
    if (fake_exporter.holds) {
        segment->next = exporter->held;
        exporter->held = segment;
    } else {
        finish(exporter, segment);
    }
}

void fake_exporter_let_go(void) {
    while (current != NULL && current->held != NULL) {
        struct segment *segment = current->held;
        current->held = segment->next;
        finish(current, segment);
    }
}

const uint8_t *fake_exporter_body(size_t nth, size_t *n_bytes) {
    *n_bytes = bodies[nth].n_bytes;
    return bodies[nth].bytes;
}

void fake_exporter_reset(void) {
    for (size_t i = 0; i < fake_exporter.n_bodies; i++) {
        free(bodies[i].bytes);
    }
    fake_exporter = (struct fake_exporter){0};
}

int exporter_start(const struct exporter_options *options, struct exporter **out,
                   weir_error_detail *detail) {
    (void)detail;
    if (fake_exporter.start_error != 0) {
        return fake_exporter.start_error;
    }
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (exporter == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    exporter->options = *options;
    *out = current = exporter;
    return 0;
}

void exporter_nudge(struct exporter *exporter) {
    (void)exporter;
    fake_exporter.n_nudges++;
}

void exporter_hurry(struct exporter *exporter) {
    (void)exporter;
    fake_exporter.n_hurries++;
}

int exporter_flush(struct exporter *exporter, uint64_t deadline_ns) {
    (void)deadline_ns;
    exporter->options.collect(exporter->options.collect_data);
    return 0;
}

void exporter_begin_anew(struct exporter *exporter) {
    while (exporter->held != NULL) {
        struct segment *segment = exporter->held;
        exporter->held = segment->next;
        segment_release(exporter->options.pool, segment);
    }
    exporter->counts = (struct exporter_counts){0};
}

uint64_t exporter_n_in_hand(struct exporter *exporter) {
    (void)exporter;
    return 0;
}

int exporter_stop(struct exporter *exporter, uint64_t deadline_ns, struct exporter_counts *counts) {
    (void)exporter_flush(exporter, deadline_ns);
    fake_exporter_let_go();
    if (counts != NULL) {
        *counts = exporter->counts;
    }
    current = NULL;
    free(exporter);
    return 0;
}

void exporter_get_counts(struct exporter *exporter, size_t index, struct exporter_counts *out) {
    (void)index;
    *out = exporter->counts;
}

int exporter_poll_fd(struct exporter *exporter) {
    (void)exporter;
    return -1;
}

int64_t exporter_tick(struct exporter *exporter) {
    (void)exporter;
    return -1;
}

size_t exporter_pinned_bytes(struct exporter *exporter, size_t index) {
    (void)exporter, (void)index;
    return 0;
}

static int answer(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                  weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

int transport_choose(const weir_otlp_options *options, const struct config_reader *reader,
                     struct transport_choices *out, weir_error_detail *detail) {
    (void)options, (void)reader, (void)detail;
    out->n = fake_exporter.is_nowhere ? 0 : 1;
    return 0;
}

void transport_choices_deinit(struct transport_choices *choices) {
    (void)choices;
}

int transport_open(const struct transport_choice *choice, weir_transport *out,
                   weir_error_detail *detail) {
    (void)choice, (void)detail;
    *out = (weir_transport)WEIR_TRANSPORT_INIT;
    out->post = answer;
    return 0;
}
