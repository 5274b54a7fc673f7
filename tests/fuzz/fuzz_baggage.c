/*
 * A baggage header as a stranger may send it. What is written of it stays within the limits,
 * smuggles nothing in, and reads back as the same.
 */
#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_members(const weir_baggage *baggage) {
    weir_baggage_member member, same;
    FUZZ_CHECK(weir_baggage_count(baggage) <= BAGGAGE_MAX_MEMBERS);
    for (size_t i = 0; weir_baggage_at(baggage, i, &member); i++) {
        FUZZ_CHECK(*member.name != '\0' && utf8_is_valid(member.value, member.value_bytes));
        FUZZ_CHECK(member.value[member.value_bytes] == '\0');
        FUZZ_CHECK(weir_baggage_get(baggage, member.name, &same) && same.value == member.value);
    }
}

static void check(const weir_baggage *baggage) {
    static char header[WEIR_BAGGAGE_BYTES], again[WEIR_BAGGAGE_BYTES];
    check_members(baggage);
    FUZZ_CHECK(weir_baggage_format(baggage, header, sizeof header) <= BAGGAGE_MAX_BYTES);
    for (const char *c = header; *c != '\0'; c++) {
        FUZZ_CHECK((*c >= 0x20 && *c < 0x7f) || *c == '\t');
    }
    weir_baggage *copy = NULL;
    FUZZ_CHECK(weir_baggage_parse(header, &copy) == 0);
    (void)weir_baggage_format(copy, again, sizeof again);
    FUZZ_CHECK(strcmp(header, again) == 0);
    weir_baggage_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    char *text = mem_strndup((const char *)bytes, n_bytes);
    FUZZ_CHECK(text != NULL);
    weir_baggage *baggage = NULL, *set = NULL, *removed = NULL;
    int error = weir_baggage_parse(text, &baggage);
    FUZZ_CHECK(error == 0 || error == WEIR_E_SYNTAX);
    if (error == 0) {
        check(baggage);
        FUZZ_CHECK(weir_baggage_remove(baggage, "a", &removed) == 0);
        check_members(removed);
    }
    error = weir_baggage_set(baggage, "key", text, NULL, &set); /* and as a value */
    FUZZ_CHECK(error == 0 || error == WEIR_E_INVALID || error == WEIR_E_TOO_LARGE);
    if (error == 0) {
        weir_baggage_member member;
        check(set);
        FUZZ_CHECK(weir_baggage_get(set, "key", &member) && strcmp(member.value, text) == 0);
    }
    weir_baggage_free(baggage);
    weir_baggage_free(set);
    weir_baggage_free(removed);
    mem_free(text);
    return 0;
}
