# SPDX-License-Identifier: Apache-2.0
#
# What the demo prints: steps, a line of progress that stays in its place on a terminal, the comparison, and where everything is.

import sys

from story import CLIENTS


def step(text):
    print(f"==> {text}", flush=True)


def progress(story, passed, last=False):
    width = 24
    bar = "#" * int(width * passed / story.seconds)
    line = (f"  {story.name:<17} [{bar:<{width}}] {passed:4.1f} s  {sum(story.served):3} of {CLIENTS} clients served, "
            f"{story.transactions:6} transactions, {story.refused:4} x \"{story.stage.refusal}\"")
    if sys.stdout.isatty():
        print("\r" + line, end="\n" if last else "", flush=True)
    elif last or int(passed * 10) % 20 == 0:
        print(line, flush=True)


def comparison(direct, pooled):
    rows = [
        ("clients that got their work done", *(f"{sum(s.served)} of {CLIENTS}" for s in (direct, pooled))),
        (f"\"{direct.stage.refusal}\" errors", direct.refused, pooled.refused),
        ("other errors", direct.failed, pooled.failed),
        ("wrong answers", direct.wrong, pooled.wrong),
        ("most connections at the server", direct.peak, pooled.peak),
        ("transactions", direct.transactions, pooled.transactions),
        *((f"latency, {name}", direct.percentile(p), pooled.percentile(p)) for name, p in
          (("median", 50), ("95 %", 95), ("99 %", 99))),
    ]
    print(f"\n  {direct.stage.title:<34}{'directly':>14}{'through Penstock':>20}")
    for name, one, two in rows:
        print(f"  {name:<34}{one!s:>14}{two!s:>20}")


def committed(total, copies):
    print(f"  {'committed, counted in the table':<34}{total!s:>14}   (on the replicas: {' and '.join(map(str, copies))})")


def verdict(worked, pooled):
    print("\n  " + (f"Every client was served, on {pooled.peak} server connections, without an error." if worked else
                    "This is not what should have happened; please report it with the output above.") + "\n", flush=True)


def addresses(stages, penstock):
    for stage in stages:
        nodes = ", ".join(f"{name} {port}" for name, port in stage.nodes())
        print(f"  DATABASE_URL={penstock.of(stage).url()}\n    ({stage.title} itself: {nodes})")
    print(f"  admin port: http://127.0.0.1:{penstock.admin_port}  (/health, /ready, /metrics, /stats)", flush=True)


def what_to_try(stages, penstock):
    print("\n  Try:")
    for stage in stages:
        listener = penstock.of(stage)
        print("    " + stage.shell.format(url=listener.url(), port=listener.port))
        if stage.engine == "postgresql":
            print(f"    psql '{listener.url(database='pgbouncer')}' -c 'SHOW POOLS'")
    print(f"    curl http://127.0.0.1:{penstock.admin_port}/metrics\n"
          f"  Penstock's log: {penstock.log_path}\n"
          "  Ctrl-C ends it all.", flush=True)
