/*
 * The application that `weir demo` runs: answers a question in three steps, the last of which
 * streams. It uses weir as any application would, by the public headers alone.
 */
#pragma once

#include <stdbool.h>

#include <weir/weir.h>

struct demo_app_result {
    char app_id[64];
    char traceparent[56]; /* of the run's span; "" when there is none */
};

/*
 * Runs once, in about a second: tokens come unevenly, and the reader is slow. With fails the model
 * breaks off after a few tokens. `say` (NULL: nobody) gets each token as it comes.
 */
void demo_app_run(weir *w, const char *app_id, bool fails, void (*say)(const char *token),
                  struct demo_app_result *out);
