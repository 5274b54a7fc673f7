#include "otlp/spool.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"

/* ---- the list of those that wait ---- */

static void unlink_entry(struct spool *spool, struct spool_entry *entry) {
    *(entry->previous != NULL ? &entry->previous->next : &spool->first) = entry->next;
    *(entry->next != NULL ? &entry->next->previous : &spool->last) = entry->previous;
}

/* A file whose name would make it an orphan. */
static bool has_old_name(const struct spool *spool, const struct spool_entry *entry) {
    return spool->dir.owner != 0 && entry->owner != spool->dir.owner;
}

static void plan_rename(struct spool *spool, struct spool_entry *entry) {
    entry->n_used = entry->n_bytes;
    spool_plan(spool, entry, SPOOL_KEEP);
}

/* By age; nearly always the newest. */
void spool_entry_link(struct spool *spool, struct spool_entry *entry) {
    if (has_old_name(spool, entry)) {
        plan_rename(spool, entry);
        return;
    }
    struct spool_entry *before = spool->last;
    while (before != NULL && before->unix_ns > entry->unix_ns) {
        before = before->previous;
    }
    entry->previous = before;
    entry->next = before != NULL ? before->next : spool->first;
    *(entry->next != NULL ? &entry->next->previous : &spool->last) = entry;
    *(before != NULL ? &before->next : &spool->first) = entry;
}

/* Its file goes with it. */
static void delete_entry(struct spool *spool, struct spool_entry *entry) {
    unlink_entry(spool, entry);
    spool_unreserve(spool, entry->n_bytes, 1);
    spool_plan(spool, entry, SPOOL_DELETE);
}

static void drop(struct spool *spool, struct spool_entry *entry, size_t pipeline, uint32_t n_spans,
                 weir_drop_cause cause) {
    struct spool_counts *counts = &spool->counts[pipeline];
    entry->n_spans[pipeline] -= n_spans;
    counts->waiting -= n_spans;
    counts->dropped[cause] += n_spans;
    if (n_spans > 0) {
        spool_note_loss(spool, n_spans);
    }
}

static void drop_entry(struct spool *spool, struct spool_entry *entry, weir_drop_cause cause) {
    SPOOL_FOR_EACH_BIT(i, entry->waits_for) {
        drop(spool, entry, i, entry->n_spans[i], cause);
    }
    delete_entry(spool, entry);
}

/* ---- bounds ---- */

static struct spool_entry *find_droppable(const struct spool *spool) {
    struct spool_entry *entry = spool->first;
    while (entry != NULL && entry->is_with != 0) {
        entry = entry->next;
    }
    return entry;
}

static bool is_over(const struct spool *spool, size_t n_bytes, uint32_t n_files) {
    return spool->n_bytes + n_bytes > spool->max_bytes ||
           spool->n_files + n_files > SPOOL_MAX_FILES;
}

void spool_plan_surplus(struct spool *spool, size_t n_bytes_to_stay) {
    while (spool->free != NULL && spool->n_free_bytes > n_bytes_to_stay) {
        struct spool_entry *entry = spool->free;
        spool->free = entry->next;
        spool->n_free_bytes -= entry->n_bytes;
        spool_unreserve(spool, entry->n_bytes, 1);
        spool_plan(spool, entry, SPOOL_DELETE);
    }
}

static bool make_room(struct spool *spool, size_t n_bytes, uint32_t n_files) {
    if (is_over(spool, n_bytes, n_files)) {
        spool_plan_surplus(spool, 0);
    }
    while (is_over(spool, n_bytes, n_files)) {
        struct spool_entry *oldest = find_droppable(spool);
        if (oldest == NULL) {
            return false;
        }
        drop_entry(spool, oldest, WEIR_DROP_SPOOL_FULL);
    }
    return true;
}

bool spool_reserve(struct spool *spool, size_t n_bytes, uint32_t n_files) {
    if (!make_room(spool, n_bytes, n_files)) {
        return false;
    }
    spool->n_bytes += n_bytes;
    spool->n_files += n_files;
    return true;
}

void spool_unreserve(struct spool *spool, size_t n_bytes, uint32_t n_files) {
    spool->n_bytes -= n_bytes;
    spool->n_files -= n_files;
}

