#include "bridge/server/tree_layout.h"

#include <stdio.h>
#include <string.h>

#include "bridge/server/bounds.h"
#include "bridge/server/tree_shape.h"
#include "bridge/server/tree_value.h"
#include "otlp/common/macro.h"
#include "otlp/common/time_text.h"
#include "otlp/common/visible.h"

/* Columns of the right-hand side: two spaces, a duration, two spaces, a bar. */
enum {
    NAME_MIN_COLUMNS = 20,
    NAME_MAX_COLUMNS = 56,
    DURATION_COLUMNS = 8, /* "12.3 ms"; longer ones push the bar to the right */
    BAR_COLUMNS = 24,
    BAR_MIN_COLUMNS = 8,
    STATUS_COLUMNS = 7, /* "  ERROR" */
    DEFAULT_COLUMNS = 110,
    INDENT_COLUMNS = 3
};

#define COLOUR_BOLD "\x1b[1m"
#define COLOUR_DIM "\x1b[2m"
#define COLOUR_RED "\x1b[31m"
#define COLOUR_GREEN "\x1b[32m"
#define COLOUR_CYAN "\x1b[36m"
#define COLOUR_OFF "\x1b[0m"

struct layout {
    const struct tree_options *options;
    struct buf *out;
    const struct tree_shape *shape;
    uint64_t start_ns, end_ns;
    size_t name_columns, bar_columns;
    bool has_services;                 /* spans of more than one service */
    bool is_open[TREE_MAX_INDENT + 1]; /* the span of that level has a sibling below */
};

static size_t indent_of(size_t depth) {
    return MIN(depth, (size_t)TREE_MAX_INDENT) * INDENT_COLUMNS;
}

/* ---- measuring ---- */

static bool shows_service(const struct layout *layout, const struct tree_span *span) {
    const struct tree_span *parent = span->parent;
    return layout->has_services && (parent == NULL || strcmp(parent->service, span->service) != 0);
}

static size_t name_columns(const struct layout *layout, const struct tree_span *span) {
    size_t columns = visible_columns(span->name, strlen(span->name));
    if (shows_service(layout, span)) {
        columns += visible_columns(span->service, strlen(span->service)) + strlen(" []");
    }
    return columns;
}

static void measure_times(struct layout *layout) {
    layout->start_ns = UINT64_MAX;
    for (size_t i = 0; i < layout->shape->n_spans; i++) {
        const struct tree_span *span = layout->shape->spans[i];
        layout->start_ns = MIN(layout->start_ns, span->start_ns);
        layout->end_ns = MAX(layout->end_ns, span->end_ns);
        layout->has_services =
            layout->has_services || strcmp(span->service, layout->shape->spans[0]->service) != 0;
    }
}

/* Names get what they need, within limits; on a narrow terminal bars shrink, then names. */
static void measure_columns(struct layout *layout) {
    size_t widest = NAME_MIN_COLUMNS;
    for (struct tree_place at = {layout->shape->first, 0}; at.span != NULL;
         at = tree_shape_next(at)) {
        size_t columns = indent_of(at.depth) + name_columns(layout, at.span);
        widest = MAX(widest, MIN(columns, (size_t)NAME_MAX_COLUMNS));
    }
    size_t total = layout->options->columns != 0 ? layout->options->columns : DEFAULT_COLUMNS;
    size_t fixed = 2 + DURATION_COLUMNS + STATUS_COLUMNS;
    size_t room = total > fixed + NAME_MIN_COLUMNS ? total - fixed : NAME_MIN_COLUMNS;
    if (room < NAME_MIN_COLUMNS + 2 + BAR_MIN_COLUMNS) {
        layout->name_columns = MIN(widest, room);
        return; /* no room for bars */
    }
    size_t beside = room > widest + 2 ? room - widest - 2 : 0;
    layout->bar_columns = MIN(MAX(beside, (size_t)BAR_MIN_COLUMNS), (size_t)BAR_COLUMNS);
    layout->name_columns = MIN(widest, room - 2 - layout->bar_columns);
}

/* ---- printing ---- */

static void append(struct layout *layout, const char *text) {
    buf_append_text(layout->out, text);
}

static void colour(struct layout *layout, const char *code) {
    if (layout->options->has_colour) {
        append(layout, code);
    }
}

static void append_spaces(struct layout *layout, size_t n) {
    while (n-- > 0) {
        buf_append_byte(layout->out, ' ');
    }
}

static const char *ellipsis(const struct layout *layout) {
    return layout->options->is_ascii ? "..." : "…";
}

