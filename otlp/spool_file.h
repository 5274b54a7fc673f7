/*
 * What a spool file looks like, and what can be read from one that a crash, a full disk or a bad
 * one has left. Bytes in, bytes out: who maps, names, locks and deletes files is spool.h.
 *
 *   head | head | pieces | pieces | index | data
 *
 * The head says where the rest is; the pieces are what stands around the spans in a request. Both
 * are there twice, so that no single fault costs more than one span. The index has a place for
 * each span, written after the span's bytes and before its end returns, and it comes before the
 * data, so that a file cut short loses what was cut and no more. Places, spans, head and pieces
 * have checksums of their own: a reader looks at every place and takes what proves to be whole. The
 * data are the spans as they are sent, with room around them.
 *
 * Numbers are in the machine's order: to a machine of the other kind the file is damaged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/scope.h"

/* Where things are in a file. */
struct spool_layout {
    uint32_t pieces_room; /* of one copy */
    uint32_t n_places;
    uint32_t index_at;
    uint32_t data_at;
};

/* A layout for spans of `scope`, and for as many as n_places (at most SPOOL_MAX_PLACES). */
struct spool_layout spool_layout_for(const struct scope *scope, uint32_t n_places);
/* True when spans of another scope fit as well. */
bool spool_layout_fits(const struct spool_layout *layout, const struct scope *scope);

/*
 * Begins a file over: writes head and pieces. `file` has data_at bytes at least, aligned to 16, and
 * an index that is clear. unix_ns is the age by which it is dropped; `salt`, drawn anew each time,
 * keeps what a former use left from being taken for the new one's.
 */
void spool_file_begin(uint8_t *file, const struct spool_layout *layout, const struct scope *scope,
                      uint64_t unix_ns, uint32_t salt);

/* Enters the nth span, whose n_bytes were written from data_at + at on. nth < n_places. */
void spool_file_enter(uint8_t *file, const struct spool_layout *layout, uint32_t salt, uint32_t nth,
                      size_t at, size_t n_bytes);

/* Clears the first n places: the spans are not in the file any more. */
void spool_file_clear(uint8_t *file, const struct spool_layout *layout, uint32_t n);

/* What was found in a file. */
struct spool_contents {
    const uint8_t *file; /* borrowed, as all that points into it */
    size_t n_file;
    struct spool_layout layout;
    uint32_t salt;
    uint64_t unix_ns;
    struct scope scope;
    uint32_t n_spans;   /* whole ones */
    uint32_t n_damaged; /* entered, or being entered when the process died, and not whole */
    size_t n_bytes;     /* of the whole ones */
};

/* Bytes from the beginning that are needed to read a head. */
enum { SPOOL_HEADS_BYTES = 128 };

/*
 * Reads a head from the first SPOOL_HEADS_BYTES of a file, or what there is of them. 0, or
 * WEIR_E_SYNTAX when neither copy is whole.
 */
int spool_file_read_head(const uint8_t *file, size_t n_file, struct spool_layout *out,
                         uint64_t *unix_ns);

/* Places that are in use, whole or not, as far as the first n_file bytes show. */
uint32_t spool_file_count(const uint8_t *file, size_t n_file, const struct spool_layout *layout);

/* How far into the file the spans of those places reach. */
size_t spool_file_end(const uint8_t *file, size_t n_file, const struct spool_layout *layout);

/*
 * Reads a whole file. Any bytes are safe. 0, or WEIR_E_SYNTAX when nothing can be made of it: no
 * copy of the head, or of the pieces, is whole.
 */
int spool_file_read(const uint8_t *file, size_t n_file, struct spool_contents *out);

/* Copies the whole spans, contents->n_bytes in all, one behind the other, each a `spans` field. */
void spool_file_copy(const struct spool_contents *contents, uint8_t *to);
