"""What the tests of the program share: running it, and talking to `weir collect`.

Each test file is run by meson with the path of the built program as its last argument:
    python3 tests/program/test_collect.py build/bridge/cli/weir
"""
import gzip
import http.client
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

VECTORS = pathlib.Path(__file__).resolve().parent.parent / 'data' / 'otlp-vectors'
WEIR = None
PROTOBUF = {'Content-Type': 'application/x-protobuf'}
# Longer than anything takes on a busy machine; a test that gets there has failed.
PATIENCE = 60


def environment(**more):
    """The caller's environment without settings for applications of their own."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('OTEL_', 'WEIR_', 'burr_path'))}
    kept.update({'no_proxy': '127.0.0.1', 'TERM': 'dumb'}, **more)
    return kept


def run(*arguments, **options):
    """Runs the program to its end; returns (exit code, stdout, stderr) as text."""
    done = subprocess.run([WEIR, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=options.pop('stdout', subprocess.PIPE),
                          stderr=subprocess.PIPE, timeout=PATIENCE, env=environment(**options.pop('env', {})), **options)
    return done.returncode, (done.stdout or b'').decode(), done.stderr.decode()


def wait_for(condition):
    """Waits until it is true."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise AssertionError('it never came true')
        time.sleep(0.01)


def is_waiting_to_write(pid):
    """True when its standard output, a pipe, has no room: a write would wait."""
    fd = os.open('/proc/%d/fd/1' % pid, os.O_WRONLY | os.O_NONBLOCK)
    try:
        return not select.select([], [fd], [], 0)[1]
    finally:
        os.close(fd)


def vector(name):
    return (VECTORS / (name + '.pb')).read_bytes()


def varint(number):
    out = b''
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    """A protobuf field: bytes as a length and themselves, a number as a varint."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    """The fields of a protobuf message as (number, value): enough to read a Status."""
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(message):
        tag = read_varint()
        if tag & 7 == 0:
            yield tag >> 3, read_varint()
        elif tag & 7 == 2:
            length = read_varint()
            yield tag >> 3, message[at:at + length]
            at += length
        else:
            raise ValueError('wire type %d' % (tag & 7))


class Collector:
    """A running `weir collect`, on a free port. As a context manager it is ended at the end."""

    def __init__(self, *arguments, **options):
        self.process = subprocess.Popen(
            [WEIR, 'collect', '--listen', '127.0.0.1:0', *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment(**options.pop('env', {})), **options)
        self.first_line = self.process.stdout.readline().decode()
        self.url = self.first_line.removeprefix('listening on ').strip()
        self.port = int(self.url.rsplit(':', 1)[1]) if ':' in self.url else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def request(self, method='POST', path='/v1/traces', body=b'', headers=PROTOBUF, encode_chunked=False):
        """One request; returns (status, headers, body)."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers), encode_chunked=encode_chunked)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def send(self, body, **headers):
        """Sends spans, which must be taken."""
        status, _, answer = self.request(body=body, headers={**PROTOBUF, **headers})
        if status != 200:
            raise AssertionError('%d %r' % (status, answer))

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), timeout=PATIENCE)

    def end(self, how=signal.SIGTERM):
        """Ends it; returns (exit code, the rest of stdout, stderr)."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self):
        if self.process.stdout.closed:
            return self.process.returncode, '', ''
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()


class TestCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='weir-test-')
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)


def main():
    global WEIR
    WEIR = os.path.abspath(sys.argv.pop())
    unittest.main(module='__main__', verbosity=1)
