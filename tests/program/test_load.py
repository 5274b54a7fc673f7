"""`weir load`: the state of a logged run, and what is said when there is none."""
import json

import weir_program
from weir_program import TestCase, run

STATE = {'prompt': 'hi \u00e9', 'big': 123456789012345678901234567890, '__PRIOR_STEP': 'ask', '__SEQUENCE_ID': 0}


def end(action, sequence_id, state, exception=None):
    return json.dumps({'type': 'end_entry', 'end_time': '2026-01-02T03:04:05', 'action': action, 'result': {},
                       'exception': exception, 'state': state, 'sequence_id': sequence_id}, ensure_ascii=False)


class Load(TestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.directory / 'store' / 'chat' / 'run-1'
        self.folder.mkdir(parents=True)
        self.write(end('ask', 0, STATE), end('answer', 1, {'n': 1.50, 'answer': 'x'}),
                   end('answer', 2, {'n': 2}, 'ValueError: no\n'))

    def write(self, *lines):
        (self.folder / 'log.jsonl').write_text(''.join(line + '\n' for line in lines), encoding='utf-8')

    def load(self, *arguments):
        return run('load', *arguments, '--tracker-dir', self.directory / 'store')

    def test_prints_the_last_state(self):
        code, out, err = self.load('chat/run-1')
        self.assertEqual((code, out, err), (0, '{"n":2,"__SEQUENCE_ID":2}\n', ''))

    def test_prints_the_state_of_a_step(self):
        code, out, _ = self.load('chat/run-1', '--sequence-id', '0')
        self.assertEqual(code, 0)
        self.assertEqual(out, '{"prompt":"hi \u00e9","big":123456789012345678901234567890,"__SEQUENCE_ID":0}\n')

    def test_prints_what_a_resumed_run_needs(self):
        self.assertEqual(json.loads(self.load('chat/run-1', '--resume', '--sequence-id=1')[1]),
                         {'n': 1.5, 'answer': 'x', '__SEQUENCE_ID': 1, '__PRIOR_STEP': 'answer'})
        self.assertEqual(json.loads(self.load('chat/run-1', '--resume')[1]), {'n': 2, '__SEQUENCE_ID': 2})

    def test_tells_all_as_json(self):
        _, out, _ = self.load('chat/run-1', '--json')
        answer = json.loads(out)
        self.assertRegex(answer.pop('created_at'), r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$')
        self.assertEqual(answer, {'project': 'chat', 'app_id': 'run-1', 'sequence_id': 2, 'position': 'answer',
                                  'status': 'failed', 'state': {'n': 2, '__SEQUENCE_ID': 2},
                                  'resume_state': {'n': 2, '__SEQUENCE_ID': 2}})

    def test_finds_the_storage_directory_in_the_environment(self):
        for name in 'WEIR_TRACKER_DIR', 'burr_path':
            code, out, _ = run('load', 'chat/run-1', env={name: str(self.directory / 'store')})
            self.assertEqual((code, json.loads(out)['n']), (0, 2))

    def test_takes_a_folder_too(self):
        for path in self.folder, f'{self.folder}/', f'{self.folder}/../run-1':
            self.assertEqual(run('load', path)[:2], (0, '{"n":2,"__SEQUENCE_ID":2}\n'))

    def test_passes_over_broken_lines(self):
        self.write(end('ask', 0, {'n': 0}), '{"type":"end_entry",', '')
        self.assertEqual(self.load('chat/run-1')[:2], (0, '{"n":0,"__SEQUENCE_ID":0}\n'))

    def test_what_cannot_be_looked_at_is_not_said_to_be_missing(self):
        loop = self.directory / 'loop'
        loop.symlink_to(loop)
        code, _, err = self.load(str(loop))
        self.assertEqual(code, 1)
        self.assertRegex(err, r'^weir load: cannot open .+/loop: Too many levels of symbolic links\n$')

    def test_says_what_is_not_there(self):
        for arguments, said in [(['chat/run-2'], 'there is no chat/run-2, neither here nor below'),
                                (['chat'], 'chat is no app\'s folder; name one: PROJECT/APP'),
                                (['chat/run-1', '--sequence-id', '9'], 'app run-1 has no finished step 9')]:
            code, out, err = self.load(*arguments)
            self.assertEqual((code, out), (1, ''))
            self.assertIn(said, err)
            self.assertEqual(err.count('\n'), 1)
        self.write('{"type":"begin_entry","action":"ask","inputs":{},"sequence_id":0}')
        self.assertEqual(self.load('chat/run-1')[2], 'weir load: app run-1 has no finished step yet\n')

    def test_refuses_what_makes_no_sense(self):
        for arguments in [], ['a/b', 'c/d'], ['a/b', '--sequence-id', '-1'], ['a/b', '--sequence-id', 'x'], \
                ['a/b', '--json', '--resume'], ['a/b', '--nonsense']:
            code, out, err = self.load(*arguments)
            self.assertEqual((code, out), (2, ''), arguments)
            self.assertIn('Try: weir load --help', err)

    def test_help_has_an_example(self):
        code, out, _ = run('load', '--help')
        self.assertEqual(code, 0)
        self.assertIn('weir load demo_counter/count-to-10 --sequence-id 4 --json', out)


if __name__ == '__main__':
    weir_program.main()
