"""`weir demo`: what arrives, what is written, what it says when nothing listens."""
import json
import socket

import weir_program
from weir_program import Collector, TestCase, run

MODES = ['single_span', 'event', 'chunk_spans', 'single_and_chunk_spans']


def spans_of(path):
    return [span for line in path.read_text().splitlines()
            for resource in json.loads(line)['resourceSpans']
            for scope in resource['scopeSpans']
            for span in scope['spans']]


class Demo(TestCase):
    def names_in(self, mode, *more):
        path = self.directory / (mode + '.jsonl')
        code, out, errors = run('demo', '--mode', mode, '--output', path, *more)
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('%s: ' % mode, out)
        return sorted(span['name'] for span in spans_of(path))

    def test_the_modes_differ_in_what_the_stream_becomes(self):
        always = ['embed', 'look up', 'prompt', 'retrieve', 'search', 'stream_result']
        chunks = ['answer::chunk_%d' % n for n in range(8)]
        self.assertEqual(self.names_in('single_span'), sorted(always + ['answer']))
        self.assertEqual(self.names_in('event'), always)
        self.assertEqual(self.names_in('chunk_spans'), sorted(always + chunks))
        self.assertEqual(self.names_in('single_and_chunk_spans'), sorted(always + ['answer'] + chunks))

    def test_every_mode_is_one_whole_tree(self):
        for mode in MODES:
            with Collector('--tree') as collector:
                code, _, errors = run('demo', '--mode', mode, '--endpoint', collector.url)
                self.assertEqual((code, errors), (0, ''))
                _, out, _ = collector.end()
            self.assertEqual(out.count('trace '), 1, out)
            self.assertNotIn('(its parent', out)

    def test_the_stream_is_uneven_and_its_reader_slow(self):
        self.names_in('event')
        event = next(event for span in spans_of(self.directory / 'event.jsonl')
                     for event in span.get('events', []) if event['name'] == 'stream_completed')
        values = {item['key']: item['value'] for item in event['attributes']}
        self.assertEqual(values['stream.iteration_count'], {'intValue': '8'})
        self.assertGreater(values['stream.generation_time_ms']['doubleValue'], 500)
        self.assertGreater(values['stream.consumer_time_ms']['doubleValue'], 200)

    def test_a_failing_stream_is_an_error_of_the_spans_not_of_the_command(self):
        path = self.directory / 'fail.jsonl'
        code, _, _ = run('demo', '--fail', '--output', path)
        self.assertEqual(code, 0)
        failed = {span['name']: span['status'] for span in spans_of(path) if span['status'].get('code') == 2}
        self.assertEqual(sorted(failed), ['answer', 'stream_result'])
        self.assertIn('the model ran out of words', failed['answer']['message'])

    def test_secrets_in_a_url_are_not_shown(self):
        code, out, errors = run('demo', '--endpoint', 'http://user:p@ss@127.0.0.1:9/in?key=hidden')
        self.assertEqual(code, 1)
        self.assertIn('http://127.0.0.1:9/in', out)
        for secret in ('user', 'p@ss', 'hidden'):
            self.assertNotIn(secret, out + errors)

    def test_tracker_files(self):
        code, out, errors = run('demo', '--output', self.directory / 'x', '--tracker-dir', self.directory / 'burr',
                                '--app-id', 'one', '--project', 'p')
        self.assertEqual((code, errors), (0, ''))
        folder = self.directory / 'burr' / 'p' / 'one'
        self.assertIn('records in %s/' % folder, out)
        self.assertEqual(sorted(file.name for file in folder.iterdir()), ['graph.json', 'log.jsonl', 'metadata.json'])
        types = [json.loads(line)['type'] for line in (folder / 'log.jsonl').read_text().splitlines()]
        self.assertEqual(types.count('begin_entry'), 3)
        self.assertEqual(types[-1], 'end_stream')

    def test_settings_of_the_environment(self):
        path = self.directory / 'x'
        code, out, _ = run('demo', '--output', path, env={'WEIR_STREAMING_MODE': 'event',
                                                          'WEIR_TRACKER_DIR': str(self.directory / 'burr')})
        self.assertEqual(code, 0)
        self.assertIn('event: ', out)
        self.assertIn('records in %s/burr/weir-demo/' % self.directory, out)

    def test_on_the_console(self):
        """(I6)"""
        code, out, errors = run('demo', '--mode', 'event', env={'OTEL_TRACES_EXPORTER': 'console'})
        self.assertEqual(code, 0, errors)
        self.assertRegex(out, r'resource\n(  .*\n)+span ')
        self.assertRegex(out, r'(?m)span stream_result  internal  .* UTC  \d.* ms  OK\n  trace [0-9a-f]{32}  span [0-9a-f]{16}  parent -\n')
        self.assertIn('event: 6 spans to standard output, trace ', out)

    def test_json(self):
        code, out, _ = run('demo', '--json', '--output', self.directory / 'x', '--app-id', 'one')
        self.assertEqual(code, 0)
        said = json.loads(out)
        self.assertEqual((said['mode'], said['app_id'], said['spans_acknowledged']), ('single_span', 'one', 7))
        self.assertRegex(said['traceparent'], '^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]$')

    def test_nobody_listens(self):
        with socket.socket() as taken:  # bound, and listening to nobody
            taken.bind(('127.0.0.1', 0))
            url = 'http://127.0.0.1:%d' % taken.getsockname()[1]
            code, _, errors = run('demo', '--endpoint', url)
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'^weir demo: 7 of 7 spans did not reach %s \(.+\); start `weir collect` '
                                 r'in another terminal, or use --output FILE\n$' % url)

    def test_nothing_is_lost_where_nothing_is_wanted(self):
        code, out, errors = run('demo', env={'OTEL_TRACES_EXPORTER': 'none'})
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('single_span: 0 spans', out)

    def test_options_that_cannot_be(self):
        for arguments in [('--endpoint', 'ftp://x'), ('--endpoint', 'nonsense'), ('--project', 'a/b', '--tracker-dir', '.'),
                          ('--output', '/nonexistent/x')]:
            code, _, errors = run('demo', *arguments, cwd=self.directory)
            self.assertEqual(code, 1, arguments)
            self.assertRegex(errors, r'^weir demo: .+\n$')
        code, _, errors = run('demo', '--app-id', '../x', '--output', self.directory / 'x')
        self.assertEqual(code, 1)
        self.assertIn('weir demo: the run could not begin (', errors)

    def test_a_tracker_directory_that_cannot_be_written(self):
        (self.directory / 'file').write_text('')
        code, _, errors = run('demo', '--output', self.directory / 'x', '--tracker-dir', self.directory / 'file')
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'^weir demo: .+\n$')


if __name__ == '__main__':
    weir_program.main()
