#!/usr/bin/env python3
"""That the gate on the library's size can fail, and the rows are what the table takes.

usage: WEIR_TEST_BUILD=BUILD test_sizes.py
"""

import contextlib
import io
import json
import os
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
import sizes  # noqa: E402

BUILD = Path(os.environ["WEIR_TEST_BUILD"])
LIBRARY = sizes.library_of(BUILD)


def said(function, *arguments):
    """What it returns, and what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = function(*arguments)
    return result, out.getvalue()


class Gate(unittest.TestCase):
    def check(self, limit, is_known=True):
        with mock.patch.object(sizes, "is_known_compiler", return_value=is_known):
            return said(sizes.check, BUILD, limit)

    def test_fails_a_byte_above(self):
        size = sizes.stripped_bytes(LIBRARY)
        self.assertEqual(self.check(size)[0], 0)
        result, text = self.check(size - 1)
        self.assertEqual(result, 1)
        self.assertIn(f"{size} bytes, held to {size - 1}", text)

    def test_holds_one_compiler_to_it(self):
        result, text = self.check(1, is_known=False)
        self.assertEqual(result, 0)
        self.assertIn("not compared", text)

    def test_names_wrong_arguments(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual([sizes.main(list(a)) for a in ([], ["check"], ["rows", "x"], ["weigh", "x"])], [2, 2, 2, 2])


class Rows(unittest.TestCase):
    def test_add_up(self):
        _, text = said(sizes.print_sizes, LIBRARY, LIBRARY)
        rows = {row["name"].strip(): row for row in map(json.loads, text.splitlines())}
        whole = rows["stripped libweir.so"]["median"]
        in_file = sum(rows[part]["median"] for part in sizes.PARTS if part != "variables that begin as 0")
        self.assertTrue(0.5 * whole < in_file <= whole, f"{in_file} of {whole} kB")
        self.assertGreater(rows["exported functions"]["median"], 100)
        self.assertGreater(rows["number of relocations"]["median"], 100)


if __name__ == "__main__":
    unittest.main()
