/*
 * A tracestate as a stranger may send it, and what can be done with it: what comes out is valid,
 * whatever went in (E11).
 */
#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/trace_state.h"
#include "tests/fuzz/fuzz.h"

static char out[WEIR_TRACE_STATE_BYTES];

static void check_out(size_t max_chars) {
    FUZZ_CHECK(trace_state_is_valid(out));
    FUZZ_CHECK(strlen(out) <= max_chars);
    FUZZ_CHECK(strstr(out, ",,") == NULL && *out != ',');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    /* The first bytes are a key and a length. */
    char key[5] = "", value[16];
    size_t n_key = n_bytes < 4 ? n_bytes : 4;
    memcpy(key, bytes, n_key);
    size_t max_chars = n_key > 0 ? (size_t)(uint8_t)key[0] * 4 : 0;
    char *state = mem_strndup((const char *)bytes + n_key, n_bytes - n_key);
    FUZZ_CHECK(state != NULL);

    int error = weir_trace_state_set(state, key, "new", out, sizeof out);
    FUZZ_CHECK(error == 0 || error == WEIR_E_INVALID);
    if (error == 0) {
        const char *found;
        size_t n_found;
        check_out(sizeof out);
        FUZZ_CHECK(weir_trace_state_get(out, key, &found, &n_found));
        FUZZ_CHECK(n_found == 3 && memcmp(found, "new", 3) == 0);
        FUZZ_CHECK(found == out + strlen(key) + 1); /* at the left (G18) */
    }
    FUZZ_CHECK(weir_trace_state_delete(state, key, out, sizeof out) == 0);
    check_out(sizeof out);
    const char *none;
    size_t n_none;
    FUZZ_CHECK(!weir_trace_state_get(out, key, &none, &n_none));
    FUZZ_CHECK(weir_trace_state_cut(state, max_chars, out, sizeof out) == 0);
    check_out(max_chars);
    error = weir_trace_state_set(state, "k", "v", value, sizeof value);
    FUZZ_CHECK(error == 0 || error == WEIR_E_TOO_LARGE);
    mem_free(state);
    return 0;
}
