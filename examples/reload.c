/*
 * A run that breaks, goes on where it stopped, and is forked at a step.
 *
 *   cc reload.c $(pkg-config --cflags --libs weir) -o reload
 *   ./reload DIR                      a new run, which breaks at its fourth step
 *   ./reload DIR APP_ID               goes on: does the broken step again, then the next ones
 *   ./reload DIR APP_ID SEQUENCE_ID   a new run that begins as that one was after that step
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/weir.h>

static const weir_action actions[] = {{.name = "add"}, {.name = "double"}};
static const weir_transition transitions[] = {{"add", "double", NULL}, {"double", "add", "n < 20"}};
static const weir_graph graph = {
    .actions = actions, .n_actions = 2, .transitions = transitions, .n_transitions = 2};

/* What is kept of a run: which action comes next, and the number it works on. */
struct agent {
    const char *action;
    long n;
};

static const char *after(const char *action) {
    return strcmp(action, "add") == 0 ? "double" : "add";
}

/* The state is JSON; whoever has a JSON library uses that. */
static struct agent agent_of(const weir_loaded *loaded) {
    if (loaded == NULL) {
        return (struct agent){"add", 0};
    }
    const char *n = strstr(loaded->state, "\"n\":");
    return (struct agent){.action =
                              loaded->is_completed ? after(loaded->position) : loaded->position,
                          .n = n != NULL ? strtol(n + 4, NULL, 10) : 0};
}

/* One step; false when it broke. */
static bool advance(struct agent *agent, weir_call *call, bool breaks) {
    weir_step *step = weir_step_begin(call, agent->action, NULL);
    printf("%" PRId64 " %s: ", weir_step_sequence_id(step), agent->action);
    if (breaks) {
        puts("broke");
        weir_step_end(step, &WEIR_STEP_RESULT(.error = &WEIR_ERROR("RuntimeError", "out of luck")));
        return false;
    }
    agent->n = strcmp(agent->action, "add") == 0 ? agent->n + 1 : agent->n * 2;
    agent->action = after(agent->action);
    printf("n = %ld\n", agent->n);
    char state[64];
    snprintf(state, sizeof state, "{\"n\":%ld}", agent->n);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = state, .state = state));
    return true;
}

/* A fork is a new app with a parent; a run that goes on keeps its id and its file. */
static weir_app *start(weir *w, const weir_loaded *loaded, bool is_fork) {
    if (loaded == NULL) {
        return weir_app_new(w, &WEIR_APP_OPTIONS(.state = "{\"n\":0}", .graph = &graph));
    }
    const weir_pointer parent = {.app_id = loaded->app_id,
                                 .partition_key = loaded->partition_key,
                                 .has_sequence_id = true,
                                 .sequence_id = loaded->sequence_id};
    return weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = is_fork ? NULL : loaded->app_id,
                                             .parent = is_fork ? &parent : NULL,
                                             .state = loaded->resume_state, .graph = &graph));
}

static void announce(weir_app *app, const weir_loaded *loaded, bool is_fork) {
    char app_id[256];
    weir_app_id(app, app_id, sizeof app_id);
    printf("app %s", app_id);
    if (loaded != NULL) {
        printf(",%s%s after step %" PRId64 " (%s %s), n = %ld", is_fork ? " forked from " : "",
               is_fork ? loaded->app_id : "", loaded->sequence_id, loaded->position,
               loaded->is_completed ? "completed" : "failed", agent_of(loaded).n);
    }
    putchar('\n');
}

static int load(int argc, char **argv, weir_loaded **out) {
    if (argc == 2) {
        return 0;
    }
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const weir_load_options options =
        WEIR_LOAD_OPTIONS(.directory = argv[1], .project = "reload", .app_id = argv[2],
                          .has_sequence_id = argc > 3,
                          .sequence_id = argc > 3 ? strtoll(argv[3], NULL, 10) : 0);
    int error = weir_load(&options, out, &detail);
    if (error != 0) {
        fprintf(stderr, "%s\n", detail.message);
    }
    return error;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: %s DIR [APP_ID [SEQUENCE_ID]]\n", argv[0]);
        return 2;
    }
    weir_loaded *loaded = NULL;
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (load(argc, argv, &loaded) != 0) {
        return 1;
    }
    if (weir_open(&WEIR_OPTIONS(.project = "reload", .tracker_dir = argv[1], .otlp_off = true), &w,
                  &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        weir_loaded_free(loaded);
        return 1;
    }
    weir_app *app = start(w, loaded, argc == 4);
    announce(app, loaded, argc == 4);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    struct agent agent = agent_of(loaded);
    for (int i = 0; agent.n < 20 && advance(&agent, call, loaded == NULL && i == 3); i++) {
    }
    weir_call_end(call, NULL);
    weir_app_free(app);
    weir_loaded_free(loaded);
    return weir_close(w, 5000) == 0 ? 0 : 1;
}
