#include "bridge/cli/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "otlp/common/env.h"

bool terminal_is_interactive(int fd) {
    const char *term = env_text("TERM");
    return isatty(fd) && term != NULL && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(int fd) {
    return terminal_is_interactive(fd) && env_text("NO_COLOR") == NULL;
}

size_t terminal_columns(int fd) {
    struct winsize size = {0};
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}
