/* Handles of lifecycle objects: whatever is handed in, only a live one does anything. */
#include <stdint.h>

#include "tests/bridge/rig.h"

TestSuite(object);

/* Every call with one and the same value as each kind of handle. */
static void use_as_everything(void *handle) {
    char text[56];
    (void)weir_app_id(handle, text, sizeof text);
    (void)weir_call_begin(handle, WEIR_METHOD_RUN);
    (void)weir_step_begin(handle, "s", NULL);
    (void)weir_step_sequence_id(handle);
    (void)weir_step_span_begin(handle, "s", NULL);
    (void)weir_span_span_begin(handle, "s", NULL);
    weir_set_int_(handle, "k", 1);
    weir_event_(handle, "e", NULL, 0);
    weir_set_error_(handle, &WEIR_ERROR("E", "e"));
    (void)weir_traceparent_(handle, text);
    (void)weir_stream_begin(handle);
    weir_stream_pull(handle);
    weir_stream_yield(handle);
    weir_stream_abandon(handle);
    weir_stream_end(handle);
    weir_span_end(handle);
    weir_step_end(handle, NULL);
    weir_call_end(handle, NULL);
    weir_app_free(handle);
}

Test(object, garbage_is_no_handle) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)rig_told(rig);
    const uintptr_t garbage[] = {1,
                                 4096,
                                 UINTPTR_MAX,
                                 (uintptr_t)rig,
                                 (uintptr_t)run.step ^ 1,
                                 (uintptr_t)run.step + (UINT64_C(2) << 22)};
    for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++) {
        use_as_everything((void *)garbage[i]); /* NOLINT(performance-no-int-to-ptr) */
    }
    use_as_everything(NULL);
    expect_told(rig, "");
    cr_assert(ge(u64, rig_stats(rig).stale_handles, 19 * ARRAY_LENGTH(garbage)));
    cr_assert(eq(i64, weir_step_sequence_id(run.step), 0));
}

Test(object, a_handle_of_one_kind_is_none_of_another) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    (void)rig_told(rig);
    weir_stream_pull((weir_stream *)run.step);
    weir_span_end((weir_span *)run.step);
    weir_step_end((weir_step *)run.call, NULL);
    weir_call_end((weir_call *)run.app, NULL);
    weir_app_free((weir_app *)run.step);
    expect_told(rig, "");
}

Test(object, an_ended_handle_stays_stale_when_its_object_lives_again) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_step *old = run.step;
    weir_step_end(old, NULL);
    for (int i = 0; i < 100; i++) {
        weir_step *step = weir_step_begin(run.call, "s", NULL);
        cr_assert(ne(ptr, step, old));
        weir_step_end(old, NULL);
        cr_assert(eq(i64, weir_step_sequence_id(step), i + 1));
        weir_step_end(step, NULL);
    }
    weir_call_end(run.call, NULL);
}

Test(object, an_object_lives_until_what_is_below_it_has_ended) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *outer = weir_span_begin(run.step, "outer", NULL);
    weir_span *inner = weir_span_begin(outer, "inner", NULL);
    weir_span_end(outer);
    weir_step_end(run.step, NULL);
    weir_call_end(run.call, NULL);
    for (int i = 0; i < 10; i++) { /* would take what was given back too early */
        weir_call *call = weir_call_begin(run.app, WEIR_METHOD_STEP);
        weir_step *step = weir_step_begin(call, "other", NULL);
        weir_span_end(weir_span_begin(step, "other", NULL));
        weir_step_end(step, NULL);
        weir_call_end(call, NULL);
    }
    rig->keeps_fields = true;
    (void)rig_told(rig);
    weir_span_end(inner);
    expect_told(rig, "post_end_span app=a method=run action=act#0 span=0:0.0 name=inner"
                     " parent=0:0\n");
}
