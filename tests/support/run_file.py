# SPDX-License-Identifier: Apache-2.0
#
# Runs the unittest cases of one file and writes what came of them as JSON: run_file.py <file> <result.json> [filter]. A process of its
# own per file, so that a file that crashes or hangs takes only itself.

import faulthandler
import importlib.util
import json
import pathlib
import sys
import time
import unittest

import processes


class Result(unittest.TextTestResult):
    """Notes every test's name, outcome and time."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.outcomes = []

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def note(self, test, outcome):
        self.outcomes.append({"name": test.id(), "outcome": outcome, "seconds": round(time.monotonic() - self.began, 3)})

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "passed")

    def addError(self, test, err):
        super().addError(test, err)
        self.began = getattr(self, "began", time.monotonic())
        self.note(test, "failed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(subtest, "failed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "failed")  # a test that does not run proves nothing

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failed")


def main():
    path, output = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    faulthandler.enable()
    processes.end_in_order()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    cases = [case for case in flatten(unittest.defaultTestLoader.loadTestsFromModule(module))
             if wanted.lower() in f"{path.stem}.{case.id()}".lower()]
    reasons = {kind: kind.missing() for kind in {type(case) for case in cases} if hasattr(kind, "missing")}
    skipped = [{"name": case.id(), "outcome": "skipped", "seconds": 0, "reason": reasons[type(case)]}
               for case in cases if reasons.get(type(case))]
    suite = unittest.TestSuite(case for case in cases if not reasons.get(type(case)))
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    pathlib.Path(output).write_text(json.dumps(result.outcomes + skipped))
    return 0 if result.wasSuccessful() else 1


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


if __name__ == "__main__":
    sys.exit(main())
