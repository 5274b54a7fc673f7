"""Each example does what its head says."""
import json
import re
import signal
import subprocess

import example_programs
from example_programs import TestCase, attributes_of, outline, run, spans_of
from weir_program import PATIENCE, Collector, environment, wait_for


class Minimal(TestCase):
    def test_its_stream_is_an_event_and_its_files_are_in_the_home_directory(self):
        spans, out, errors = self.collect('minimal')
        self.assertEqual((out, errors), ('to be or not\n', ''))
        self.assertEqual(outline(spans), 'stream_result\n  ! stream_completed')
        attributes = attributes_of(spans[0])
        self.assertEqual(attributes, {'burr.project': 'chat', 'burr.app_id': 'run-1', 'gen_ai.request.model': 'small'})
        self.assertEqual(attributes_of(spans[0]['events'][0])['stream.iteration_count'], 4)
        self.assertEqual(self.records('.burr', 'chat', 'run-1'),
                         ['begin_entry', 'attribute', 'begin_stream', 'first_item_stream', 'end_entry', 'end_stream'])

    def test_without_a_collector_it_says_so_and_streams_all_the_same(self):
        code, out, errors = run('minimal', HOME=str(self.directory), OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:9')
        self.assertEqual((code, out), (0, 'to be or not\n'))  # telemetry never fails its application
        self.assertIn('http://127.0.0.1:9', errors)
        self.assertEqual(errors.count('\n'), 1, errors)

    def test_settings_that_cannot_be_are_said_and_it_streams_all_the_same(self):
        code, out, errors = run('minimal', HOME=str(self.directory), OTEL_EXPORTER_OTLP_ENDPOINT='ftp://127.0.0.1:9')
        self.assertEqual((code, out), (0, 'to be or not\n'))
        self.assertRegex(errors, r'^weir: error: weir_open: OTEL_EXPORTER_OTLP_ENDPOINT .+\n$')


class StreamingModes(TestCase):
    def test_the_four_trees_stand_side_by_side(self):
        code, out, errors = run('streaming_modes')
        self.assertEqual((code, errors), (0, ''))
        columns = [0, 26, 60, 86, 200]
        trees = ['\n'.join(line[a:b].rstrip() for line in out.splitlines() if line[a:b].strip())
                 for a, b in zip(columns, columns[1:])]
        common = '  stream_result\n    think\n      retrieve\n'
        self.assertEqual(trees, [
            'single_span\n' + common + '    answer [stream.*]',
            'event\n' + common + '    ! stream_completed [stream.*]',
            'chunk_spans\n' + common + '    answer::chunk_0\n    answer::chunk_1\n    answer::chunk_2',
            'single_and_chunk_spans\n' + common + '    answer [stream.*]\n      answer::chunk_0\n'
            '      answer::chunk_1\n      answer::chunk_2',
        ])

    def test_it_writes_the_files_of_each_run(self):
        code, _, errors = run('streaming_modes', '--tracker-dir', self.directory)
        self.assertEqual((code, errors), (0, ''))
        for mode in ('single_span', 'event', 'chunk_spans', 'single_and_chunk_spans'):
            self.assertEqual(self.records('streaming_modes', mode)[-1], 'end_stream')

    def test_it_says_how_it_is_used(self):
        code, out, errors = run('streaming_modes', '--nonsense')
        self.assertEqual((code, out), (2, ''))
        self.assertIn('--tracker-dir DIR', errors)


class EventLoop(TestCase):
    def test_a_line_is_a_step_and_all_are_sent_without_a_thread(self):
        lines = ''.join(f'line {i}\n' for i in range(20))
        spans, out, errors = self.collect('event_loop', text=lines)
        self.assertEqual((out, errors), (lines, ''))
        steps = [span for span in spans if span['name'] == 'echo']
        self.assertEqual(len(steps), 20)
        self.assertEqual({attributes_of(step)['line.length'] for step in steps}, {6, 7})

    def test_no_line_is_lost(self):
        long = 'x' * 5000
        _, out, _ = self.collect('event_loop', text=long + '\nno line feed')
        self.assertEqual(out, 'x' * 4096 + '\n' + 'x' * 904 + '\nno line feed\n')


class CustomAdapter(TestCase):
    def test_a_line_a_step(self):
        code, out, errors = run('custom_adapter')
        self.assertEqual((code, errors), (0, ''))
        first, second, failed, third = [line.rsplit('\r', 1)[-1] for line in out.split('\n')[:-1]]
        self.assertRegex(first, r'^answer: first token after \d+ ms, then \d+ tokens/s \(12 tokens\)$')
        self.assertRegex(second, r'^answer: first token after \d+ ms$')
        self.assertEqual(failed, 'answer failed: TimeoutError: the model did not answer')
        self.assertEqual(third, 'answer: no token')
        self.assertEqual(out.count('\r'), 13)


class LocalFiles(TestCase):
    def test_what_was_written_is_read_back(self):
        code, out, errors = run('local_files', self.directory)
        self.assertEqual((code, errors), (0, ''))
        types = [line.split()[3] for line in out.splitlines()]
        self.assertEqual(types, ['begin_entry', 'begin_span', 'attribute', 'attribute', 'attribute', 'end_span', 'end_entry',
                                 'begin_entry', 'begin_stream', 'first_item', 'end_entry', 'end_stream'])
        folder = self.directory / 'local_files' / 'run-1'
        self.assertEqual(sorted(file.name for file in folder.iterdir()), ['graph.json', 'log.jsonl', 'metadata.json'])
        graph = json.loads((folder / 'graph.json').read_text())
        self.assertEqual([action['name'] for action in graph['actions']], ['ask', 'answer'])
        self.assertEqual(json.loads((folder / 'metadata.json').read_text())['partition_key'], 'user-7')

    def test_weir_load_reads_it(self):
        run('local_files', self.directory)
        state = json.loads(self.load('--tracker-dir', self.directory, 'local_files/run-1'))
        self.assertEqual(state['words'], 4)

    def test_a_directory_that_cannot_be_made_costs_the_files_and_is_told(self):
        (self.directory / 'file').write_text('')
        code, out, errors = run('local_files', self.directory / 'file')
        self.assertEqual((code, out), (1, ''))
        self.assertIn(str(self.directory / 'file'), errors)


class Interleaved(TestCase):
    def test_every_stream_has_its_own_tree(self):
        spans, out, errors = self.collect('interleaved')
        self.assertEqual((out, errors), ('2 runs in turn, 3 on threads of their own\n', ''))
        chunks = ''.join(f'\n    count::chunk_{n}\n      compute' for n in range(3))
        self.assertEqual(outline(spans), '\n'.join(['stream_result\n  count' + chunks] * 5))
        roots = [attributes_of(span)['burr.app_id'] for span in spans if span['name'] == 'stream_result']
        self.assertEqual(sorted(roots), ['first', 'left', 'right', 'second', 'third'])
        for span in spans:
            if span['name'] == 'count':
                self.assertEqual(attributes_of(span)['stream.iteration_count'], 3)


class PreforkServer(TestCase):
    def test_each_worker_sends_its_own_spans(self):
        spans, out, errors = self.collect('prefork_server')
        self.assertEqual((out, errors), ('6 requests, 3 workers, 0 did not deliver all of their spans\n', ''))
        self.assertEqual(outline(spans), 'run\n  serve' + '\n    step\n      answer' * 6)
        requests = sorted(attributes_of(span)['request'] for span in spans if span['name'] == 'answer')
        self.assertEqual(requests, list(range(6)))


class Plugin(TestCase):
    def test_it_is_loaded_and_unloaded_a_hundred_times(self):
        spans, out, errors = self.collect('plugin_host', example_programs.PROGRAMS / 'plugin.so', 100)
        self.assertEqual((out, errors), ('loaded 100 times, 0 did not deliver all of their spans; threads left: 1\n', ''))
        self.assertEqual(sorted(attributes_of(span)['nth'] for span in spans if span['name'] == 'work'), list(range(100)))

    def test_without_a_collector_it_comes_and_goes_all_the_same(self):
        code, out, _ = run('plugin_host', example_programs.PROGRAMS / 'plugin.so', 2,
                           OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT='100')
        self.assertEqual((code, out), (1, 'loaded 2 times, 2 did not deliver all of their spans; threads left: 1\n'))


class Production(TestCase):
    def start(self, collector_url):
        process = subprocess.Popen([example_programs.PROGRAMS / 'production', self.directory / 'spool'], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment(COLLECTOR=collector_url, COLLECTOR_TOKEN='secret'))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), 'open\n')
        return process

    def ask(self, process):
        process.send_signal(signal.SIGUSR1)
        return [int(word) for word in re.findall(r'\d+', process.stdout.readline())]

    def test_it_prints_its_counters_and_ends_on_a_signal(self):
        path = self.directory / 'spans.jsonl'
        with Collector('--output', path) as collector:
            process = self.start(collector.url)
            wait_for(lambda: self.ask(process)[0] >= 4)
            started, adopted, live, waiting, put_aside, arrived, lost, _ = self.ask(process)
            self.assertEqual(started + adopted, live + waiting + put_aside + arrived + lost)
            self.assertEqual((live, lost), (0, 0))
            process.terminate()
            out, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out, errors), (0, 'closed\n', ''))
        self.assertGreaterEqual(len(spans_of(path)), started)

    def test_what_has_no_collector_waits_in_the_spool(self):
        process = self.start('http://127.0.0.1:9')
        wait_for(lambda: self.ask(process)[0] >= 4)
        process.terminate()
        self.assertEqual(process.wait(timeout=PATIENCE), 0)
        path = self.directory / 'spans.jsonl'
        with Collector('--output', path) as collector:
            process = self.start(collector.url)
            wait_for(lambda: path.exists() and len(spans_of(path)) >= 4)
            process.terminate()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)


