/*
 * What the parts of a span cost by themselves, here and now: what a goal that is missed is to be
 * measured by. The prototype does what every span needs (two times, an id, keys that are checked,
 * texts that are checked and copied, one encoded record at the end) and nothing that a library
 * needs besides: no handles, limits, locks, counters, samplers, or second thread.
 */
#include "tests/bench/bench.h"

#include <string.h>

#include "otlp/proto/trace.pb-c.h"

enum {
    ROUNDS = 200000,
    BLOCK_BYTES = 4096,
    SEGMENT_BYTES = 128 << 10,
    ID_BYTES = 8,
    TRACE_ID_BYTES = 16,
    N_STRINGS = 10,
    COPIED_BYTES = 240
};

static const char *const KEYS[N_STRINGS] = {
    "attribute.0", "attribute.1", "attribute.2", "attribute.3", "attribute.4",
    "attribute.5", "attribute.6", "attribute.7", "attribute.8", "attribute.9"};
static const char VALUE[] = "twenty bytes of text";
static const char NAME[] = "operation";

/* Protobuf's tags of the fields that are written here. */
enum {
    TAG_TRACE_ID = 0x0a,
    TAG_SPAN_ID = 0x12,
    TAG_PARENT_ID = 0x22,
    TAG_NAME = 0x2a,
    TAG_KIND = 0x30,
    TAG_START = 0x39,
    TAG_END = 0x41,
    TAG_ATTRIBUTE = 0x4a,
    TAG_SPAN = 0x12,
    TAG_KEY = 0x0a,
    TAG_VALUE = 0x12,
    TAG_STRING = 0x0a
};

static uint8_t *put_varint(uint8_t *at, size_t number) {
    for (; number >= 0x80; number >>= 7) {
        *at++ = (uint8_t)(number | 0x80);
    }
    *at++ = (uint8_t)number;
    return at;
}

static uint8_t *put_bytes(uint8_t *at, uint8_t tag, const void *bytes, size_t n_bytes) {
    *at++ = tag;
    at = put_varint(at, n_bytes);
    memcpy(at, bytes, n_bytes);
    return at + n_bytes;
}

static uint8_t *put_time(uint8_t *at, uint8_t tag, uint64_t time) {
    *at++ = tag;
    memcpy(at, &time, sizeof time);
    return at + sizeof time;
}

/* A key and a text of fewer than 128 bytes together. */
static uint8_t *put_string(uint8_t *at, const char *key, size_t n_key, const char *text,
                           size_t n_text) {
    *at++ = TAG_ATTRIBUTE;
    *at++ = (uint8_t)(n_key + n_text + 6);
    at = put_bytes(at, TAG_KEY, key, n_key);
    *at++ = TAG_VALUE;
    *at++ = (uint8_t)(n_text + 2);
    return put_bytes(at, TAG_STRING, text, n_text);
}

/* ---- the prototype ---- */

struct span {
    uint64_t id;
    uint64_t start_ns;
    uint64_t keys; /* one bit each */
    uint8_t *end;
    uint8_t attributes[BLOCK_BYTES];
};

static _Thread_local struct span open_span;
static _Thread_local uint8_t segment[SEGMENT_BYTES];
static _Thread_local size_t n_segment;
static _Thread_local uint64_t random_state = 88172645463325252U;

