"""python -m tests.chaos: kills and stops everything under load. Exits 1 where an invariant is broken."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from shared.telemetry import configure_logging
from tests.chaos.report import as_json, as_markdown
from tests.chaos.storm import Outcome, storm
from tests.support import kafka

REPORT = Path(__file__).with_name("report.md")


def main() -> int:
    given = _arguments()
    configure_logging(level="error")
    buses = ["postgres", "kafka"] if given.bus == "both" else [given.bus]
    if "kafka" in buses and (missing := kafka.available()):
        print(missing, file=sys.stderr)
        return 2
    outcomes = [_run(bus, given.leads, given.rate) for bus in buses]
    at = datetime.now(UTC)
    markdown = as_markdown(outcomes, at=at)
    print(markdown)
    given.report.write_text(markdown)
    given.report.with_suffix(".json").write_text(json.dumps(as_json(outcomes, at=at), indent=2) + "\n")
    return int(any(outcome.violations for outcome in outcomes))


def _run(bus: str, leads: int, rate: float) -> Outcome:
    print(f"{bus}: {leads} leads at {rate:g} a second, about {leads / rate:.0f} s of storm ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="handoff-chaos-") as folder:
        return asyncio.run(storm(bus, leads=leads, rate=rate, folder=Path(folder)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--bus", choices=("postgres", "kafka", "both"), default="both")
    parser.add_argument("--leads", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=14.0, help="leads a second; the faults need about two minutes")
    parser.add_argument("--report", type=Path, default=REPORT, help="where to write it, with a .json beside it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
