/* Processes that are no safe place for a pipeline; what happens is in hostile_helper.c. */
#include <stdlib.h>

#include "tests/support/helper.h"
#include "tests/support/peer.h"

static void begin(void) {
    setenv("no_proxy", "*", 1);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}
TestSuite(hostile_process, .init = begin, .timeout = 120);

static const struct peer_step takes_all[] = {{.status = 200}};

static void play(const char *mode) {
    struct peer *peer = peer_start(takes_all, 1);
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *said CLEANUP(temp_path_free) = helper_run("hostile_helper", mode, peer_url(peer), dir, 0);
    expect_text(said, "");
    peer_stop(peer);
}

/* Descriptors 3 to 1023 are closed, and their numbers given to files of the host's. */
Test(hostile_process, closes_descriptors_that_it_does_not_know) {
    play("lose-descriptors");
}

Test(hostile_process, closes_the_descriptors_of_a_spool_and_a_file_too) {
    play("lose-files");
}

Test(hostile_process, has_no_descriptor_left_for_a_while) {
    play("exhaust-descriptors");
}

Test(hostile_process, finds_its_signals_as_they_were) {
    play("keep-signals");
}

Test(hostile_process, gets_its_signals_on_its_own_threads) {
    play("deliver-signals");
}

Test(hostile_process, has_small_stacks) {
    play("small-stack");
}

/* With nobody at the other end of a pipe, or of the connection at the close. */
Test(hostile_process, is_not_ended_by_a_broken_pipe) {
    play("broken-pipe");
}
