"""`weir doctor`: what it says is in force, and what it finds wrong with peers of every kind."""
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import weir_program
from weir_program import PATIENCE, Collector, TestCase, run

SECRET = 'hush-hush'


class Peer:
    """A server on a free port of loopback; `serve` gets each connection, on a thread of its own."""

    def __init__(self, serve, backlog=8):
        self.serve = serve
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.is_over = False
        self.connections = []
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            if self.is_over:
                connection.close()
                return
            self.connections.append(connection)
            threading.Thread(target=self.guarded, args=[connection], daemon=True).start()

    def guarded(self, connection):
        try:
            self.serve(connection)
            connection.close()
        except OSError:
            pass  # the program has gone, or did not like us: both are expected

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        socket.create_connection(('127.0.0.1', self.port)).close()
        self.thread.join(PATIENCE)
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def url(self, scheme='http'):
        return '%s://127.0.0.1:%d' % (scheme, self.port)


def read_request(connection):
    """The head of an HTTP/1.1 request; its body is short and may stay unread."""
    head = b''
    while b'\r\n\r\n' not in head:
        got = connection.recv(65536)
        if not got:
            raise OSError('no request')
        head += got
    return head


def answer(status, body=b'', headers=''):
    def serve(connection):
        read_request(connection)
        connection.sendall(b'HTTP/1.1 %d X\r\nContent-Type: application/x-protobuf\r\n%sContent-Length: %d\r\n\r\n%s'
                           % (status, headers.encode(), len(body), body))
    return serve


def silent(connection):
    while connection.recv(65536):
        pass


def http2_only(connection):
    """As a gRPC server: everything but HTTP/2 is answered with a frame and the end."""
    settings = b'\0\0\0\x04\0\0\0\0\0'
    got = connection.recv(65536)
    connection.sendall(settings)
    if not got.startswith(b'PRI * HTTP/2'):
        return
    ok = b'\0\0\x01\x01\x05\0\0\0\x01\x88'  # HEADERS of stream 1, its end: ":status: 200"
    connection.sendall(b'\0\0\0\x04\x01\0\0\0\0' + ok)
    silent(connection)


class Certificates:
    """Self-signed certificates, made by openssl in a directory."""

    def __init__(self, directory):
        self.directory = directory
        (directory / 'ca.cnf').write_text(
            '[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=db\nserial=serial\ndefault_md=sha256\npolicy=p\n'
            'copy_extensions=copy\nunique_subject=no\n[p]\ncommonName=supplied\n')
        (directory / 'db').write_text('')
        (directory / 'serial').write_text('01\n')

    def openssl(self, *arguments):
        subprocess.run(['openssl', *arguments], cwd=self.directory, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def make(self, name, host='IP:127.0.0.1', begin='20200101000000Z', end='20991231000000Z'):
        """The paths of certificate and key."""
        self.openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
                     name + '.key', '-out', name + '.csr', '-subj', '/CN=' + name, '-addext', 'subjectAltName=' + host)
        self.openssl('ca', '-config', 'ca.cnf', '-batch', '-selfsign', '-keyfile', name + '.key', '-in', name + '.csr',
                     '-out', name + '.pem', '-startdate', begin, '-enddate', end)
        return self.directory / (name + '.pem'), self.directory / (name + '.key')


