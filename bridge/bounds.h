/*
 * The limits of this folder, in one place.
 */
#pragma once

enum {
    WEIR_MAX_ADAPTERS = 62,          /* of the host's own, in one weir */
    WEIR_MAX_NAME_BYTES = 64 * 1024, /* names of actions and spans; longer ones are cut */
    WEIR_MAX_UID_BYTES = 512,        /* "12:0.3.1": about 200 spans deep; a deeper one is refused */
    WEIR_MAX_PATH_BYTES = 1024,      /* where in a content a redaction function is asked; cut */
    WEIR_DEFAULT_CAPTURE_CHARS = 1024, /* of WEIR_CAPTURE_TRUNCATE */
    WEIR_MAX_STATE_BYTES = 64 << 20,   /* JSON of inputs, result, state; larger is refused */
    WEIR_MAX_LAST_STATE = 16 << 20, /* a state kept for steps that give none; a larger one is not */
    WEIR_KEPT_SCRATCH_BYTES =
        64 * 1024,           /* of a freed app's memory for texts on their way to OTLP */
    WEIR_APP_BUCKETS = 1024, /* open apps are found by id through so many lists */
    WEIR_MIRROR_BUCKETS = 256,
    WEIR_MAX_MIRRORED = 1 << 16, /* open spans of the OTLP API that are recorded; more are not */
    WEIR_MAX_OPEN_APPS = 1 << 20,
};
