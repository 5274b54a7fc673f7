/*
 * Pipelines and the spool. What a pipeline has to give up for now is left there, and so is what
 * comes while its queue is crowded; it is taken up again when the endpoint answers, or now and then
 * to see whether it does.
 */
#include <stdio.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"
#include "otlp/spool.h"

static struct spool *spool_of(const struct pipeline *pipeline) {
    return pipeline->exporter->pool->spool;
}

/* ---- leaving ---- */

bool pipeline_keep(struct pipeline *pipeline, struct segment *segment) {
    if (segment->origin != NULL) {
        spool_put_back(spool_of(pipeline), segment->origin, pipeline->index, segment->n_spans);
        segment->origin = NULL; /* others may drop it from here on */
    } else if (segment->mapped != NULL) {
        spool_count_waiting(spool_of(pipeline), pipeline->index, segment->n_spans);
        segment->kept_for |= (uint8_t)(1u << pipeline->index);
    } else {
        return false;
    }
    pipeline->counts.kept += segment->n_spans;
    return true;
}

bool pipeline_keep_if_crowded(struct pipeline *pipeline, struct segment *segment) {
    const struct segment_pool *pool = pipeline->exporter->pool;
    size_t most = pool->max_bytes / 2 / pipeline->exporter->n_pipelines;
    if (pool->spool == NULL || pipeline->first == NULL ||
        pipeline->pinned_bytes + segment->capacity <= most || !pipeline_keep(pipeline, segment)) {
        return false;
    }
    pipeline->counts.taken += segment->n_spans;
    if (pipeline->spool_at_ns == UINT64_MAX) {
        pipeline->spool_at_ns = clock_now_ns() + EXPORTER_SPOOL_FIRST_MS * NS_PER_MS;
    }
    return true;
}

/* It waits from now on for those that have given it up, who may have looked in vain before. */
static void plan_kept(struct exporter *exporter, uint8_t kept_for) {
    FOR_EACH_PIPELINE(pipeline, exporter) {
        if ((kept_for & 1u << pipeline->index) != 0 && pipeline->spool_at_ns == UINT64_MAX) {
            pipeline->spool_at_ns = clock_now_ns() + pipeline->spool_pause_ns;
            pipeline_wake(pipeline);
        }
    }
}

void exporter_release(struct exporter *exporter, struct segment *segment) {
    if (exporter->pool->spool == NULL) {
        segment_release(exporter->pool, segment);
        return;
    }
    uint8_t kept_for = segment->kept_for;
    exporter->n_borrowing++; /* the disk may take its time */
    pthread_mutex_unlock(&exporter->mutex);
    if (segment->origin != NULL) {
        spool_finish(exporter->pool->spool, segment->origin, segment->origin_index);
    }
    segment_release(exporter->pool, segment);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    plan_kept(exporter, kept_for);
    pthread_cond_broadcast(&exporter->progress);
}

/* ---- taking up again ---- */

/* What came of looking for an entry. */
struct found {
    struct spool_entry *entry; /* NULL: none waits */
    struct segment *segment;   /* NULL: none of its spans is whole, or it is to be left */
    bool is_to_be_left;        /* it cannot be read now, or memory is short */
};

/* Without the mutex. */
static void read_entry(struct pipeline *pipeline, struct found *found) {
    CLEANUP(mem_cleanup) uint8_t *file = NULL;
    size_t n_file = 0;
    struct spool_contents contents;
    int error = spool_read(found->entry, &file, &n_file);
    found->is_to_be_left = error != 0 && error != WEIR_E_NOT_FOUND;
    if (error != 0 || spool_file_read(file, n_file, &contents) != 0 || contents.n_spans == 0) {
        return;
    }
    found->segment = segment_read_back(pipeline->exporter->pool, &contents);
    found->is_to_be_left = found->segment == NULL;
}

static struct found find(struct pipeline *pipeline) {
    struct exporter *exporter = pipeline->exporter;
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    struct found found = {.entry = spool_next(spool_of(pipeline), pipeline->index)};
    if (found.entry != NULL) {
        read_entry(pipeline, &found);
    }
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
    return found;
}

struct segment *pipeline_take_spooled(struct pipeline *pipeline) {
    pipeline->spool_at_ns = UINT64_MAX; /* unless somebody plans anew meanwhile */
    struct found found = find(pipeline);
    struct spool *spool = spool_of(pipeline);
    struct segment *segment = found.segment;
    if (found.is_to_be_left) {
        spool_leave(spool, found.entry, pipeline->index);
        pipeline->spool_at_ns = clock_now_ns() + EXPORTER_SPOOL_FIRST_MS * NS_PER_MS;
    } else if (found.entry != NULL) {
        spool_take(spool, found.entry, pipeline->index, segment != NULL ? segment->n_spans : 0);
        if (segment == NULL) {
            spool_finish(spool, found.entry, pipeline->index);
            pipeline->spool_at_ns = clock_now_ns(); /* the next one */
        }
    }
    if (segment != NULL) {
        segment->origin = found.entry;
        segment->origin_index = (uint8_t)pipeline->index;
        segment->n_holders = 1;
        pipeline->pinned_bytes += segment->capacity;
    }
    return segment;
}

void pipeline_plan_spool(struct pipeline *pipeline, const struct outcome *outcome,
                         bool was_spooled) {
    struct spool *spool = spool_of(pipeline);
    uint64_t now_ns = clock_now_ns();
    if (spool == NULL) {
        return;
    }
    if (outcome->is_delivered) { /* what waits follows; after a refusal it might be refused too */
        pipeline->spool_pause_ns = 0;
        pipeline->spool_at_ns = spool_is_due(spool, pipeline->index) ? now_ns : UINT64_MAX;
        return;
    }
    if (was_spooled || pipeline->spool_pause_ns == 0) {
        pipeline->spool_pause_ns =
            MIN(MAX(2 * pipeline->spool_pause_ns, (uint64_t)EXPORTER_SPOOL_FIRST_MS * NS_PER_MS),
                (uint64_t)EXPORTER_SPOOL_MAX_MS * NS_PER_MS);
    }
    if (was_spooled || pipeline->spool_at_ns == UINT64_MAX || pipeline->spool_at_ns <= now_ns) {
        pipeline->spool_at_ns = now_ns + pipeline->spool_pause_ns;
    }
}

/* ---- counters ---- */

void pipeline_read_counts(const struct pipeline *pipeline, struct exporter_counts *out) {
    *out = pipeline->counts;
    if (spool_of(pipeline) == NULL) {
        return;
    }
    struct spool_counts spool;
    spool_get_counts(spool_of(pipeline), pipeline->index, &spool);
    out->spooled = spool.waiting;
    out->adopted = spool.adopted;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        out->dropped[i] += spool.dropped[i];
    }
}
