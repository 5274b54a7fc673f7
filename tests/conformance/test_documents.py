#!/usr/bin/env python3
"""What the rules ask of documentation: the public headers say it."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def words(header):
    """The comments of a public header as running text."""
    text = (ROOT / "otlp" / "include" / "weir" / header).read_text()
    comments = re.findall(r"/\*(.*?)\*/", text, re.DOTALL)
    return " ".join(re.sub(r"\n\s*\*", " ", comment) for comment in comments).split()


class Documents(unittest.TestCase):
    def says(self, header, sentence):
        self.assertIn(sentence, " ".join(words(header)))

    def test_samplers_see_what_is_given_at_the_begin(self):  # (E17)
        self.says("sampler.h", "what is set later it cannot see, so attributes that it needs are given at the begin")
        self.says("otlp.h", "seen by samplers, unlike those set later")
        self.says("otlp.h", "likewise: better given here than added later")

    def test_exporters_say_how_they_are_called(self):  # (E63)
        self.says("otlp.h", "All calls but cancel come from one thread at a time")
        self.says("otlp.h", "weir's own transports (HTTP, gRPC, files, the console) need this too, and each pipeline has one of its own")

    def test_functions_say_which_threads_may_call_them(self):  # (E64)
        self.says("otlp.h", "Threads: every function may be called from any thread; one span by one thread at a time.")
        self.says("sampler.h", "should_sample and describe are called from any thread, several at once")
        self.says("processor.h", "from several threads at once")

    def test_the_console_may_change(self):  # (I6)
        self.says("otlp.h", "text for people on standard output, instead of HTTP; its format may change")


if __name__ == "__main__":
    unittest.main()
