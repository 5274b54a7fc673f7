#!/usr/bin/env python3
"""Each rule of lint.py finds the fault it is for, in a tree made of faults, and nothing in a sound one."""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import lint  # noqa: E402

HEAD = "/*\n * A file.\n */\n#pragma once\n"

OPTIONS = (HEAD + "\ntypedef struct weir_otlp_options {\n    size_t size;\n    /* of each [pipeline] */\n    int a;\n\n"
           "    int b; /* of each [pipeline] */\n\n")

GROWING = HEAD + "\ntypedef struct weir_a {\n    size_t size;\n} weir_a;\n\n"

SOUND = {
    "otlp/include/weir/otlp.h": OPTIONS + "    int whole; /* of all */\n} weir_otlp_options;\n",
    "otlp/destinations.c": "int x[] = {OF_THE_WHOLE(whole), OF_THE_WHOLE(unknown)};\n",
    "otlp/common/a.h": HEAD + "\n#include <stddef.h>\n#include <weir/error.h>\n",
    "otlp/deps/curl.c": '#include <curl/curl.h>\n\n#include "otlp/common/a.h"\n',
    "bridge/b.c": '#include <weir/weir.h>\n\n#include "otlp/common/a.h"\n#include "tracking/t.h"\n'
                  "/* strcpy(a, b) in words */\nint f(void) {\n    return g(\"exit(1)\");\n}\n",
    "tests/bridge/test_b.c": "int x;\n",
    "tests/bridge/meson.build": "foreach name : ['b']\n",
    **{f"{folder}/README.md" if folder != "." else "README.md": "# A title: `x`\n\n[a](#a-title-x)\n"
       for folder in lint.NEED_README},
}

# rule: a file that breaks it
FAULTY = {
    "layer": {"otlp/common/x.c": '#include "otlp/span.h"\n'},
    "layer ": {"otlp/x.c": '#include "tracking/t.h"\n'},
    "layer  ": {"tracking/x.c": "#include <weir/otlp.h>\n"},
    "layer   ": {"bridge/x.c": '#include "bridge/cli/options.h"\n'},
    "layer    ": {"examples/x.c": '#include "bridge/dispatch.h"\n'},
    "layer     ": {"bridge/x.c": '#include "tests/support/temp.h"\n'},
    "third-party": {"otlp/x.c": "#include <curl/curl.h>\n"},
    "include-from-root": {"otlp/x.c": '#include "span.h"\n'},
    "banned": {"tests/x.c": "void f(void) {\n    strcpy(a, b);\n}\n"},
    "banned ": {"otlp/x.c": "void f(void) {\n    p = malloc(1);\n}\n"},
    "banned  ": {"bridge/x.c": "void f(void) {\n    exit(1);\n}\n"},
    "file-size": {"otlp/x.c": "int x;\n" * (lint.MAX_FILE_LINES + 1)},
    "function-size": {"otlp/x.c": "static int f(int a,\n             int b) {\n" + "    g();\n" * 80 + "}\n"},
    "header-head": {"otlp/x.h": "#pragma once\n"},
    "format": {"otlp/x.c": "int  f( void ){return 1;}\n"},
    "machine-path": {"otlp/x.c": "/* see /" + "home/me/notes */\n"},
    "unfinished": {"otlp/x.c": "/* " + "TODO: later */\n"},
    "readme": {"otlp/README.md": None},
    "link": {"README.md": "[gone](docs/nowhere.md)\n"},
    "link ": {"README.md": "# Title\n\n[no](#other-title)\n"},
    "option": {"otlp/include/weir/otlp.h": OPTIONS + "    int unmarked;\n} weir_otlp_options;\n"},
    "option ": {"otlp/include/weir/otlp.h": OPTIONS + "    int whole; /* [pipeline] */\n} weir_otlp_options;\n"},
    "struct": {"otlp/include/weir/otlp.h": GROWING + "struct weir_b {\n    size_t size;\n    weir_a a;\n};\n"},
    "struct ": {"otlp/include/weir/otlp.h": GROWING + "WEIR_API weir_a weir_a_get(void);\n"},
    "struct  ": {"otlp/include/weir/otlp.h": GROWING + "WEIR_API int weir_f(int x, weir_a a);\n"},
    "struct   ": {"otlp/include/weir/otlp.h": HEAD + "struct weir_b {\n    int a;\n    size_t size;\n};\n"},
    "test-not-built": {"tests/bridge/test_forgotten.c": "int x;\n"},
}

STYLE = (Path(__file__).parents[2] / ".clang-format").read_text()


def rules_broken(files):
    """The rules that lint.py finds broken in a tree of these files."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {**SOUND, ".clang-format": STYLE, **files}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        checker = lint.Lint(root)
        checker.allowed = {}
        for rule in (checker.includes, checker.banned_calls, checker.sizes, checker.headers_begin_well,
                     checker.formatting, checker.words, checker.readmes, checker.links, checker.tests_are_built,
                     checker.options_have_their_place, checker.structs_can_grow):
            rule()
        return {fault.split(": ")[1] for fault in checker.faults}, checker.faults


def main():
    failures = []
    broken, faults = rules_broken({})
    if broken:
        failures.append(f"a sound tree is found faulty: {faults}")
    for rule, files in FAULTY.items():
        broken, faults = rules_broken(files)
        if rule.strip() not in broken:
            failures.append(f"{rule.strip()} does not find {files}")
    for text in failures:
        print("FAIL:", text)
    print(f"{len(FAULTY) + 1} trees, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
