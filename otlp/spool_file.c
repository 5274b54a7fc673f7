#include "otlp/spool_file.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/crc32c.h"
#include "otlp/common/macro.h"
#include "otlp/tags.h"
#include "otlp/wire_read.h"

static const uint64_t MAGIC = UINT64_C(0x316c6f6f70536557); /* "WeSpool1" */

struct head {
    uint64_t magic;
    uint64_t unix_ns;
    uint32_t salt;
    uint32_t pieces_room;
    uint32_t n_places;
    uint32_t n_pieces[4]; /* bytes: resource, scope, scope_url, resource_url */
    uint32_t pieces_check;
    uint32_t unused[3];
    uint32_t check; /* of all before it */
};
_Static_assert(sizeof(struct head) == SPOOL_HEADS_BYTES / 2, "two heads, without gaps");

struct place {
    uint32_t at; /* in the data */
    uint32_t n_bytes;
    uint32_t span_check;
    uint32_t check; /* of the place */
};
_Static_assert(sizeof(struct place) == 16, "without gaps");

/* ---- layout ---- */

static uint32_t round_up(size_t n, size_t unit) {
    return (uint32_t)((n + unit - 1) / unit * unit);
}

static size_t pieces_size(const struct scope *scope) {
    return scope->resource.n_bytes + scope->scope.n_bytes + scope->scope_url.n_bytes +
           scope->resource_url.n_bytes;
}

static struct spool_layout layout_of(uint32_t pieces_room, uint32_t n_places) {
    uint32_t index_at = SPOOL_HEADS_BYTES + 2 * pieces_room;
    return (struct spool_layout){
        .pieces_room = pieces_room,
        .n_places = n_places,
        .index_at = index_at,
        .data_at = index_at + n_places * (uint32_t)sizeof(struct place),
    };
}

struct spool_layout spool_layout_for(const struct scope *scope, uint32_t n_places) {
    assert(n_places <= SPOOL_MAX_PLACES && pieces_size(scope) <= SPOOL_MAX_PIECES_BYTES);
    return layout_of(round_up(pieces_size(scope), 64), n_places);
}

bool spool_layout_fits(const struct spool_layout *layout, const struct scope *scope) {
    return pieces_size(scope) <= layout->pieces_room;
}

/* ---- writing ---- */

static uint32_t check_of_head(const struct head *head) {
    return crc32c(0, head, offsetof(struct head, check));
}

/* Bound to the use of the file and to its number, so that no place passes for another. */
static uint32_t check_of_place(const struct place *place, uint32_t salt, uint32_t nth) {
    uint32_t words[] = {salt, nth, place->at, place->n_bytes, place->span_check};
    return crc32c(0, words, sizeof words);
}

static void put_pieces(uint8_t *at, const struct scope *scope) {
    const struct scope_piece *pieces[] = {&scope->resource, &scope->scope, &scope->scope_url,
                                          &scope->resource_url};
    for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++) {
        if (pieces[i]->n_bytes > 0) {
            memcpy(at, pieces[i]->bytes, pieces[i]->n_bytes);
        }
        at += pieces[i]->n_bytes;
    }
}

void spool_file_begin(uint8_t *file, const struct spool_layout *layout, const struct scope *scope,
                      uint64_t unix_ns, uint32_t salt) {
    uint8_t *pieces = file + SPOOL_HEADS_BYTES;
    put_pieces(pieces, scope);
    put_pieces(pieces + layout->pieces_room, scope);
    struct head head = {
        .magic = MAGIC,
        .unix_ns = unix_ns,
        .salt = salt,
        .pieces_room = layout->pieces_room,
        .n_places = layout->n_places,
        .n_pieces = {(uint32_t)scope->resource.n_bytes, (uint32_t)scope->scope.n_bytes,
                     (uint32_t)scope->scope_url.n_bytes, (uint32_t)scope->resource_url.n_bytes},
        .pieces_check = crc32c(0, pieces, pieces_size(scope)),
    };
    head.check = check_of_head(&head);
    memcpy(file, &head, sizeof head);
    memcpy(file + sizeof head, &head, sizeof head);
}

