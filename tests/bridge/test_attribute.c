/* Attributes: what OTLP and the files get of a value, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/attribute.h"
#include "tests/bridge/rig.h"
#include "tests/golden/json_tree.h"

TestSuite(attribute);

/* ---- what becomes of a value ---- */

static void expect_otlp(weir_value value, weir_value_kind kind, const char *text) {
    struct buf CLEANUP(buf_deinit) scratch;
    buf_init(&scratch, 1 << 16);
    weir_value got = attribute_for_otlp(&value, &scratch);
    cr_assert(eq(int, (int)got.kind, (int)kind), "%s", text);
    if (kind == WEIR_VALUE_STRING || kind == WEIR_VALUE_JSON) {
        expect_text(expect_terminated(got.as.string.bytes, got.as.string.n_bytes), text);
    }
}

Test(attribute, scalars_stay_what_they_are) {
    expect_otlp(weir_value_string("x"), WEIR_VALUE_STRING, "x");
    expect_otlp(weir_value_bool(true), WEIR_VALUE_BOOL, "");
    expect_otlp(weir_value_int(-1), WEIR_VALUE_INT, "");
    expect_otlp(weir_value_double(NAN), WEIR_VALUE_DOUBLE, "");
    expect_otlp(weir_value_bytes("\0", 1), WEIR_VALUE_BYTES, "");
    expect_otlp(weir_value_json("18446744073709551615"), WEIR_VALUE_JSON, "18446744073709551615");
}

Test(attribute, null_and_objects_become_text) {
    const weir_key_value members[] = {{"a", weir_value_double(1e-5)},
                                      {"b", weir_value_string("\xc3\xa4\"")},
                                      {"c", weir_value_bool(false)},
                                      {"d", {WEIR_VALUE_EMPTY}}};
    expect_otlp((weir_value){WEIR_VALUE_EMPTY}, WEIR_VALUE_STRING, "null");
    expect_otlp(weir_value_string(NULL), WEIR_VALUE_STRING, "null");
    expect_otlp(weir_value_map(members, 4), WEIR_VALUE_STRING,
                "{\"a\": 1e-05, \"b\": \"\\u00e4\\\"\", \"c\": false, \"d\": null}");
    expect_otlp(weir_value_map(NULL, 0), WEIR_VALUE_STRING, "{}");
    expect_otlp(weir_value_json(" {\"a\" :[1,2.50 ]} "), WEIR_VALUE_STRING, "{\"a\": [1, 2.50]}");
    expect_otlp(weir_value_json("null"), WEIR_VALUE_STRING, "null");
}

