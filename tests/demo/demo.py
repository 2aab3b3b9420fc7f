# SPDX-License-Identifier: Apache-2.0
#
# What Penstock is for, played before your eyes: a hundred clients against a PostgreSQL that allows twenty connections, first directly,
# then through Penstock. Everything lives in a private temporary folder on free ports. Run it by ./dev demo [--keep].

import argparse
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

CLIENTS, MAX_CONNECTIONS, POOL_SIZE = 100, 20, 10
THINK_SECONDS = 0.04   # between two transactions of a client, as an application has other work too


class Story:
    """A hundred clients that work for a while on connections from `connect`; what they met is counted."""

    def __init__(self, name, connect, server, seconds):
        self.name, self.connect, self.server, self.seconds = name, connect, server, seconds
        self.latencies = [[] for _ in range(CLIENTS)]
        self.served = [False] * CLIENTS
        self.refused = self.failed = self.wrong = self.peak = 0
        self.lock = threading.Lock()
        self.end = threading.Event()

    def play(self, show):
        threads = [threading.Thread(target=self.client, args=(number,), daemon=True) for number in range(CLIENTS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        watcher = self.server.connect(user="postgres")
        while (passed := time.monotonic() - began) < self.seconds:
            self.look(watcher)
            show(self, passed)
            time.sleep(0.1)
        self.end.set()
        for thread in threads:
            thread.join(30)
        watcher.close()
        show(self, self.seconds, last=True)

    def look(self, watcher):
        with watcher.cursor() as cursor:
            cursor.execute("select count(*) from pg_stat_activity where usename = 'app' and backend_type = 'client backend'")
            self.peak = max(self.peak, cursor.fetchone()[0])

    def client(self, number):
        import psycopg2
        connection, expected = None, None
        while not self.end.is_set():
            try:
                if connection is None:
                    connection = self.connect()
                    if self.end.is_set():
                        break  # came in only because the others are leaving
                began = time.perf_counter()
                balance = self.transaction(connection, number)
                self.latencies[number].append(time.perf_counter() - began)
                self.served[number] = True
                if expected is not None and balance != expected:
                    self.count("wrong")
                expected = balance + 1
                self.end.wait(THINK_SECONDS)
            except psycopg2.OperationalError as error:
                self.count("refused" if "too many" in str(error) or "reserved" in str(error) else "failed")
                connection = None
                self.end.wait(0.5)
        if connection is not None:
            connection.close()

    def transaction(self, connection, number):
        """Reads the client's own account, adds one and commits; gives what is there then."""
        with connection.cursor() as cursor:
            cursor.execute("select balance from accounts where id = %s", (number,))
            before = cursor.fetchone()[0]
            cursor.execute("update accounts set balance = balance + 1 where id = %s returning balance", (number,))
            after = cursor.fetchone()[0]
        connection.commit()
        if after != before + 1:
            self.count("wrong")
        return after

    def count(self, what):
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)

    @property
    def transactions(self):
        return sum(map(len, self.latencies))

    def percentile(self, percent):
        values = sorted(latency for client in self.latencies for latency in client)
        return f"{values[min(len(values) - 1, int(len(values) * percent / 100))] * 1000:.1f} ms" if values else "-"


# ---- what is shown ----

def show_progress(story, passed, last=False):
    width = 24
    bar = "#" * int(width * passed / story.seconds)
    line = (f"  {story.name:<17} [{bar:<{width}}] {passed:4.1f} s  {sum(story.served):3} of {CLIENTS} clients served, "
            f"{story.transactions:6} transactions, {story.refused:4} x \"too many clients\"")
    if sys.stdout.isatty():
        print("\r" + line, end="\n" if last else "", flush=True)
    elif last or int(passed * 10) % 20 == 0:
        print(line, flush=True)


def show_comparison(direct, pooled):
    rows = [
        ("clients that got their work done", *(f"{sum(s.served)} of {CLIENTS}" for s in (direct, pooled))),
        ("\"too many clients\" errors", direct.refused, pooled.refused),
        ("other errors", direct.failed, pooled.failed),
        ("wrong answers", direct.wrong, pooled.wrong),
        ("most connections at the server", direct.peak, pooled.peak),
        ("transactions", direct.transactions, pooled.transactions),
        *((f"latency, {name}", direct.percentile(p), pooled.percentile(p)) for name, p in
          (("median", 50), ("95 %", 95), ("99 %", 99))),
    ]
    print(f"\n  {'':<34}{'directly':>14}{'through Penstock':>20}")
    for name, one, two in rows:
        print(f"  {name:<34}{one!s:>14}{two!s:>20}")


def step(text):
    print(f"==> {text}", flush=True)


# ---- the play ----

def main():
    options = read_arguments()
    os.environ["PENSTOCK_PROGRAM"] = str(pathlib.Path(options.penstock).resolve())
    import processes
    from cluster import Cluster
    from penstock import Penstock
    processes.end_in_order()
    step(f"starting PostgreSQL: a primary that allows {MAX_CONNECTIONS} connections, and two streaming replicas")
    with Cluster(replicas=2, max_connections=MAX_CONNECTIONS) as cluster:
        prepare(cluster)
        step(f"starting Penstock in front of it, with a pool of {POOL_SIZE}")
        with Penstock(cluster, {"pool": {"pool_size": POOL_SIZE}, "log": {"level": "info"}}) as penstock:
            worked = play(cluster, penstock, options.seconds)
            tell_addresses(cluster, penstock, options.keep)
            if options.keep:
                wait_for_interrupt()
            step("stopping")
    return 0 if worked else 1


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev demo", description="A hundred clients on a server that allows twenty.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave everything running to play with, until Ctrl-C")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each side works (6)")
    return parser.parse_args()