/* Appends visible text, cut where the terminal ends. Returns its columns. */
static size_t append_cut(struct layout *layout, const char *text, size_t n_bytes, size_t used) {
    size_t total = layout->options->columns;
    size_t room = total == 0 ? SIZE_MAX : total > used ? total - used : 0;
    return visible_append(layout->out, text, n_bytes, room, ellipsis(layout));
}

/* The lines that lead past a level: down to a sibling, or nothing. */
static void append_rails(struct layout *layout, size_t n_levels) {
    for (size_t level = 1; level <= n_levels; level++) {
        append(layout, !layout->is_open[level] ? "   " : layout->options->is_ascii ? "|  " : "│  ");
    }
}

static void append_branch(struct layout *layout, size_t depth) {
    size_t level = MIN(depth, (size_t)TREE_MAX_INDENT);
    if (level == 0) {
        return;
    }
    append_rails(layout, level - 1);
    if (layout->options->is_ascii) {
        append(layout, layout->is_open[level] ? "|- " : "`- ");
    } else {
        append(layout, layout->is_open[level] ? "├─ " : "└─ ");
    }
}

/* Returns the columns taken. On a terminal a name that is too long is cut; else it pushes the rest
 * to the right. */
static size_t append_name(struct layout *layout, struct tree_place at) {
    const struct tree_span *span = at.span;
    size_t used = indent_of(at.depth);
    size_t room = layout->options->columns == 0     ? SIZE_MAX
                  : layout->name_columns > used + 1 ? layout->name_columns - used
                                                    : 1;
    colour(layout, span->is_error ? COLOUR_BOLD COLOUR_RED : COLOUR_BOLD);
    size_t columns =
        visible_append(layout->out, span->name, strlen(span->name), room, ellipsis(layout));
    colour(layout, COLOUR_OFF);
    size_t n_service = strlen(" []") + visible_columns(span->service, strlen(span->service));
    if (shows_service(layout, span) && n_service <= room - columns) {
        append(layout, " [");
        append(layout, span->service);
        append(layout, "]");
        columns += n_service;
    }
    return used + columns;
}

static void append_duration(struct layout *layout, uint64_t duration_ns) {
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, 64);
    time_text_duration(&text, duration_ns, layout->options->is_ascii);
    size_t columns = visible_columns((const char *)text.data, text.n_bytes);
    append_spaces(layout, columns < DURATION_COLUMNS ? DURATION_COLUMNS - columns : 0);
    colour(layout, COLOUR_CYAN);
    buf_append(layout->out, text.data, text.n_bytes);
    colour(layout, COLOUR_OFF);
}

/* The span's part of the trace's time: blocks, the last one in eighths. Returns the columns. */
static size_t append_bar(struct layout *layout, const struct tree_span *span) {
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double total = (double)(layout->end_ns - layout->start_ns);
    double scale = total > 0 ? (double)layout->bar_columns * 8 / total : 0;
    size_t start = (size_t)((double)(span->start_ns - layout->start_ns) * scale) / 8;
    size_t end = (size_t)((double)(span->end_ns - layout->start_ns) * scale + 0.5);
    start = MIN(start, layout->bar_columns - 1);
    size_t n_eighths = end > start * 8 ? end - start * 8 : 1;
    append_spaces(layout, start);
    if (layout->options->is_ascii) {
        n_eighths = MAX((n_eighths + 4) / 8, (size_t)1) * 8;
    }
    for (size_t i = 0; i < n_eighths / 8; i++) {
        append(layout, layout->options->is_ascii ? "#" : "█");
    }
    append(layout, eighths[n_eighths % 8]);
    return start + (n_eighths + 7) / 8;
}

static void append_span_line(struct layout *layout, struct tree_place at) {
    append_branch(layout, at.depth);
    size_t columns = append_name(layout, at);
    append_spaces(layout, columns < layout->name_columns ? layout->name_columns - columns : 0);
    append(layout, "  ");
    append_duration(layout, at.span->end_ns - at.span->start_ns);
    bool has_status = at.span->is_error || at.span->is_ok;
    if (layout->bar_columns > 0) {
        append(layout, "  ");
        size_t n_bar = append_bar(layout, at.span);
        append_spaces(layout, has_status ? layout->bar_columns - n_bar : 0);
    }
    if (has_status) {
        append(layout, "  ");
        colour(layout, at.span->is_error ? COLOUR_RED : COLOUR_GREEN);
        append(layout, at.span->is_error ? "ERROR" : "OK");
        colour(layout, COLOUR_OFF);
    }
    append(layout, "\n");
}