class Reload(TestCase):
    def reload(self, *arguments, expect=0):
        code, out, errors = run('reload', self.directory, *arguments)
        self.assertEqual(code, expect, out + errors)
        return out.splitlines(), errors

    def log(self, app_id):
        text = (self.directory / 'reload' / app_id / 'log.jsonl').read_text()
        return [json.loads(line) for line in text.splitlines()]

    def test_a_run_breaks_goes_on_and_is_forked(self):
        lines, _ = self.reload()
        app_id = lines[0].split()[1]
        self.assertEqual(lines[1:], ['0 add: n = 1', '1 double: n = 2', '2 add: n = 3', '3 double: broke'])
        lines, _ = self.reload(app_id)
        self.assertEqual(lines, [f'app {app_id}, after step 3 (double failed), n = 3', '4 double: n = 6', '5 add: n = 7',
                                 '6 double: n = 14', '7 add: n = 15', '8 double: n = 30'])
        lines, _ = self.reload(app_id, '1')
        fork = lines[0].split()[1].rstrip(',')
        self.assertEqual(lines[0], f'app {fork}, forked from {app_id} after step 1 (double completed), n = 2')
        self.assertEqual(lines[1], '2 add: n = 3')
        self.assertNotEqual(fork, app_id)
        ids = [record['sequence_id'] for record in self.log(app_id) if record['type'] == 'end_entry']
        self.assertEqual(ids, list(range(9)))
        self.assertEqual(self.log(fork)[0]['sequence_id'], 2)
        children = (self.directory / 'reload' / app_id / 'children.jsonl').read_text().splitlines()
        self.assertEqual([json.loads(line)['event_type'] for line in children], ['fork'])
        self.assertEqual(json.loads(children[0])['sequence_id'], 1)

    def test_a_run_that_is_not_there(self):
        _, errors = self.reload('nobody', expect=1)
        self.assertIn('nobody', errors)


class Cpp(TestCase):
    def test_scopes_and_exceptions(self):
        spans, out, errors = self.collect('cpp')
        self.assertEqual((out, errors), ('one two three\n', ''))
        self.assertEqual(outline(spans), 'run\n  answer\n  check ERROR three is not an answer\n'
                                         '  plan\n    retrieve\n      ! cache miss')
        by_name = {span['name']: attributes_of(span) for span in spans}
        plan = {key: value for key, value in by_name['plan'].items() if not key.startswith('burr.')}
        self.assertEqual(plan, {'urgent': True, 'budget': 0.5, 'model': 'small', 'retries': 2})
        self.assertEqual(by_name['retrieve'], {'documents': 3})
        self.assertEqual(by_name['answer']['stream.iteration_count'], 3)


if __name__ == '__main__':
    example_programs.main()
