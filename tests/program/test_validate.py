"""`weir validate`: each fault with its file and line, and nothing said of what is sound."""
import json
import os
import pathlib

import weir_program
from weir_program import TestCase, run

RECORDINGS = pathlib.Path(__file__).resolve().parent.parent / 'data' / 'burr-reference'
BEGIN = '{"type":"begin_entry","start_time":"2026-01-02T03:04:05","action":"a","inputs":{},"sequence_id":0}\n'
GRAPH = '{"type": "application", "entrypoint": "a", "actions": [], "transitions": []}'
METADATA = ('{"type": "application_metadata", "partition_key": null, "parent_pointer": null, '
            '"spawning_parent_pointer": null}')
CHILD = ('{"type":"child_application_data","child":{"type":"pointer_data","app_id":"b","sequence_id":null,'
         '"partition_key":null},"event_time":"2026-01-02T03:04:05","event_type":"fork","sequence_id":0}\n')


class Validate(TestCase):
    def setUp(self):
        super().setUp()
        self.root = (self.directory / 'store').resolve()

    def app(self, name, **files):
        """Makes an app; a file that is None is left out."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        texts = {'log.jsonl': BEGIN, 'graph.json': GRAPH, 'metadata.json': METADATA}
        texts.update({key.replace('_', '.'): text for key, text in files.items()})
        for key, text in texts.items():
            if text is not None:
                (folder / key).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    def faults(self, *paths):
        """The faults that are printed for a fault to be found, as lines below the storage directory."""
        code, out, err = run('validate', *(paths or [self.root]))
        lines = out.splitlines()
        self.assertEqual(err, '')
        self.assertEqual(code, 1, out)
        return [line.replace(f'{self.root}/', '') for line in lines[:-1]], lines[-1]

    def test_is_content_with_what_the_reference_wrote(self):
        n_apps = 0
        for path in sorted(RECORDINGS.glob('*.json')):
            for app_id, files in json.loads(path.read_text()).get('files', {}).items():
                self.app(f'{path.stem}/{app_id}', **{name.replace('.', '_'): text for name, text in files.items()})
                n_apps += 1
        self.assertGreater(n_apps, 30)
        code, out, err = run('validate', self.root)
        self.assertEqual((code, err), (0, ''), out)
        self.assertRegex(out, rf'^{n_apps} logs with \d\d+ records: no faults\n$')

    def test_names_each_fault_with_its_line(self):
        self.app('p/a', log_jsonl=BEGIN + '\n  \n' + BEGIN.replace('"a"', '7') + '{"type":"x"}\nnot JSON\n' + BEGIN +
                 '{"type":"end_entry"}\n\n{"type":"end_en')
        lines, summary = self.faults()
        log = 'p/a/log.jsonl'
        self.assertEqual(lines, [
            f'{log}:2: a blank line',
            f'{log}:3: a blank line',
            f'{log}:4: begin_entry: action must be a string at byte 66',
            f'{log}:6: not an object at byte 0',
            f'{log}:8: end_entry: end_time is missing; it must be a time such as 2026-01-02T03:04:05.000006 '
            'at byte 0',
            f'{log}:9: a blank line',
            f'{log}:10: the last line is torn: 15 bytes without a line feed',
        ])
        self.assertEqual(summary, '1 log with 5 records (1 of types that this version does not know): '
                         '7 faults in 1 file')

    def test_checks_the_other_files(self):
        self.app('p/a', graph_json='{"type": "application",\n "entrypoint": 7}', metadata_json=METADATA[:-1],
                 children_jsonl=CHILD + CHILD.replace('"b"', 'null'))
        self.app('p/b', log_jsonl=None, graph_json=None, metadata_json=None)
        self.app('q/c', metadata_json=None, log_jsonl=BEGIN.replace('{}', '{"x":NaN}') + BEGIN)
        lines, summary = self.faults()
        self.assertEqual(lines, [
            'p/a/graph.json:2: application: entrypoint must be a string',
            'p/a/metadata.json:1: the text ends inside an object or array',
            'p/a/children.jsonl:2: child_application_data: child must be an object with an app_id '
            'at byte 41',
            "p/b/log.jsonl: the app has no log: Burr's server fails on the whole project",
            "p/b/graph.json: the app has no graph: Burr's server does not show it",
            'q/c/log.jsonl:1: NaN and Infinity are no JSON at byte 84',
        ])
        self.assertEqual(summary, '2 logs with 3 records: 6 faults in 6 files')

    def test_takes_every_kind_of_place(self):
        good, bad = self.app('p/good'), self.app('p/bad', log_jsonl=BEGIN[:-1])
        for path, code in [(self.root, 1), (self.root / 'p', 1), (good, 0), (bad, 1), (good / 'log.jsonl', 0),
                           (bad / 'log.jsonl', 1)]:
            self.assertEqual(run('validate', path)[0], code, path)
        self.assertEqual(run('validate', good, good / 'log.jsonl')[1], '2 logs with 2 records: no faults\n')
        for name in 'p/good', 'p':
            self.assertIn('log', run('validate', name, '--tracker-dir', self.root)[1])
        code, out, _ = run('validate', env={'WEIR_TRACKER_DIR': str(self.root)})
        self.assertEqual((code, out.splitlines()[-1]), (1, '2 logs with 1 record: 1 fault in 1 file'))

    def test_prints_json(self):
        self.app('p/a', log_jsonl=BEGIN + 'x\n{"type":"new"}\n')
        self.app('p/b', graph_json=None)
        code, out, _ = run('validate', '--json', self.root)
        self.assertEqual(code, 1)
        self.assertEqual(json.loads(out), {
            'faults': [{'path': f'{self.root}/p/a/log.jsonl', 'line': 2, 'fault': 'not an object at byte 0'},
                       {'path': f'{self.root}/p/b/graph.json', 'line': None,
                        'fault': "the app has no graph: Burr's server does not show it"}],
            'logs': 2, 'records': 3, 'other_records': 1, 'faulty_files': 2, 'unchecked_paths': 0})
        code, out, _ = run('validate', '--json', self.root / 'p' / 'b' / 'log.jsonl')
        self.assertEqual((code, json.loads(out)['faults']), (0, []))

    def test_a_name_reaches_the_terminal_without_its_controls(self):
        self.app('p/\x1b[31mred', graph_json=None)
        _, out, _ = run('validate', self.root)
        self.assertNotIn('\x1b', out)
        self.assertIn('[31mred/graph.json: ', out)

    def test_follows_no_links(self):
        self.app('p/a')
        outside = self.directory / 'outside'
        outside.mkdir()
        (outside / 'log.jsonl').write_text('broken\n')
        os.symlink(outside, self.root / 'p' / 'link')
        self.assertEqual(run('validate', self.root)[:2], (0, '1 log with 1 record: no faults\n'))

    def test_says_what_is_not_there(self):
        self.root.mkdir()
        for path, said in [(self.root, 'holds no runs'), (self.root / 'missing', 'there is no '),
                           ('missing', 'there is no missing, neither here nor below')]:
            code, out, err = run('validate', path, '--tracker-dir', self.root)
            self.assertEqual((code, out), (1, ''))
            self.assertIn(said, err)
            self.assertEqual(err.count('\n'), 1)
        self.app('p/a')
        code, out, _ = run('validate', self.root / 'missing', self.root)
        self.assertEqual((code, out), (1, '1 log with 1 record: no faults in what could be checked\n'))

    def test_refuses_what_makes_no_sense(self):
        code, out, err = run('validate', '--nonsense')
        self.assertEqual((code, out), (2, ''))
        self.assertIn('Try: weir validate --help', err)

    def test_help_has_an_example(self):
        code, out, _ = run('validate', '--help')
        self.assertEqual(code, 0)
        self.assertIn('weir validate ~/.burr/demo_chatbot', out)


if __name__ == '__main__':
    weir_program.main()