static void append_detail(struct layout *layout, struct tree_place at, const char *line,
                          size_t n_bytes) {
    size_t level = MIN(at.depth, (size_t)TREE_MAX_INDENT);
    bool has_children = at.span->first_child != NULL;
    append_rails(layout, level);
    append(layout, !has_children ? "   " : layout->options->is_ascii ? "|  " : "│  ");
    colour(layout, line[0] == '!' ? COLOUR_RED : COLOUR_DIM);
    append_cut(layout, line, n_bytes, (level + 1) * INDENT_COLUMNS);
    colour(layout, COLOUR_OFF);
    append(layout, "\n");
}

static void append_missing_parent(struct layout *layout, struct tree_place at, bool is_continued) {
    char line[96], id[17];
    for (size_t i = 0; i < sizeof(at.span->parent_id); i++) {
        snprintf(id + 2 * i, 3, "%02x", at.span->parent_id[i]);
    }
    const char *why = at.span->is_parent_remote ? "is in another process"
                      : is_continued            ? "was printed before or has not come"
                                                : "has not come";
    int n = snprintf(line, sizeof(line), "(its parent %s %s)", id, why);
    append_detail(layout, at, line, (size_t)n);
}

static void append_details(struct layout *layout, struct tree_place at) {
    const char *line = at.span->details;
    while (*line != '\0') {
        size_t n_bytes = strcspn(line, "\n");
        append_detail(layout, at, line, n_bytes);
        line += n_bytes + (line[n_bytes] == '\n');
    }
}

/* When the trace began, if there is room for it behind `used` columns. */
static void append_start(struct layout *layout, size_t used) {
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, 64);
    buf_append_text(&text, "  ");
    time_text_moment(&text, layout->start_ns);
    if (layout->options->columns == 0 || used + text.n_bytes <= layout->options->columns) {
        buf_append(layout->out, text.data, text.n_bytes);
    }
}

/* Service, number of spans and time, behind `used` columns. */
static void append_summary(struct layout *layout, size_t used) {
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, TREE_MAX_SPAN_BYTES);
    if (layout->shape->first->service[0] != '\0') {
        buf_append_text(&text, "  ");
        buf_append_text(&text, layout->shape->first->service);
    }
    char count[48];
    snprintf(count, sizeof(count), "  %zu span%s  ", layout->shape->n_spans,
             layout->shape->n_spans == 1 ? "" : "s");
    buf_append_text(&text, count);
    time_text_duration(&text, layout->end_ns - layout->start_ns, layout->options->is_ascii);
    used += append_cut(layout, (const char *)text.data, text.n_bytes, used);
    append_start(layout, used);
}

static void append_head(struct layout *layout, const struct tree_trace *trace) {
    static const char continued[] = " (continued)";
    char text[64] = "trace ";
    for (size_t i = 0; i < sizeof(trace->spans->trace_id); i++) {
        snprintf(text + strlen(text), 3, "%02x", trace->spans->trace_id[i]);
    }
    colour(layout, COLOUR_BOLD);
    append(layout, text);
    colour(layout, COLOUR_OFF);
    append(layout, trace->is_continued ? continued : "");
    append_summary(layout, strlen(text) + (trace->is_continued ? strlen(continued) : 0));
    append(layout, "\n");
    if (layout->shape->n_twice > 0) {
        snprintf(text, sizeof(text), "(%zu more that came twice)\n", layout->shape->n_twice);
        append(layout, text);
    }
}

static void append_tree(struct layout *layout, const struct tree_trace *trace) {
    for (struct tree_place at = {layout->shape->first, 0}; at.span != NULL;
         at = tree_shape_next(at)) {
        layout->is_open[MIN(at.depth, (size_t)TREE_MAX_INDENT)] = at.span->sibling != NULL;
        append_span_line(layout, at);
        if (at.depth == 0 && at.span->has_parent) {
            append_missing_parent(layout, at, trace->is_continued);
        }
        append_details(layout, at);
    }
}

void tree_layout_append(struct buf *out, const struct tree_trace *trace,
                        const struct tree_options *options) {
    CLEANUP(tree_shape_deinit) struct tree_shape shape;
    int error = tree_shape_init(&shape, trace);
    if (error != 0 || shape.n_spans == 0) {
        out->error = out->error == 0 ? error : out->error;
        return;
    }
    struct layout layout = {.options = options, .out = out, .shape = &shape};
    measure_times(&layout);
    measure_columns(&layout);
    append_head(&layout, trace);
    append_tree(&layout, trace);
    append(&layout, "\n");
}
