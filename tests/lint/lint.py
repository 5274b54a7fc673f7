#!/usr/bin/env python3
"""The project's rules that a compiler does not know. Prints one line a fault; exit 1 if there is any.

usage: lint.py [SOURCE_DIR]

Each rule is a function over the files that git knows (or, without git, that lie there). Exceptions stand
in allow.txt beside this file, each with its reason.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 80

COMMON_HEADERS = {"weir/error.h", "weir/host.h", "weir/value.h", "weir/version.h"}
OTLP_HEADERS = COMMON_HEADERS | {"weir/metrics.h", "weir/otlp.h", "weir/processor.h", "weir/propagation.h", "weir/sampler.h", "weir/trace.h"}
TRACKING_HEADERS = COMMON_HEADERS | {"weir/tracking.h"}
ALL_HEADERS = OTLP_HEADERS | TRACKING_HEADERS | {"weir/weir.h", "weir/weir_cpp.h", "weir/fn.h"}

# A folder, what it may include: project folders (not those below them) and public headers.
LAYERS = [
    ("otlp/common", {"otlp/common"}, COMMON_HEADERS),
    ("otlp/deps", {"otlp/deps", "otlp/common", "otlp/proto"}, COMMON_HEADERS),
    ("otlp/include", set(), OTLP_HEADERS),
    ("otlp", {"otlp", "otlp/deps", "otlp/common", "otlp/proto"}, OTLP_HEADERS),
    ("tracking/include", set(), TRACKING_HEADERS),
    ("tracking", {"tracking", "otlp/deps", "otlp/common"}, TRACKING_HEADERS),
    ("bridge/include", set(), ALL_HEADERS),
    ("bridge/replay", {"bridge/replay", "bridge", "tracking", "otlp", "otlp/deps", "otlp/common"}, ALL_HEADERS),
    ("bridge/cli", {"bridge/cli", "bridge/server", "bridge/replay", "bridge", "tracking", "otlp", "otlp/deps", "otlp/common"}, ALL_HEADERS),
    ("bridge/server", {"bridge/server", "bridge", "tracking", "otlp", "otlp/deps", "otlp/common", "otlp/proto"}, ALL_HEADERS),
    ("bridge", {"bridge", "tracking", "otlp", "otlp/deps", "otlp/common"}, ALL_HEADERS),
    ("examples", {"examples"}, ALL_HEADERS),
]

SYSTEM_HEADERS = re.compile(
    r"^(assert|cpuid|ctype|errno|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool"
    r"|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|time|uchar|wchar|wctype"
    r"|dirent|dlfcn|endian|fcntl|fnmatch|ftw|getopt|glob|langinfo|link|malloc|netdb|poll|pthread|pwd|regex|sched|semaphore|spawn"
    r"|strings|sysexits|termios|unistd|utime|arpa/inet|net/if|netinet/\w+|sys/\w+|linux/\w+|execinfo)\.h$"
    r"|^(initializer_list|string|string_view|vector|cstdio|cstdlib|cstdint|cstring|iostream|thread|type_traits|utility"
    r"|memory|chrono|stdexcept|exception)$"
)

BANNED = {
    "strcpy": "buf_append or memcpy with a known size",
    "strcat": "buf_append",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strncpy": "memcpy with a known size",
    "strncat": "buf_append",
    "strtok": "strcspn",
    "gets": "fgets",
    "atoi": "strtol, or json_to_int64",
    "atol": "strtol",
    "atof": "json_to_double",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "asctime": "strftime",
    "ctime": "strftime",
    "system": "posix_spawn",
    "alloca": "a buffer with a bound",
    "rand": "otlp/common/id.h",
    "srand": "otlp/common/id.h",
    "random": "otlp/common/id.h",
    "tmpnam": "mkstemp",
}
HEAP = ["malloc", "calloc", "realloc", "free", "strdup", "strndup", "posix_memalign", "aligned_alloc", "asprintf", "vasprintf"]
LIBRARY_FOLDERS = ("otlp/", "tracking/", "bridge/")

NEED_README = ["otlp", "tracking", "bridge", "bridge/server", "bridge/cli", "tests", "."]

MACHINE_PATHS = re.compile(r"(?<![\w./-])/(?:home|root|work|tmp/wt|mnt|Users)/[\w.-]")
# Said of the work on the project, not of the project.
NOT_OURS = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def strip_comments_and_strings(text):
    """The text with comments and the insides of literals blanked, line structure kept."""

    def blank(match):
        token = match.group(0)
        if token.startswith(('"', "'")):
            return token[0] + token[0]
        return re.sub(r"[^\n]", " ", token)

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


class Lint:
    def __init__(self, root):
        self.root = root
        self.faults = []
        self.allowed = self.read_allowlist()
        self.used = set()
        self.files = self.list_files()
        self.texts = {}
        self.codes = {}

    def read_allowlist(self):
        allowed = {}
        for line in (Path(__file__).parent / "allow.txt").read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                rule, place, reason = line.split(None, 2)
                allowed[rule, place] = reason
        return allowed

    def list_files(self):
        listed = subprocess.run(["git", "-c", f"safe.directory={self.root}", "-C", str(self.root), "ls-files", "-z", "--cached",
                                 "--others", "--exclude-standard"], capture_output=True, text=True)
        if listed.returncode == 0:
            names = [name for name in listed.stdout.split("\0") if name]
        else:
            names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
            names = [name for name in names if not name.startswith((".git/", "build"))]
        return sorted(name for name in names if (self.root / name).is_file())

    def text(self, name):
        if name not in self.texts:
            self.texts[name] = (self.root / name).read_text(encoding="utf-8", errors="surrogateescape")
        return self.texts[name]

    def code(self, name):
        if name not in self.codes:
            self.codes[name] = strip_comments_and_strings(self.text(name))
        return self.codes[name]

    def named(self, *suffixes, under=()):
        return [name for name in self.files if name.endswith(suffixes) and (not under or name.startswith(under))
                and not name.startswith("tests/data/")]

    def fault(self, rule, place, text, line=0):
        """`place` is the file, or file:function; what allow.txt lists is passed over."""
        key = (rule, place)
        if key in self.allowed:
            self.used.add(key)
            return
        self.faults.append(f"{place.split(':')[0]}{f':{line}' if line else ''}: {rule}: {text}")

    # ---- rules ----

    def includes(self):
        """The layer rule, and third-party headers only in otlp/deps."""
        for name in self.named(".c", ".h", ".cpp", under=("otlp/", "tracking/", "bridge/", "examples/")):
            layer = next((layer for layer in LAYERS if name.startswith(layer[0] + "/")), None)
            for number, line in enumerate(self.text(name).splitlines(), 1):
                match = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
                if match:
                    self.check_include(name, layer, number, *match.groups())

    def check_include(self, name, layer, number, quoted, angled):
        folder, folders, headers = layer
        if angled is not None:
            if angled.startswith("weir/"):
                if angled not in headers:
                    self.fault("layer", name, f"{folder} may not include <{angled}>", number)
            elif not SYSTEM_HEADERS.match(angled) and folder not in ("otlp/deps", "examples"):
                self.fault("third-party", name, f"<{angled}> belongs behind a file of otlp/deps", number)
        elif "/" not in quoted:
            self.fault("include-from-root", name, f'"{quoted}" is not written from the root', number)
        elif quoted.rsplit("/", 1)[0] not in folders:
            self.fault("layer", name, f'{folder} may not include "{quoted}"', number)

    def banned_calls(self):
        for name in self.named(".c", ".h"):
            code = self.code(name)
            words = dict(BANNED)
            if name.startswith(LIBRARY_FOLDERS):
                words.update({word: "otlp/common/alloc.h" for word in HEAP})
            if name.startswith(LIBRARY_FOLDERS) and not name.startswith("bridge/cli/"):
                words.update({"exit": "an error code: a library never ends its host", "abort": "an error code"})
            for match in re.finditer(r"(?<![\w.>])(\w+)\s*\(", code):
                if match.group(1) in words:
                    line = code.count("\n", 0, match.start()) + 1
                    word = match.group(1)
                    self.fault("banned", name, f"{word}: use {words[word]}", line)

    def sizes(self):
        for name in self.named(".c", ".h", ".cpp", ".py", ".sh", ".js", ".css"):
            n_lines = self.text(name).count("\n")
            if n_lines > MAX_FILE_LINES:
                self.fault("file-size", name, f"{n_lines} lines; split it (at most {MAX_FILE_LINES})")
        for name in self.named(".c", ".h", ".cpp"):
            for function, line, n_lines in functions_of(self.code(name)):
                if n_lines > MAX_FUNCTION_LINES:
                    self.fault("function-size", f"{name}:{function}",
                               f"{function} has {n_lines} lines (at most {MAX_FUNCTION_LINES})", line)

    def headers_begin_well(self):
        for name in self.named(".h"):
            text = self.text(name)
            if not re.match(r"/\*.*?\*/\s*#pragma once\n", text, re.S):
                self.fault("header-head", name, "begins with a comment that says what it is, then #pragma once", 1)

    def formatting(self):
        tool = shutil.which("clang-format-14") or shutil.which("clang-format")
        if tool is None:
            print("not run: clang-format 14 is missing")
            return
        names = self.named(".c", ".h", ".cpp")
        done = subprocess.run([tool, "--dry-run", "-Werror", *names], cwd=self.root, capture_output=True, text=True)
        for name in sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M))):
            self.fault("format", name, "run clang-format -i on it")

    def words(self):
        for name in self.files:
            if name.startswith("tests/data/") or not name.endswith(
                    (".c", ".h", ".cpp", ".py", ".sh", ".md", ".build", ".txt", ".proto", ".yaml", ".js", ".css", ".html", "run")):
                continue
            if name.startswith("tests/lint/"):
                continue # the patterns themselves
            for number, line in enumerate(self.text(name).splitlines(), 1):
                match = MACHINE_PATHS.search(line)
                if match:
                    self.fault("machine-path", name, f"{match.group(0)}… exists on one machine only", number)
                match = NOT_OURS.search(line)
                if match:
                    self.fault("unfinished", name, f"{match.group(0)}: finish it or leave it out", number)

    def readmes(self):
        for folder in NEED_README:
            name = "README.md" if folder == "." else f"{folder}/README.md"
            if name not in self.files:
                self.fault("readme", name, "missing: what lives here, what it must not know, how to add to it")

    def links(self):
        """Relative links and anchors of the documents lead somewhere."""
        for name in self.named(".md"):
            text = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), self.text(name), flags=re.S)
            for match in re.finditer(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text):
                line = text.count("\n", 0, match.start()) + 1
                self.check_link(name, match.group(1), line)

    def check_link(self, name, target, line):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return
        path, _, anchor = target.partition("#")
        file = (self.root / name).parent / path if path else self.root / name
        if not file.exists():
            self.fault("link", name, f"{target} leads nowhere", line)
        elif anchor and file.suffix == ".md":
            anchors = {anchor_of(title) for title in re.findall(r"^#+\s+(.*)$", file.read_text(), re.M)}
            if anchor not in anchors:
                self.fault("link", name, f"no heading for #{anchor}", line)

    def tests_are_built(self):
        """A test that no meson.build names cannot fail."""
        for name in self.named(".c", ".cpp", under=("tests/",)):
            match = re.match(r"tests/(\w+)/test_(\w+)\.\w+$", name)
            if match:
                build = self.root / f"tests/{match.group(1)}/meson.build"
                if not build.exists() or not re.search(rf"\b{match.group(2)}\b", build.read_text()):
                    self.fault("test-not-built", name, f"not named in tests/{match.group(1)}/meson.build")

    def options_have_their_place(self):
        """An option is a pipeline's, and marked so, or refused there by name."""
        header, table = "otlp/include/weir/otlp.h", "otlp/destinations.c"
        if header in self.files and table in self.files:
            refused = set(re.findall(r"OF_THE_WHOLE\((\w+)\)", self.text(table)))
            for name, is_marked in options_of(self.text(header)):
                if name != "size" and is_marked == (name in refused):
                    self.fault("option", header, f"{name}: mark it [pipeline], or name it in {table}, one of both")

    def structs_can_grow(self):
        """A public struct that begins with `size` goes by pointer only: nobody else has its length in their layout."""
        codes = {name: self.code(name) for name in self.named(".h") if "/include/weir/" in name}
        grows = {tag for code in codes.values() for tag, body in structs_of(code) if re.match(r"\s*size_t size;", body)}
        for name, code in codes.items():
            for tag, body in structs_of(code):
                if re.search(r"\bsize_t size;", body) and tag not in grows:
                    self.fault("struct", name, f"{tag}: size is its first member")
                for held in set(re.findall(r"\b(weir_\w+)\s+\w+(?:\s*[,;\[])", body)) & grows:
                    self.fault("struct", name, f"{tag} holds {held}, which may grow: by a pointer")
            for held in set(re.findall(r"\bWEIR_API(?: WEIR_WARN_UNUSED)? (weir_\w+) \w+\(|[(,]\s*(weir_\w+) \w+(?=[,)])", code)):
                if held[0] in grows or held[1] in grows:
                    self.fault("struct", name, f"{held[0] or held[1]} may grow: handed over by a pointer")

    def unused_exceptions(self):
        for rule, place in sorted(set(self.allowed) - self.used):
            self.faults.append(f"tests/lint/allow.txt: {rule} {place}: not needed any more")


