"""`weir demo`: what arrives, what is written, what it says when nothing listens."""
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

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
        self.assertNotIn('A weir is', out)  # the demo's own words stay out of it
        self.assertIn('event: 6 spans to standard output, trace ', errors)

    def test_spans_on_standard_output_have_it_for_themselves(self):  # (I2)
        for arguments, env in [((), {'OTEL_TRACES_EXPORTER': 'otlp/stdout'}), (('--output', '-'), {})]:
            code, out, errors = run('demo', *arguments, env=env)
            self.assertEqual(code, 0)
            for line in out.splitlines():
                self.assertIn('resourceSpans', json.loads(line))
            self.assertRegex(errors, r'^A weir is a low wall .*\nsingle_span: 7 spans to standard output, trace [0-9a-f]{32}\n$')
            code, out, errors = run('demo', '--json', *arguments, env=env)
            self.assertEqual((code, out), (2, ''))
            self.assertIn('--json and the spans would both go to standard output; name a file by --output FILE', errors)

    def test_several_destinations_are_told_apart(self):
        with Collector('--output', '/dev/null') as collector:
            code, _, errors = run('demo', '--mode', 'event', '--endpoint', collector.url,
                                  env={'OTEL_TRACES_EXPORTER': 'otlp,otlp/stdout'})
        self.assertEqual(code, 0)
        self.assertIn('event: 6 spans to %s/v1/traces, 6 spans to standard output, trace ' % collector.url, errors)

    def test_protocol_and_compression(self):
        with Collector('--tree', '--listen-grpc', '127.0.0.1:0') as collector:
            grpc_url = collector.process.stdout.readline().decode().split()[2]
            for arguments in [('--protocol', 'http/json', '--endpoint', collector.url),
                              ('--protocol', 'http/protobuf', '--compression', 'gzip', '--endpoint', collector.url),
                              ('--protocol', 'grpc', '--endpoint', grpc_url)]:
                code, _, errors = run('demo', *arguments)
                self.assertEqual((code, errors), (0, ''))
            self.assertIn('21 spans; 0 refused', collector.end()[2])
        code, _, errors = run('demo', '--protocol', 'thrift')
        self.assertEqual(code, 2)
        self.assertIn('--protocol takes http/protobuf, http/json or grpc', errors)

    def test_spans_that_wait_in_a_spool_are_told(self):
        spool = self.directory / 'spool'
        env = {'WEIR_SPOOL_DIR': str(spool)}
        code, out, errors = run('demo', '--endpoint', 'http://127.0.0.1:9', env=env)
        self.assertEqual(code, 0)
        self.assertIn('single_span: 0 of 7 spans to http://127.0.0.1:9/v1/traces, 7 kept in %s until it answers' % spool, out)
        self.assertIn('weir demo: spans wait in the spool: ', errors)
        with Collector('--output', '/dev/null') as collector:
            code, out, errors = run('demo', '--endpoint', collector.url, env=env)
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('single_span: 14 spans to %s/v1/traces (7 left in the spool by an earlier run)' % collector.url, out)

    def test_what_the_spool_still_delivers_is_counted_as_delivered(self):
        env = {'WEIR_SPOOL_DIR': str(self.directory / 'spool')}
        for _ in range(3):
            self.assertEqual(run('demo', '--endpoint', 'http://127.0.0.1:9', env=env)[0], 0)

        class Slow(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers['Content-Length']))
                time.sleep(0.2)  # an endpoint that is slow, not one that is waited for
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_):
                pass
        with HTTPServer(('127.0.0.1', 0), Slow) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            code, out, errors = run('demo', '--endpoint', 'http://127.0.0.1:%d' % server.server_port, env=env)
            server.shutdown()
            thread.join()
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('single_span: 28 spans to ', out)
        self.assertIn('(21 left in the spool by an earlier run)', out)

    def test_settings_that_cannot_be_used_are_said_once(self):
        for name, value, said in [('OTEL_TRACES_EXPORTER', 'otpl', 'OTEL_TRACES_EXPORTER=otpl is none of '),
                                  ('OTEL_EXPORTER_OTLP_PROTOCOL', 'htp', 'OTEL_EXPORTER_OTLP_PROTOCOL=htp is none of '),
                                  ('OTEL_TRACES_SAMPLER', 'allways_on', 'OTEL_TRACES_SAMPLER=allways_on is none of '),
                                  ('WEIR_SPOOL_DIR', '/nobody/spool', 'the spool directory /nobody/spool cannot be made: ')]:
            with Collector('--output', '/dev/null') as collector:
                code, _, errors = run('demo', '--endpoint', collector.url, env={name: value})
                self.assertEqual(code, 0)
                self.assertRegex(errors, r'^weir demo: %s.+\n$' % said)
                _, _, errors = run('demo', '--endpoint', collector.url, env={name: value, 'OTEL_LOG_LEVEL': 'error'})
                self.assertEqual(errors, '')

    def test_what_helps_fits_the_fault(self):
        def serve(status):
            peer = HTTPServer(('127.0.0.1', 0), type('Refuses', (BaseHTTPRequestHandler,), {
                'do_POST': lambda request: request.send_error(status), 'log_message': lambda *_: None}))
            threading.Thread(target=peer.serve_forever).start()
            self.addCleanup(peer.server_close)
            self.addCleanup(peer.shutdown)
            return 'http://127.0.0.1:%d' % peer.server_port
        for url, said in [('http://nobody.invalid:4318', "cannot be resolved: is the host's name right"),
                          (serve(401), 'answered 401: check the credentials'), (serve(404), 'answered 404: check the path')]:
            code, _, errors = run('demo', '--endpoint', url)
            self.assertEqual(code, 1)
            first, last = errors.splitlines()
            self.assertIn(said, first)
            self.assertEqual(last, 'weir demo: 7 of 7 spans did not reach %s/v1/traces; `weir doctor` with the same settings tests '
                                   'it step by step' % url)

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
        self.assertRegex(errors, r'^weir demo: spans are being lost: .+\nweir demo: 7 of 7 spans did not reach %s/v1/traces; '
                                 r'nobody listens there: start `weir collect` in another terminal, or use --output FILE\n$' % url)

    def test_nothing_is_lost_where_nothing_is_wanted(self):
        for name, value, why in [('OTEL_TRACES_EXPORTER', 'none', 'OTEL_TRACES_EXPORTER is none'),
                                 ('OTEL_SDK_DISABLED', 'true', 'OTEL_SDK_DISABLED is true')]:
            code, out, errors = run('demo', env={name: value})
            self.assertEqual((code, errors), (0, ''))
            self.assertTrue(out.endswith('single_span: no spans: %s\n' % why), out)
        code, out, errors = run('demo', '--output', self.directory / 'x', env={'OTEL_TRACES_SAMPLER': 'always_off'})
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('single_span: 0 of 7 spans to %s/x, 7 not sampled (OTEL_TRACES_SAMPLER)' % self.directory, out)

    def test_options_that_cannot_be(self):
        for arguments in [('--endpoint', 'ftp://x'), ('--endpoint', 'nonsense'), ('--project', 'a/b', '--tracker-dir', '.'),
                          ('--output', '/nonexistent/x')]:
            code, _, errors = run('demo', *arguments, cwd=self.directory)
            self.assertEqual(code, 1, arguments)
            self.assertRegex(errors, r'^weir demo: .+\n$')
        code, _, errors = run('demo', '--app-id', '../x', '--output', self.directory / 'x')
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'^weir demo: .+\.\./x.*\nweir demo: the run could not begin\n$')

    def test_a_tracker_directory_that_cannot_be_written(self):
        (self.directory / 'file').write_text('')
        code, _, errors = run('demo', '--output', self.directory / 'x', '--tracker-dir', self.directory / 'file')
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'^weir demo: .+: Not a directory\nweir demo: 22 records were not written to .+/file\n$')


if __name__ == '__main__':
    weir_program.main()
