# SPDX-License-Identifier: Apache-2.0
#
# How much memory of its own a proxy takes for one idle client: so many clients log in, each asks one question, and all of them stay. What
# counts is anonymous memory (heap and stacks) of the process, after against before; the kernel's buffers are the same for everybody.

import resource
import ssl

import mysql_wire
import processes
from mysql_products import PASSWORD
from pgwire import Wire, query
from wait import wait_until

WARM_UP = 200


def per_idle_client(rival, encrypted, count):
    """KiB of anonymous memory per client."""
    allow_descriptors(count + 500)
    client = mysql_client if rival.engine == "mysql" else postgresql_client
    for wire in [client(rival, encrypted) for _ in range(WARM_UP)]:
        wire.close()
    before = settled(rival)
    clients = [client(rival, encrypted) for _ in range(count)]
    after = settled(rival)
    for wire in clients:
        wire.close()
    return (after - before) / count


def postgresql_client(rival, encrypted):
    wire = Wire(rival.port, timeout=60)
    if encrypted:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        wire.start_tls(context)
    wire.log_in("app", "app")
    wire.send(query("select 1"))
    wire.until_ready()
    return wire


def mysql_client(rival, encrypted):
    wire = mysql_wire.Wire(rival.port, timeout=60).log_in("app", "app", PASSWORD, tls=encrypted)
    assert wire.value("select 1") is not None
    return wire


def settled(rival):
    """Anonymous memory once it has not changed for a while."""
    seen = []

    def is_settled():
        seen.append(processes.memory_kib(rival.pid)["Anonymous"])
        return len(seen) > 10 and len(set(seen[-10:])) == 1
    wait_until(is_settled, "memory settles", 30, every=0.1)
    return seen[-1]


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise RuntimeError(f"this needs {count} open files, and the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
