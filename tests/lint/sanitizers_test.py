# SPDX-License-Identifier: Apache-2.0
#
# No report of a sanitizer is lost: a program that ends well fails its test all the same if any process wrote one.

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import run_all      # noqa: E402
import sanitizers   # noqa: E402

WRITES_A_REPORT = r'''path=${%s#log_path=}; echo "a leak of 5 octets" >"${path%%%%:*}.4711"'''


class Sanitizers(unittest.TestCase):
    def run_with(self, script, kind):
        return run_all.execute(["sh", "-c", script], 10, {}, kind)

    def test_a_report_fails_a_program_that_ends_well(self):
        for kind, variable in (("address,undefined", "ASAN_OPTIONS"), ("address,undefined", "UBSAN_OPTIONS"), ("thread", "TSAN_OPTIONS")):
            with self.subTest(variable):
                done = self.run_with(WRITES_A_REPORT % variable, kind)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("a leak of 5 octets", done.stdout)

    def test_no_report_no_fault(self):
        for kind in sanitizers.SLOWNESS:
            with self.subTest(kind):
                self.assertEqual(self.run_with("exit 0", kind).returncode, 0)

    def test_a_plain_build_has_the_plain_limits(self):
        self.assertEqual(sanitizers.slowness(""), 1)
        self.assertEqual(sanitizers.environment("", "unused"), {})

    def test_the_build_tells_what_it_was_built_with(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(sanitizers.of_build(folder), "")
            for kind in sanitizers.SLOWNESS:
                pathlib.Path(folder, "CMakeCache.txt").write_text(f"A:STRING=b\nPENSTOCK_SANITIZE:STRING={kind}\nC:BOOL=ON\n")
                self.assertEqual(sanitizers.of_build(folder), kind)


if __name__ == "__main__":
    unittest.main()