/* A time to come, of a clock that was set back since, is no age. */
void spool_drop_aged(struct spool *spool) {
    uint64_t now = clock_unix(&spool->clock);
    struct spool_entry *next;
    for (struct spool_entry *entry = spool->first; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->unix_ns > now || now - entry->unix_ns <= spool->max_age_ns) {
            break; /* those behind it are younger */
        }
        if (entry->is_with == 0) {
            drop_entry(spool, entry, WEIR_DROP_SPOOL_AGED);
        }
    }
}

/* ---- news ---- */

/* The disk refuses, or does no longer. */
static bool tell_of_refusal(struct spool *spool, char *text, size_t n_text) {
    char reason[128];
    if (spool->is_refused == spool->is_refusal_told) {
        return false;
    }
    spool->is_refusal_told = spool->is_refused;
    if (!spool->is_refused) {
        snprintf(text, n_text, "the spool %s takes spans again", spool->dir.path);
        return true;
    }
    snprintf(text, n_text,
             "the spool %s takes no more spans: %s; until it does they are in memory "
             "alone",
             spool->dir.path,
             spool->refused_error != 0
                 ? strerror_r(spool->refused_error, reason, sizeof reason)
                 : "spool_max_bytes is reached by spans that are being recorded or sent");
    return true;
}

/* What waits may be on the list of work, or in hand; what is being sent waits no longer. */
static bool is_empty(const struct spool *spool) {
    bool is_empty = spool->first == NULL;
    for (size_t i = 0; i < spool->n_pipelines; i++) {
        is_empty &= spool->counts[i].waiting == 0;
    }
    return is_empty;
}

static bool tell_of_loss(struct spool *spool, char *text, size_t n_text) {
    if (spool->n_lost == 0) {
        return false;
    }
    if (!spool->is_loss_told) {
        spool->is_loss_told = true;
        snprintf(
            text, n_text,
            "the spool %s loses spans: too many, too old or damaged; does the endpoint answer?",
            spool->dir.path);
        return true;
    }
    if (is_empty(spool)) {
        spool->is_loss_told = false;
        snprintf(text, n_text, "the spool %s is empty again; lost meanwhile: %" PRIu64,
                 spool->dir.path, spool->n_lost);
        spool->n_lost = 0;
        return true;
    }
    return false;
}

bool spool_news(struct spool *spool, char *text, size_t n_text) {
    if (!atomic_load_explicit(&spool->has_news, memory_order_relaxed)) {
        return false;
    }
    lock_take(&spool->lock);
    bool has_text = tell_of_refusal(spool, text, n_text) || tell_of_loss(spool, text, n_text);
    /* A loss that was told of is news again when it is over, which this must not miss. */
    bool may_follow = has_text || spool->n_lost > 0;
    atomic_store_explicit(&spool->has_news, may_follow, memory_order_relaxed);
    lock_give(&spool->lock);
    return has_text;
}

void spool_say_news(struct spool *spool) {
    char text[SPOOL_NEWS_BYTES];
    if (spool_news(spool, text, sizeof text)) {
        logger_say(&spool->logger, WEIR_LOG_WARN, LOG_CAUSE_SPOOL, "%s", text);
    }
}

void spool_note_loss(struct spool *spool, uint64_t n_spans) {
    spool->n_lost += n_spans;
    atomic_store_explicit(&spool->has_news, true, memory_order_relaxed);
}

/* ---- names ---- */

struct spool_entry *spool_entry_new(const struct spool *spool) {
    return mem_zalloc(sizeof(struct spool_entry) + spool->n_path);
}

void spool_entry_name(struct spool *spool, struct spool_entry *entry) {
    entry->number = spool->next_number++;
    entry->owner = spool->dir.owner;
    spool_dir_path(&spool->dir, entry->number, entry->path);
}

/* Without touching the disk. */
static void forget(struct spool_entry *list) {
    for (struct spool_entry *entry = list, *next; entry != NULL; entry = next) {
        next = entry->next;
        spool_map_forget(entry);
    }
}

void spool_forget_all(struct spool *spool) {
    forget(spool->first);
    forget(spool->work);
    forget(spool->free);
    spool->first = spool->last = spool->work = spool->last_work = spool->free = NULL;
    atomic_store_explicit(&spool->has_work, false, memory_order_relaxed);
    spool->n_free_bytes = spool->n_used_bytes = 0;
    spool->n_bytes = 0;
    spool->n_files = 0;
    spool->n_lost = 0;
    memset(spool->counts, 0, sizeof spool->counts);
}

