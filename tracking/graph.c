#include "tracking/graph.h"

#include <string.h>

#include "otlp/common/json_write.h"

static void put(struct buf *out, const char *literal) {
    buf_append_text(out, literal);
}

static void put_string(struct buf *out, const char *text) {
    if (text == NULL) {
        put(out, "null");
    } else {
        json_write_string(out, text, strlen(text), JSON_PYTHON);
    }
}

static void put_member(struct buf *out, const char *key, const char *text) {
    put(out, ", \"");
    put(out, key);
    put(out, "\": ");
    put_string(out, text);
}

static void put_list(struct buf *out, const char *key, const char *const *list) {
    put(out, ", \"");
    put(out, key);
    put(out, "\": [");
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        put(out, i > 0 ? ", " : "");
        put_string(out, list[i]);
    }
    put(out, "]");
}

static void put_action(struct buf *out, const weir_action *action) {
    put(out, "{\"type\": \"action\"");
    put_member(out, "name", action->name);
    put_list(out, "reads", action->reads);
    put_list(out, "writes", action->writes);
    put_member(out, "code", action->code != NULL ? action->code : "No source available");
    put_list(out, "inputs", action->optional_inputs);
    put_list(out, "optional_inputs", action->inputs);
    put(out, "}");
}

static void put_transition(struct buf *out, const weir_transition *transition) {
    put(out, "{\"type\": \"transition\"");
    put_member(out, "from_", transition->from);
    put_member(out, "to", transition->to);
    put_member(out, "condition", transition->condition != NULL ? transition->condition : "default");
    put(out, "}");
}

static const char *entrypoint_of(const weir_graph *graph) {
    if (graph->entrypoint != NULL) {
        return graph->entrypoint;
    }
    return graph->n_actions > 0 && graph->actions[0].name != NULL ? graph->actions[0].name : "";
}

void graph_write(struct buf *out, const weir_graph *graph) {
    static const weir_graph none = {0};
    graph = graph != NULL ? graph : &none;
    put(out, "{\"type\": \"application\"");
    put_member(out, "entrypoint", entrypoint_of(graph));
    put(out, ", \"actions\": [");
    for (size_t i = 0; i < graph->n_actions; i++) {
        put(out, i > 0 ? ", " : "");
        put_action(out, &graph->actions[i]);
    }
    put(out, "], \"transitions\": [");
    for (size_t i = 0; i < graph->n_transitions; i++) {
        put(out, i > 0 ? ", " : "");
        put_transition(out, &graph->transitions[i]);
    }
    put(out, "]}");
}

static void put_pointer(struct buf *out, const char *key, const weir_pointer *pointer) {
    put(out, ", \"");
    put(out, key);
    put(out, "\": ");
    if (pointer == NULL) {
        put(out, "null");
        return;
    }
    put(out, "{\"type\": \"pointer_data\"");
    put_member(out, "app_id", pointer->app_id);
    put(out, ", \"sequence_id\": ");
    if (pointer->has_sequence_id) {
        json_write_int(out, pointer->sequence_id);
    } else {
        put(out, "null");
    }
    put_member(out, "partition_key", pointer->partition_key);
    put(out, "}");
}

void graph_write_metadata(struct buf *out, const char *partition_key, const weir_pointer *parent,
                          const weir_pointer *spawning_parent) {
    put(out, "{\"type\": \"application_metadata\"");
    put_member(out, "partition_key", partition_key);
    put_pointer(out, "parent_pointer", parent);
    put_pointer(out, "spawning_parent_pointer", spawning_parent);
    put(out, "}");
}
