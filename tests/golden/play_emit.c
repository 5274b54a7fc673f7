/*
 * The door for bindings: each recorded hook is one event.
 */
#include "tests/golden/play.h"

void play_by_emit(weir *w, struct fake_clock *clock, const struct scenario *scenario) {
    for (size_t i = 0; i < scenario->n_hooks; i++) {
        const weir_lifecycle_event *hook = &scenario->hooks[i];
        atomic_store(&clock->unix_ns, hook->unix_ns);
        atomic_store(&clock->monotonic_ns, hook->unix_ns);
        weir_emit(w, hook);
    }
}
