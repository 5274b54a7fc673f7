#include "bridge/cli/streaming_mode.h"

#include "otlp/common/env.h"

bool streaming_mode_parse(const char *text, void *out) {
    return weir_streaming_mode_parse(text, out) == 0;
}

weir_streaming_mode streaming_mode_in_force(weir_streaming_mode mode) {
    const char *name = env_text("WEIR_STREAMING_MODE");
    if (mode == WEIR_STREAMING_DEFAULT &&
        (name == NULL || weir_streaming_mode_parse(name, &mode) != 0)) {
        mode = WEIR_STREAMING_SINGLE_SPAN;
    }
    return mode;
}
