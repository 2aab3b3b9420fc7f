# SPDX-License-Identifier: Apache-2.0
#
# Child processes of the tests: started so that they end with the program that started them, stopped by their process id, and
# looked at through /proc.

import contextlib
import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading
import time

from wait import patience, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def spawn(arguments, log_path, signal_at_death=signal.SIGKILL, user=None, **options):
    """Starts a process writing to log_path. If this program dies, the process gets signal_at_death."""
    def before_exec():
        LIBC.prctl(PR_SET_PDEATHSIG, signal_at_death)

    # The kernel ties that signal to the thread that started the process; only the main thread lives long enough.
    tie = before_exec if threading.current_thread() is threading.main_thread() else None
    if user and os.geteuid() == 0:
        options |= {"user": user, "group": user, "extra_groups": []}
    with open(log_path, "ab") as log:
        return subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                preexec_fn=tie, **options)


def end_in_order():
    """Makes SIGTERM and SIGINT end this program as an exception does, so that whatever it started is stopped and cleaned up."""
    def leave(number, _):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def stop(process, with_signal=signal.SIGTERM, seconds=30):
    """Stops a process that spawn() gave and returns its exit status; one that does not listen is killed and that is a fault."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(patience(seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"process {process.pid} did not end {seconds} s after {with_signal.name}") from None
    return process.returncode


def free_port():
    """A port on which nobody listens, that no outgoing connection is given, and that no other program of the tests is given before this one ends.

    Between here and the server that will listen there lie seconds, and programs of tests run side by side: so each port is claimed by a
    socket of its name (unix(7), "abstract"), which one program can have at a time and which ends with it.
    """
    while True:
        port = _dice.randrange(*_range())
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0penstock-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claim.detach()  # it stays open
        return port


def _range():
    """Ports below those of outgoing connections (ip(7), ip_local_port_range), or the usual ones where too few are below."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 10000, lowest if lowest >= 15000 else 32768


_dice = random.SystemRandom()


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def memory_kib(pid):
    """What the process holds, in KiB, by the names of /proc/<pid>/smaps_rollup: Rss, Pss, Anonymous, ..."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}


def memory_bound(kib):
    """A bound that holds for a plain build, as one for the program under test."""
    return kib * int(os.environ.get("PENSTOCK_HEAVINESS", "1"))


def peak_memory_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))


def cpu_seconds(pid):
    """User plus system time the process has used so far, to the nanosecond: its CPU clock, named as clock_getcpuclockid(3) does."""
    return time.clock_gettime(~pid << 3 | 2)


def user_seconds(pid):
    """The part of it that was not the kernel's, as coarsely as the kernel tells."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


def sleeps(pid):
    """How often its threads have gone to sleep by themselves so far."""
    each = pathlib.Path(f"/proc/{pid}/task").glob("*/status")
    lines = [line for status in each for line in status.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))


def family(pid):
    """The process and all its descendants."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it has ended since
        children = []
    return [pid, *(one for child in children for one in family(int(child)))]


@contextlib.contextmanager
def frozen(pid):
    """The process and all its descendants stand still meanwhile, as on a machine that hangs."""
    members = family(pid)
    for each in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGSTOP)
    wait_until(lambda: all(map(stands_still, members)), "every thread has stopped: one that the kernel writes for does so when that is done")
    try:
        yield
    finally:
        for each in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def stands_still(pid):
    """Whether every thread is stopped, or the process has ended."""
    try:
        states = [pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0]
                  for thread in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError):
        return not pathlib.Path(f"/proc/{pid}").exists()
    return all(state in "TtZX" for state in states)


def confine(pids, cores):
    """Lets every thread of these processes run on these cores only; what they start later inherits that."""
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a process that has ended since
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), cores)


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
