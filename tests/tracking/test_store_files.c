/* metadata.json, graph.json and children.jsonl, read back. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>
#include <unistd.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"
#include "tests/tracking/tree.h"
#include "tracking/store.h"
#include "tracking/store_files.h"

static const char METADATA[] =
    "{\"type\": \"application_metadata\", \"partition_key\": \"user-\\u00e9\", \"parent_pointer\": "
    "{\"type\": \"pointer_data\", \"app_id\": \"parent\", \"sequence_id\": 0, \"partition_key\": "
    "null}, \"spawning_parent_pointer\": null}";
static const char GRAPH[] =
    "{\"type\": \"application\", \"entrypoint\": \"ask\", \"actions\": [{\"type\": \"action\", "
    "\"name\": \"ask\", \"reads\": [\"a\", \"b\"], \"writes\": [], \"code\": \"def ask():\\n\", "
    "\"inputs\": [\"model\"], \"optional_inputs\": [\"prompt\", \"__tracer\"]}, 7], "
    "\"transitions\": [{\"type\": \"transition\", \"from_\": \"ask\", \"to\": \"ask\", "
    "\"condition\": \"default\"}]}";
#define CHILD(event, id)                                                                           \
    "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\",\"app_id\":"        \
    "\"fork1\",\"sequence_id\":null,\"partition_key\":null},\"event_time\":"                       \
    "\"2026-11-20T10:21:04.915417\",\"event_type\":\"" event "\",\"sequence_id\":" id "}"

/* A directory with one app, p/a, that is open; what it holds is up to the test. */
struct rig {
    char *dir;
    struct folder_path path;
    int fd;
};

static struct rig rig_new(void) {
    struct rig rig = {.dir = temp_dir_new(), .fd = -1};
    tree_folders(rig.dir, "p/a/");
    rig.path = (struct folder_path){rig.dir, "p", "a"};
    rig.fd = store_open(&rig.path, NULL);
    cr_assert(ge(int, rig.fd, 0));
    return rig;
}

static void rig_free(struct rig *rig) {
    close(rig->fd);
    temp_dir_remove(&rig->dir);
}

Test(store_files, reads_metadata) {
    struct rig rig CLEANUP(rig_free) = rig_new();
    tree_write(rig.dir, "p/a/metadata.json", METADATA);
    struct store_metadata metadata CLEANUP(store_metadata_deinit) = {0};
    cr_assert(eq(int, store_read_metadata(&rig.path, rig.fd, &metadata, NULL), 0));
    expect_text(metadata.partition_key, "user-\xc3\xa9");
    cr_assert(metadata.parent != NULL);
    expect_text(metadata.parent->app_id, "parent");
    cr_assert(metadata.parent->has_sequence_id && metadata.parent->sequence_id == 0);
    cr_assert(metadata.parent->partition_key == NULL);
    cr_assert(metadata.spawning_parent == NULL);
}

Test(store_files, reads_a_graph_with_its_inputs_changed_back) {
    struct rig rig CLEANUP(rig_free) = rig_new();
    tree_write(rig.dir, "p/a/graph.json", GRAPH);
    struct store_graph graph CLEANUP(store_graph_deinit) = {0};
    cr_assert(eq(int, store_read_graph(&rig.path, rig.fd, &graph, NULL), 0));
    expect_text(graph.text, GRAPH);
    cr_assert(eq(sz, graph.n_bytes, sizeof GRAPH - 1));
    expect_text(graph.graph.entrypoint, "ask");
    cr_assert(eq(sz, graph.graph.n_actions, 2));
    const weir_action *ask = &graph.graph.actions[0];
    expect_text(ask->name, "ask");
    expect_text(ask->code, "def ask():\n");
    expect_text(ask->reads[0], "a");
    expect_text(ask->reads[1], "b");
    cr_assert(ask->reads[2] == NULL && ask->writes[0] == NULL);
    expect_text(ask->inputs[0], "prompt");
    expect_text(ask->inputs[1], "__tracer");
    expect_text(ask->optional_inputs[0], "model");
    cr_assert(graph.graph.actions[1].name == NULL, "what is no object reads as absent");
    cr_assert(eq(sz, graph.graph.n_transitions, 1));
    expect_text(graph.graph.transitions[0].condition, "default");
}

