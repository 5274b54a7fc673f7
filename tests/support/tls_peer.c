#include "tests/support/tls_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temp.h"

static void check(bool is_fine, const char *what) {
    if (!is_fine) {
        perror(what);
        abort();
    }
}

void tls_peer_start(struct tls_peer *peer, const char *words) {
    int in[2], out[2];
    char line[64];
    peer->folder = temp_dir_new();
    check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe2");
    peer->pid = fork();
    if (peer->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execlp("python3", "python3", "-B", TEST_SOURCE_DIR "/support/tls_peer.py", peer->folder,
               words, (char *)NULL);
        _exit(127);
    }
    check(peer->pid > 0, "fork");
    close(in[0]);
    close(out[1]);
    peer->input_fd = in[1];
    peer->output = fdopen(out[0], "r");
    check(peer->output != NULL && fgets(line, sizeof line, peer->output) != NULL,
          "python3 tls_peer.py (it needs openssl)");
    snprintf(peer->url, sizeof peer->url, "https://127.0.0.1:%d/v1/traces",
             (int)strtol(line, NULL, 10));
}

void tls_peer_stop(struct tls_peer *peer) {
    close(peer->input_fd);
    waitpid(peer->pid, NULL, 0);
    fclose(peer->output);
    temp_dir_remove(&peer->folder);
}

const char *tls_peer_request(struct tls_peer *peer, char *room, int n_room) {
    check(fgets(room, n_room, peer->output) != NULL, "no request came");
    room[strcspn(room, "\n")] = '\0';
    return room;
}
