# SPDX-License-Identifier: Apache-2.0
#
# Runs all tests: the GoogleTest programs of a build, the Python files of tests/integration and tests/drivers, and the lint. One line
# for each program, the output of those that failed (without what passed), the name of each test that was skipped because the machine
# lacks what it is about (their number before the sum), and at the very end "N passed, N failed". The same as JSON in
# <build>/test-summary.json. A sanitizer's report from any process fails the program that started it. ./dev test calls it.

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import sanitizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPORT = pathlib.Path(__file__).resolve().parent
PARTS = ("lint", "unit", "integration", "drivers")
FIGURES = "pinned by "  # what lines of a test's output begin with that are shown although it passed
LONGEST = {"lint": 120, "unit": 600, "integration": 900, "drivers": 600}  # seconds for one program


class Outcome(NamedTuple):
    part: str
    name: str
    passed: int
    failed: int
    seconds: float
    failures: list   # names
    output: str
    skipped: tuple = ()  # (name, reason): counted as neither


def main():
    options = read_arguments()
    build = (ROOT / options.build).resolve()
    parts = options.part or PARTS
    outcomes = []
    for part in PARTS:
        if part in parts:
            outcomes += run_part(part, build, options.filter)
    write_summary(build, outcomes)
    return report(outcomes)


def read_arguments():
    parser = argparse.ArgumentParser(description="Runs all tests of a build.")
    parser.add_argument("--build", default="build/dev", help="folder of the build")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--filter", default="", help="only tests whose name holds this")
    return parser.parse_args()


def run_part(part, build, wanted):
    jobs = {"lint": lint_jobs, "unit": unit_jobs, "integration": python_jobs, "drivers": python_jobs}[part](part, build, wanted)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(job) for job in jobs]):
            outcome = done.result()
            if outcome.passed or outcome.failed or outcome.skipped:
                show(outcome)
                outcomes.append(outcome)
    return outcomes


# ---- the three kinds of programs ----

def lint_jobs(part, build, wanted):
    if wanted and wanted not in "lint":
        return []
    tests = sorted((ROOT / "tests/lint").glob("*_test.py"))
    return [lambda: run_lint(part)] + [lambda path=path: run_python(part, path, build, "") for path in tests]


def run_lint(part):
    began = time.monotonic()
    done = execute([sys.executable, str(ROOT / "tests/lint/lint.py"), "--json"], LONGEST[part], {})
    try:
        rules = json.loads(done.stdout)
    except json.JSONDecodeError:
        return Outcome(part, "lint", 0, 1, time.monotonic() - began, ["lint"], done.stdout)
    broken = {name: faults for name, faults in rules.items() if faults}
    text = "".join(fault + "\n" for faults in broken.values() for fault in faults)
    return Outcome(part, "lint", len(rules) - len(broken), len(broken), time.monotonic() - began, list(broken), text)


def unit_jobs(part, build, wanted):
    kind = sanitizers.of_build(build)
    programs = sorted(path for path in (build / "tests").rglob("*_test") if path.is_file() and os.access(path, os.X_OK))
    return [lambda path=path: run_googletest(part, path, wanted, kind) for path in programs]


def run_googletest(part, path, wanted, kind):
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        arguments = [str(path), f"--gtest_output=json:{result.name}", "--gtest_brief=1"]
        if wanted and wanted.lower() not in path.name.lower():
            arguments.append(f"--gtest_filter=*{wanted}*")
        done = execute(arguments, LONGEST[part], {}, kind)
        tests = googletest_outcomes(result.name)
    failures = [name for name, failed in tests if failed]
    if done.returncode and not failures:
        failures = [f"{path.name} ended with status {done.returncode}"]
    passed = sum(1 for _, failed in tests if not failed)
    return Outcome(part, path.name, passed, len(failures), time.monotonic() - began, failures, done.stdout)


def googletest_outcomes(path):
    """(name, failed) of every test that ran."""
    try:
        suites = json.loads(pathlib.Path(path).read_text()).get("testsuites", [])
    except json.JSONDecodeError:
        return []
    return [(f"{suite['name']}.{test['name']}", bool(test.get("failures")) or test.get("result") == "SKIPPED")
            for suite in suites for test in suite["testsuite"] if test.get("status") == "RUN"]


def python_jobs(part, build, wanted):
    files = sorted(path for path in (ROOT / "tests" / part).glob("*.py") if "unittest" in path.read_text())
    return [lambda path=path: run_python(part, path, build, wanted) for path in files]


def run_python(part, path, build, wanted):
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        done = execute([sys.executable, str(SUPPORT / "run_file.py"), str(path), result.name, wanted], LONGEST[part],
                       {"PENSTOCK_PROGRAM": str(build / "penstock")}, sanitizers.of_build(build))
        text = pathlib.Path(result.name).read_text()
    tests = json.loads(text) if text else []
    failures = [test["name"] for test in tests if test["outcome"] == "failed"]
    if done.returncode and not failures:
        failures = [f"{path.name} ended with status {done.returncode}"]
    passed = sum(1 for test in tests if test["outcome"] == "passed")
    skipped = tuple((test["name"], test["reason"]) for test in tests if test["outcome"] == "skipped")
    return Outcome(part, path.stem, passed, len(failures), time.monotonic() - began, failures, done.stdout, skipped)


def execute(arguments, seconds, environment, kind=""):
    """Runs a program to its end, or kills it; all it wrote is in .stdout. `kind` is what the build's sanitizers are."""
    with tempfile.TemporaryFile("w+", errors="replace") as output, tempfile.TemporaryDirectory() as folder:
        seconds *= sanitizers.slowness(kind)
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
                                   env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment,
                                        **sanitizers.environment(kind, folder)})
        note = ""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            note = f"\nstopped: it took longer than {seconds} s\n"
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        output.seek(0)
        found = sanitizers.reports(folder)
        if found:
            note += f"\na sanitizer reports:\n{found}"
        return subprocess.CompletedProcess(arguments, process.returncode or (1 if note else 0), output.read() + note)


# ---- telling ----

def show(outcome):
    mark = "ok    " if not outcome.failed else "FAILED"
    print(f"{mark} {outcome.part + '/' + outcome.name:<42} {outcome.passed:>5} passed {outcome.failed:>3} failed "
          f"{outcome.seconds:>7.1f} s{f' {len(outcome.skipped)} skipped' if outcome.skipped else ''}", flush=True)
    if not outcome.failed:
        for line in outcome.output.splitlines():
            if line.startswith(FIGURES):
                print("    " + line, flush=True)
    if outcome.failed:
        told = [line for line in outcome.output.splitlines() if not line.endswith(" ... ok")]
        print("".join("    | " + line + "\n" for line in told[-200:]), end="", flush=True)


def write_summary(build, outcomes):
    build.mkdir(parents=True, exist_ok=True)
    rows = [outcome._asdict() for outcome in outcomes]
    for row in rows:
        del row["output"]
    (build / "test-summary.json").write_text(json.dumps(rows, indent=1) + "\n")


def report(outcomes):
    passed, failed = sum(o.passed for o in outcomes), sum(o.failed for o in outcomes)
    skipped = sum(len(o.skipped) for o in outcomes)
    for outcome in outcomes:
        for name, reason in outcome.skipped:
            print(f"skipped: {outcome.part}/{outcome.name}: {name}: {reason}")
    for outcome in outcomes:
        for name in outcome.failures:
            print(f"failed: {outcome.part}/{outcome.name}: {name}")
    if not passed and not failed:
        print("no test ran")
        failed = 1
    if skipped:
        print(f"{skipped} skipped: the lines that begin so name them")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