/*
 * What the place is about goes in first and its checksum last, in this order also for a kill in
 * between: such a place is seen to be torn. After the last store the span is safe from a kill.
 */
void spool_file_enter(uint8_t *file, const struct spool_layout *layout, uint32_t salt, uint32_t nth,
                      size_t at, size_t n_bytes) {
    struct place place = {.at = (uint32_t)at, .n_bytes = (uint32_t)n_bytes};
    struct place *to = (struct place *)(void *)(file + layout->index_at) + nth;
    to->at = place.at;
    to->n_bytes = place.n_bytes;
    atomic_signal_fence(memory_order_seq_cst);
    place.span_check = crc32c(0, file + layout->data_at + at, n_bytes);
    to->span_check = place.span_check;
    uint32_t check = check_of_place(&place, salt, nth);
    __atomic_store_n(&to->check, check, __ATOMIC_RELEASE);
}

void spool_file_clear(uint8_t *file, const struct spool_layout *layout, uint32_t n) {
    memset(file + layout->index_at, 0, n * sizeof(struct place));
    atomic_signal_fence(memory_order_seq_cst); /* before the next use writes its head */
}

/* ---- reading ---- */

static bool is_whole_head(const struct head *head) {
    uint64_t n_pieces = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(head->n_pieces); i++) {
        n_pieces += head->n_pieces[i];
    }
    return head->magic == MAGIC && head->check == check_of_head(head) &&
           head->pieces_room <= SPOOL_MAX_PIECES_BYTES && head->pieces_room % 16 == 0 &&
           n_pieces <= head->pieces_room && head->n_places <= SPOOL_MAX_PLACES;
}

static bool read_head(const uint8_t *file, size_t n_file, struct head *out) {
    for (size_t at = 0; at + sizeof *out <= MIN(n_file, (size_t)SPOOL_HEADS_BYTES);
         at += sizeof *out) {
        memcpy(out, file + at, sizeof *out);
        if (is_whole_head(out)) {
            return true;
        }
    }
    return false;
}

int spool_file_read_head(const uint8_t *file, size_t n_file, struct spool_layout *out,
                         uint64_t *unix_ns) {
    struct head head;
    if (!read_head(file, n_file, &head)) {
        return WEIR_E_SYNTAX;
    }
    *out = layout_of(head.pieces_room, head.n_places);
    *unix_ns = head.unix_ns;
    return 0;
}

/* Whole fields, so that they cannot swallow what follows them in a request. */
static bool is_whole_fields(const uint8_t *bytes, size_t n_bytes) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    int got;
    while ((got = wire_read(&reader, &field)) == 1) {
    }
    return got == 0;
}

static bool read_pieces(const uint8_t *at, const struct head *head, struct scope *out) {
    struct scope_piece *pieces[] = {&out->resource, &out->scope, &out->scope_url,
                                    &out->resource_url};
    const uint8_t *from = at;
    for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++) {
        *pieces[i] = (struct scope_piece){head->n_pieces[i] > 0 ? at : NULL, head->n_pieces[i]};
        if (!is_whole_fields(pieces[i]->bytes, pieces[i]->n_bytes)) {
            return false;
        }
        at += head->n_pieces[i];
    }
    return crc32c(0, from, (size_t)(at - from)) == head->pieces_check;
}

static bool find_pieces(struct spool_contents *contents, const struct head *head) {
    for (size_t copy = 0; copy < 2; copy++) {
        size_t at = SPOOL_HEADS_BYTES + copy * head->pieces_room;
        if (at + head->pieces_room <= contents->n_file &&
            read_pieces(contents->file + at, head, &contents->scope)) {
            return true;
        }
    }
    return false;
}

/* Places of which all bytes are there. */
static uint32_t n_places_there(size_t n_file, const struct spool_layout *layout) {
    if (n_file < layout->index_at) {
        return 0;
    }
    return (uint32_t)MIN((n_file - layout->index_at) / sizeof(struct place), layout->n_places);
}

