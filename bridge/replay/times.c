#include "bridge/replay/times.h"

#include "bridge/replay/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

static const int64_t QUARTER = 15 * 60;
/* Clocks that are set, and stamps that are taken a moment apart. */
static const int64_t SLACK = 150;

void replay_offsets_deinit(struct replay_offsets *offsets) {
    mem_free(offsets->items);
    *offsets = (struct replay_offsets){0};
}

uint64_t replay_utc_of(uint64_t local_ns, int64_t offset_seconds) {
    return local_ns - (uint64_t)offset_seconds * NS_PER_S;
}

static int64_t floor_quarter(int64_t seconds) {
    return (seconds / QUARTER - (seconds % QUARTER < 0)) * QUARTER;
}

static int64_t difference(uint64_t local_ns, uint64_t utc_ns) {
    return (int64_t)(local_ns - utc_ns) / (int64_t)NS_PER_S;
}

static bool is_possible(const struct replay_offset *offset, int64_t seconds) {
    return seconds >= offset->least - SLACK && seconds <= offset->most + SLACK;
}

static bool grow(struct replay_offsets *offsets) {
    if (offsets->n < offsets->capacity) {
        return true;
    }
    size_t capacity = MAX(offsets->capacity * 2, (size_t)4);
    struct replay_offset *items =
        mem_realloc(offsets->items, capacity * sizeof(struct replay_offset));
    if (items == NULL) {
        return false;
    }
    offsets->items = items;
    offsets->capacity = capacity;
    return true;
}

static void extend(struct replay_offset *run, const struct replay_offset *by) {
    run->last_line = by->last_line;
    run->last_utc_ns = by->last_utc_ns;
    run->is_weak = run->is_weak && by->is_weak;
}

/* Adds the UTC stamps between two local ones to the run they continue, or as a new one. */
static bool settle(struct replay_offsets *offsets) {
    struct replay_offset found = offsets->pending;
    offsets->pending.first_line = 0;
    if (found.first_line == 0) {
        return true;
    }
    struct replay_offset *last = offsets->n > 0 ? &offsets->items[offsets->n - 1] : NULL;
    if (last != NULL && found.is_weak && is_possible(&found, last->seconds)) {
        found.seconds = last->seconds;
    }
    if (last != NULL && last->is_weak && is_possible(last, found.seconds)) {
        last->seconds = found.seconds;
    }
    if (last != NULL && last->seconds == found.seconds) {
        extend(last, &found);
        return true;
    }
    if (offsets->n == REPLAY_MAX_OFFSETS) {
        return true; /* no clock is set so often: the rest goes by the last one */
    }
    if (!grow(offsets)) {
        return false;
    }
    offsets->items[offsets->n++] = found;
    return true;
}

bool replay_offsets_local(struct replay_offsets *offsets, uint64_t line, uint64_t local_ns) {
    if (offsets->pending.first_line != 0) {
        offsets->pending.most = difference(local_ns, offsets->pending.last_utc_ns);
    }
    offsets->local_line = line;
    offsets->local_ns = local_ns;
    return settle(offsets);
}

/*
 * The local stamp is the earlier of the two in real time, maybe by many minutes (a slow step), so
 * the difference is the offset or less: it is rounded up, where rounding to the nearest would go
 * wrong after 8 minutes.
 */
bool replay_offsets_utc(struct replay_offsets *offsets, uint64_t line, uint64_t utc_ns) {
    struct replay_offset *pending = &offsets->pending;
    if (pending->first_line != 0) {
        pending->last_line = line;
        pending->last_utc_ns = utc_ns;
        return true;
    }
    if (offsets->local_line == 0) {
        return true; /* nothing to compare with */
    }
    int64_t least = difference(offsets->local_ns, utc_ns);
    int64_t seconds = floor_quarter(least - SLACK + QUARTER - 1);
    *pending = (struct replay_offset){
        .first_line = offsets->local_line,
        .last_line = line,
        .seconds = seconds,
        .first_utc_ns = utc_ns,
        .last_utc_ns = utc_ns,
        .least = least,
        .most = INT64_MAX - SLACK,
        .is_weak = seconds - least > SLACK,
    };
    return true;
}

bool replay_offsets_end(struct replay_offsets *offsets) {
    return settle(offsets);
}

/* The last run of lines that begins at or before the line; the first one for lines before it. */
static size_t run_before(const struct replay_offsets *offsets, uint64_t line) {
    size_t low = 0, high = offsets->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (offsets->items[middle].first_line <= line) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

bool replay_offsets_resolve(const struct replay_offsets *offsets, uint64_t line, uint64_t local_ns,
                            uint64_t *utc_ns) {
    if (offsets->n == 0) {
        return false;
    }
    size_t at = run_before(offsets, line);
    const struct replay_offset *run = &offsets->items[at];
    *utc_ns = replay_utc_of(local_ns, run->seconds);
    if (line <= run->last_line || at + 1 == offsets->n) {
        return true;
    }
    /* between two runs: a log goes forward, so the time lies between the UTC stamps around it */
    const struct replay_offset *next = run + 1;
    uint64_t other = replay_utc_of(local_ns, next->seconds);
    bool fits = *utc_ns >= run->last_utc_ns && *utc_ns <= next->first_utc_ns;
    bool other_fits = other >= run->last_utc_ns && other <= next->first_utc_ns;
    if (!fits && other_fits) {
        *utc_ns = other;
    }
    return true;
}

static uint64_t distance(uint64_t at, uint64_t first, uint64_t last) {
    if (at < first) {
        return first - at;
    }
    return at > last ? at - last : 0;
}

bool replay_offsets_nearest(const struct replay_offsets *offsets, uint64_t local_ns,
                            int64_t *seconds, uint64_t *distance_ns) {
    for (size_t i = 0; i < offsets->n; i++) {
        const struct replay_offset *run = &offsets->items[i];
        uint64_t far =
            distance(replay_utc_of(local_ns, run->seconds), run->first_utc_ns, run->last_utc_ns);
        if (i == 0 || far < *distance_ns) {
            *seconds = run->seconds;
            *distance_ns = far;
        }
    }
    return offsets->n > 0;
}