/* With the lock held: what somebody is at comes later, when it is left or put back. */
static void plan_renames(struct spool *spool) {
    struct spool_entry *next;
    for (struct spool_entry *entry = spool->first; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->is_with == 0 && has_old_name(spool, entry)) {
            unlink_entry(spool, entry);
            plan_rename(spool, entry);
        }
    }
}

/* False: the spool was closed. */
static bool read_dir(struct spool *spool, struct spool_dir *out) {
    lock_take(&spool->lock);
    *out = spool->dir;
    bool is_open = !spool->is_closed;
    lock_give(&spool->lock);
    return is_open;
}

/* False: the spool was closed meanwhile, and nobody else would give up what was taken. */
static bool publish(struct spool *spool, const struct spool_dir *dir, bool is_forked) {
    lock_take(&spool->lock);
    bool is_open = !spool->is_closed;
    if (is_open && is_forked) {
        spool_forget_all(spool); /* a child that ran no handlers */
    }
    if (is_open) {
        spool->dir = *dir;
        plan_renames(spool);
    }
    lock_give(&spool->lock);
    return is_open;
}

/* Prepared beside the one that all see, as the disk may take its time. */
static int own_anew(struct spool *spool) {
    struct spool_dir dir;
    if (!read_dir(spool, &dir)) {
        return -ESHUTDOWN;
    }
    if (spool_dir_is_held(&dir)) {
        return 0; /* since another thread was here */
    }
    bool is_forked = dir.pid != 0 && dir.pid != getpid();
    uint64_t owner_before = dir.owner;
    int error = spool_dir_own(&dir);
    if (!publish(spool, &dir, is_forked)) {
        spool_dir_close(&dir, dir.owner != owner_before);
        error = -ESHUTDOWN;
    }
    return error;
}

int spool_own(struct spool *spool) {
    struct spool_dir dir;
    if (read_dir(spool, &dir) && spool_dir_is_held(&dir)) {
        return 0;
    }
    lock_take(&spool->owning);
    int error = own_anew(spool);
    lock_give(&spool->owning);
    return error;
}

/* ---- life ---- */

static int init(struct spool *spool, const struct spool_options *options,
                weir_error_detail *detail) {
    assert(options->n_pipelines > 0 && options->n_pipelines <= OTLP_MAX_PIPELINES);
    spool->max_bytes = options->max_bytes;
    spool->max_age_ns = options->max_age_ns;
    spool->n_places = MIN(options->n_places, (uint32_t)SPOOL_MAX_PLACES);
    spool->n_pipelines = options->n_pipelines;
    spool->has_no_thread = options->has_no_thread;
    atomic_init(&spool->n_references, 1);
    spool->clock = clock_system();
    logger_init(&spool->logger, options->logger->fn, options->logger->data, options->logger->level);
    int error = spool_dir_open(&spool->dir, options->dir, detail);
    if (error == 0) {
        spool->n_path = spool_dir_path_size(&spool->dir);
    }
    return error;
}

int spool_open(const struct spool_options *options, struct spool **out, weir_error_detail *detail) {
    struct spool *spool = mem_zalloc(sizeof *spool);
    if (spool == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for the spool");
    }
    int error = init(spool, options, detail);
    if (error != 0) {
        mem_free(spool);
        return error;
    }
    spool_adopt(spool);
    spool_work(spool);
    spool_say_news(spool);
    *out = spool;
    return 0;
}

void spool_begin_anew(struct spool *spool) {
    spool->owning = spool->lock = (struct lock){0};
    spool->is_adopting = false;
    spool_dir_begin_anew(&spool->dir);
    spool_forget_all(spool);
}

void spool_ref(struct spool *spool) {
    atomic_fetch_add_explicit(&spool->n_references, 1, memory_order_relaxed);
}

void spool_unref(struct spool *spool) {
    if (spool != NULL &&
        atomic_fetch_sub_explicit(&spool->n_references, 1, memory_order_acq_rel) == 1) {
        spool_forget_all(spool);
        mem_free(spool->dir.path);
        mem_free(spool);
    }
}

/* ---- keeping ---- */

void spool_count_waiting(struct spool *spool, size_t pipeline, uint32_t n_spans) {
    lock_take(&spool->lock);
    spool->counts[pipeline].waiting += n_spans;
    lock_give(&spool->lock);
}