Test(store_files, reads_children) {
    struct rig rig CLEANUP(rig_free) = rig_new();
    tree_write(rig.dir, "p/a/children.jsonl",
               CHILD("fork", "0") "\n{\"type\":\"x\",\"child\":{}}\nbroken\n" CHILD(
                   "spawn_start", "null") "\n" CHILD("fork", "3"));
    struct store_children children CLEANUP(store_children_deinit) = {0};
    cr_assert(eq(int, store_read_children(&rig.path, rig.fd, &children, NULL), 0));
    cr_assert(eq(sz, children.n_children, 2), "the last line is torn");
    cr_assert(eq(u64, children.n_faults, 2));
    const struct store_child *fork = &children.children[0], *spawned = &children.children[1];
    expect_text(fork->app_id, "fork1");
    expect_text(fork->event_time, "2026-11-20T10:21:04.915417");
    expect_text(fork->line, CHILD("fork", "0"));
    cr_assert(not(fork->is_spawned));
    cr_assert(fork->has_sequence_id && fork->sequence_id == 0 && fork->partition_key == NULL);
    cr_assert(spawned->is_spawned);
    cr_assert(not(spawned->has_sequence_id));
}

Test(store_files, tells_missing_from_broken) {
    struct rig rig CLEANUP(rig_free) = rig_new();
    struct store_metadata metadata;
    struct store_graph graph;
    struct store_children children = {0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(
        eq(int, store_read_metadata(&rig.path, rig.fd, &metadata, &detail), WEIR_E_NOT_FOUND));
    cr_assert(eq(int, store_read_graph(&rig.path, rig.fd, &graph, &detail), WEIR_E_NOT_FOUND));
    cr_assert(eq(int, store_read_children(&rig.path, rig.fd, &children, &detail), 0));
    cr_assert(eq(sz, children.n_children, 0));
    static const char *const texts[] = {"", "[]", "{\"a\":}", "{} x", "\"text\"", "{\"a\": {"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        tree_write(rig.dir, "p/a/metadata.json", texts[i]);
        tree_write(rig.dir, "p/a/graph.json", texts[i]);
        cr_assert(
            eq(int, store_read_metadata(&rig.path, rig.fd, &metadata, &detail), WEIR_E_SYNTAX));
        cr_assert(eq(int, store_read_graph(&rig.path, rig.fd, &graph, &detail), WEIR_E_SYNTAX));
        cr_assert(ne(ptr, strstr(detail.message, "a/graph.json: "), NULL), "%s", detail.message);
    }
    tree_write(rig.dir, "p/a/metadata.json", "{\"partition_key\": 5, \"parent_pointer\": [1]}");
    cr_assert(eq(int, store_read_metadata(&rig.path, rig.fd, &metadata, NULL), 0));
    cr_assert(metadata.partition_key == NULL && metadata.parent == NULL);
    store_metadata_deinit(&metadata);
    char *large CLEANUP(temp_path_free) = temp_path(rig.dir, "p/a/graph.json");
    cr_assert(eq(int, truncate(large, (off_t)65 << 20), 0));
    cr_assert(eq(int, store_read_graph(&rig.path, rig.fd, &graph, &detail), WEIR_E_TOO_LARGE));
}

Test(store_files, survives_short_memory) {
    struct rig rig CLEANUP(rig_free) = rig_new();
    tree_write(rig.dir, "p/a/metadata.json", METADATA);
    tree_write(rig.dir, "p/a/graph.json", GRAPH);
    tree_write(rig.dir, "p/a/children.jsonl", CHILD("fork", "0") "\n" CHILD("fork", "1") "\n");
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(nth) {
        struct store_metadata metadata = {0};
        struct store_graph graph = {0};
        struct store_children children = {0};
        int error = store_read_metadata(&rig.path, rig.fd, &metadata, NULL);
        error = error != 0 ? error : store_read_graph(&rig.path, rig.fd, &graph, NULL);
        error = error != 0 ? error : store_read_children(&rig.path, rig.fd, &children, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        store_metadata_deinit(&metadata);
        store_graph_deinit(&graph);
        store_children_deinit(&children);
        cr_assert(eq(long, fault_n_live(), n_live));
    }
}
