# SPDX-License-Identifier: Apache-2.0
#
# Waiting for something to become true: the only place in the tests that lets time pass, so that no test guesses how long
# a thing takes. A condition that does not come true in time fails the test and says what was being waited for.

import os
import time

# How many times as long as a plain build's everything may take: run_all.py sets it where the build has sanitizers.
SLOWNESS = float(os.environ.get("PENSTOCK_SLOWNESS", "1"))


class Timeout(AssertionError):
    pass


def patience(seconds):
    """A limit that holds for a plain build, as a limit for the program under test."""
    return seconds * SLOWNESS


def wait_until(condition, what, seconds=20.0, every=0.02):
    """Polls condition() until it gives something true, which is returned. Fails after so many seconds, naming `what`."""
    seconds = patience(seconds)
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Timeout(f"after {seconds:g} s still waiting: {what}")
        time.sleep(every)


def stays_true(condition, what, seconds):
    """Fails as soon as condition() is false within so many seconds: for claims that something does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not stay true for {seconds:g} s: {what}")
        time.sleep(0.02)