static uint64_t new_id(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static bool is_ascii(const char *text, size_t n_bytes) {
    uint64_t seen = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= n_bytes; i += sizeof word) {
        memcpy(&word, text + i, sizeof word);
        seen |= word;
    }
    for (; i < n_bytes; i++) {
        seen |= (uint8_t)text[i];
    }
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

static __attribute__((noinline)) struct span *prototype_begin(void) {
    struct span *span = &open_span;
    span->id = new_id();
    span->start_ns = bench_now_ns();
    span->keys = 0;
    span->end = span->attributes;
    return span;
}

static __attribute__((noinline)) void prototype_set(struct span *span, const char *key,
                                                    const char *text) {
    size_t n_key = strlen(key), n_text = strlen(text);
    uint64_t bit = UINT64_C(1) << ((uint8_t)key[n_key - 1] & 63);
    if ((span->keys & bit) != 0 || !is_ascii(key, n_key) || !is_ascii(text, n_text)) {
        bench_die("the prototype knows no such attribute");
    }
    span->keys |= bit;
    span->end = put_string(span->end, key, n_key, text, n_text);
}

static size_t put_span(uint8_t *at, const struct span *span, uint64_t end_ns) {
    static const uint8_t trace_id[TRACE_ID_BYTES] = {1}, parent_id[ID_BYTES] = {2};
    const uint8_t *start = at;
    at = put_bytes(at, TAG_TRACE_ID, trace_id, sizeof trace_id);
    at = put_bytes(at, TAG_SPAN_ID, &span->id, sizeof span->id);
    at = put_bytes(at, TAG_PARENT_ID, parent_id, sizeof parent_id);
    at = put_bytes(at, TAG_NAME, NAME, strlen(NAME));
    *at++ = TAG_KIND;
    *at++ = OTLP__SPAN__SPAN_KIND__SPAN_KIND_INTERNAL;
    at = put_time(at, TAG_START, span->start_ns);
    at = put_time(at, TAG_END, end_ns);
    size_t n_attributes = (size_t)(span->end - span->attributes);
    memcpy(at, span->attributes, n_attributes);
    return (size_t)(at + n_attributes - start);
}

/* Its length, which comes first, is written as two bytes always: readers take that, too. */
static __attribute__((noinline)) void prototype_end(struct span *span) {
    uint64_t end_ns = bench_now_ns();
    if (n_segment + BLOCK_BYTES > SEGMENT_BYTES) {
        n_segment = 0;
    }
    uint8_t *at = segment + n_segment;
    size_t n_bytes = put_span(at + 3, span, end_ns);
    at[0] = TAG_SPAN;
    at[1] = (uint8_t)(n_bytes | 0x80);
    at[2] = (uint8_t)(n_bytes >> 7);
    n_segment += 3 + n_bytes;
}

static void prototype_record(size_t n_strings) {
    struct span *span = prototype_begin();
    for (size_t i = 0; i < n_strings; i++) {
        prototype_set(span, KEYS[i], VALUE);
    }
    prototype_end(span);
}

/* That it writes what it is said to. */
static void check_bytes(const uint8_t *bytes, size_t n_bytes, size_t n_strings) {
    Otlp__Span *span = otlp__span__unpack(NULL, n_bytes, bytes);
    if (span == NULL || span->n_attributes != n_strings || span->name.len != strlen(NAME) ||
        span->end_time_unix_nano < span->start_time_unix_nano || span->end_time_unix_nano == 0) {
        bench_die("what should be the floor writes no such span");
    }
    otlp__span__free_unpacked(span, NULL);
}

static double prototype(size_t n_strings) {
    n_segment = 0;
    prototype_record(n_strings);
    check_bytes(segment + 3, n_segment - 3, n_strings);
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        prototype_record(n_strings);
    }
    return (double)(bench_now_ns() - before) / ROUNDS;
}

/* ---- encoding alone: sizes are known, nothing is checked, no time is read ---- */

static __attribute__((noinline)) size_t write_once(uint8_t *at, size_t n_strings) {
    struct span span; /* its attributes are not written: they go to their place at once */
    span.id = 3;
    span.start_ns = 1;
    span.end = span.attributes;
    const uint8_t *start = at;
    at += put_span(at, &span, 2);
    for (size_t i = 0; i < n_strings; i++) {
        at = put_string(at, KEYS[i], strlen(KEYS[i]), VALUE, strlen(VALUE));
    }
    return (size_t)(at - start);
}

static double one_pass(size_t n_strings) {
    uint8_t bytes[BLOCK_BYTES];
    check_bytes(bytes, write_once(bytes, n_strings), n_strings);
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)write_once(bytes, n_strings);
        bench_keep(bytes);
    }
    return (double)(bench_now_ns() - before) / ROUNDS;
}

static ProtobufCBinaryData binary(const void *bytes, size_t n_bytes) {
    return (ProtobufCBinaryData){n_bytes, (uint8_t *)(uintptr_t)bytes};
}

