"""`weir collect`: what it answers, what it writes, how it ends."""
import gzip
import http.client
import json
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time
import zlib

import weir_program
from weir_program import PROTOBUF, Collector, TestCase, field, fields, run, vector

SPAN = vector('span_child')
MEBI = 1 << 20
RIGHT_TYPES = 'the content type must be application/x-protobuf or application/json'


class Answers(TestCase):
    """Status codes and bodies, request by request."""

    @classmethod
    def setUpClass(cls):
        cls.collector = Collector('--output', '/dev/null', '--max-body', MEBI)

    @classmethod
    def tearDownClass(cls):
        code, _, errors = cls.collector.end()
        assert code == 0, errors

    def expect(self, status, message=None, **request):
        got, headers, body = self.collector.request(**request)
        self.assertEqual(got, status, body)
        if status == 200:
            self.assertEqual(headers['Content-Type'], 'application/x-protobuf')
            self.assertEqual(body, b'')  # an ExportTraceServiceResponse without a partial success
        elif message is not None:
            self.assertEqual(headers['Content-Type'], 'application/x-protobuf')
            read = dict(fields(body))
            self.assertEqual(read[2].decode(), message)
            self.assertGreater(read[1], 0)
        return headers

    def test_spans(self):
        self.expect(200, body=SPAN)
        self.expect(200, body=b'')  # an empty request is one

    def test_content_types_and_encodings_that_are_right(self):
        for headers in [{'Content-Type': 'application/x-protobuf; charset=utf-8'},
                        {'content-type': 'APPLICATION/X-PROTOBUF'},
                        {**PROTOBUF, 'Content-Encoding': 'identity'}]:
            self.expect(200, body=SPAN, headers=headers)
        self.expect(200, body=gzip.compress(SPAN), headers={**PROTOBUF, 'Content-Encoding': 'gzip'})
        self.expect(200, body=gzip.compress(SPAN), headers={**PROTOBUF, 'Content-Encoding': 'GZIP'})
        self.expect(200, body=gzip.compress(SPAN[:9]) + gzip.compress(SPAN[9:]),
                    headers={**PROTOBUF, 'Content-Encoding': 'gzip'})

    def test_chunked_bodies(self):
        self.expect(200, body=iter([SPAN[:7], SPAN[7:]]), encode_chunked=True,
                    headers={**PROTOBUF, 'Transfer-Encoding': 'chunked'})

    def test_a_connection_serves_many_requests(self):
        with self.collector.connect() as connection:
            for _ in range(3):
                connection.sendall(b'POST /v1/traces HTTP/1.1\r\nHost: x\r\n'
                                   b'Content-Type: application/x-protobuf\r\n'
                                   b'Content-Length: %d\r\n\r\n%s' % (len(SPAN), SPAN))
                answer = b''
                while b'\r\n\r\n' not in answer:
                    answer += connection.recv(4096)
                self.assertTrue(answer.startswith(b'HTTP/1.1 200 '), answer)

    def test_wrong_path_and_method(self):
        self.expect(404, 'no such path; traces go to /v1/traces', path='/v1/metrics', body=SPAN)
        self.expect(404, 'no such path; traces go to /v1/traces', path='/', method='GET', headers={})
        headers = self.expect(405, 'traces are sent with POST', method='GET')
        self.assertEqual(headers['Allow'], 'POST')
        self.expect(405, 'traces are sent with POST', method='PUT', body=SPAN)

    def test_wrong_content_type(self):
        for content_type in ['text/plain', 'application/x-protobufs', 'application/protobuf', '']:
            headers = self.expect(415, RIGHT_TYPES, body=SPAN, headers={'Content-Type': content_type})
            self.assertEqual(headers['Accept'], 'application/x-protobuf, application/json')
        self.expect(415, RIGHT_TYPES, body=SPAN, headers={})

    def test_json(self):
        """(B4, B9-B20)"""
        text = (weir_program.VECTORS / 'span_everything.json').read_bytes()
        for headers, body in [({}, text), ({'Content-Encoding': 'gzip'}, gzip.compress(text)), ({}, b'{}'), ({}, b'')]:
            status, answered, body = self.collector.request(body=body, headers={'Content-Type': 'application/json', **headers})
            self.assertEqual((status, answered['Content-Type'], body), (200, 'application/json', b'{}'))

    def test_json_is_refused_in_json(self):
        status, headers, body = self.collector.request(body=b'{"resourceSpans":{}}', headers={'Content-Type': 'application/json'})
        self.assertEqual((status, headers['Content-Type']), (400, 'application/json'))
        self.assertEqual(json.loads(body), {'code': 3, 'message': 'JSON: not an array at byte 17'})

    def test_zstd(self):
        packed = subprocess.run(['zstd', '-c'], input=SPAN, stdout=subprocess.PIPE, check=True).stdout
        self.expect(200, body=packed, headers={**PROTOBUF, 'Content-Encoding': 'zstd'})
        self.expect(400, 'the body is damaged or not zstd', body=packed[:-1], headers={**PROTOBUF, 'Content-Encoding': 'zstd'})
        bomb = subprocess.run(['zstd', '-c'], input=b'\0' * (2 * MEBI), stdout=subprocess.PIPE, check=True).stdout
        self.expect(413, 'the unpacked body is too large', body=bomb, headers={**PROTOBUF, 'Content-Encoding': 'zstd'})

    def test_wrong_encoding(self):
        headers = self.expect(400, 'the content encoding must be one of identity, gzip, zstd', body=SPAN,
                              headers={**PROTOBUF, 'Content-Encoding': 'br'})
        self.assertEqual(headers['Accept-Encoding'], 'gzip, zstd')

    def test_gzip_that_is_none(self):
        gzipped = {**PROTOBUF, 'Content-Encoding': 'gzip'}
        packed = gzip.compress(SPAN)
        for body in [SPAN, b'', packed[:-1], packed + b'x', packed[:20] + b'\x00' * 20, zlib.compress(SPAN)]:
            self.expect(400, 'the body is damaged or not gzip', body=body, headers=gzipped)

    def test_what_is_no_request(self):
        self.expect(400, 'the request is cut off or no protobuf (near byte 0)', body=b'\x0a\x05abc')
        self.expect(400, 'name is not UTF-8 (near byte 9)', body=field(1, field(2, field(2, field(5, b'\xff')))))
        self.expect(400, 'traceId does not have the length of an id (near byte 9)',
                    body=field(1, field(2, field(2, field(1, b'x')))))
        self.expect(400, 'resourceSpans has the wrong wire type (near byte 2)', body=field(1, 1))

    def test_deep_nests(self):
        value = b''
        for _ in range(17000):
            value = field(5, field(1, value))  # an array in an array
        self.expect(400, 'an attribute value is nested more than 64 deep',
                    body=field(1, field(2, field(2, field(9, field(2, value))))))

    def test_bodies_over_the_limit(self):
        self.expect(413, "the request's body is too large", body=b'\0' * (MEBI + 1))
        self.expect(413, "the request's body is too large", body=iter([b'\0' * MEBI, b'\0']),
                    headers={**PROTOBUF, 'Transfer-Encoding': 'chunked'}, encode_chunked=True)
        self.expect(400, body=b'\0' * MEBI)  # within the limit, and nonsense

    def test_a_waiting_client_is_told_before_it_sends(self):
        with self.collector.connect() as connection:
            connection.sendall(b'POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'
                               b'Content-Type: application/x-protobuf\r\nContent-Length: 2000000\r\n\r\n')
            self.assertTrue(connection.recv(4096).startswith(b'HTTP/1.1 413 '))

    def test_an_endless_body_is_cut_off(self):
        with self.collector.connect() as connection:
            connection.sendall(b'POST /v1/traces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n'
                               b'Content-Type: application/x-protobuf\r\n\r\n')
            chunk = b'10000\r\n' + b'\0' * 0x10000 + b'\r\n'
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for _ in range(2000):
                    connection.sendall(chunk)

    def test_gzip_bombs(self):
        gzipped = {**PROTOBUF, 'Content-Encoding': 'gzip'}
        self.expect(413, 'the unpacked body is too large', headers=gzipped, body=gzip.compress(b'\0' * (2 * MEBI)))

    def test_nonsense_instead_of_http(self):
        for nonsense in [b'\x00\x01\x02\x03' * 100, b'GET\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
                         b'POST /v1/traces HTTP/1.1\r\nContent-Length: -5\r\n\r\n']:
            with self.collector.connect() as connection:
                connection.sendall(nonsense)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        self.expect(200, body=SPAN)