Test(attribute, a_list_of_one_kind_is_a_list) {
    const weir_value strings[] = {weir_value_string("a"), weir_value_string("b")};
    const weir_value doubles[] = {weir_value_double(1), weir_value_double(2)};
    const weir_value with_bools[] = {weir_value_int(1), weir_value_bool(true)};
    const weir_value nulls[] = {{WEIR_VALUE_EMPTY}, {WEIR_VALUE_EMPTY}};
    const weir_value lists[] = {weir_value_array(strings, 2), weir_value_array(with_bools, 2)};
    const weir_value maps[] = {weir_value_map(NULL, 0), weir_value_json("{\"a\":1}")};
    expect_otlp(weir_value_array(NULL, 0), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(strings, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(doubles, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(with_bools, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(nulls, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(lists, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_array(maps, 2), WEIR_VALUE_ARRAY, "");
    expect_otlp(weir_value_json("[1,2,true]"), WEIR_VALUE_JSON, "[1,2,true]");
    expect_otlp(weir_value_json("[]"), WEIR_VALUE_JSON, "[]");
}

Test(attribute, any_other_list_is_text) {
    const weir_value mixed[] = {weir_value_int(1), weir_value_double(2)};
    const weir_value bool_first[] = {weir_value_bool(true), weir_value_int(1)};
    expect_otlp(weir_value_array(mixed, 2), WEIR_VALUE_STRING, "[1, 2.0]");
    expect_otlp(weir_value_array(bool_first, 2), WEIR_VALUE_STRING, "[true, 1]");
    expect_otlp(weir_value_json("[1,2.0]"), WEIR_VALUE_STRING, "[1, 2.0]");
    expect_otlp(weir_value_json("[\"a\",null]"), WEIR_VALUE_STRING, "[\"a\", null]");
}

/* ---- from setter to wire and file ---- */

static const char *attributes_of(struct rig *rig, const char *name) {
    struct span_list spans = rig_spans(rig);
    for (size_t i = 0; i < spans.n; i++) {
        if (strcmp(spans.items[i]->name, name) == 0) {
            struct attribute_list *list = &spans.items[i]->attributes;
            while (list->n > 0 && strncmp(list->items[0].key, "burr.", 5) == 0) {
                (void)attribute_list_remove(list, list->items[0].key);
            }
            weir_value map = weir_value_map(list->items, list->n);
            return json_tree_print(&rig->arena, &map);
        }
    }
    return "no such span";
}

/* The values of the attribute records, in order. */
static const char *records_of(struct rig *rig) {
    const char *line = rig_file(rig, "a", "log.jsonl"), *all = "";
    for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
        struct json_slice value =
            json_tree_member((struct json_slice){line, strcspn(line, "\n")}, "value");
        if (value.text != NULL) {
            all = arena_format(&rig->arena, "%s%s%.*s", all, *all ? " " : "", (int)value.n_bytes,
                               value.text);
        }
    }
    return all;
}

Test(attribute, each_setter_writes_its_kind) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "text", "x");
    weir_set(run.step, "int", (short)-2);
    weir_set(run.step, "unsigned", UINT64_MAX);
    weir_set(run.step, "float", 0.5f);
    weir_set(run.step, "value", weir_value_bool(true));
    weir_set_bool(run.step, "bool", false);
    weir_set_json(run.step, "json", "{\"a\" : [1,\"\xc3\xa4\"]}");
    weir_set_all(run.step, {"one", weir_value_int(1)}, {"two", weir_value_int(2)});
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"),
                "{\"text\": \"x\", \"int\": -2, \"unsigned\": \"18446744073709551615\", "
                "\"float\": 0.5, \"value\": true, \"bool\": false, "
                "\"json\": \"{\\\"a\\\": [1, \\\"\\\\u00e4\\\"]}\", \"one\": 1, \"two\": 2}");
    expect_text(records_of(rig), "\"x\" -2 18446744073709551615 0.5 true false "
                                 "{\"a\":[1,\"\xc3\xa4\"]} 1 2");
}

Test(attribute, true_is_an_int_in_c) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "literal", 1 == 1);
    weir_set(run.step, "variable", (bool)true);
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{\"literal\": 1, \"variable\": true}");
}

Test(attribute, several_at_once_are_one_event) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    rig->keeps_fields = true;
    (void)rig_told(rig);
    weir_set_all(run.step, {"a", weir_value_int(1)}, {"b", weir_value_int(2)});
    expect_told(rig, "do_log_attributes app=a method=run action=act#0 a=1 b=2\n");
    weir_set_all_((weir_handle *)run.step, NULL, 3);
    expect_told(rig, "");
}

Test(attribute, a_key_set_twice_keeps_the_last_value) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "a", 1);
    weir_set(run.step, "b", 2);
    weir_set(run.step, "a", "again");
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{\"b\": 2, \"a\": \"again\"}");
    expect_text(records_of(rig), "1 2 \"again\"");
}

/* ---- bad input ---- */

Test(attribute, a_key_is_needed) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, NULL, 1);
    weir_set(run.step, "", 1);
    weir_set_all(run.step, {"a", weir_value_int(1)}, {"", weir_value_int(2)},
                 {"c", weir_value_int(3)});
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{\"a\": 1, \"c\": 3}");
    expect_text(records_of(rig), "1 3");
    cr_assert(eq(u64, rig_stats(rig).refused_values, 3));
}

