#include "bridge/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/cli/terminal.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"

enum { BAR_COLUMNS = 30, REDRAW_NS = 100000000 };

void progress_begin(struct progress *progress, const char *label, uint64_t total) {
    *progress = (struct progress){
        .label = label, .total = total, .is_shown = terminal_is_interactive(STDERR_FILENO)};
}

static void draw_bar(uint64_t done, uint64_t total) {
    int filled = (int)((double)done / (double)total * BAR_COLUMNS);
    bool is_coloured = terminal_has_colour(STDERR_FILENO);
    fprintf(stderr, "[%s", is_coloured ? "\x1b[32m" : "");
    for (int i = 0; i < BAR_COLUMNS; i++) {
        fputc(i < filled ? '#' : ' ', stderr);
    }
    fprintf(stderr, "%s] %3d %%  ", is_coloured ? "\x1b[0m" : "",
            (int)((double)done * 100 / (double)total));
}

static void draw(struct progress *progress, uint64_t done) {
    fputs("\r\x1b[K", stderr);
    if (progress->total > 0) {
        done = MIN(done, progress->total); /* a file that grew meanwhile */
        draw_bar(done, progress->total);
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " %s", done, progress->total, progress->label);
    } else {
        fprintf(stderr, "%" PRIu64 " %s", done, progress->label);
    }
    fflush(stderr);
    progress->is_drawn = true;
}

void progress_update(struct progress *progress, uint64_t done) {
    if (!progress->is_shown) {
        return;
    }
    uint64_t now_ns = clock_now_ns();
    if (now_ns - progress->drawn_ns >= REDRAW_NS) {
        progress->drawn_ns = now_ns;
        draw(progress, done);
    }
}

void progress_hide(struct progress *progress) {
    if (progress->is_drawn) {
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
        progress->is_drawn = false;
    }
}

void progress_end(struct progress *progress) {
    progress_hide(progress);
}