class Bombs(TestCase):
    def test_a_bomb_is_refused_by_its_proportion(self):
        """Within the limit in bytes, over the one in proportion to what was sent."""
        with Collector('--output', '/dev/null') as collector:
            status, _, _ = collector.request(body=gzip.compress(b'\0' * (32 * MEBI)),
                                             headers={**PROTOBUF, 'Content-Encoding': 'gzip'})
            self.assertEqual(status, 413)
            status_file = pathlib.Path('/proc/%d/status' % collector.process.pid)
            peak = int(re.search(r'VmHWM:\s+(\d+) kB', status_file.read_text()).group(1))
            self.assertLess(peak, 300 * 1024)

    def test_bodies_that_unpack_into_too_much_memory_are_refused(self):
        """Twenty MiB of empty spans take 1.6 GB unpacked."""
        spans = field(2, b'') * (10 * MEBI)
        with Collector('--tree') as collector:
            status, _, body = collector.request(body=field(1, field(2, spans)))
            self.assertEqual(status, 413, body)
            collector.send(SPAN)

    def test_many_large_bodies_at_once_share_their_memory(self):
        """Five of 60 MiB: there are 256 MiB for all of them."""
        with Collector('--output', '/dev/null') as collector:
            connections = [collector.connect() for _ in range(5)]
            head = (b'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n'
                    b'Content-Type: application/x-protobuf\r\n\r\n' % (60 * MEBI))
            for connection in connections:
                connection.sendall(head)
            for piece in [b'\0' * MEBI] * 59:
                for connection in connections:
                    connection.sendall(piece)
            statuses = []
            for connection in connections:
                connection.sendall(b'\0' * MEBI)
                statuses.append(connection.recv(12)[-3:])
                connection.close()
            self.assertIn(b'503', statuses)
            self.assertIn(b'400', statuses)  # zeros are no request