Test(attribute, json_that_does_not_parse_is_not_set) {
    static const char *const bad[] = {"", "{", "nope", "NaN", "[Infinity]", "1 2", "\"\xff"};
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        const weir_value list = weir_value_json(bad[i]);
        weir_set_json(run.step, "json", bad[i]);
        weir_set(run.step, "nested", weir_value_array(&list, 1));
    }
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{}");
    expect_text(records_of(rig), "");
    cr_assert(eq(u64, rig_stats(rig).refused_json, 2 * ARRAY_LENGTH(bad)));
}

Test(attribute, values_nested_too_deep_are_refused) {
    weir_value deep[100] = {weir_value_int(1)};
    for (size_t i = 1; i < ARRAY_LENGTH(deep); i++) {
        deep[i] = weir_value_array(&deep[i - 1], 1);
    }
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "deep", deep[99]);
    weir_set(run.step, "fair", deep[20]);
    rig_end(rig, &run);
    cr_assert(eq(u64, rig_stats(rig).refused_json, 1));
    cr_assert(ne(ptr, strstr(attributes_of(rig, "act"), "\"fair\""), NULL));
}

Test(attribute, nan_is_itself_in_otlp_and_null_in_files) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "nan", NAN);
    weir_set(run.step, "inf", (double)INFINITY);
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{\"nan\": NaN, \"inf\": Infinity}");
    expect_text(records_of(rig), "null null");
}

Test(attribute, u0000_and_broken_utf8) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "zero", weir_value_string_n("a\0b", 3));
    weir_set(run.step, "broken", "a\xff");
    rig_end(rig, &run);
    struct span_list spans = rig_spans(rig);
    const weir_value *zero = attribute_list_find(&spans.items[0]->attributes, "zero");
    const weir_value *broken = attribute_list_find(&spans.items[0]->attributes, "broken");
    cr_assert(eq(sz, zero->as.string.n_bytes, 3));
    cr_assert(eq(int, (int)broken->kind, WEIR_VALUE_BYTES)); /* OTLP text must be UTF-8 */
    expect_text(records_of(rig), "\"a\\u0000b\" \"a\xef\xbf\xbd\"");
}

Test(attribute, ten_thousand_attributes) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    for (int i = 0; i < 10000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        weir_set(run.step, key, i);
    }
    rig_end(rig, &run);
    struct span_list spans = rig_spans(rig);
    cr_assert(
        eq(sz, spans.items[0]->attributes.n, 128)); /* OpenTelemetry's limit, identity and all */
    expect_text(spans.items[0]->attributes.items[127].key, "k124");
    cr_assert(eq(u64, rig_stats(rig).tracker_written, 10004)); /* with two files of the app */
}

Test(attribute, a_key_of_a_megabyte) {
    static char key[(1 << 20) + 1];
    memset(key, 'k', sizeof key - 1);
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, key, 1);
    weir_set(run.step, "small", 2);
    rig_end(rig, &run);
    expect_text(attributes_of(rig, "act"), "{\"small\": 2}"); /* a span holds at most 1 MiB */
    expect_text(records_of(rig), "1 2");
}

/* ---- attributes of events take the same way ---- */

Test(attribute, an_events_attributes_become_what_a_spans_would) {
    const weir_value mixed[] = {weir_value_int(1), weir_value_string("b")};
    const weir_key_value members[] = {{"a", weir_value_int(1)}};
    const weir_key_value attributes[] = {
        {"n", weir_value_int(1)},      {"list", weir_value_array(mixed, 2)},
        {NULL, weir_value_int(2)},     {"map", weir_value_map(members, 1)},
        {"bad", weir_value_json("{")}, {"none", {WEIR_VALUE_EMPTY}},
        {"s", weir_value_string("x")},
    };
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_event(run.step, "e", attributes, ARRAY_LENGTH(attributes));
    weir_event(run.step, "plain", attributes, 1);
    weir_event(run.step, "bare", NULL, 3);
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS,
                "run OK\n"
                "  act OK\n"
                "    ! e n=1 list=\"[1, \\\"b\\\"]\" map=\"{\\\"a\\\": 1}\" none=\"null\" s=\"x\"\n"
                "    ! plain n=1\n"
                "    ! bare\n");
    cr_assert(eq(u64, rig_stats(rig).refused_values, 1));
    cr_assert(eq(u64, rig_stats(rig).refused_json, 1));
}
