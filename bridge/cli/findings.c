#include "bridge/cli/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "otlp/common/utf8.h"

void findings_add(struct findings *findings, size_t pipeline, const char *step,
                  enum finding_kind kind, const char *format, ...) {
    findings->n_failed += kind == FINDING_FAILED;
    if (findings->n == FINDINGS_MAX) {
        return;
    }
    struct finding *finding = &findings->items[findings->n++];
    *finding = (struct finding){.kind = kind, .pipeline = pipeline, .step = step};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    utf8_make_line(finding->text); /* a peer's certificate may say anything */
}

const char *finding_kind_name(enum finding_kind kind) {
    static const char *const names[] = {"ok", "note", "failed"};
    return names[kind];
}
