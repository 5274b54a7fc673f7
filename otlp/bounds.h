/*
 * The limits of this folder, in one place. Everything a user or peer can drive has one.
 */
#pragma once

/* Spans and segments; what the options can change has its default here. */
enum {
    VALUE_MAX_DEPTH = 64,         /* arrays and maps nested deeper become empty values (E48) */
    SPAN_DEFAULT_MAX_ITEMS = 128, /* attributes, events, links; attributes of each (E44) */
    SPAN_DEFAULT_MAX_BYTES = 1 << 20,
    SPAN_MIN_MAX_BYTES = 4 << 10,    /* room for a little of everything */
    SPAN_KEEP_BYTES = 16 << 10,      /* a pooled span keeps no more memory than this */
    LIVE_MAX_BYTES = 256 << 20,      /* all live spans of a provider together */
    TRACE_STATE_MAX_MEMBERS = 32,    /* G14 */
    TRACE_STATE_MAX_TEXT = 64 << 10, /* joined from the headers of one request, before it is read */
    BAGGAGE_MAX_MEMBERS = 64,        /* G29 */
    BAGGAGE_MAX_BYTES = 8 << 10,     /* as a header (G29) */
    BAGGAGE_MAX_VALUE_BYTES = 4 * BAGGAGE_MAX_BYTES, /* kept, and one on its way to be refused */
    BAGGAGE_MAX_TEXT = 64 << 10,                     /* joined from the headers of one request */
    DETECT_MAX_TEXT = 4 << 10,                       /* read of one file, by resource detectors */
    DETECT_MAX_ARGUMENTS = 64,
    ENV_MAX_NAME = 256,            /* bytes of a field's name as a variable */
    ENV_MAX_VARIABLES = 1 << 16,   /* of an environment for a child */
    RESOURCE_MAX_BYTES = 64 << 10, /* encoded */
    SCOPE_MAX_BYTES = 16 << 10,    /* encoded; name and attributes of one tracer */
    OTLP_MAX_TRACERS = 1024,       /* of one provider */
    OTLP_MAX_PIPELINES = 8,        /* the same */
    OTLP_MAX_PROCESSORS = 16,
    ID_MAX_DRAWS = 4, /* of a generator that gives zeros, before our own is used */

    /* segments and threads */
    SEGMENT_FIRST_BYTES = 4 << 10,
    SEGMENT_MAX_BYTES = 128 << 10,  /* of spans; one larger span has a segment of its own */
    SEGMENT_KEEP_BYTES = 192 << 10, /* free segments keep this much memory, and more under load */
    QUEUE_MIN_BYTES = 64 << 10,
    QUEUE_DEFAULT_BYTES = 4 << 20,
    PRODUCER_KEEP_SPANS = 32, /* ended span objects that one thread keeps */
    PROVIDER_KEEP_SPANS = 64, /* and those that all threads share */
    EXPORT_DEFAULT_MAX_SPANS = 512,
};

/* Receiving and sending. */
enum {
    DECODE_MAX_NESTED_VALUES = 64, /* an array in an array is two */
    DECODE_MAX_FRAMES = 208,       /* messages in messages, in a request from outside */
    JSON_LINES_MAX_DEPTH = 224,    /* messages in messages: a map in a map takes three */
    FILE_MAX_LINE_BYTES =
        256 << 20,           /* one line of JSON Lines; a request is shorter than its JSON */
    FILE_DEFAULT_FILES = 10, /* kept, when files are begun anew */
    FILE_MAX_FILES = 1000,
    CONSOLE_MAX_NAME_COLUMNS = 256,    /* of a name, key or description, as it is shown */
    CONSOLE_MAX_VALUE_COLUMNS = 1024,  /* of an attribute's value */
    CONSOLE_MAX_TEXT_BYTES = 64 << 20, /* of a request */
    HTTP_MAX_REQUEST_BYTES = 64 << 20, /* B7, C21: unless an option says otherwise … */
    HTTP_MAX_RESPONSE_BYTES = 4 << 20, /* B8, C22 */
    HTTP_MOST_REQUEST_BYTES = 1 << 30, /* … which may not go beyond these */
    HTTP_MOST_RESPONSE_BYTES = 1 << 30,
    JSON_ANSWER_MAX_BYTES = 16 << 10,     /* of its message and what stands around it */
    GRPC_MESSAGE_MAX_BYTES = 8 << 10,     /* of the text and details in its trailers */
    ENCODING_KEEP_BYTES = 512 << 10,      /* memory kept for the next request */
    PEM_LOOK_BYTES = 64 << 10,            /* of a file of certificates, to see what it is */
    HTTP_MAX_RESPONSE_HEADERS = 64 << 10, /* bytes, all of one response */
    ENDPOINT_MAX_URL = 8 << 10,           /* bytes */
    ENDPOINT_MAX_HEADERS = 64,
    CONFIG_MAX_LINES = 1024,        /* of a report of what is in force */
    CONFIG_MAX_VALUE = 512,         /* bytes of a value in it */
    RETRY_AFTER_MAX_S = 86400,      /* a peer that asks for longer is asked again after this */
    EXPORTER_MAX_HOLD_S = 300,      /* how long a Retry-After may hold back later requests */
    EXPORTER_HURRY_SPACING_MS = 10, /* between collections for want of memory */
    EXPORTER_DOZE_US = 1000,        /* until a thread that has worked looks for more */
    EXPORTER_TICK_ROUNDS = 64,      /* steps of each pipeline in one tick */
    EXPORTER_ASK_MS = 10,           /* between looks at a transport that has no descriptor */
    EXPORTER_GRACE_MS = 20,         /* for a cancelled post to come back after the deadline */
    EXPORTER_EXIT_MS = 1000,        /* for all exporters at the exit of the process … */
    EXPORTER_EXIT_GRACE_MS = 1000,  /* … and for threads to come back from a transport */
    EXPORTER_SPOOL_FIRST_MS = 5000, /* until what was left to the spool is tried again, … */
    EXPORTER_SPOOL_MAX_MS = 300000, /* … and at most, while the endpoint does not answer */
    EXPORTER_PARTIAL_QUIET_S = 60,  /* between messages of partial success */
    TALLIES_MAX_CODES = 16,         /* different ends of exports that metrics tell apart */
    COMPONENT_MAX_ADDRESS = 256,    /* bytes of a host's name in metrics */
};

/* The spool. */
enum {
    SPOOL_DEFAULT_BYTES = 64 << 20,
    SPOOL_MIN_BYTES = 1 << 20,
    SPOOL_DEFAULT_AGE_S = 3 * 86400,
    SPOOL_MAX_FILES = 16384, /* of one process; each takes an inode */
    SPOOL_MAX_FILE_BYTES = 1 << 30,
    SPOOL_MAX_OWNERS = 512,   /* dead processes whose files one search takes over */
    SPOOL_ADOPT_EVERY_S = 60, /* between searches */
    SPOOL_RETRY_MS = 1000,    /* a disk that refused is left in peace for so long */
    SPOOL_MAX_PLACES = 4096,  /* spans in a file; then the segment is full */
    SPOOL_MAX_PIECES_BYTES =
        2 * RESOURCE_MAX_BYTES + 2 * SCOPE_MAX_BYTES, /* what stands around the spans */
};
