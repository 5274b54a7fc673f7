#include "otlp/tally.h"

static struct tally *find(struct tallies *tallies, const struct export_result *result) {
    for (size_t i = 0; i < tallies->n; i++) {
        const struct export_result *known = &tallies->of[i].result;
        if (known->end == result->end && known->is_grpc == result->is_grpc &&
            known->code == result->code) {
            return &tallies->of[i];
        }
    }
    return NULL;
}

static struct tally *find_or_make(struct tallies *tallies, struct export_result result) {
    struct tally *tally = find(tallies, &result);
    if (tally == NULL && tallies->n >= TALLIES_MAX_CODES) {
        result.code = 0; /* without it there are few kinds, and room for all of them */
        tally = find(tallies, &result);
    }
    if (tally == NULL) {
        tally = &tallies->of[tallies->n++];
        *tally = (struct tally){.result = result};
    }
    return tally;
}

void tallies_add(struct tallies *tallies, const struct export_result *result, uint64_t n_spans,
                 uint64_t duration_ns) {
    struct tally *tally = find_or_make(tallies, *result);
    tally->n_exports++;
    tally->n_spans += n_spans;
    tally->duration_ns += duration_ns;
}
