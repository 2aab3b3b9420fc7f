# SPDX-License-Identifier: Apache-2.0
#
# What the demo prints: steps, a line of progress that stays in its place on a terminal, the comparison, and where everything is.

import statistics
import sys

from story import CLIENTS

FAULT = "This is not what should have happened; please report it with the output above."


def step(text):
    print(f"==> {text}", flush=True)


def progress(story, passed, last=False):
    show_line(story, passed, f"{sum(story.served):3} of {CLIENTS} clients served, {story.transactions:6} transactions, "
              f"{story.refused:4} x \"{story.stage.refusal}\"", last)


def reading_progress(reading, passed, last=False):
    show_line(reading, passed, f"{reading.reads:6} reads, {reading.writes:5} writes, {reading.stale} stale reads", last)


def show_line(act, passed, text, last):
    width = 24
    bar = "#" * int(width * passed / act.seconds)
    line = f"  {act.name:<17} [{bar:<{width}}] {passed:4.1f} s  {text}"
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


def reading(result, checks):
    """What the second act came to: where requests went, what was stale, who was pinned."""
    primary = [(count, reason) for (route, reason), count in result.routes.items() if route == "primary"]
    rows = [
        ("reads, and how many on replicas", f"{result.reads}, {result.read_on_replicas:.0f} %"),
        ("requests on the primary, by reason", ", ".join(f"{reason} {count}" for count, reason in sorted(primary, reverse=True)) or "none"),
        ("reads that missed an own write", result.stale),
        ("the same, asking the replica itself", f"{result.stale_without} of {checks}"),
        ("other wrong answers, errors", f"{result.wrong}, {result.failed}"),
        ("sessions pinned, by reason", ", ".join(f"{reason} {count}" for (reason,), count in sorted(result.pins.items())) or "none"),
        ("still pinned when that had ended", result.pinned_left),
    ]
    print()
    for name, found in rows:
        print(f"  {name:<37}{found}")
    print("\n  " + ("Every session read its own writes, though the replica lags." if result.worked else FAULT) + "\n", flush=True)


def failover(played):
    """What the third act came to: how long nobody could write, and what became of the writes."""
    sides = (played.direct, played.through)
    gaps = [played.gaps(clients) for clients in sides]
    sums = played.bank.sums()
    rows = [
        ("clients", *(str(len(clients)) for clients in sides)),
        ("time without a write, median", *(f"{statistics.median(each):.2f} s" for each in gaps)),
        ("time without a write, longest", *(f"{max(each):.2f} s" for each in gaps)),
        ("connections that ended", *(sum(c.reconnects() for c in clients) for clients in sides)),
        ("reads that failed", *(sum(sum(c.read_faults.values()) for c in clients) for clients in sides)),
        ("writes that failed", *(sum(sum(c.faults.values()) for c in clients) for clients in sides)),
    ]
    print(f"\n  {'':<34}{'directly':>14}{'through Penstock':>20}")
    for name, one, two in rows:
        print(f"  {name:<34}{one!s:>14}{two!s:>20}")
    print(f"  the new primary was there after {played.promoted - played.began:.2f} s; of {sum(sums.values())} writes "
          + ", ".join(f"{count} {word}" for word, count in sums.items()) + ", by what clients were told")
    for fault in played.wrong:
        print(f"  WRONG: {fault}")
    print("\n  " + (FAULT if played.wrong else "Nothing acknowledged was lost, and nothing was done twice.") + "\n", flush=True)


def verdict(worked, pooled):
    print("\n  " + (f"Every client was served, on {pooled.peak} server connections, without an error." if worked else
                    FAULT) + "\n", flush=True)


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