static bool is_used(const struct place *place) {
    return (place->at | place->n_bytes | place->span_check | place->check) != 0;
}

static struct place place_at(const uint8_t *file, const struct spool_layout *layout, uint32_t nth) {
    struct place place;
    memcpy(&place, file + layout->index_at + nth * sizeof place, sizeof place);
    return place;
}

uint32_t spool_file_count(const uint8_t *file, size_t n_file, const struct spool_layout *layout) {
    uint32_t n_used = 0;
    for (uint32_t i = 0; i < n_places_there(n_file, layout); i++) {
        struct place place = place_at(file, layout, i);
        n_used += is_used(&place);
    }
    return n_used;
}

size_t spool_file_end(const uint8_t *file, size_t n_file, const struct spool_layout *layout) {
    size_t end = layout->data_at;
    for (uint32_t i = 0; i < n_places_there(n_file, layout); i++) {
        struct place place = place_at(file, layout, i);
        end = MAX(end, (size_t)layout->data_at + place.at + place.n_bytes);
    }
    return end;
}

/* One `spans` field, neither longer nor shorter than the place says. */
static bool is_span(const uint8_t *bytes, size_t n_bytes) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    return n_bytes > 0 && bytes[0] == TAG_SCOPE_SPANS_SPANS && wire_read(&reader, &field) == 1 &&
           reader.at == reader.end;
}

/* The span's bytes, or NULL when the place or they are not whole. */
static const uint8_t *whole_span(const struct spool_contents *contents, const struct place *place,
                                 uint32_t nth) {
    size_t n_data = contents->n_file - MIN((size_t)contents->layout.data_at, contents->n_file);
    if (place->check != check_of_place(place, contents->salt, nth) || place->at > n_data ||
        place->n_bytes > n_data - place->at) {
        return NULL;
    }
    const uint8_t *span = contents->file + contents->layout.data_at + place->at;
    bool is_whole = crc32c(0, span, place->n_bytes) == place->span_check;
    return is_whole && is_span(span, place->n_bytes) ? span : NULL;
}

static void read_places(struct spool_contents *contents) {
    for (uint32_t i = 0; i < n_places_there(contents->n_file, &contents->layout); i++) {
        struct place place = place_at(contents->file, &contents->layout, i);
        if (!is_used(&place)) {
            continue;
        }
        /* Places that share their bytes were not written by us: no file says more than it holds. */
        if (contents->n_bytes + place.n_bytes <= contents->n_file &&
            whole_span(contents, &place, i) != NULL) {
            contents->n_spans++;
            contents->n_bytes += place.n_bytes;
        } else {
            contents->n_damaged++;
        }
    }
}

int spool_file_read(const uint8_t *file, size_t n_file, struct spool_contents *out) {
    struct head head;
    if (!read_head(file, n_file, &head)) {
        return WEIR_E_SYNTAX;
    }
    struct spool_contents contents = {
        .file = file,
        .n_file = n_file,
        .layout = layout_of(head.pieces_room, head.n_places),
        .salt = head.salt,
        .unix_ns = head.unix_ns,
    };
    if (!find_pieces(&contents, &head)) {
        return WEIR_E_SYNTAX;
    }
    read_places(&contents);
    *out = contents;
    return 0;
}

void spool_file_copy(const struct spool_contents *contents, uint8_t *to) {
    size_t n_left = contents->n_bytes;
    for (uint32_t i = 0; i < n_places_there(contents->n_file, &contents->layout); i++) {
        struct place place = place_at(contents->file, &contents->layout, i);
        if (is_used(&place) && place.n_bytes <= n_left) {
            const uint8_t *span = whole_span(contents, &place, i);
            if (span != NULL) {
                memcpy(to, span, place.n_bytes);
                to += place.n_bytes;
                n_left -= place.n_bytes;
            }
        }
    }
}
