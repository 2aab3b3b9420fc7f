# SPDX-License-Identifier: Apache-2.0
#
# What a build with sanitizers (presets asan and tsan) asks of the tests: settings for the sanitizers, more time, and that no report
# is lost. Reports go to files rather than to standard error, so that they count whichever process wrote them and however it ended.

import os
import pathlib
import re

SUPPORT = pathlib.Path(__file__).resolve().parent

# PENSTOCK_SANITIZE of the build -> by how much every time limit of the tests grows (wait.SLOWNESS).
SLOWNESS = {"": 1, "address,undefined": 4, "thread": 10}
# And by how much the bounds of Penstock's memory grow (processes.memory_bound): a sanitizer keeps a shadow of what is touched, and the
# address sanitizer keeps what was freed for a while. A plain build's bounds are as they stand.
HEAVINESS = {"address,undefined": 2, "thread": 2}


def of_build(build):
    """What the programs in that folder were built with, as -fsanitize= takes it; empty for none."""
    cache = pathlib.Path(build) / "CMakeCache.txt"
    found = re.search(r"^PENSTOCK_SANITIZE:\w+=(.*)$", cache.read_text(), re.MULTILINE) if cache.exists() else None
    return found.group(1) if found else ""


def slowness(kind):
    return SLOWNESS.get(kind, max(SLOWNESS.values()))


def environment(kind, folder):
    """What the tests and whatever they start get to see; reports go to that folder."""
    if not kind:
        return {}
    # The quarantine of freed memory is kept small enough for the tests that bound what Penstock may hold.
    every = f"log_path={folder}/report:strip_path_prefix={SUPPORT.parents[1]}/"
    return {
        "ASAN_OPTIONS": f"{every}:quarantine_size_mb=8:detect_stack_use_after_return=1:check_initialization_order=1:strict_init_order=1",
        "UBSAN_OPTIONS": f"{every}:print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={SUPPORT}/leaks.supp:print_suppressions=0",
        "TSAN_OPTIONS": f"{every}:suppressions={SUPPORT}/races.supp:second_deadlock_stack=1:history_size=4",
        "PENSTOCK_SLOWNESS": str(slowness(kind)), "PENSTOCK_HEAVINESS": str(HEAVINESS.get(kind, 1)), "PENSTOCK_REPORTS": str(folder),
    }


def complaint(log):
    """GCC's undefined behaviour sanitizer knows no files beside the address sanitizer: what a log holds of a report, or nothing."""
    begin = re.search(r"^.*(runtime error: |Sanitizer)", log, re.MULTILINE)
    return log[begin.start():][:8000] if begin else ""


def keep(text):
    """Leaves a report with the others, so that it counts even if the test that saw it does not tell."""
    if text and "PENSTOCK_REPORTS" in os.environ:
        with open(pathlib.Path(os.environ["PENSTOCK_REPORTS"], "report.log"), "a") as out:
            out.write(text)


def reports(folder):
    """The text of all reports in the folder, or nothing."""
    return "".join(f"---- {path.name}\n{path.read_text(errors='replace')}\n" for path in sorted(pathlib.Path(folder).iterdir()))