def functions_of(code):
    """Yields (name, line, number of lines) of the functions; relies on clang-format's layout."""
    lines = code.split("\n")
    start = name = None
    for number, line in enumerate(lines, 1):
        if start is None and re.match(r"[A-Za-z_]", line) and not line.rstrip().endswith((";", ":")):
            head = line
            look = number
            while not re.search(r"[{;]\s*$", head) and look < len(lines) and look - number < 12:
                head += " " + lines[look]
                look += 1
            match = re.search(r"(\w+)\s*\(", head)
            if head.rstrip().endswith("{") and match and not re.match(r"(typedef|struct|enum|union)\b[^(]*\{", head):
                start, name = number, match.group(1)
                if name in ("Test", "TestSuite", "ParameterizedTest"):
                    name = "_".join(re.findall(r"\w+", head[match.end():])[:2])
        if start is not None and line.startswith("}"):
            yield name, start, number - start + 1
            start = None


def structs_of(code):
    """Yields (tag, body) of the structs that a header defines."""
    return re.findall(r"^(?:typedef )?struct (\w+) \{\n(.*?)^\}", code, re.M | re.S)


def options_of(text):
    """Yields each field of weir_otlp_options, and whether its comment says [pipeline]."""
    body = text.partition("typedef struct weir_otlp_options {\n")[2].partition("\n} weir_otlp_options;")[0]
    is_marked = False
    # A comment on the line of a field is that field's, one on lines of its own the next one's.
    for match in re.finditer(r"(?P<above>/\*.*?\*/)|(?P<field>[^;/]+);(?:[ \t]*(?P<behind>/\*.*?\*/))?", body, re.S):
        if match["above"]:
            is_marked = "[pipeline]" in match["above"]
        else:
            names = re.findall(r"\w+", match["field"].split("(", 1)[0]) or re.findall(r"\(\*(\w+)\)", match["field"])
            yield names[-1], is_marked or "[pipeline]" in (match["behind"] or "")
            is_marked = False


def anchor_of(title):
    """A heading's anchor, as GitHub makes it."""
    text = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", title.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    lint = Lint(root)
    rules = [lint.includes, lint.banned_calls, lint.sizes, lint.headers_begin_well, lint.formatting, lint.words, lint.readmes,
             lint.links, lint.tests_are_built, lint.options_have_their_place, lint.structs_can_grow, lint.unused_exceptions]
    for rule in rules:
        rule()
    for fault in lint.faults:
        print(fault)
    print(f"{len(rules)} rules, {len(lint.files)} files, {len(lint.faults)} faults")
    return 1 if lint.faults else 0


if __name__ == "__main__":
    sys.exit(main())