def over_tls(certificate, key, serve):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def wrapped(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            serve(secure)
    return wrapped


class Doctor(TestCase):
    def examine(self, *arguments, code=1, **env):
        """The tests that it ran, as (step, outcome, text), all but the last of which went well."""
        got, out, errors = run('doctor', '--json', *arguments, env=env)
        self.assertEqual(errors, '')
        self.assertEqual(got, code, out)
        self.assertNotIn(SECRET, out)
        said = json.loads(out)
        self.assertEqual(said['ok'], code == 0)
        self.settings = {line['name']: (line['value'], line['source'], line['origin']) for line in said['settings']}
        tests = [(test['step'], test['outcome'], test['text']) for test in said['tests']]
        for _, outcome, text in tests:
            self.assertNotIn('\n', text)
        return tests

    def expect_failure(self, step, pattern, *arguments, **env):
        tests = self.examine(*arguments, **env)
        self.assertEqual([test[1] for test in tests[:-1]], ['ok'] * (len(tests) - 1), tests)
        self.assertEqual(tests[-1][:2], (step, 'failed'))
        self.assertRegex(tests[-1][2], pattern)

    # ---- settings ----

    def test_every_value_has_its_source(self):  # (D1)
        self.examine('--output', self.directory / 'spans', '--tracker-dir', self.directory, code=0,
                     OTEL_SPAN_LINK_COUNT_LIMIT='3', OTEL_SERVICE_NAME='shop', WEIR_STREAMING_MODE='event',
                     OTEL_EXPORTER_OTLP_TIMEOUT='250')
        self.assertEqual(self.settings['limits.max_links'], ('3', 'environment', 'OTEL_SPAN_LINK_COUNT_LIMIT'))
        self.assertEqual(self.settings['limits.max_events'], ('128', 'default', ''))
        self.assertEqual(self.settings['resource service.name'], ('shop', 'environment', 'OTEL_SERVICE_NAME'))
        self.assertEqual(self.settings['streaming_mode'], ('event', 'environment', 'WEIR_STREAMING_MODE'))
        self.assertEqual(self.settings['timeout_ms'], ('250 ms', 'environment', 'OTEL_EXPORTER_OTLP_TIMEOUT'))
        self.assertEqual(self.settings['tracker_dir'], (str(self.directory), 'option', 'tracker_dir'))

    def test_bad_variables_are_named(self):  # (D4, D8)
        tests = self.examine('--output', '-', code=0, OTEL_BSP_SCHEDULE_DELAY='soon', WEIR_STREAMING_MODE='loud')
        notes = [text for step, outcome, text in tests if outcome == 'note']
        self.assertEqual(len(notes), 2, notes)
        self.assertIn('OTEL_BSP_SCHEDULE_DELAY=soon', notes[0])
        self.assertIn('WEIR_STREAMING_MODE=loud', notes[1])
        self.assertEqual(self.settings['schedule_delay_ms'], ('5000 ms', 'default', ''))

    def test_no_secret_is_shown(self):
        with Peer(answer(401)) as peer:
            url = 'http://user:%s@127.0.0.1:%d/in?key=%s' % (SECRET, peer.port, SECRET)
            for arguments, env in [
                    (['--traces-endpoint', url, '--header', 'Authorization: Bearer ' + SECRET], {}),
                    ([], {'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT': url,
                          'OTEL_EXPORTER_OTLP_HEADERS': 'api-key=%s,=%s,%s' % (SECRET, SECRET, SECRET),
                          'OTEL_RESOURCE_ATTRIBUTES': 'db.password=%s,a=%s%%zz' % (SECRET, SECRET)})]:
                self.examine(*arguments, **env)
                code, out, errors = run('doctor', *arguments, env=env)
                self.assertEqual(code, 1)
                self.assertNotIn(SECRET, out + errors)
                self.assertIn('[hidden]', out)
        self.examine('--output', '-', code=0, OTEL_RESOURCE_ATTRIBUTES='db.password=' + SECRET)
        self.assertEqual(self.settings['resource db.password'],
                         ('[hidden]', 'environment', 'OTEL_RESOURCE_ATTRIBUTES'))

    def test_settings_that_cannot_be(self):
        self.expect_failure('settings', r'^endpoint "nonsense" must begin with http', '--endpoint', 'nonsense')
        self.expect_failure('settings', r'^headers\[0\]: write it as', '--header', 'nonsense')

    def test_nothing_to_test(self):  # (D20, D34)
        for name, value in [('OTEL_SDK_DISABLED', 'true'), ('OTEL_TRACES_EXPORTER', 'none')]:
            tests = self.examine(code=0, **{name: value})
            self.assertEqual([test[:2] for test in tests], [('export', 'note')])
            self.assertIn('nothing is recorded', tests[0][2])

    # ---- endpoints that work ----

    def test_a_collector(self):
        with Collector() as collector:
            tests = self.examine('--endpoint', collector.url, code=0)
            self.assertEqual([test[:2] for test in tests],
                             [('resolve', 'ok'), ('connect', 'ok'), ('export', 'ok')])
            code, out, errors = run('doctor', '--endpoint', collector.url)
            self.assertEqual((code, errors), (0, ''))
            self.assertRegex(out, r'^Settings\n  \w')
            self.assertRegex(out, r'\nTests\n  resolve +ok +127.0.0.1 is 127.0.0.1 \(')

    def test_headers_and_path_are_those_of_the_exporter(self):
        seen = []

        def serve(connection):
            seen.append(read_request(connection))
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        with Peer(serve) as peer:
            self.examine('--endpoint', peer.url() + '/base', '--header', 'X-A: 1', '--header', 'X-B: 2', code=0)
        head = seen[-1].decode().lower()
        self.assertIn('post /base/v1/traces http/1.1\r\n', head)
        self.assertIn('\r\nx-a: 1\r\n', head)
        self.assertIn('\r\nx-b: 2\r\n', head)

    def test_what_a_server_says_of_success(self):  # (B22)
        text = b'please upgrade\n\x1b[31m'
        partial = weir_program.field(1, weir_program.field(2, text))
        with Peer(answer(200, partial)) as peer:
            tests = self.examine('--endpoint', peer.url(), code=0)
        self.assertIn('it says: please upgrade', tests[-1][2])
        self.assertNotIn('\x1b', tests[-1][2])

    # ---- endpoints that do not ----

    def test_a_name_that_is_not_known(self):
        self.expect_failure('resolve', r'^no\.such\.invalid cannot be resolved: .*spelt right',
                            '--endpoint', 'http://no.such.invalid:4318')

    def test_nobody_listens(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            port = taken.getsockname()[1]
            self.expect_failure('connect', r'^127\.0\.0\.1:%d cannot be reached \(Connection refused\): .*collector' % port,
                                '--endpoint', 'http://127.0.0.1:%d' % port)

    def test_a_peer_that_accepts_nothing(self):  # the queue of connections is full: SYNs are dropped
        with socket.socket() as full:
            full.bind(('127.0.0.1', 0))
            full.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            self.expect_failure('connect', r'does not answer: .*firewall',
                                '--endpoint', 'http://127.0.0.1:%d' % full.getsockname()[1], '--timeout', '400')
            for one in waiting:
                one.close()

    def test_a_silent_peer_costs_no_more_than_the_timeout(self):
        with Peer(silent) as peer:
            for scheme, step in [('http', 'export'), ('https', 'tls')]:
                begin = time.monotonic()
                self.expect_failure(step, 'gave no answer in time|says nothing', '--endpoint', peer.url(scheme),
                                    '--timeout', '800')
                self.assertLess(time.monotonic() - begin, 30)  # and not for ever; the machine may be slow

    def test_statuses(self):
        for status, pattern in [(400, 'is it an OTLP/HTTP endpoint'), (401, 'credentials'), (403, 'credentials'),
                                (404, 'path'), (405, 'path'), (413, 'smaller'), (415, 'protocol'), (429, 'more than'),
                                (500, '500'), (502, 'proxy'), (503, 'overloaded'), (302, 'moved to|answered 302')]:
            with self.subTest(status=status), Peer(answer(status)) as peer:
                self.expect_failure('export', r'answered %d.*%s|%s' % (status, pattern, pattern),
                                    '--endpoint', peer.url())

    def test_a_peer_that_hangs_up(self):
        with Peer(lambda connection: connection.recv(10)) as peer:
            self.expect_failure('export', 'closed the connection', '--endpoint', peer.url())

    def test_a_grpc_port(self):
        with Peer(http2_only) as peer:
            self.expect_failure('export', r'speaks HTTP/2 alone, as OTLP/gRPC does: .*grpc', '--endpoint', peer.url())

    # ---- TLS ----

    def test_a_certificate_that_nobody_knows(self):
        certificate, key = Certificates(self.directory).make('self')
        with Peer(over_tls(certificate, key, answer(200))) as peer:
            self.expect_failure('tls', r'^the certificate of CN = self is self-signed: .*--ca-file',
                                '--endpoint', peer.url('https'))

    def test_http_where_https_is_spoken(self):
        certificate, key = Certificates(self.directory).make('self')
        with Peer(over_tls(certificate, key, answer(200))) as peer:
            self.expect_failure('export', 'speaks TLS: write https://', '--endpoint', peer.url('http'))

    def test_https_where_http_is_spoken(self):
        def serve(connection):
            if connection.recv(1, socket.MSG_PEEK) == b'\x16':
                connection.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
                return
            answer(200)(connection)
        with Peer(serve) as peer:
            self.expect_failure('tls', 'speaks HTTP without TLS: write http://', '--endpoint', peer.url('https'))

    def test_certificates(self):
        made = Certificates(self.directory)
        rows = [('good', {}, None),
                ('old', {'begin': '20200101000000Z', 'end': '20200201000000Z'}, r'CN = old expired on .*2020'),
                ('early', {'begin': '20980101000000Z'}, r'CN = early is not valid before .*2098'),
                ('elsewhere', {'host': 'DNS:other.example'}, r'is for DNS:other\.example, not for 127\.0\.0\.1')]
        for name, options, pattern in rows:
            certificate, key = made.make(name, **options)
            with self.subTest(name), Peer(over_tls(certificate, key, answer(200))) as peer:
                arguments = ['--endpoint', peer.url('https'), '--ca-file', certificate]
                if pattern:
                    self.expect_failure('tls', pattern, *arguments)
                    continue
                tests = self.examine(*arguments, code=0)
                self.assertEqual([test[:2] for test in tests], [(step, 'ok') for step in
                                                                ('resolve', 'connect', 'tls', 'export')])
                self.assertRegex(tests[2][2], r'^TLSv1\.\d / \w+, trusted: CN = good, issued by CN = good, valid until .*2099')
                self.examine('--endpoint', peer.url('https'), code=0, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate))
                self.assertEqual(self.settings['ca_file'],
                                 (str(certificate), 'environment', 'OTEL_EXPORTER_OTLP_CERTIFICATE'))

    def test_a_server_that_wants_a_certificate(self):
        made = Certificates(self.directory)
        certificate, key = made.make('server')
        own, own_key = made.make('client')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(own)
        context.verify_mode = ssl.CERT_REQUIRED

        def serve(connection):
            with context.wrap_socket(connection, server_side=True) as secure:
                answer(200)(secure)
        with Peer(serve) as peer:
            arguments = ['--endpoint', peer.url('https'), '--ca-file', certificate]
            self.expect_failure('export', 'wants a client certificate: .*--client-key', *arguments)
            self.expect_failure('export', 'client certificate is refused', *arguments,
                                '--client-certificate', certificate, '--client-key', key)
            self.examine(*arguments, '--client-certificate', own, '--client-key', own_key, code=0)
            self.expect_failure('settings', 'client_certificate_file needs client_key_file', *arguments,
                                '--client-certificate', own)

    def test_a_file_of_certificates_that_is_none(self):
        with Peer(silent) as peer:
            tests = self.examine('--endpoint', peer.url('https'), '--ca-file', self.directory / 'none.pem')
        self.assertEqual(tests[-1][:2], ('files', 'failed'))
        self.assertIn('ca_file', tests[-1][2])

    def test_files_are_looked_at_before_anybody_is_connected_to(self):  # (D13, D14)
        other = self.directory / 'other'
        other.write_text('no PEM')
        unreachable = ['--endpoint', 'https://nobody.invalid']
        self.assertEqual([test[0] for test in self.examine(*unreachable, '--ca-file', other)], ['files'])
        self.expect_failure('files', 'ca_file: .*other is no PEM file', *unreachable, '--ca-file', other)
        self.expect_failure('files', 'cannot be read: give a PEM file .*: No such file', *unreachable, '--ca-file', '/none')
        self.expect_failure('files', '^OTEL_EXPORTER_OTLP_CERTIFICATE: .*other is no PEM', *unreachable,
                            OTEL_EXPORTER_OTLP_CERTIFICATE=str(other))
        self.expect_failure('files', '^client_key_file: .*other is no PEM', *unreachable, '--client-key', other,
                            '--client-certificate', self.certificate_like())

    def certificate_like(self):
        path = self.directory / 'like.pem'
        path.write_text('-----BEGIN CERTIFICATE-----\n')
        return path

    # ---- names of variables ----

    def notes(self, **env):
        _, out, _ = run('doctor', '--json', '--output', self.directory / 'x', env=env)
        return [test['text'] for test in json.loads(out)['tests'] if test['outcome'] == 'note']

    def test_a_sampler_that_leaves_all_out_is_told(self):
        nothing = ['nothing is sent: OTEL_TRACES_SAMPLER leaves out every span; unset it']
        self.assertEqual(self.notes(OTEL_TRACES_SAMPLER='always_off'), nothing)
        self.assertEqual(self.notes(OTEL_TRACES_SAMPLER='traceidratio', OTEL_TRACES_SAMPLER_ARG='0'), nothing)
        self.assertEqual(self.notes(OTEL_TRACES_SAMPLER='traceidratio', OTEL_TRACES_SAMPLER_ARG='0.5'), [])
        for more in ({'OTEL_TRACES_SAMPLER': 'parentbased_always_off'},
                     {'OTEL_TRACES_SAMPLER': 'parentbased_traceidratio', 'OTEL_TRACES_SAMPLER_ARG': '0.0'}):
            note, = self.notes(**more)
            self.assertRegex(note, '^roots are not sampled: ')

    def test_a_note_is_made_once(self):
        self.assertEqual(self.notes(OTEL_LOG_LEVEL='verbose'),
                         ['OTEL_LOG_LEVEL=verbose is none of none, error, warn, info, debug: using info'])

    def test_a_tilde_is_no_home_of_a_spool(self):
        self.assertIn('the ~ in ~/spool is no home directory here: write the whole path', self.notes(WEIR_SPOOL_DIR='~/spool'))

    def test_an_exporter_that_is_not_known_is_replaced(self):
        _, out, _ = run('doctor', '--endpoint', 'http://127.0.0.1:9', env={'OTEL_TRACES_EXPORTER': 'jaeger'})
        self.assertIn('OTEL_TRACES_EXPORTER=jaeger is none of otlp, otlp/stdout, console, none: using otlp', out)
        self.assertIn('resolve   ok ', out)

    def test_misspelt_variables_are_named(self):
        for name, meant in [('OTEL_EXPORTER_OTLP_ENDPIONT', 'OTEL_EXPORTER_OTLP_ENDPOINT'),
                            ('OTEL_EXPORTER_OTLP_TRACE_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
                            ('WEIR_SPOOLDIR', 'WEIR_SPOOL_DIR'), ('OTEL_TRACE_SAMPLER', 'OTEL_TRACES_SAMPLER'),
                            ('WEIR_STREAM_MODE', 'WEIR_STREAMING_MODE'), ('OTEL_EXPORTER_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'),
                            ('otel_service_name', 'OTEL_SERVICE_NAME')]:
            self.assertEqual(self.notes(**{name: 'x'}),
                             ['%s is set, but weir reads no such variable; did you mean %s?' % (name, meant)])
        self.assertEqual(self.notes(OTEL_FROBNICATE='1'), ['OTEL_FROBNICATE is set, but weir reads no such variable'])
        self.assertEqual(self.notes(**{'OTEL_%s' % ('X' * 500): '1'}), [])  # too long to be meant
        self.assertEqual(len(self.notes(**{'WEIR_NONE_%d' % n: '1' for n in range(40)})), 16)

    def test_variables_for_others_are_no_news(self):
        self.assertEqual(self.notes(OTEL_METRICS_EXPORTER='none', OTEL_LOGS_EXPORTER='none', OTEL_BLRP_SCHEDULE_DELAY='1',
                                    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT='http://x', OTEL_PYTHON_LOG_LEVEL='x',
                                    OTEL_JAVAAGENT_DEBUG='1', OTEL_SEMCONV_STABILITY_OPT_IN='http'), [])

    # ---- protocols ----

    def test_each_protocol_and_compression(self):
        with Collector('--listen-grpc', '127.0.0.1:0') as collector:
            grpc_url = collector.process.stdout.readline().decode().split()[2]
            for protocol, url in [('http/protobuf', collector.url), ('http/json', collector.url),
                                  ('grpc', grpc_url)]:
                for compression in ['none', 'gzip', 'zstd']:
                    with self.subTest(protocol=protocol, compression=compression):
                        tests = self.examine('--endpoint', url, '--protocol', protocol, '--compression', compression,
                                             code=0)
                        self.assertEqual(tests[-1][:2], ('export', 'ok'))

    def test_grpc_where_http_1_is_spoken(self):
        with Collector() as collector:
            self.expect_failure('export', r'speaks HTTP/1\.1, so no gRPC: .*http/protobuf', '--endpoint', collector.url,
                                '--protocol', 'grpc')

    def test_a_proxy(self):
        seen = []

        def proxy(connection):
            seen.append(read_request(connection))
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        with Peer(proxy) as peer:
            url = 'http://u:%s@127.0.0.1:%d' % (SECRET, peer.port)
            tests = self.examine('--endpoint', 'http://collector.invalid:4318', code=0, http_proxy=url)
            self.assertRegex(tests[0][2], '^by a proxy, which is 127.0.0.1')
            self.assertEqual(self.settings['proxy'],
                             ('http://[hidden]@127.0.0.1:%d' % peer.port, 'environment', 'http_proxy'))
        self.assertIn(b'POST http://collector.invalid:4318/v1/traces HTTP/1.1', seen[-1])
        self.expect_failure('connect', '^the proxy cannot be reached', '--endpoint', 'http://collector.invalid:4318',
                            '--proxy', 'http://127.0.0.1:%d' % peer.port)

    # ---- files ----

    def test_files_and_directories(self):
        path = self.directory / 'spans.jsonl'
        self.assertEqual(self.examine('--output', path, code=0), [('output', 'ok', '%s can be made' % path)])
        self.assertFalse(path.exists())
        path.write_text('')
        self.assertEqual(self.examine('--output', path, code=0), [('output', 'ok', '%s can be appended to' % path)])
        new = self.directory / 'a' / 'b'
        self.assertEqual(self.examine('--output', '-', '--tracker-dir', new, code=0)[0],
                         ('tracker', 'ok', '%s will be made in %s' % (new, self.directory)))
        self.assertFalse(new.exists())
        self.assertEqual(os.listdir(self.directory), ['spans.jsonl'])
        self.expect_failure('output', 'cannot be written .*name another file', '--output', self.directory / 'no' / 'x')
        tests = self.examine('--output', '-', '--tracker-dir', path)
        self.assertEqual(tests[0][:2], ('tracker', 'failed'))
        self.assertRegex(tests[0][2], 'no file can be written in .*another directory')
        tests = self.examine('--output', '-', '--tracker-dir', '/proc/nowhere')
        self.assertEqual(tests[0][:2], ('tracker', 'failed'))

    def test_every_pipeline_is_tested(self):  # (D34, B32)
        with Collector() as collector:
            code, out, _ = run('doctor', '--json', '--endpoint', collector.url, env={'OTEL_TRACES_EXPORTER': 'otlp,otlp/stdout'})
        self.assertEqual(code, 0)
        self.assertEqual([(test['pipeline'], test['step']) for test in json.loads(out)['tests']],
                         [(1, 'resolve'), (1, 'connect'), (1, 'export'), (2, 'output')])

    def test_a_spool(self):
        spool = self.directory / 'spool'
        tests = self.examine('--output', '-', '--spool-dir', spool, code=0)
        self.assertEqual(tests[0], ('spool', 'ok', '%s will be made in %s' % (spool, self.directory)))
        tests = self.examine('--output', '-', code=0, WEIR_SPOOL_DIR=str(self.directory))
        self.assertEqual(tests[0], ('spool', 'ok', '%s can be written' % self.directory))
        self.assertEqual(self.settings['spool_dir'], (str(self.directory), 'environment', 'WEIR_SPOOL_DIR'))
        tests = self.examine('--output', '-', '--spool-dir', spool / 'below')
        self.assertEqual(tests[0][:2], ('spool', 'failed'))
        self.assertRegex(tests[0][2], '^the directory above .*below does not exist: make it')
        self.assertFalse(spool.exists())
        self.directory.chmod(0o777)  # as weir_otlp_open would say
        tests = self.examine('--output', '-', '--spool-dir', self.directory)
        self.assertEqual(tests[0], ('spool', 'failed',
                                    'others may write to the spool directory %s: chmod go-w it' % self.directory))
        self.directory.chmod(0o700)

    def test_the_tracker_directory_of_the_environment(self):
        tests = self.examine('--output', '-', code=0, WEIR_TRACKER_DIR='~/x', HOME=str(self.directory))
        self.assertEqual(tests[0], ('tracker', 'ok', '%s/x will be made in %s' % (self.directory, self.directory)))

    # ---- the command line ----

    def test_a_command_line_that_makes_no_sense(self):
        code, out, errors = run('doctor', '--timeout', '0')
        self.assertEqual((code, out), (2, ''))
        self.assertIn('--timeout takes a number from 1', errors)
        code, _, errors = run('doctor', *['--header', 'a: b'] * 65)
        self.assertEqual(code, 2)
        self.assertIn('--header may be given 64 times', errors)


if __name__ == '__main__':
    weir_program.main()
