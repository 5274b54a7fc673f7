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
    return pipeline->exporter->spool;
}

/* ---- leaving ---- */

bool pipeline_keep(struct pipeline *pipeline, struct segment *segment) {
    if (segment->origin != NULL) {
        spool_put_back(spool_of(pipeline), segment->origin, pipeline->index, segment->n_spans);
        segment->origin = NULL; /* others may drop it from here on */
    } else if (segment->mapped != NULL && spool_map_is_ours(segment->mapped)) {
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
    if (pipeline->exporter->spool == NULL || pipeline->first == NULL ||
        pipeline->pinned_bytes + segment->capacity <= most || !pipeline_keep(pipeline, segment)) {
        return false;
    }
    pipeline->counts.taken += segment->n_spans;
    if (pipeline->spool_at_ns == UINT64_MAX) {
        pipeline->spool_at_ns = clock_now_ns() + EXPORTER_SPOOL_FIRST_MS * NS_PER_MS;
    }
    return true;
}

void exporter_release(struct exporter *exporter, struct segment *segment) {
    if (segment->origin != NULL) {
        spool_finish(exporter->spool, segment->origin, segment->origin_index);
    }
    segment_release(exporter->pool, segment);
}

/* Files have come to wait, perhaps for those that have looked in vain before. */
static void plan_waiting(struct exporter *exporter) {
    uint64_t now_ns = clock_now_ns();
    FOR_EACH_PIPELINE(pipeline, exporter) {
        uint64_t at_ns = now_ns + pipeline->spool_pause_ns;
        if (at_ns < pipeline->spool_at_ns && spool_has_waiting(exporter->spool, pipeline->index)) {
            pipeline->spool_at_ns = at_ns;
            pipeline_wake(pipeline);
        }
    }
}

void pipeline_tend_spool(struct pipeline *pipeline) {
    struct spool *spool = spool_of(pipeline);
    if (spool == NULL || !spool_has_work(spool)) {
        return;
    }
    pipeline_go_outside(pipeline);
    spool_work(spool);
    pipeline_come_inside(pipeline);
    if (!pipeline->exporter->is_ending) {
        plan_waiting(pipeline->exporter);
    }
}

/* ---- taking up again ---- */

/* What came of looking for an entry. */
struct found {
    struct spool_entry *entry; /* NULL: none waits */
    struct segment *segment;   /* NULL: none of its spans is whole, or it is to be left */
    bool is_to_be_left;        /* it cannot be read now, or memory is short */
};

/* What a file held, as it was read. */
struct read_file {
    int error;
    uint8_t *bytes;
    size_t n_bytes;
};

/* Waits for the disk. NULL: nothing waits, or the exporter ends: then the entry stays as it is. */
static struct spool_entry *find_entry(struct pipeline *pipeline, struct read_file *file) {
    pipeline_go_outside(pipeline);
    struct spool_entry *entry = spool_next(spool_of(pipeline), pipeline->index);
    if (entry != NULL) {
        file->error = spool_read(entry, &file->bytes, &file->n_bytes);
    }
    pipeline_come_inside(pipeline);
    return pipeline->exporter->is_ending ? NULL : entry;
}

/* Waits for nothing; but a file may be large. */
static struct segment *read_back(struct pipeline *pipeline, const struct read_file *file,
                                 bool *is_no_memory) {
    struct exporter *exporter = pipeline->exporter;
    struct spool_contents contents;
    struct segment *segment = NULL;
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    bool is_good =
        spool_file_read(file->bytes, file->n_bytes, &contents) == 0 && contents.n_spans > 0;
    if (is_good) {
        segment = segment_read_back(exporter->pool, &contents);
    }
    *is_no_memory = is_good && segment == NULL;
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
    return segment;
}

static struct found find(struct pipeline *pipeline) {
    struct read_file file = {.error = WEIR_E_NOT_FOUND};
    struct found found = {.entry = find_entry(pipeline, &file)};
    if (found.entry != NULL && file.error == 0) {
        found.segment = read_back(pipeline, &file, &found.is_to_be_left);
    } else if (found.entry != NULL) {
        found.is_to_be_left = file.error != WEIR_E_NOT_FOUND;
    }
    mem_free(file.bytes);
    return found;
}

struct segment *pipeline_take_spooled(struct pipeline *pipeline) {
    pipeline->spool_at_ns = UINT64_MAX; /* unless somebody plans anew meanwhile */
    pipeline->is_taking = true;
    struct found found = find(pipeline);
    pipeline->is_taking = false;
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
    } else if (spool_has_waiting(spool, pipeline->index)) { /* it is in other hands as yet */
        uint64_t again_ns = clock_now_ns() + EXPORTER_SPOOL_FIRST_MS * NS_PER_MS;
        pipeline->spool_at_ns = MIN(pipeline->spool_at_ns, again_ns);
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

bool pipeline_is_draining(const struct pipeline *pipeline, uint64_t deadline_ns) {
    bool is_under_way = pipeline->is_outside || pipeline->is_taking || pipeline->current != NULL;
    return spool_of(pipeline) != NULL && !pipeline->is_ended && pipeline->is_answering &&
           pipeline->hold_until_ns < deadline_ns &&
           (is_under_way || pipeline->spool_at_ns <= clock_now_ns());
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
