#include "tests/golden/print.h"

#include <string.h>

#include "tests/golden/json_tree.h"

static const char *quoted(struct arena *arena, const char *text) {
    weir_value value = weir_value_string(text);
    return json_tree_print(arena, &value);
}

static const char *attributes_text(struct arena *arena, const struct attribute_list *attributes) {
    weir_value map = weir_value_map(attributes->items, attributes->n);
    return json_tree_print(arena, &map);
}

/* Traces are numbered by the span that shows them first. */
static size_t trace_number(const struct span_list *spans, size_t at) {
    size_t number = 0;
    for (size_t i = 0; spans->items[i]->trace != spans->items[at]->trace; i++) {
        size_t first = 0;
        while (spans->items[first]->trace != spans->items[i]->trace) {
            first++;
        }
        number += first == i;
    }
    return number;
}

static void print_events(FILE *to, struct arena *arena, const struct golden_span *span) {
    fprintf(to, "\"events\": [");
    for (size_t i = 0; i < span->n_events; i++) {
        const struct golden_event *event = &span->events[i];
        fprintf(to, "%s{\"name\": %s, \"t_ns\": %llu, \"attributes\": %s}", i > 0 ? ", " : "",
                quoted(arena, event->name), (unsigned long long)event->unix_ns,
                attributes_text(arena, &event->attributes));
    }
    fprintf(to, "]");
}

static void print_span(FILE *to, struct arena *arena, const struct span_list *spans, size_t at) {
    const struct golden_span *span = spans->items[at];
    fprintf(to, "{\"name\": %s, \"id\": %zu, \"parent\": ", quoted(arena, span->name), at);
    if (span->parent != NULL) {
        fprintf(to, "%zu", span_list_find(spans, span->parent));
    } else {
        fprintf(to, "null");
    }
    const char *description = span->description[0] || strcmp(span->status, "ERROR") == 0
                                  ? quoted(arena, span->description)
                                  : "null";
    fprintf(to,
            ", \"trace\": %zu, \"kind\": \"%s\", \"start_ns\": %llu, \"end_ns\": %llu, "
            "\"status\": \"%s\", \"status_description\": %s, \"attributes\": %s, ",
            trace_number(spans, at), span->kind, (unsigned long long)span->start_ns,
            (unsigned long long)span->end_ns, span->status, description,
            attributes_text(arena, &span->attributes));
    print_events(to, arena, span);
    fprintf(to, "}");
}

static void print_files(FILE *to, struct arena *arena, const struct file_list *files) {
    const char *app_id = NULL;
    for (size_t i = 0; i < files->n; i++) {
        const struct golden_file *file = &files->items[i];
        bool is_new_app = app_id == NULL || strcmp(app_id, file->app_id) != 0;
        if (is_new_app) {
            fprintf(to, "%s\n%s: {", app_id ? "}," : "", quoted(arena, file->app_id));
        }
        weir_value text = weir_value_string_n(file->text, file->n_bytes);
        fprintf(to, "%s\n%s: %s", is_new_app ? "" : ",", quoted(arena, file->name),
                json_tree_print(arena, &text));
        app_id = file->app_id;
    }
    fprintf(to, "%s", app_id ? "}" : "");
}

void print_result(FILE *to, struct arena *arena, const struct play_result *result) {
    fprintf(to, "{\"spans\": [");
    for (size_t i = 0; i < result->spans.n; i++) {
        fprintf(to, "%s\n", i > 0 ? "," : "");
        print_span(to, arena, &result->spans, i);
    }
    fprintf(to, "],\n\"files\": {");
    print_files(to, arena, &result->files);
    fprintf(to, "}}\n");
}