struct packed {
    Otlp__Span span;
    Otlp__KeyValue attributes[N_STRINGS], *list[N_STRINGS];
    Otlp__AnyValue values[N_STRINGS];
};

static void packed_fill(struct packed *packed, size_t n_strings) {
    static const uint8_t id[TRACE_ID_BYTES] = {1};
    Otlp__Span *span = &packed->span;
    otlp__span__init(span);
    span->trace_id = binary(id, sizeof id);
    span->span_id = span->parent_span_id = binary(id, ID_BYTES);
    span->name = binary(NAME, strlen(NAME));
    span->kind = OTLP__SPAN__SPAN_KIND__SPAN_KIND_INTERNAL;
    span->start_time_unix_nano = 1;
    span->end_time_unix_nano = 2;
    for (size_t i = 0; i < n_strings; i++) {
        otlp__any_value__init(&packed->values[i]);
        packed->values[i].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
        packed->values[i].string_value = binary(VALUE, strlen(VALUE));
        otlp__key_value__init(&packed->attributes[i]);
        packed->attributes[i].key = binary(KEYS[i], strlen(KEYS[i]));
        packed->attributes[i].value = &packed->values[i];
        packed->list[i] = &packed->attributes[i];
    }
    span->attributes = packed->list;
    span->n_attributes = n_strings;
}

static double protobuf_c(size_t n_strings) {
    struct packed packed;
    uint8_t bytes[BLOCK_BYTES];
    packed_fill(&packed, n_strings);
    check_bytes(bytes, otlp__span__pack(&packed.span, bytes), n_strings);
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)otlp__span__get_packed_size(&packed.span); /* whoever packs has to ask it */
        (void)otlp__span__pack(&packed.span, bytes);
        bench_keep(bytes);
    }
    return (double)(bench_now_ns() - before) / ROUNDS;
}

/* ---- parts ---- */

static double clock_readings(size_t n_readings) {
    uint64_t before = bench_now_ns(), sum = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < n_readings; k++) {
            sum += bench_now_ns();
        }
    }
    bench_keep(&sum);
    return (double)(bench_now_ns() - before) / ROUNDS;
}

#ifdef __x86_64__
static double counter_readings(size_t n_readings) {
    uint64_t before = bench_now_ns(), sum = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < n_readings; k++) {
            sum += __builtin_ia32_rdtsc();
        }
    }
    bench_keep(&sum);
    return (double)(bench_now_ns() - before) / ROUNDS;
}
#endif

static double copy(size_t n_bytes) {
    static uint8_t from[BLOCK_BYTES], to[BLOCK_BYTES];
    uint64_t before = bench_now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        bench_keep(from);
        memcpy(to, from, n_bytes);
        bench_keep(to);
    }
    return (double)(bench_now_ns() - before) / ROUNDS;
}

static const struct bench_row rows[] = {
    {.name = "two readings of clock_gettime",
     .unit = "ns",
     .n_samples = 11,
     .sample = clock_readings,
     .n = 2},
#ifdef __x86_64__
    {.name = "two readings of the time stamp counter",
     .unit = "ns",
     .n_samples = 11,
     .sample = counter_readings,
     .n = 2},
#endif
    {.name = "memcpy of 240 B", .unit = "ns", .n_samples = 11, .sample = copy, .n = COPIED_BYTES},
    {.name = "prototype of a span", .unit = "ns", .n_samples = 11, .sample = prototype},
    {.name = "prototype of a span with 10 strings",
     .unit = "ns",
     .n_samples = 11,
     .sample = prototype,
     .n = N_STRINGS},
    {.name = "one-pass writer, 10 strings, encoding alone",
     .unit = "ns",
     .n_samples = 11,
     .sample = one_pass,
     .n = N_STRINGS},
    {.name = "protobuf-c, 10 strings, encoding alone",
     .unit = "ns",
     .n_samples = 11,
     .sample = protobuf_c,
     .n = N_STRINGS},
    {0},
};

const struct bench_section bench_floor = {"Floors: the parts alone", rows, NULL};
