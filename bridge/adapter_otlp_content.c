/*
 * Content on spans: what a step took in and gave, and what its stream yielded. The events that
 * arrive here hold what may be kept, and nothing else (bridge/capture.h).
 */
#include "bridge/adapter_otlp.h"
#include "bridge/attribute.h"
#include "otlp/common/macro.h"

/* Captured JSON as the text that attributes hold. */
static weir_value text_of(const weir_value *json) {
    return weir_value_string_n(json->as.string.bytes, json->as.string.n_bytes);
}

static void set(struct otlp_part *part, const char *key, const weir_value *value) {
    if (part->span != NULL) {
        span_set(part->span, key, value);
    }
}

void otlp_put_inputs(struct weir *w, struct step *step, const weir_lifecycle_event *event) {
    struct otlp_part *part = otlp_attribute_part(w, step);
    if (event->inputs == NULL || part == NULL) {
        return;
    }
    const weir_value text = text_of(event->inputs);
    if (conventions_have_content(w)) {
        conventions_input(w, part, &text);
    } else {
        set(part, "burr.inputs", &text);
    }
    if (w->conventions & WEIR_CONVENTIONS_GENAI) { /* for when it turns out to be a model call */
        step->inputs_sent = blob_new(text.as.string.bytes, text.as.string.n_bytes);
    }
}

static void put_result(struct weir *w, struct otlp_part *part, const weir_value *result) {
    const weir_value text = text_of(result);
    if (conventions_have_content(w)) {
        conventions_output(w, part, &text);
    } else {
        set(part, "burr.result", &text);
    }
}

static void put_messages(struct weir *w, const struct step *step, struct otlp_part *part,
                         const weir_lifecycle_event *event) {
    weir_value input = {0}, output = {0};
    if (step->inputs_sent != NULL) {
        input = weir_value_string_n(step->inputs_sent->bytes, step->inputs_sent->n_bytes);
    }
    if (event->result != NULL) {
        output = text_of(event->result);
    }
    conventions_messages(w, part, &input, &output, event->error);
}

void otlp_put_outcome(struct weir *w, struct step *step, struct otlp_part *part,
                      const weir_lifecycle_event *event) {
    if (part == NULL) {
        return;
    }
    if (event->result != NULL) {
        put_result(w, part, event->result);
    }
    if (event->state != NULL) {
        const weir_value text = text_of(event->state);
        set(part, "burr.state", &text);
    }
    if (w->conventions != 0) {
        put_messages(w, step, part, event);
    }
}

/* ---- items ---- */

static weir_value item_value(struct step *step, const weir_lifecycle_event *event) {
    return attribute_for_otlp(event->item, &object_app(&step->head)->scratch);
}

void otlp_put_item(struct step *step, struct otlp_part *chunk, const weir_lifecycle_event *event) {
    const struct weir *w = object_app(&step->head)->weir;
    if (w->capture.items != WEIR_CAPTURE_NONE && event->item != NULL) {
        const weir_value value = item_value(step, event);
        set(chunk, "stream.item", &value);
    }
}

void otlp_on_item(struct weir *w, const struct scene *scene, const weir_lifecycle_event *event) {
    struct otlp_part *part = otlp_attribute_part(w, scene->step);
    if (event->item == NULL || part == NULL || part->span == NULL) {
        return;
    }
    const weir_key_value attributes[] = {
        {"stream.item", item_value(scene->step, event)},
        {"stream.item_index", weir_value_int((int64_t)event->item_index)}};
    span_add_event(part->span, event->unix_ns, "stream_item", attributes, ARRAY_LENGTH(attributes));
}
