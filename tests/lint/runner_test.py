# SPDX-License-Identifier: Apache-2.0
#
# The test runner counts honestly: a test of what the machine lacks is named as skipped and never counts as passed, and no other way
# of not running a test is anything but a failure.

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

import run_all  # noqa: E402

TESTS = """
import unittest

class Here(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.fail()
    def test_gives_up(self): raise unittest.SkipTest("for no good reason")

class Elsewhere(unittest.TestCase):
    @classmethod
    def missing(cls): return "the thing is not here"
    @classmethod
    def setUpClass(cls): raise RuntimeError("it must not be started")
    def test_one(self): pass
    def test_two(self): pass

class Present(Elsewhere):
    @classmethod
    def missing(cls): return None
    @classmethod
    def setUpClass(cls): pass
"""


class Runner(unittest.TestCase):
    def run_file(self, wanted=""):
        with tempfile.TemporaryDirectory() as folder:
            path, result = pathlib.Path(folder) / "example.py", pathlib.Path(folder) / "result.json"
            path.write_text(TESTS)
            done = subprocess.run([sys.executable, SUPPORT / "run_file.py", path, result, wanted], capture_output=True, text=True)
            found = {test["name"].removeprefix("example."): test for test in json.loads(result.read_text())}
        return done, found

    def test_outcomes(self):
        done, found = self.run_file()
        self.assertEqual({name: test["outcome"] for name, test in found.items()},
                         {"Here.test_passes": "passed", "Here.test_fails": "failed", "Here.test_gives_up": "failed",
                          "Elsewhere.test_one": "skipped", "Elsewhere.test_two": "skipped",
                          "Present.test_one": "passed", "Present.test_two": "passed"})
        self.assertEqual(found["Elsewhere.test_one"]["reason"], "the thing is not here")
        self.assertEqual(done.returncode, 1)

    def test_a_file_of_skipped_tests_does_not_fail(self):
        done, found = self.run_file("Elsewhere")
        self.assertEqual((done.returncode, len(found)), (0, 2))

    def test_the_sum_names_what_was_skipped(self):
        outcome = run_all.Outcome("integration", "example", 3, 0, 0.1, [], "", (("example.Elsewhere.test_one", "it is not here"),))
        out, status = self.report([outcome])
        self.assertEqual(out, ["skipped: integration/example: example.Elsewhere.test_one: it is not here",
                               "1 skipped: the lines that begin so name them", "3 passed, 0 failed"])
        self.assertEqual(status, 0)

    def test_skipping_all_is_no_success(self):
        out, status = self.report([run_all.Outcome("integration", "example", 0, 0, 0.1, [], "", (("a", "b"),))])
        self.assertIn("no test ran", out)
        self.assertEqual(status, 1)

    def report(self, outcomes):
        program = ("import sys; sys.path.insert(0, sys.argv[1]); import run_all, json; "
                   "sys.exit(run_all.report([run_all.Outcome(*row) for row in json.loads(sys.argv[2])]))")
        done = subprocess.run([sys.executable, "-c", program, SUPPORT, json.dumps(outcomes)], capture_output=True, text=True)
        return done.stdout.splitlines(), done.returncode


if __name__ == "__main__":
    unittest.main()
