/*
 * A plug-in with telemetry of its own, which plugin_host.c loads and unloads: whoever opens a weir
 * closes it before he goes, and nothing of it stays behind.
 *
 *     cc -shared -fPIC plugin.c $(pkg-config --cflags --libs weir) -o plugin.so
 */
#include <weir/weir.h>

/* What a host calls. */
int plugin_start(void);
void plugin_work(int nth);
int plugin_stop(void);

static weir *w;
static weir_app *app;

int plugin_start(void) {
    int error = weir_open(&WEIR_OPTIONS(.service_name = "plug-in", .project = "plugin"), &w, NULL);
    app = weir_app_new(w, NULL);
    return error;
}

void plugin_work(int nth) {
    WEIR_SCOPED_CALL *call = weir_call_begin(app, WEIR_METHOD_RUN);
    WEIR_SCOPED_STEP *step = weir_step_begin(call, "work", NULL);
    weir_set(step, "nth", nth);
}

/* Sends what is left, at most for five seconds, and ends the thread that does. */
int plugin_stop(void) {
    weir_app_free(app);
    return weir_close(w, 5000);
}