def prepare(cluster):
    cluster.primary.sql("create table accounts(id int primary key, balance bigint not null)", user="app")
    cluster.primary.sql(f"insert into accounts select n, 0 from generate_series(0, {CLIENTS - 1}) n", user="app")
    cluster.wait_for_replicas()


def play(cluster, penstock, seconds):
    step(f"{CLIENTS} clients work for {seconds:g} s: directly, then through Penstock")
    stories = []
    for name, connect in (("directly", lambda: cluster.primary.connect(autocommit=False)),
                          ("through Penstock", lambda: penstock.connect(autocommit=False))):
        story = Story(name, connect, cluster.primary, seconds)
        story.play(show_progress)
        stories.append(story)
    direct, pooled = stories
    show_comparison(direct, pooled)
    cluster.wait_for_replicas()
    total = cluster.primary.sql("select sum(balance) from accounts")[0][0]
    copies = [node.sql("select sum(balance) from accounts")[0][0] for node in cluster.replicas]
    print(f"  {'committed, counted in the table':<34}{total!s:>14}   (the replicas have {' and '.join(map(str, copies))})")
    worked = (pooled.refused == pooled.failed == pooled.wrong == 0 and pooled.peak <= POOL_SIZE and all(pooled.served)
              and total == direct.transactions + pooled.transactions)
    print("\n  " + (f"Every client was served, on {pooled.peak} server connections, without an error." if worked else
                    "This is not what should have happened; please report it with the output above."))
    return worked


def tell_addresses(cluster, penstock, kept):
    names = ", ".join(f"{node.data.name} {node.port}" for node in [cluster.primary, *cluster.replicas])
    print(f"\n  DATABASE_URL={penstock.url()}\n"
          f"  admin port: http://127.0.0.1:{penstock.admin_port}  (/health, /ready, /metrics, /stats)\n"
          f"  PostgreSQL itself: {names}\n")
    if kept:
        print(f"  Try:  psql '{penstock.url()}'\n"
              f"        psql '{penstock.url(database='pgbouncer')}' -c 'SHOW POOLS'\n"
              f"        curl http://127.0.0.1:{penstock.admin_port}/metrics\n"
              f"  Penstock's log: {penstock.log_path}\n"
              "  Ctrl-C ends it all.", flush=True)


def wait_for_interrupt():
    try:
        threading.Event().wait()
    except SystemExit:
        print()


if __name__ == "__main__":
    sys.exit(main())