class Output(TestCase):
    def test_says_where_it_listens_first(self):
        with Collector('--output', self.directory / 'out.jsonl') as collector:
            self.assertRegex(collector.first_line, r'^listening on http://127\.0\.0\.1:[1-9]\d*\n$')

    def test_each_request_is_one_line_of_json(self):
        path = self.directory / 'out.jsonl'
        names = sorted(file.stem for file in weir_program.VECTORS.glob('*.pb'))
        with Collector('--output', path) as collector:
            for name in names:
                collector.send(vector(name))
            code, out, errors = collector.end()
        self.assertEqual((code, out), (0, ''))
        self.assertRegex(errors, r'^weir collect: %d requests, \d+ spans; 0 refused\n$' % len(names))
        lines = path.read_text().split('\n')[:-1]
        self.assertEqual(len(lines), len(names))
        for name, line in zip(names, lines):
            self.assertEqual(json.loads(line), json.loads((weir_program.VECTORS / (name + '.json')).read_text()), name)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_appends_to_what_is_there(self):
        path = self.directory / 'out.jsonl'
        path.write_text('{"before":1}\n')
        with Collector('--output', path, '--exit-after', 1) as collector:
            collector.send(SPAN)
            self.assertEqual(collector.wait()[0], 0)
        self.assertEqual(len(path.read_text().splitlines()), 2)

    def test_standard_output(self):
        with Collector('--output', '-', '--exit-after', 1) as collector:
            collector.send(SPAN)
            code, out, _ = collector.wait()
        self.assertEqual(code, 0)
        self.assertEqual([json.loads(line) for line in out.splitlines()],
                         [json.loads((weir_program.VECTORS / 'span_child.json').read_text())])

    def test_json_in_is_json_out(self):
        """Every recorded body says the same after a way through JSON and protobuf."""
        path = self.directory / 'out.jsonl'
        files = sorted(weir_program.VECTORS.glob('*.json'))
        with Collector('--output', path) as collector:
            for file in files:
                collector.send(file.read_bytes(), **{'Content-Type': 'application/json'})
            self.assertEqual(collector.end()[0], 0)
        for file, line in zip(files, path.read_text().split('\n')[:-1], strict=True):
            self.assertEqual(json.loads(line), json.loads(file.read_text()), file.name)

    def test_what_was_refused_is_not_written(self):
        path = self.directory / 'out.jsonl'
        with Collector('--output', path) as collector:
            collector.request(body=b'\xff')
            code, _, errors = collector.end()
        self.assertEqual((code, path.read_bytes()), (0, b''))
        self.assertEqual(errors, 'weir collect: refused POST /v1/traces (400): the request is cut off or no protobuf (near byte 0); '
                         'further ones are counted\n'
                         'weir collect: 0 requests, 0 spans; 1 refused (1x 400: POST /v1/traces)\n')

    def test_trees(self):
        with Collector() as collector:
            collector.send(vector('span_everything'))
            code, out, _ = collector.end()
        self.assertEqual(code, 0)
        self.assertRegex(out, r'^trace [0-9a-f]{32}  ')
        self.assertIn('█', out)
        self.assertNotIn('\x1b', out)

    def test_trees_and_a_file_together(self):
        path = self.directory / 'out.jsonl'
        with Collector('--tree', '--brief', '--ascii', '--output', path) as collector:
            collector.send(vector('two_scopes'))
            _, out, _ = collector.end()
        self.assertEqual(len(path.read_text().splitlines()), 1)
        self.assertTrue(out.isascii(), out)
        self.assertIn('trace ', out)

    def test_control_characters_of_senders_do_not_reach_the_terminal(self):
        span = (field(1, b'\x01' * 16) + field(2, b'\x02' * 8) + field(5, '\x1b]0;title\x07\u202e'.encode()) +
                field(9, field(1, b'\x9bkey'.decode('latin-1').encode()) + field(2, field(1, b'a\nb\x1b[2J'))))
        with Collector('--tree') as collector:
            collector.send(field(1, field(2, field(2, span))))
            _, out, _ = collector.end()
        self.assertIn('\\u{1b}]0;title\\u{7}\\u{202e}', out)
        self.assertIn('\\u{9b}key  a\\nb\\u{1b}[2J', out)
        self.assertEqual([c for c in out if ord(c) < 32 and c != '\n' or 0x7f <= ord(c) < 0xa0 or c == '\u202e'], [])

    def test_lines_are_cut_to_the_width_asked_for(self):
        with Collector('--tree', '--width', 50) as collector:
            collector.send(vector('attribute_long_value'))
            _, out, _ = collector.end()
        for line in out.splitlines()[1:]:
            self.assertLessEqual(len(line), 50)
        self.assertIn('…', out)


