"""What the tests of the examples share: running one against `weir collect`, and its spans as an outline.

    python3 tests/examples/test_examples.py build/examples build/bridge/cli/weir
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'program'))
import weir_program  # noqa: E402
from weir_program import PATIENCE, Collector, environment  # noqa: E402

PROGRAMS = None


def run(name, *arguments, text='', **options):
    """Runs an example to its end on a standard input; returns (exit code, stdout, stderr) as text."""
    done = subprocess.run([PROGRAMS / name, *map(str, arguments)], input=text.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, env=environment(**options))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def spans_of(path):
    return [span for line in path.read_text().splitlines()
            for resource in json.loads(line)['resourceSpans']
            for scope in resource['scopeSpans']
            for span in scope['spans']]


def value_of(value):
    """An AnyValue as Python has it."""
    (kind, content), = value.items()
    if kind == 'arrayValue':
        return [value_of(item) for item in content.get('values', [])]
    return int(content) if kind == 'intValue' else content


def attributes_of(thing):
    return {item['key']: value_of(item['value']) for item in thing.get('attributes', [])}


def outline(spans):
    """The trees as lines: two blanks a level, the status where it is an error, events with a `!`. Roots and
    siblings are sorted, so that the order of threads does not show."""
    def below(span):
        status = span.get('status', {})
        error = f" ERROR {status.get('message', '')}".rstrip() if status.get('code') == 2 else ''
        lines = [span['name'] + error]
        lines += ['  ! ' + event['name'] for event in span.get('events', [])]
        for child in sorted((child for child in spans if child.get('parentSpanId') == span['spanId']), key=lambda c: c['name']):
            lines += ['  ' + line for line in below(child)]
        return lines

    ids = {span['spanId'] for span in spans}
    for span in spans:
        if span.get('parentSpanId') and span['parentSpanId'] not in ids:
            raise AssertionError(f"the parent of {span['name']} is missing")
    roots = sorted((below(span) for span in spans if not span.get('parentSpanId')))
    return '\n'.join(line for lines in roots for line in lines)


class TestCase(weir_program.TestCase):
    def collect(self, name, *arguments, expect=0, **options):
        """Runs an example whose spans go to a collector; returns (spans, stdout, stderr)."""
        path = self.directory / 'spans.jsonl'
        path.unlink(missing_ok=True)
        with Collector('--output', path) as collector:
            code, out, errors = run(name, *arguments, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
                                    HOME=str(self.directory), **options)
        self.assertEqual(code, expect, out + errors)
        return spans_of(path) if path.exists() else [], out, errors

    def load(self, *arguments):
        code, out, errors = weir_program.run('load', *arguments)
        self.assertEqual(code, 0, errors)
        return out

    def records(self, *parts):
        """The types of the records of a log."""
        log = self.directory.joinpath(*parts, 'log.jsonl').read_text()
        return [json.loads(line)['type'] for line in log.splitlines()]


def main():
    global PROGRAMS
    PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve()
    weir_program.main()
