/* Contexts out: what a span opened below a handle now would have as parent. */
#include <string.h>

#include "bridge/adapter_otlp.h"
#include "bridge/app.h"

static weir_otlp_context of_call(struct call *call) {
    struct call *owner = call->outer != NULL ? call->outer : call;
    return owner->otlp.has_context ? owner->otlp.context : (weir_otlp_context){0};
}

static weir_otlp_context of_step(struct step *step) {
    weir_otlp_context context = {0};
    (void)adapter_otlp_context_below(step, &context);
    return context;
}

/* The context that a call begun on the app now would have as parent. */
static weir_otlp_context of_app(weir_app *handle) {
    weir_otlp_context context = {0};
    struct app *app = object_enter(HANDLE_APP, handle);
    if (app == NULL) {
        return context;
    }
    app_pin(app);
    object_leave(app);
    struct text trace_state = {0};
    if (!app_parent_context(app, &context, &trace_state)) {
        context = (weir_otlp_context){0};
    }
    context.trace_state = NULL; /* of another app: nobody here could say how long it stays */
    text_deinit(&trace_state);
    app_unpin(app);
    return context;
}

weir_otlp_context weir_context_(weir_handle *handle) {
    weir_otlp_context context = {0};
    enum handle_kind kind = handle_kind_of(handle);
    if (kind == HANDLE_APP) {
        return of_app((weir_app *)handle);
    }
    if (kind == HANDLE_FREE || kind == HANDLE_OTLP_SPAN) {
        if (handle != NULL) {
            handle_count_stale();
        }
        return context;
    }
    struct object *object = object_enter(kind, handle);
    if (object == NULL) {
        return context;
    }
    struct app *app = object_app(object);
    if (kind == HANDLE_CALL) {
        context = of_call((struct call *)object);
    } else if (kind == HANDLE_STEP) {
        context = of_step((struct step *)object);
    } else if (kind == HANDLE_STREAM) {
        context = of_step(((struct stream *)object)->step);
    } else {
        context = ((struct span *)object)->otlp.context;
    }
    context.owner = (uint64_t)(uintptr_t)handle;
    object_leave(app);
    return context;
}

bool weir_traceparent_(weir_handle *handle, char out[56]) {
    weir_otlp_context context = weir_context_(handle);
    return weir_otlp_context_format(&context, out);
}

/* The pipeline behind a live handle; NULL: none. */
static weir_otlp *otlp_of(weir_handle *handle) {
    enum handle_kind kind = handle_kind_of(handle);
    bool is_ours = kind != HANDLE_FREE && kind != HANDLE_OTLP_SPAN;
    struct object *object = is_ours ? object_enter(kind, handle) : NULL;
    if (object == NULL) {
        return NULL;
    }
    struct app *app = object_app(object);
    weir_otlp *otlp = app->weir->otlp;
    object_leave(app);
    return otlp;
}

/* Baggage goes on even without a context. The host's function is called with no lock held. */
void weir_inject_(weir_handle *handle, const weir_baggage *baggage, weir_carrier_set_fn *set,
                  void *carrier) {
    const weir_otlp *otlp = otlp_of(handle);
    weir_otlp_context context = weir_context_(handle);
    weir_otlp_inject(otlp, &context, baggage, set, carrier);
}

int weir_extract(weir *w, weir_carrier_get_fn *get, void *carrier, weir_propagated *out) {
    return weir_otlp_extract(w != NULL ? w->otlp : NULL, get, carrier, out);
}
