"""HTTP/1.1 load generator, a process of its own: `python -m tests.bench.generator URL --connections 64 --seconds 10`.

Two modes. *Closed loop* (`--total` or `--seconds`): each connection sends its next request when it has its answer;
this finds capacity. *Open loop* (`--rate` with `--seconds`): every request has a scheduled time, spaced evenly, and its
latency is counted from there, so that a slow server cannot slow the clock it is judged by (coordinated omission, as in
wrk2). A request that finds no free connection waits, and its wait is counted.

It speaks only what it needs: keep-alive, answers with a Content-Length, one request in flight a connection. Every
request ends up in exactly one count: a status, "connection lost", "unreadable answer", "unanswered" or "unsent" (the
last two when the hard limit ends the run). Timers of the loop tick in milliseconds, so an open-loop request leaves up
to 1.5 ms late; that is in its latency and shown on its own as `late_ms`.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections import Counter
from pathlib import Path

import uvloop

from tests.bench.body import Mix
from tests.bench.load import UNANSWERED, Load, Target
from tests.bench.quantile import in_milliseconds
from tests.bench.schedule import ClosedLoop, OpenLoop


def summary(load: Load, cpu_seconds: float) -> dict[str, object]:
    """What the run showed. Latencies are those of 2xx answers; all other ends are counted beside them."""
    records = load.records
    accepted = list(records.accepted())
    last = max((records.answered[i] for i in accepted), default=load.schedule.start)
    first = records.sent[0] if records.sent else load.schedule.start
    seconds = max(last - first, 1e-9)
    return {
        "mode": type(load.schedule).__name__,
        "sent": len(records.status),
        "accepted": len(accepted),
        "statuses": {str(status): n for status, n in Counter(records.status).items() if status != UNANSWERED},
        "failures": {reason: n for reason, n in load.failures.items() if n},
        "seconds": round(seconds, 4),
        "rate": round(len(accepted) / seconds, 1),
        "latency_ms": in_milliseconds(records.answered[i] - records.scheduled[i] for i in accepted),
        "late_ms": in_milliseconds(sent - due for sent, due in zip(records.sent, records.scheduled, strict=True)),
        "first_sent": first + records.wall_offset,
        "last_answered": last + records.wall_offset,
        "body_bytes": len(load.target.body(load.first_sequence)),
        "cpu_seconds": round(cpu_seconds, 4),
        "cpu_us_per_request": round(cpu_seconds / max(1, len(records.status)) * 1e6, 2),
    }


def columns(load: Load) -> dict[str, object]:
    """Every request, in columns: times as monotonic seconds (add `wall_offset` for the wall clock), answers as text."""
    records = load.records
    answers = [records.answers.get(i, b"").decode("utf-8", "replace") for i in range(len(records.status))]
    return {
        "first_sequence": load.first_sequence,
        "wall_offset": records.wall_offset,
        "scheduled": records.scheduled.tolist(),
        "sent": records.sent.tolist(),
        "answered": records.answered.tolist(),
        "status": records.status.tolist(),
        "answer": answers if load.keep_answers else None,
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generator", description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--total", type=int, help="closed loop: stop after this many requests")
    parser.add_argument("--seconds", type=float, help="stop sending after this long")
    parser.add_argument("--rate", type=float, help="open loop: requests a second, at scheduled times")
    parser.add_argument("--limit", type=float, default=120.0, help="hard limit of the whole run, in seconds")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    parser.add_argument("--known", type=int, default=0, help="contacts in the database: some of the leads come from them")
    parser.add_argument("--first-sequence", type=int, default=0)
    parser.add_argument("--keep-answers", action="store_true", help="write the bodies of the answers to --records")
    parser.add_argument("--records", type=Path, help="write every request to this JSON file")
    parser.add_argument("--json", type=Path, help="write the summary to this JSON file instead of standard output")
    arguments = parser.parse_args()
    if arguments.rate and not arguments.seconds:
        parser.error("--rate needs --seconds")
    if not (arguments.total or arguments.seconds):
        parser.error("one of --total and --seconds is needed")
    return arguments


def load_from(arguments: argparse.Namespace) -> Load:
    given = (header.partition(":") for header in arguments.header)
    headers = {"Content-Type": "application/json"} | {name.strip(): value.strip() for name, _, value in given}
    schedule: ClosedLoop | OpenLoop = ClosedLoop(arguments.total, arguments.seconds)
    if arguments.rate:
        schedule = OpenLoop(arguments.rate, arguments.seconds)
    target = Target.at(arguments.url, headers, Mix(arguments.known).lead)
    return Load(target, schedule, first_sequence=arguments.first_sequence, keep_answers=arguments.keep_answers)


def main() -> None:
    arguments = parse_arguments()
    load = load_from(arguments)
    # A collection in the middle would show up as latency of the server, and a short run leaves little to collect.
    gc.disable()
    started = time.process_time()
    uvloop.run(load.run(arguments.connections, arguments.limit))
    text = json.dumps(summary(load, time.process_time() - started), indent=1)
    if arguments.records:
        arguments.records.write_text(json.dumps(columns(load)))
    if arguments.json:
        arguments.json.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
