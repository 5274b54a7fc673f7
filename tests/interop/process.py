"""Programs started for a test: their output is kept, and they end with it whatever happens."""

import ctypes
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

DEADLINE_S = 30


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition, what, deadline_s=DEADLINE_S):
    """Returns the first true result of condition(); fails when the deadline passes first."""
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_s} s for {what}")
        time.sleep(0.02)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A program in the background; use as a context manager."""

    def __init__(self, command, env=None, cwd=None):
        self.command = [str(word) for word in command]
        self.log = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(self.command, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                      env=env, cwd=cwd, preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def output(self):
        return self.log_bytes().decode(errors="replace")

    def log_bytes(self):
        end = self.log.seek(0, 2)
        self.log.seek(0)
        data = self.log.read(end)
        self.log.seek(0, 2)
        return data

    def wait_until(self, condition, what):
        """Like wait_for; fails at once, with the output, when the program has ended."""

        def check():
            if self.popen.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended with {self.popen.returncode}:\n{self.output()}")
            return condition()

        return wait_for(check, f"{what} of {self.command[0]}")

    def stop(self, sig=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(sig)
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode


def get(url, timeout=10):
    """(status, body) of a GET, of error answers too; (0, b"") while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, ConnectionError):
        return 0, b""
