#include <string.h>

#include "otlp/bounds.h"
#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

static const Otlp__ScopeSpans *scope_of(struct pipeline *p, weir_otlp_tracer *tracer) {
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "s", NULL));
    return pipeline_scope(p);
}

Test(tracer, is_the_same_for_equal_arguments) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_key_value one[] = {{"a", weir_value_int(1)}}, two[] = {{"a", weir_value_int(2)}};
    weir_otlp *o = p.otlp;
    weir_otlp_tracer *plain = weir_otlp_tracer_get(o, "lib", NULL, NULL);
    cr_assert(plain != NULL);
    cr_assert(weir_otlp_tracer_get(o, "lib", NULL, NULL) == plain);
    cr_assert(weir_otlp_tracer_get(o, "lib", "", "") == plain);
    cr_assert(weir_otlp_tracer_get_with(o, "lib", NULL, NULL, NULL, 0) == plain);
    cr_assert(weir_otlp_tracer_get(o, "lib", "1", NULL) != plain);
    cr_assert(weir_otlp_tracer_get(o, "lib", NULL, "1") != plain);
    cr_assert(weir_otlp_tracer_get(o, "Lib", NULL, NULL) != plain);
    weir_otlp_tracer *with = weir_otlp_tracer_get_with(o, "lib", NULL, NULL, one, 1);
    cr_assert(with != plain);
    cr_assert(weir_otlp_tracer_get_with(o, "lib", NULL, NULL, one, 1) == with);
    cr_assert(weir_otlp_tracer_get_with(o, "lib", NULL, NULL, two, 1) != with);
    pipeline_close(&p);
}

Test(tracer, is_the_scope_of_its_spans) {
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.service_name = "svc", .resource_schema_url = "https://r/1");
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attributes[] = {{"k", weir_value_string("v")}, {"k", weir_value_string("w")}};
    weir_otlp_tracer *tracer =
        weir_otlp_tracer_get_with(p.otlp, "lib\xff", "1.2", "https://s/1", attributes, 2);
    const Otlp__ScopeSpans *scope = scope_of(&p, tracer);
    expect_data(scope->scope->name, "lib\xef\xbf\xbd");
    expect_data(scope->scope->version, "1.2");
    expect_data(scope->schema_url, "https://s/1");
    cr_assert(eq(sz, scope->scope->n_attributes, 1));
    expect_data(scope->scope->attributes[0]->value->string_value, "w");
    const Otlp__ResourceSpans *resource = p.request->resource_spans[0];
    expect_data(resource->schema_url, "https://r/1");
    expect_data(pipeline_find(resource->resource->attributes, resource->resource->n_attributes,
                              "service.name")
                    ->string_value,
                "svc");
    cr_assert(eq(u32, p.log.n, 0));
    pipeline_close(&p);
}

Test(tracer, without_a_name_works_and_is_warned_of) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(p.otlp, NULL, NULL, NULL);
    cr_assert(tracer != NULL);
    cr_assert(kept_log_has(&p.log, "without a name"));
    cr_assert(weir_otlp_tracer_get(p.otlp, "", NULL, NULL) == tracer);
    cr_assert(scope_of(&p, tracer)->scope == NULL);
    pipeline_close(&p);
}

Test(tracer, leaves_out_bad_attributes_and_says_so) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_key_value attributes[] = {{NULL, weir_value_int(1)}, {"k", weir_value_int(2)}};
    weir_otlp_tracer *tracer = weir_otlp_tracer_get_with(p.otlp, "lib", NULL, NULL, attributes, 2);
    cr_assert(eq(sz, scope_of(&p, tracer)->scope->n_attributes, 1));
    cr_assert(kept_log_has(&p.log, "1 attributes"));
    pipeline_close(&p);
}

Test(tracer, is_null_when_it_cannot_be) {
    static char name[SCOPE_MAX_BYTES + 1];
    memset(name, 'n', sizeof name - 1);
    struct pipeline p;
    pipeline_open(&p, NULL);
    cr_assert(weir_otlp_tracer_get(NULL, "lib", NULL, NULL) == NULL);
    cr_assert(weir_otlp_tracer_get(p.otlp, name, NULL, NULL) == NULL);
    cr_assert(kept_log_has(&p.log, "cannot be made"));
    char each[16];
    for (int i = 0; i < OTLP_MAX_TRACERS - 1; i++) { /* the pipeline has one */
        snprintf(each, sizeof each, "%d", i);
        cr_assert(weir_otlp_tracer_get(p.otlp, each, NULL, NULL) != NULL);
    }
    cr_assert(weir_otlp_tracer_get(p.otlp, "one more", NULL, NULL) == NULL);
    cr_assert(kept_log_has(&p.log, "one more"));
    cr_assert(weir_otlp_tracer_get(p.otlp, "0", NULL, NULL) != NULL);
    pipeline_close(&p);
}
