"""run_scenarios itself: it finds what differs, and what it prints is what the recordings say.

usage: test_run_scenarios.py RUN_SCENARIOS DIR
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MODES = ['single_span', 'event', 'chunk_spans', 'single_and_chunk_spans']
PROGRAM, RECORDINGS = None, None


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def plain(value):
    """Numbers beyond 64 bits are text in OTLP."""
    if isinstance(value, int) and not isinstance(value, bool) and not -2**63 <= value < 2**63:
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def in_order(span):
    """A span such that the order of its attributes counts."""
    span = plain(span)
    span['status_description'] = span['status_description'] or None
    span['attributes'] = list(span['attributes'].items())
    for event in span['events']:
        event['attributes'] = list(event['attributes'].items())
    return span


def lines(text, values_of_lists):
    """A file as lines that can be compared: without the text of exceptions, tuples as lists."""
    found = []
    for line in text.splitlines():
        line = json.loads(line)
        if line.get('exception'):
            line['exception'] = 'some'
        if isinstance(line.get('value'), str) and line['value'] in values_of_lists:
            line['value'] = values_of_lists[line['value']]
        found.append(list(line.items()))
    return found


class Print(unittest.TestCase):
    maxDiff = None

    def test_exactly_what_the_reference_made(self):
        for path in sorted(RECORDINGS.glob('*.json')):
            recording = json.loads(path.read_text())
            for mode in MODES:
                with self.subTest(scenario=path.stem, mode=mode):
                    code, out, errors = run('--print', mode, '--exact', path)
                    self.assertEqual((code, errors), (0, ''))
                    printed = json.loads(out)
                    self.assertEqual([in_order(s) for s in printed['spans']],
                                     [in_order(s) for s in recording['spans'][mode]])
                    self.check_files(printed['files'], recording['files'])

    def check_files(self, printed, recorded):
        self.assertEqual({app: sorted(files) for app, files in printed.items()},
                         {app: sorted(files) for app, files in recorded.items()})
        for app, files in recorded.items():
            for name, text in files.items():
                if name.endswith('.json'):
                    self.assertEqual(printed[app][name], text)
                else:
                    self.assertEqual(lines(printed[app][name], {}), lines(text, {'(7,)': [7]}))

    def test_without_exact_identity_is_there(self):
        code, out, _ = run('--print', 'single_span', RECORDINGS / 'step_success.json')
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out)['spans'][0]['attributes']['burr.project'], 'scenario')

    def test_what_makes_no_sense(self):
        for arguments in ((), ('--print',), ('--print', 'no_mode', 'file'), ('--exact',),
                          ('--print', 'event', '--exact')):
            self.assertEqual(run(*arguments)[0], 2, arguments)
        code, out, errors = run('--print', 'event', 'no/such/file')
        self.assertEqual((code, out), (1, ''))
        self.assertIn('no/such/file', errors)


class Compare(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.recording = json.loads((RECORDINGS / 'stream_abandoned_after_two.json').read_text())

    def put(self, name='whatever.json'):
        (self.directory / name).write_text(json.dumps(self.recording))

    def check(self, n_failed, *words):
        code, out, errors = run(self.directory)
        self.assertEqual(out.count('FAIL '), n_failed, out)
        self.assertEqual(code, 1 if n_failed else 0, errors)
        for word in words:
            self.assertIn(word, out)

    def test_a_scenario_under_any_name(self):
        self.put('a name with blanks')
        (self.directory / 'README.md').write_text('no scenario\n')
        self.check(0, 'ok   a name with blanks chunk_spans')

    def test_a_directory_without_scenarios(self):
        (self.directory / 'README.md').write_text('no scenario\n')
        code, out, errors = run(self.directory)
        self.assertEqual(code, 1)
        self.assertIn('holds no scenario', errors)
        self.assertEqual(run(RECORDINGS, self.directory)[0], 1, 'one empty directory among several')

    def test_broken_files(self):
        for text, word in (('', 'no JSON'), ('{"hooks"', 'no JSON'), ('{}', 'no array of hooks'), ('{"hooks":[]}', 'no hooks'),
                           ('{"hooks":[{"hook":"x"}]}', 'hook 0'), ('[1]', 'no array of hooks')):
            (self.directory / 'broken.json').write_text(text)
            self.check(1, word)

    def test_any_difference_in_a_span_is_found(self):
        changes = [('name', 'x'), ('start_ns', 1), ('end_ns', 1), ('status', 'OK'), ('status_description', 'x'), ('kind', 'SERVER'),
                   ('parent', None), ('attributes', {'stream.iteration_count': 2}), ('events', [{'name': 'x', 't_ns': 1, 'attributes': {}}])]
        for key, value in changes:
            before = self.recording['spans']['single_span'][0][key]
            self.recording['spans']['single_span'][0][key] = value
            self.put()
            self.check(1, 'FAIL whatever single_span', 'exact, handles:', 'exact, weir_emit:')
            self.recording['spans']['single_span'][0][key] = before

    def test_the_order_of_attributes_and_the_kind_of_numbers_count(self):
        span = self.recording['spans']['single_span'][0]
        values = span['attributes']
        span['attributes'] = dict(reversed(values.items()))
        self.put()
        self.check(1)
        span['attributes'] = {**values, 'stream.iteration_count': 2.0}
        self.put()
        self.check(1)

    def test_missing_and_surplus_spans(self):
        spans = self.recording['spans']['chunk_spans']
        self.recording['spans']['chunk_spans'] = spans[1:]
        for span in self.recording['spans']['chunk_spans']:
            span['parent'] = None
        self.put()
        self.check(1, 'FAIL whatever chunk_spans')
        self.recording['spans']['chunk_spans'] = []
        self.put()
        self.check(1)
        del self.recording['spans']['chunk_spans']
        self.put()
        self.check(1, 'holds no spans for this mode')

    def test_any_difference_in_a_file_is_found(self):
        files = self.recording['files']['app-1']
        log = files['log.jsonl']
        for changed in (log.replace('000006', '000007', 1), log.replace(':', ': ', 1), log + '\n', log[:-1],
                        log.replace('"items_streamed":2', '"items_streamed":2.0'), log.replace('"result":null', '"result":{}', 1)):
            self.assertNotEqual(changed, log)
            files['log.jsonl'] = changed
            self.put()
            self.check(4, 'log.jsonl')
        files['log.jsonl'] = log
        files['metadata.json'] += '\n'
        self.put()
        self.check(4, 'metadata.json')
        del files['metadata.json']
        self.put()
        self.check(4, 'should not be')

    def test_the_text_of_an_exception_does_not_count_but_that_there_is_one(self):
        files = self.recording['files']['app-1']
        log = json.loads(files['log.jsonl'].splitlines()[3])
        self.assertEqual(log['type'], 'end_entry')
        for text, n_failed in (('another text', 0), (None, 4)):
            changed = files['log.jsonl'].splitlines()
            log['exception'] = text
            changed[3] = json.dumps(log, separators=(',', ':'))
            files['log.jsonl'] = '\n'.join(changed) + '\n'
            self.put()
            self.check(n_failed)


if __name__ == '__main__':
    RECORDINGS = pathlib.Path(sys.argv.pop())
    PROGRAM = os.path.abspath(sys.argv.pop())
    unittest.main(verbosity=1)
