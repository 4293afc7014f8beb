"""python -m tests.chaos.routing: many routers at once, agents coming and going, processes killed. Exits 1 where an invariant is broken.

The report, routing.md, is written beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from services.commands.installation import install
from shared.db.embedded import EmbeddedPostgres
from shared.settings import PlatformSettings
from shared.telemetry import configure_logging
from tests.chaos.fire import Outcome, fire
from tests.chaos.report import table
from tests.support.ground import Ground
from tests.support.installation import Installation, make_tokens, service_dsns

REPORT = Path(__file__).with_suffix(".md")


def main() -> int:
    given = _arguments()
    configure_logging(level="warning")
    with tempfile.TemporaryDirectory(prefix="handoff-fire-") as folder:
        outcome = asyncio.run(_run(Path(folder), leads=given.leads, processes=given.processes, seed=given.seed))
    markdown = as_markdown(outcome, at=datetime.now(UTC))
    print(markdown)
    given.report.write_text(markdown)
    return int(bool(outcome.violations))


async def _run(folder: Path, *, leads: int, processes: int, seed: int) -> Outcome:
    with EmbeddedPostgres(folder / "data") as server:
        installation = Installation(server.dsn, service_dsns(server, "handoff"), make_tokens(folder))
        await install(server.dsn, installation.dsns, PlatformSettings(bus="postgres"))
        return await fire(Ground(installation, folder), leads=leads, processes=processes, seed=seed)


def as_markdown(outcome: Outcome, *, at: datetime) -> str:
    verdict = "every invariant holds" if not outcome.violations else f"{len(outcome.violations)} BROKEN INVARIANTS"
    command = f"python -m tests.chaos.routing --leads {outcome.leads} --processes {outcome.processes} --seed {outcome.seed}"
    return "\n".join(
        [
            f"# Routing under fire: {verdict}",
            "",
            f"Made by `{command}` on {at:%Y-%m-%d %H:%M} UTC. {outcome.leads:,} leads into nine pools of {outcome.processes} router "
            "processes on one PostgreSQL: every strategy, overflow, requirements, owners kept, offers, promises that move leads on, "
            "re-routing, ageing queues. Meanwhile agents come and go, caps and policies change, people claim, return and hand over, "
            "and each process is killed twice with SIGKILL, at seeded moments, and started again.",
            "",
            *table(["", ""], _figures(outcome)),
            "",
            *_counted("decisions", outcome.decided),
            *_counted("assignments ended", outcome.ended),
            *_counted("meanwhile", outcome.done),
            "Held against every entry of every ledger, by arithmetic of its own: caps by hour, day and on open work; that the agent was "
            "active, not paused, not on leave, and online where that is asked; a rotation whose members could all receive, within one "
            "turn after each turn. One owner a lead. Each decision explained, and made again from what was recorded.",
            "",
            *(f"- BROKEN: {violation}" for violation in outcome.violations),
        ]
    )


def _figures(outcome: Outcome) -> list[tuple[str, str]]:
    return [
        ("leads came within", f"{outcome.burnt:.0f} s"),
        ("all given out and said after another", f"{outcome.settled:.0f} s"),
        ("judged in", f"{outcome.judged:.0f} s"),
        ("ledger entries", f"{outcome.entries:,}"),
        ("decisions made again", f"{outcome.decided.total():,}"),
        ("longest queue", f"{outcome.longest_queue:,}"),
    ]


def _counted(name: str, counter: Counter[str]) -> list[str]:
    return [*table([name, "times"], ((what, f"{count:,}") for what, count in counter.most_common())), ""]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.routing", description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn; who comes first is the machine's")
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
