/*
 * A weir to try things on: under a fake clock, with all that it sends, writes, tells and says kept
 * and made readable, so that a test states a whole outcome as one text.
 */
#pragma once

#include <weir/weir.h>

#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "tests/golden/collect.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"

struct rig {
    weir *w;
    struct fake_clock clock;
    struct kept_log log;
    char *dir; /* of the tracker; the project is "p" unless the test says otherwise */
    struct collector collector;
    struct arena arena;
    struct buf told; /* by the recorder, one event a line */
    weir_adapter recorder;
    bool keeps_fields; /* the recorder writes every field that is filled */
};

/*
 * Opens a weir with these options; what they leave open is: the fake clock, a kept log, a collector
 * as transport, a tracker in a new directory, project "p", and the recorder as its last adapter.
 * Aborts the test when that fails.
 */
struct rig *rig_open(const weir_options *options);
#define RIG(...) rig_open(&WEIR_OPTIONS(__VA_ARGS__))
/* Closes the weir if the test has not, and frees. For CLEANUP. */
void rig_close(struct rig **rig);

/* Lets milliseconds pass. */
void rig_pass(struct rig *rig, unsigned ms);

enum {
    RIG_ATTRIBUTES = 1, /* key=value, as Python writes JSON; burr.* left out */
    RIG_IDENTITY = 2,   /* burr.* too */
    RIG_TIMES = 4,      /* @start+duration, in ms since the rig was opened */
    RIG_EVENTS = 8,
};
/*
 * The spans sent until now, flushed first, as an outline: "name STATUS description", two blanks a
 * level, siblings in the order they began; events below their span with a leading "! ". Good until
 * the rig is closed.
 */
const char *rig_tree(struct rig *rig, unsigned what);
/* The same spans as they were decoded. */
struct span_list rig_spans(struct rig *rig);

/* A file of an app, whole; "" when there is none. */
const char *rig_file(struct rig *rig, const char *app_id, const char *name);
/* The types and sequence ids of the records of an app: "begin_entry 0, end_entry 0". */
const char *rig_records(struct rig *rig, const char *app_id);

/* What the recorder was told since the last time this was asked: hooks and what they are about,
 * one a line. */
const char *rig_told(struct rig *rig);
/* An adapter's function that writes down one event; data is the rig. */
int rig_record(void *data, const weir_lifecycle_event *event);

weir_stats rig_stats(struct rig *rig);
weir_otlp_stats rig_otlp_stats(struct rig *rig);

#define expect_tree(rig, what, expected) expect_text(rig_tree(rig, what), expected)
#define expect_told(rig, expected) expect_text(rig_told(rig), expected)

/* A call with one step, which nearly every test begins with. */
struct rig_run {
    weir_app *app;
    weir_call *call;
    weir_step *step;
};
/* app id "a", method run, action "act". */
struct rig_run rig_begin(struct rig *rig, const weir_step_options *options);
void rig_end(struct rig *rig, struct rig_run *run);