class Ending(TestCase):
    def test_signals_end_it_cleanly(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            with Collector('--output', '/dev/null') as collector:
                collector.send(SPAN)
                self.assertEqual(collector.end(number), (0, '', 'weir collect: 1 request, 1 span; 0 refused\n'))

    def test_a_signal_ends_it_while_clients_are_connected(self):
        with Collector('--output', '/dev/null') as collector:
            with collector.connect() as idle, collector.connect() as busy:
                idle.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
                self.assertTrue(idle.recv(4096).startswith(b'HTTP/1.1 404 '))
                busy.sendall(b'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
                began = time.monotonic()
                self.assertEqual(collector.end()[0], 0)
                self.assertLess(time.monotonic() - began, 10)
                while idle.recv(4096):
                    pass

    def test_ends_after_so_many_spans_and_answers_the_last(self):
        with Collector('--output', '/dev/null', '--exit-after', 2) as collector:
            collector.send(SPAN)
            self.assertIsNone(collector.process.poll())
            collector.send(SPAN)
            self.assertEqual(collector.wait()[0], 0)

    def test_a_signal_ends_it_although_nobody_reads_its_output(self):
        """Trees and lines into a pipe that is full: the request hangs, the signal must not."""
        for arguments in [['--tree'], ['--output', '-']]:
            collector = Collector(*arguments)
            done = threading.Event()
            answered = [time.monotonic()]

            def send():
                try:
                    while not done.is_set():
                        collector.request(body=vector('batch_thirty'))
                        answered[0] = time.monotonic()
                except (OSError, http.client.HTTPException):
                    pass
            sender = threading.Thread(target=send)
            sender.start()
            # Full, and the request that found it so hangs: a pipe may also be full to the last whole line.
            weir_program.wait_for(lambda: weir_program.is_waiting_to_write(collector.process.pid) and
                                  time.monotonic() - answered[0] > 1)
            collector.process.send_signal(signal.SIGINT)
            self.assertEqual(collector.process.wait(timeout=weir_program.PATIENCE), 1)
            done.set()
            sender.join()
            self.assertRegex(collector.wait()[2], r'standard output (was not read|cannot be written)')

    def test_a_timeout_before_the_spans_is_a_failure(self):
        with Collector('--output', '/dev/null', '--exit-after', 5, '--timeout', 1) as collector:
            code, _, errors = collector.wait()
        self.assertEqual(code, 1)
        self.assertIn('weir collect: 0 of 5 spans came within 1 s\n', errors)

    def test_a_timeout_alone_is_an_end(self):
        with Collector('--output', '/dev/null', '--timeout', 1) as collector:
            self.assertEqual(collector.wait()[0], 0)

    def test_what_is_incomplete_is_printed_at_the_end(self):
        span = field(1, b'\x01' * 16) + field(2, b'\x02' * 8) + field(4, b'\x03' * 8) + field(5, b'lost')
        with Collector('--tree') as collector:
            collector.send(field(1, field(2, field(2, span))))
            _, out, _ = collector.end()
        self.assertIn('lost', out)
        self.assertIn('(its parent 0303030303030303 has not come)', out)


class Refusals(TestCase):
    """What is refused is said once a kind, and counted."""

    def test_each_kind_is_named_once(self):
        with Collector('--output', '/dev/null') as collector:
            for _ in range(3):
                collector.request(path='/v1/metrics')
            collector.request(method='GET')
            _, _, errors = collector.end()
        self.assertEqual(errors.splitlines(), [
            'weir collect: refused POST /v1/metrics (404): no such path; traces go to /v1/traces; further ones are counted',
            'weir collect: refused GET /v1/traces (405): traces are sent with POST; further ones are counted',
            'weir collect: 0 requests, 0 spans; 4 refused (3x 404: POST /v1/metrics, 1x 405: GET /v1/traces)'])

    def test_requests_that_cannot_be_read_count(self):
        with Collector('--output', '/dev/null') as collector:
            for head, status in [(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'505'), (b'GET / HTTP/1.1\r\nX: %s\r\n\r\n' % (b'x' * 40000), b'431')]:
                with collector.connect() as connection:
                    connection.sendall(head)
                    self.assertIn(status, connection.recv(64))
            _, _, errors = collector.end()
        self.assertIn('weir collect: refused what is no HTTP/1.1 (505): this port takes HTTP/1.1; OTLP over gRPC has its own',
                      errors)
        self.assertIn('weir collect: refused what is no HTTP/1.1 (431): its head is too large; further ones are counted', errors)
        self.assertIn('0 requests, 0 spans; 2 refused (1x 505: what is no HTTP/1.1, 1x 431: what is no HTTP/1.1)\n', errors)

    def test_kinds_have_a_bound(self):
        with Collector('--output', '/dev/null') as collector:
            for n in range(20):
                collector.request(path='/%%1b%d' % n)
            _, _, errors = collector.end()
        self.assertEqual(len(errors.splitlines()), 17)
        self.assertIn('; 20 refused (', errors)
        self.assertTrue(errors.endswith(', 4x something else)\n'), errors)
        self.assertNotIn('\x1b', errors)


class Failures(TestCase):
    def test_an_address_in_use(self):
        with Collector('--output', '/dev/null') as collector:
            code, out, errors = run('collect', '--listen', '127.0.0.1:%d' % collector.port)
        self.assertEqual((code, out), (1, ''))
        self.assertEqual(errors, 'weir collect: cannot listen on 127.0.0.1 port %d: Address already in use; '
                         'end that program, or choose another port (0: a free one) (HTTP: --listen)\n' % collector.port)

    def test_one_port_for_both(self):
        code, out, errors = run('collect', '--listen-grpc', '4318')
        self.assertEqual((code, out), (2, ''))
        self.assertIn('HTTP has 4318 unless --listen says otherwise', errors)

    def test_an_address_that_is_none(self):
        code, _, errors = run('collect', '--listen', '256.0.0.1:0')
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'^weir collect: cannot listen on 256\.0\.0\.1: ')

    def test_a_file_that_cannot_be_opened(self):
        code, out, errors = run('collect', '--listen', '127.0.0.1:0', '--output', self.directory / 'none' / 'x')
        self.assertEqual((code, out), (1, ''))
        self.assertRegex(errors, r'^weir collect: .*/none/x .*: No such file or directory\n$')

    def test_a_full_disk_is_said_and_ends_it(self):
        with Collector('--output', '/dev/full') as collector:
            status, _, body = collector.request(body=SPAN)
            code, _, errors = collector.wait()
        self.assertEqual(status, 503)
        self.assertIn(b'No space left on device', body)
        self.assertEqual(code, 1)
        self.assertRegex(errors, r'weir collect: .*/dev/full.*No space left on device\n$')

    def test_a_file_that_may_not_grow_keeps_whole_lines(self):
        path = self.directory / 'out.jsonl'

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with Collector('--output', path, preexec_fn=limit) as collector:
            statuses = []
            while not statuses or statuses[-1] == 200:
                statuses.append(collector.request(body=SPAN)[0])
            code, _, errors = collector.wait()
        self.assertEqual((statuses[-1], code), (503, 1))
        self.assertIn('File too large', errors)
        lines = path.read_text().splitlines(keepends=True)
        self.assertEqual(len(lines), len(statuses) - 1)
        for line in lines:
            json.loads(line)
            self.assertTrue(line.endswith('\n'))

    def test_a_first_line_that_does_not_fit_is_said(self):
        with open(self.directory / 'trees.txt', 'wb') as trees:
            process = subprocess.Popen(
                [weir_program.WEIR, 'collect', '--listen', '127.0.0.1:0', '--timeout', '1'], stdout=trees,
                stderr=subprocess.PIPE, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)))
            _, errors = process.communicate(timeout=weir_program.PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b'weir collect: cannot write to standard output: File too large\n', errors)

    def test_a_reader_of_trees_that_goes_away_ends_it(self):
        with Collector('--tree') as collector:
            collector.process.stdout.close()
            status, _, _ = collector.request(body=vector('span_minimal'))
            collector.process.wait(timeout=weir_program.PATIENCE)
            errors = collector.process.stderr.read().decode()
            collector.process.stderr.close()
        self.assertEqual((status, collector.process.returncode), (503, 1))
        self.assertIn('weir collect: cannot write to standard output: Broken pipe\n', errors)

    def test_more_than_this_machine_is_warned_of(self):
        process = subprocess.Popen([weir_program.WEIR, 'collect', '--listen', '0.0.0.0:0', '--timeout', '1',
                                    '--output', '/dev/null'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, errors = process.communicate(timeout=weir_program.PATIENCE)
        self.assertRegex(out.decode(), r'^listening on http://0\.0\.0\.0:\d+\n$')
        self.assertIn(b'weir collect: whoever reaches http://0.0.0.0:', errors)


EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'


def message(body, flag=0):
    return bytes([flag]) + len(body).to_bytes(4, 'big') + body


class Grpc(TestCase):
    """`--listen-grpc`, by curl as a client of HTTP/2; tests/server/test_grpc*.c see to the rest."""

    def collector(self, *arguments):
        collector = Collector('--listen-grpc', '127.0.0.1:0', *arguments)
        self.second_line = collector.process.stdout.readline().decode()
        self.port = int(re.fullmatch(r'listening on http://127\.0\.0\.1:(\d+) \(gRPC\)\n', self.second_line).group(1))
        return collector

    def call(self, body, path=EXPORT, **headers):
        """One call; returns (HTTP status, headers and trailers, body)."""
        file, out, head = self.directory / 'call', self.directory / 'answer', self.directory / 'head'
        file.write_bytes(body)
        all_headers = {'content-type': 'application/grpc', 'te': 'trailers', **headers}
        subprocess.run(['curl', '--silent', '--show-error', '--http2-prior-knowledge', '--noproxy', '*', '--max-time', '60',
                        *[word for name, value in all_headers.items() for word in ('-H', name + ': ' + value)],
                        '--data-binary', '@%s' % file, '-o', out, '-D', head, 'http://127.0.0.1:%d%s' % (self.port, path)],
                       check=True)
        lines = head.read_text().splitlines()
        pairs = dict(line.split(': ', 1) for line in lines if ': ' in line)
        return int(lines[0].split()[1]), pairs, out.read_bytes() if out.exists() else b''

    def test_spans(self):
        """(C1-C7)"""
        path = self.directory / 'out.jsonl'
        with self.collector('--output', path) as collector:
            status, head, body = self.call(message(SPAN))
            self.assertEqual((status, head['content-type'], head['grpc-status'], body), (200, 'application/grpc', '0', b'\0' * 5))
            _, head, _ = self.call(message(gzip.compress(SPAN), 1), **{'grpc-encoding': 'gzip'})
            self.assertEqual(head['grpc-status'], '0')
            collector.send(SPAN)  # both at once
            code, _, errors = collector.end()
        self.assertEqual((code, errors), (0, 'weir collect: 3 requests, 3 spans; 0 refused\n'))
        lines = path.read_text().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(len(set(lines)), 1)  # the same, whichever way it came

    def test_every_way_that_weir_itself_sends(self):
        """The same run by each protocol and compression (B4, B5, C1-C7)."""
        path = self.directory / 'out.jsonl'
        ways = [(protocol, compression) for protocol in ('grpc', 'http/protobuf', 'http/json')
                for compression in ('none', 'gzip', 'zstd')]
        with self.collector('--output', path) as collector:
            for protocol, compression in ways:
                port = self.port if protocol == 'grpc' else collector.port
                code, _, errors = run('demo', '--endpoint', 'http://127.0.0.1:%d' % port, env={
                    'OTEL_EXPORTER_OTLP_PROTOCOL': protocol, 'OTEL_EXPORTER_OTLP_COMPRESSION': compression})
                self.assertEqual((code, errors), (0, ''), (protocol, compression))
            self.assertEqual(collector.end()[0], 0)
        names = [sorted(span['name'] for resource in json.loads(line)['resourceSpans'] for scope in resource['scopeSpans']
                        for span in scope['spans']) for line in path.read_text().split('\n')[:-1]]
        self.assertEqual(len(names), len(ways))
        self.assertEqual([len(spans) for spans in names], [7] * len(ways))
        self.assertEqual(len(set(map(tuple, names))), 1)

    def test_refusals(self):
        with self.collector('--output', '/dev/null', '--max-body', MEBI) as collector:
            for status, text, call in [
                    ('12', 'no such method; traces go to ' + EXPORT, dict(body=message(SPAN), path='/x/Export')),
                    ('12', 'the message encoding must be one of identity, gzip, zstd',
                     dict(body=message(SPAN, 1), **{'grpc-encoding': 'snappy'})),
                    ('3', 'the request is cut off or no protobuf (near byte 0)', dict(body=message(b'\x0a\x05'))),
                    ('13', 'the message is cut off', dict(body=message(SPAN)[:-1])),
                    ('8', 'the message is too large', dict(body=message(b'\0' * (MEBI + 1)))),
                    ('8', 'the unpacked body is too large',
                     dict(body=message(gzip.compress(b'\0' * (2 * MEBI)), 1), **{'grpc-encoding': 'gzip'}))]:
                http_status, head, body = self.call(**call)
                self.assertEqual((http_status, head['grpc-status'], head['grpc-message'], body), (200, status, text, b''))
            self.assertEqual(self.call(message(SPAN))[1]['grpc-status'], '0')
            code, _, errors = collector.end()
        *said, last = errors.splitlines()
        self.assertEqual((code, len(said)), (0, 5))  # the last two are of one kind
        self.assertIn('weir collect: refused POST Export (INTERNAL): the message is cut off; further ones are counted', said)
        self.assertEqual(last, 'weir collect: 1 request, 1 span; 6 refused (1x UNIMPLEMENTED: POST /x/Export, 1x UNIMPLEMENTED: '
                         'POST Export, 1x INVALID_ARGUMENT: POST Export, 1x INTERNAL: POST Export, '
                         '2x RESOURCE_EXHAUSTED: POST Export)')

    def test_a_client_of_http_1_1_is_told(self):
        with self.collector('--output', '/dev/null') as collector:
            connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=weir_program.PATIENCE)
            connection.request('POST', '/v1/traces', SPAN, PROTOBUF)
            answer = connection.getresponse()
            self.assertEqual(answer.status, 505)
            self.assertIn(b'OTLP over gRPC', answer.read())
            connection.close()
            _, _, errors = collector.end()
        self.assertIn('weir collect: refused what is no HTTP/2 (505): this port takes OTLP over gRPC (HTTP/2), without TLS;', errors)
        self.assertIn('; 1 refused (1x 505: what is no HTTP/2)\n', errors)

    def test_a_port_that_is_taken(self):
        with self.collector('--output', '/dev/null'):
            code, out, errors = run('collect', '--listen', '127.0.0.1:0', '--listen-grpc', '127.0.0.1:%d' % self.port)
        self.assertEqual((code, out), (1, ''))
        self.assertIn('Address already in use; end that program, or choose another port (0: a free one) (gRPC: --listen-grpc)', errors)

    def test_ends_with_clients_connected(self):
        with self.collector('--output', '/dev/null') as collector:
            with socket.create_connection(('127.0.0.1', self.port), timeout=weir_program.PATIENCE) as idle:
                idle.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\x04\0\0\0\0\0')
                self.assertGreater(len(idle.recv(4096)), 8)
                self.assertEqual(collector.end(signal.SIGINT)[0], 0)
                while idle.recv(4096):
                    pass


class Load(TestCase):
    def test_many_clients_at_once(self):
        path = self.directory / 'out.jsonl'
        n_clients, n_requests = 8, 25
        with Collector('--output', path, '--exit-after', n_clients * n_requests) as collector:
            def send():
                for _ in range(n_requests):
                    collector.send(SPAN)
            threads = [threading.Thread(target=send) for _ in range(n_clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(collector.wait()[0], 0)
        self.assertEqual(len(path.read_text().splitlines()), n_clients * n_requests)


if __name__ == '__main__':
    weir_program.main()
