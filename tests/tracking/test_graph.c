#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tracking/graph.h"

static struct buf out;

static void set_up(void) {
    buf_init(&out, 1 << 20);
}

static void tear_down(void) {
    buf_deinit(&out);
}

TestSuite(graph, .init = set_up, .fini = tear_down);

static const char *const reads[] = {"prompt", NULL};
static const char *const writes[] = {"answer", "history", NULL};
static const char *const required[] = {"user", NULL};
static const char *const optional[] = {"model", "__tracer", NULL};
static const weir_action actions[] = {
    {"ask", reads, writes, required, optional, "def ask():\n    return \"é☃𝄞\"", false},
    {.name = "done"},
};
static const weir_transition transitions[] = {{"ask", "done", "x=1"}, {"done", "ask", NULL}};

Test(graph, in_pythons_spelling_with_the_inputs_swapped) {
    graph_write(&out, &(weir_graph){"done", actions, 2, transitions, 2});
    expect_buf(
        &out,
        "{\"type\": \"application\", \"entrypoint\": \"done\", \"actions\": [{\"type\": \"action\","
        " \"name\": \"ask\", \"reads\": [\"prompt\"], \"writes\": [\"answer\", \"history\"], "
        "\"code\": \"def ask():\\n    return \\\"\\u00e9\\u2603\\ud834\\udd1e\\\"\", \"inputs\": "
        "[\"model\", \"__tracer\"], \"optional_inputs\": [\"user\"]}, {\"type\": \"action\", "
        "\"name\": \"done\", \"reads\": [], \"writes\": [], \"code\": \"No source available\", "
        "\"inputs\": [], \"optional_inputs\": []}], \"transitions\": [{\"type\": \"transition\", "
        "\"from_\": \"ask\", \"to\": \"done\", \"condition\": \"x=1\"}, {\"type\": \"transition\", "
        "\"from_\": \"done\", \"to\": \"ask\", \"condition\": \"default\"}]}");
}

static const char EMPTY[] =
    "{\"type\": \"application\", \"entrypoint\": \"\", \"actions\": [], \"transitions\": []}";

Test(graph, none_is_empty) {
    graph_write(&out, NULL);
    expect_buf(&out, EMPTY);
    buf_clear(&out);
    graph_write(&out, &(weir_graph){0});
    expect_buf(&out, EMPTY);
}

Test(graph, begins_at_the_first_action_unless_told) {
    graph_write(&out, &(weir_graph){.actions = actions, .n_actions = 1});
    cr_assert(strstr(expect_terminated(out.data, out.n_bytes), "\"entrypoint\": \"ask\"") != NULL);
}

Test(graph, metadata) {
    graph_write_metadata(&out, "user_0", NULL, NULL);
    expect_buf(&out, "{\"type\": \"application_metadata\", \"partition_key\": \"user_0\", "
                     "\"parent_pointer\": null, \"spawning_parent_pointer\": null}");
}

Test(graph, metadata_with_pointers) {
    const weir_pointer parent = {"parent", NULL, true, 0};
    const weir_pointer spawning = {"é", "pk", false, 9};
    graph_write_metadata(&out, NULL, &parent, &spawning);
    expect_buf(&out,
               "{\"type\": \"application_metadata\", \"partition_key\": null, \"parent_pointer\": "
               "{\"type\": \"pointer_data\", \"app_id\": \"parent\", \"sequence_id\": 0, "
               "\"partition_key\": null}, \"spawning_parent_pointer\": {\"type\": "
               "\"pointer_data\", \"app_id\": \"\\u00e9\", \"sequence_id\": null, "
               "\"partition_key\": \"pk\"}}");
}

Test(graph, a_run_that_resumed_itself_points_nowhere) {
    const weir_pointer self = {NULL, NULL, true, 3};
    graph_write_metadata(&out, NULL, &self, NULL);
    expect_buf(&out, "{\"type\": \"application_metadata\", \"partition_key\": null, "
                     "\"parent_pointer\": {\"type\": \"pointer_data\", \"app_id\": null, "
                     "\"sequence_id\": 3, \"partition_key\": null}, "
                     "\"spawning_parent_pointer\": null}");
}

Test(graph, without_memory_leaves_an_error) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        buf_deinit(&out);
        buf_init(&out, 1 << 20);
        graph_write(&out, &(weir_graph){NULL, actions, 2, transitions, 2});
        cr_assert(eq(int, buf_error(&out), fault_has_struck() ? WEIR_E_NO_MEMORY : 0), "%zu", n);
    }
}
