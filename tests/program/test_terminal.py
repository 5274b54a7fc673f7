"""What only a terminal sees: colours, cut lines, a progress bar."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import weir_program
from weir_program import TestCase, environment, run, vector

COLUMNS = 60


class Terminal:
    """A program on a terminal of its own, for stdout and stderr."""

    def __init__(self, *arguments, **env):
        self.fd, other_end = pty.openpty()
        fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, COLUMNS, 0, 0))
        self.process = subprocess.Popen([weir_program.WEIR, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=other_end, stderr=other_end,
                                        env=environment(**{'TERM': 'xterm', **env}))
        os.close(other_end)
        self.seen = ''

    def read_until(self, pattern):
        """Reads until the pattern has been seen; None: until the program has ended."""
        deadline = time.monotonic() + weir_program.PATIENCE
        while not (pattern and re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.fd], [], [], deadline - time.monotonic())
            assert ready, 'waited in vain for %r in %r' % (pattern, self.seen)
            try:
                piece = os.read(self.fd, 65536)
            except OSError:  # the terminal's last user has gone
                piece = b''
            if not piece:
                break
            self.seen += piece.decode()
        return self.seen

    def close(self, ends_itself=False):
        if not ends_itself:
            self.process.terminate()
        self.read_until(None)
        os.close(self.fd)
        return self.process.wait(timeout=weir_program.PATIENCE)


class Trees(TestCase):
    def show(self, name, **env):
        terminal = Terminal('collect', '--listen', '127.0.0.1:0', **env)
        port = int(re.search(r':(\d+)\s', terminal.read_until(r'listening on http://.*\n')).group(1))
        collector = weir_program.Collector.__new__(weir_program.Collector)
        collector.port = port
        collector.send(vector(name))
        self.assertEqual(terminal.close(), 0)
        return terminal.seen.replace('\r\n', '\n')

    def test_colours_and_cut_lines(self):
        text = self.show('attribute_long_value')
        self.assertIn('\x1b[1m', text)
        plain = re.sub(r'\x1b\[\d*m', '', text)
        self.assertNotIn('\x1b', plain)
        self.assertIn('…\n', plain)
        for line in plain.splitlines():
            self.assertLessEqual(len(line), COLUMNS, line)

    def test_no_color(self):
        self.assertNotIn('\x1b', self.show('span_status_error', NO_COLOR='1'))

    def test_a_terminal_that_can_nothing(self):
        self.assertNotIn('\x1b', self.show('span_status_error', TERM='dumb'))


class Progress(TestCase):
    def setUp(self):
        super().setUp()
        code, _, errors = run('demo', '--output', '/dev/null', '--tracker-dir', self.directory)
        self.assertEqual((code, errors), (0, ''))

    def test_a_bar_that_goes_away(self):
        terminal = Terminal('replay', self.directory, '--dry-run', '--json')
        self.assertEqual(terminal.close(ends_itself=True), 0)
        self.assertIn('\r\x1b[K', terminal.seen)
        self.assertRegex(terminal.seen, r'\[(\x1b\[32m)?[# ]+(\x1b\[0m)?\] +\d+ %')
        last_line = re.split(r'\r\x1b\[K', terminal.seen)[-1]
        self.assertTrue(last_line.startswith('{'), last_line)

    def test_none_without_a_terminal(self):
        code, out, errors = run('replay', self.directory, '--dry-run', '--json')
        self.assertEqual(code, 0)
        self.assertNotIn('\x1b', out + errors)
        self.assertNotIn('%', errors)


if __name__ == '__main__':
    weir_program.main()
