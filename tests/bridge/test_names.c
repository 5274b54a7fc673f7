/* Names of modes and methods. */
#include <weir/weir.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"

TestSuite(names);

Test(names, modes_are_found_by_the_names_they_give) {
    for (weir_streaming_mode mode = WEIR_STREAMING_SINGLE_SPAN;
         mode <= WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS; mode++) {
        weir_streaming_mode found = WEIR_STREAMING_DEFAULT;
        cr_assert(eq(int, weir_streaming_mode_parse(weir_streaming_mode_name(mode), &found), 0));
        cr_assert(eq(int, (int)found, (int)mode));
    }
    expect_text(weir_streaming_mode_name(WEIR_STREAMING_DEFAULT), "default");
    cr_assert(eq(ptr, expect_unconst(weir_streaming_mode_name((weir_streaming_mode)5)), NULL));
    cr_assert(eq(ptr, expect_unconst(weir_streaming_mode_name((weir_streaming_mode)-1)), NULL));
}

Test(names, both_is_another_name) {
    weir_streaming_mode mode = WEIR_STREAMING_DEFAULT;
    cr_assert(eq(int, weir_streaming_mode_parse("both", &mode), 0));
    cr_assert(eq(int, (int)mode, WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS));
}

Test(names, other_names_are_refused_and_leave_the_result_alone) {
    static const char *const bad[] = {NULL, "", "default", "Event", "event ", "single", "chunks"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        weir_streaming_mode mode = WEIR_STREAMING_EVENT;
        cr_assert(eq(int, weir_streaming_mode_parse(bad[i], &mode), WEIR_E_INVALID), "%zu", i);
        cr_assert(eq(int, (int)mode, WEIR_STREAMING_EVENT));
    }
    cr_assert(eq(int, weir_streaming_mode_parse("event", NULL), WEIR_E_INVALID));
}

Test(names, methods_have_burrs_names) {
    expect_text(weir_method_name(WEIR_METHOD_STEP), "step");
    expect_text(weir_method_name(WEIR_METHOD_ASTREAM_RESULT), "stream_result");
    expect_text(weir_method_name(WEIR_METHOD_ASTREAM_ITERATE), "astream_iterate");
    cr_assert(eq(ptr, expect_unconst(weir_method_name((weir_method)0)), NULL));
    cr_assert(eq(ptr, expect_unconst(weir_method_name((weir_method)11)), NULL));
}
