/*
 * The mirror: spans that the host makes with the OTLP API below a step (weir_context) are also
 * recorded by the tracker, as spans of that step. A processor of the pipeline, so it sees the begin
 * and the end of every span that records; those of the lifecycle itself are passed over.
 *
 * A span belongs to the step of its nearest parent that is known here, else to that whose handle
 * its context came from (`owner`, which children inherit). It is recorded as long as the step is
 * open: what begins or ends later is only counted, for Burr's files end a step with its end_entry.
 */
#pragma once

#include <stdbool.h>

#include <weir/otlp.h>

struct weir;
struct mirror;

/* NULL: no memory. */
struct mirror *mirror_new(void);
/* The spans that are open are forgotten, and counted. Nobody may use it any more. NULL is fine. */
void mirror_free(struct weir *w);

/* To be given to weir_otlp_open with the host's own. */
weir_processor mirror_processor(struct weir *w);

/* In a forked child, whose open spans are its parent's; no other thread is there. */
void mirror_forget(struct weir *w);
