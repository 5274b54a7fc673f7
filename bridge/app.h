/*
 * Making and ending apps, for both doors (handles, weir_emit) and for weir_close.
 */
#pragma once

#include <weir/weir.h>

#include "bridge/core.h"

/*
 * A new app among the open ones of the weir; options read whole (options_read). when_unix_ns 0:
 * now. NULL: a bad id (logged), no memory, or closing. *handle gets its handle.
 */
struct app *app_open(struct weir *w, const weir_app_options *options, struct moment when,
                     weir_app **handle);

/* Ends what is open in it and its handle. The caller has it pinned; no lock is held. */
void app_shut(struct app *app);

/*
 * The context that a call begun now gets as parent: the spawning parent's step, if it is open, else
 * the remote parent. false: none. trace_state (a text of the caller) keeps the parent's.
 */
bool app_parent_context(struct app *app, weir_otlp_context *out, struct text *trace_state);

/* The step of that sequence id whose handle is live, the newest if ids repeat; NULL: none. Locked.
 */
struct step *app_find_step(struct app *app, int64_t sequence_id);