void spool_keep(struct spool *spool, struct spool_entry *entry, uint8_t pipelines, uint32_t n_spans,
                size_t n_bytes) {
    lock_take(&spool->lock);
    spool->n_used_bytes -= entry->n_bytes;
    entry->n_used = entry->layout.data_at + n_bytes;
    entry->waits_for = pipelines;
    SPOOL_FOR_EACH_BIT(i, pipelines) {
        entry->n_spans[i] = n_spans;
    }
    spool_plan(spool, entry, SPOOL_KEEP);
    lock_give(&spool->lock);
}

/* ---- taking up again ---- */

/* Of those that were left least often (nearly always: never) the oldest. */
static struct spool_entry *find_waiting(const struct spool *spool, size_t pipeline) {
    struct spool_entry *found = NULL;
    for (struct spool_entry *entry = spool->first; entry != NULL; entry = entry->next) {
        bool is_waiting = ((entry->waits_for & ~entry->is_with) & 1u << pipeline) != 0;
        if (is_waiting && (found == NULL || entry->n_left < found->n_left)) {
            found = entry;
        }
        if (found != NULL && found->n_left == 0) {
            break;
        }
    }
    return found;
}

bool spool_has_waiting(struct spool *spool, size_t pipeline) {
    lock_take(&spool->lock);
    bool has = spool->counts[pipeline].waiting > 0;
    lock_give(&spool->lock);
    return has;
}

bool spool_is_due(struct spool *spool, size_t pipeline) {
    uint64_t now = clock_now_ns();
    lock_take(&spool->lock);
    bool is_due = spool->counts[pipeline].waiting > 0 || now >= spool->adopt_again_ns;
    lock_give(&spool->lock);
    return is_due;
}

struct spool_entry *spool_next(struct spool *spool, size_t pipeline) {
    spool_adopt(spool);
    spool_work(spool);
    lock_take(&spool->lock);
    spool_drop_aged(spool);
    struct spool_entry *entry = find_waiting(spool, pipeline);
    if (entry != NULL) {
        entry->is_with |= (uint8_t)(1u << pipeline);
    }
    lock_give(&spool->lock);
    return entry;
}

void spool_take(struct spool *spool, struct spool_entry *entry, size_t pipeline, uint32_t n_whole) {
    lock_take(&spool->lock);
    uint32_t n_spans = entry->n_spans[pipeline];
    n_whole = MIN(n_whole, n_spans);
    drop(spool, entry, pipeline, n_spans - n_whole, WEIR_DROP_SPOOL_DAMAGED);
    entry->n_spans[pipeline] = 0;
    spool->counts[pipeline].waiting -= n_whole;
    lock_give(&spool->lock);
}

/* With the lock held: the pipeline is not at it any more. */
static void step_back(struct spool *spool, struct spool_entry *entry, size_t pipeline) {
    entry->is_with &= (uint8_t) ~(1u << pipeline);
    if (entry->is_with == 0 && has_old_name(spool, entry)) {
        unlink_entry(spool, entry);
        plan_rename(spool, entry);
    }
}

void spool_leave(struct spool *spool, struct spool_entry *entry, size_t pipeline) {
    lock_take(&spool->lock);
    entry->n_left++;
    step_back(spool, entry, pipeline);
    lock_give(&spool->lock);
}

void spool_finish(struct spool *spool, struct spool_entry *entry, size_t pipeline) {
    lock_take(&spool->lock);
    entry->is_with &= (uint8_t) ~(1u << pipeline);
    entry->waits_for &= (uint8_t) ~(1u << pipeline);
    if (entry->waits_for == 0) {
        delete_entry(spool, entry);
    }
    lock_give(&spool->lock);
}

void spool_put_back(struct spool *spool, struct spool_entry *entry, size_t pipeline,
                    uint32_t n_spans) {
    lock_take(&spool->lock);
    entry->n_spans[pipeline] = n_spans;
    spool->counts[pipeline].waiting += n_spans;
    step_back(spool, entry, pipeline);
    lock_give(&spool->lock);
}

/* ---- counters ---- */

void spool_get_counts(struct spool *spool, size_t pipeline, struct spool_counts *out) {
    lock_take(&spool->lock);
    *out = spool->counts[pipeline];
    lock_give(&spool->lock);
}

size_t spool_bytes(struct spool *spool) {
    lock_take(&spool->lock);
    size_t n = spool->n_bytes;
    lock_give(&spool->lock);
    return n;
}

uint64_t spool_n_refused(struct spool *spool) {
    lock_take(&spool->lock);
    uint64_t n = spool->n_refused;
    lock_give(&spool->lock);
    return n;
}
