#include "otlp/schema.h"

#include "otlp/common/macro.h"

#define MESSAGE(name)                                                                              \
    static const struct schema_message name = {name##_members, ARRAY_LENGTH(name##_members)}
#define SHARED_MESSAGE(name)                                                                       \
    const struct schema_message schema_##name = {name##_members, ARRAY_LENGTH(name##_members)}

static const struct schema_message key_value; /* a value holds keys with values */

static const struct schema_member array_value_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_REPEATED, "values", &schema_any_value},
};
MESSAGE(array_value);

static const struct schema_member key_value_list_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_REPEATED, "values", &key_value},
};
MESSAGE(key_value_list);

static const struct schema_member any_value_members[] = {
    {1, SCHEMA_STRING, SCHEMA_ONEOF, "stringValue"},
    {2, SCHEMA_BOOL, SCHEMA_ONEOF, "boolValue"},
    {3, SCHEMA_INT64, SCHEMA_ONEOF, "intValue"},
    {4, SCHEMA_DOUBLE, SCHEMA_ONEOF, "doubleValue"},
    {5, SCHEMA_MESSAGE, SCHEMA_ONEOF, "arrayValue", &array_value},
    {6, SCHEMA_MESSAGE, SCHEMA_ONEOF, "kvlistValue", &key_value_list},
    {7, SCHEMA_BYTES, SCHEMA_ONEOF, "bytesValue"},
    {8, SCHEMA_INT32, SCHEMA_UNUSED, "stringValueStrindex"},
};
SHARED_MESSAGE(any_value);

static const struct schema_member key_value_members[] = {
    {1, SCHEMA_STRING, SCHEMA_SINGULAR, "key"},
    {2, SCHEMA_MESSAGE, SCHEMA_SINGULAR, "value", &schema_any_value},
};
MESSAGE(key_value);

static const struct schema_member entity_ref_members[] = {
    {1, SCHEMA_STRING, SCHEMA_SINGULAR, "schemaUrl"},
    {2, SCHEMA_STRING, SCHEMA_SINGULAR, "type"},
    {3, SCHEMA_STRING, SCHEMA_REPEATED, "idKeys"},
    {4, SCHEMA_STRING, SCHEMA_REPEATED, "descriptionKeys"},
};
MESSAGE(entity_ref);

static const struct schema_member resource_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_REPEATED, "attributes", &key_value},
    {2, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedAttributesCount"},
    {3, SCHEMA_MESSAGE, SCHEMA_REPEATED, "entityRefs", &entity_ref},
};
MESSAGE(resource);

static const struct schema_member scope_members[] = {
    {1, SCHEMA_STRING, SCHEMA_SINGULAR, "name"},
    {2, SCHEMA_STRING, SCHEMA_SINGULAR, "version"},
    {3, SCHEMA_MESSAGE, SCHEMA_REPEATED, "attributes", &key_value},
    {4, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedAttributesCount"},
};
MESSAGE(scope);

static const struct schema_member event_members[] = {
    {1, SCHEMA_FIXED64, SCHEMA_SINGULAR, "timeUnixNano"},
    {2, SCHEMA_STRING, SCHEMA_SINGULAR, "name"},
    {3, SCHEMA_MESSAGE, SCHEMA_REPEATED, "attributes", &key_value},
    {4, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedAttributesCount"},
};
MESSAGE(event);

static const struct schema_member link_members[] = {
    {1, SCHEMA_ID, SCHEMA_SINGULAR, "traceId", .n_id_bytes = 16},
    {2, SCHEMA_ID, SCHEMA_SINGULAR, "spanId", .n_id_bytes = 8},
    {3, SCHEMA_STRING, SCHEMA_SINGULAR, "traceState"},
    {4, SCHEMA_MESSAGE, SCHEMA_REPEATED, "attributes", &key_value},
    {5, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedAttributesCount"},
    {6, SCHEMA_FIXED32, SCHEMA_SINGULAR, "flags"},
};
MESSAGE(link);

static const struct schema_member status_members[] = {
    {2, SCHEMA_STRING, SCHEMA_SINGULAR, "message"},
    {3, SCHEMA_INT32, SCHEMA_SINGULAR, "code"},
};
MESSAGE(status);

static const struct schema_member span_members[] = {
    {1, SCHEMA_ID, SCHEMA_SINGULAR, "traceId", .n_id_bytes = 16},
    {2, SCHEMA_ID, SCHEMA_SINGULAR, "spanId", .n_id_bytes = 8},
    {3, SCHEMA_STRING, SCHEMA_SINGULAR, "traceState"},
    {4, SCHEMA_ID, SCHEMA_SINGULAR, "parentSpanId", .n_id_bytes = 8},
    {5, SCHEMA_STRING, SCHEMA_SINGULAR, "name"},
    {6, SCHEMA_INT32, SCHEMA_SINGULAR, "kind"},
    {7, SCHEMA_FIXED64, SCHEMA_SINGULAR, "startTimeUnixNano"},
    {8, SCHEMA_FIXED64, SCHEMA_SINGULAR, "endTimeUnixNano"},
    {9, SCHEMA_MESSAGE, SCHEMA_REPEATED, "attributes", &key_value},
    {10, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedAttributesCount"},
    {11, SCHEMA_MESSAGE, SCHEMA_REPEATED, "events", &event},
    {12, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedEventsCount"},
    {13, SCHEMA_MESSAGE, SCHEMA_REPEATED, "links", &link},
    {14, SCHEMA_UINT32, SCHEMA_SINGULAR, "droppedLinksCount"},
    {15, SCHEMA_MESSAGE, SCHEMA_SINGULAR, "status", &status},
    {16, SCHEMA_FIXED32, SCHEMA_SINGULAR, "flags"},
};
SHARED_MESSAGE(span);

static const struct schema_member scope_spans_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_SINGULAR, "scope", &scope},
    {2, SCHEMA_MESSAGE, SCHEMA_REPEATED, "spans", &schema_span},
    {3, SCHEMA_STRING, SCHEMA_SINGULAR, "schemaUrl"},
};
MESSAGE(scope_spans);

static const struct schema_member resource_spans_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_SINGULAR, "resource", &resource},
    {2, SCHEMA_MESSAGE, SCHEMA_REPEATED, "scopeSpans", &scope_spans},
    {3, SCHEMA_STRING, SCHEMA_SINGULAR, "schemaUrl"},
};
SHARED_MESSAGE(resource_spans);

static const struct schema_member request_members[] = {
    {1, SCHEMA_MESSAGE, SCHEMA_REPEATED, "resourceSpans", &schema_resource_spans},
};
SHARED_MESSAGE(request);

enum wire_type schema_wire_type(enum schema_kind kind) {
    switch (kind) {
    case SCHEMA_MESSAGE:
    case SCHEMA_STRING:
    case SCHEMA_ID:
    case SCHEMA_BYTES: return WIRE_LEN;
    case SCHEMA_FIXED32: return WIRE_I32;
    case SCHEMA_FIXED64:
    case SCHEMA_DOUBLE: return WIRE_I64;
    default: return WIRE_VARINT;
    }
}

const struct schema_member *schema_find(const struct schema_message *message, uint32_t number) {
    for (size_t i = 0; i < message->n_members; i++) {
        if (message->members[i].number == number) {
            return &message->members[i];
        }
    }
    return NULL;
}
