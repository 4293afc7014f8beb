"""What a storm left behind, as Markdown for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tests.chaos.storm import OUTAGE, REPLICAS, Outcome


def as_json(outcomes: Sequence[Outcome], *, at: datetime) -> dict[str, Any]:
    return {"at": at.isoformat(timespec="seconds"), "replicas": REPLICAS, "storms": [asdict(outcome) for outcome in outcomes]}


def as_markdown(outcomes: Sequence[Outcome], *, at: datetime) -> str:
    title = f"# Chaos report\n\nMade by `make chaos` on {at:%Y-%m-%d %H:%M} UTC.\n"
    return "\n".join([title, *(_storm(outcome) for outcome in outcomes)])


def _storm(outcome: Outcome) -> str:
    verdict = "every invariant holds" if not outcome.violations else f"{len(outcome.violations)} BROKEN INVARIANTS"
    lines = [
        f"## {outcome.bus} bus: {verdict}",
        "",
        f"{outcome.leads:,} leads at {outcome.rate:g} a second into {REPLICAS} replicas of every service; each replica killed with "
        f"SIGKILL and started again, then each outage for {OUTAGE:g} s, all under load. Clients send again with the same "
        "Idempotency-Key after a 503 or a broken connection.",
        "",
        *table(
            ["fault", "lasted", "ready again after", "202", "503", "no answer"],
            ((p.name, f"{p.lasted:.1f} s", f"{p.recovered:.1f} s", *_answers(p.answers)) for p in outcome.phases),
        ),
        "",
        *table(["over all", ""], _facts(outcome)),
        "",
        *(f"- BROKEN: {violation}" for violation in outcome.violations),
    ]
    return "\n".join(lines)


def _facts(outcome: Outcome) -> Iterable[tuple[object, ...]]:
    accepted, refused, unanswered = _answers(outcome.answers)
    yield "answers 202 / 503 / none", f"{accepted} / {refused} / {unanswered}"
    yield "longest from first try to 202", f"{outcome.worst_acceptance:.1f} s"
    yield "drained after the last lead", f"{outcome.drained:.1f} s"
    yield "leads won meanwhile", outcome.won
    yield "records on the bus", f"{outcome.records:,}, {outcome.repeated:,} of them repeated and swallowed"
    yield "exit codes at the end", ", ".join(str(code) for code in sorted(set(outcome.exits.values())))


def _answers(answers: Mapping[str, int]) -> tuple[int, int, int]:
    return answers.get("202", 0), answers.get("503", 0), sum(count for name, count in answers.items() if not name.isdigit())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    shown = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(row)} |" for row in shown]
