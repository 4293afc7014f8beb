"""The naive stages behind intake: `python -m tests.bench.naive.worker scoring|router|tracker`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uvloop
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.bench.naive.tables import Agent, Assignment, Score, TimelineEntry, session_factory
from tests.bench.naive.transport import Handler, transport_from

READY = "ready"

_FREE_MAIL = ("@gmail.com", "@yahoo.com", "@hotmail.com")


def points_of(lead: dict[str, Any]) -> int:
    """A handful of rules, as a first scorecard has them."""
    rules = [
        (20, lead["country"] in ("US", "CA", "GB")),
        (15, bool(lead["phone"])),
        (15, not lead["email"].endswith(_FREE_MAIL)),
        (10, bool(lead["company"])),
        (10, "apartment" in lead["product"]),
        (10, len(lead["message"]) > 100),
    ]
    return sum(points for points, holds in rules if holds)


async def score_lead(session: AsyncSession, lead: dict[str, Any]) -> dict[str, Any]:
    points = points_of(lead)
    grade = "A" if points >= 60 else "B" if points >= 40 else "C"
    session.add(Score(lead_id=UUID(lead["lead_id"]), points=points, grade=grade, scored_at=datetime.now(UTC)))
    return {**lead, "points": points, "grade": grade}


async def assign_lead(session: AsyncSession, lead: dict[str, Any]) -> dict[str, Any]:
    next_in_turn = select(Agent).order_by(Agent.assigned, Agent.id).limit(1).with_for_update()
    agent = (await session.scalars(next_in_turn)).one()
    agent.assigned += 1
    session.add(Assignment(lead_id=UUID(lead["lead_id"]), agent_id=agent.id, assigned_at=datetime.now(UTC)))
    return {"lead_id": lead["lead_id"], "agent_id": agent.id, "points": lead["points"]}


async def track_lead(session: AsyncSession, event: dict[str, Any]) -> dict[str, Any]:
    session.add(TimelineEntry(lead_id=UUID(event["lead_id"]), kind="assigned", data=event, at=datetime.now(UTC)))
    return event


STAGES: dict[str, tuple[str, Handler, str | None]] = {
    "scoring": ("received", score_lead, "scored"),
    "router": ("scored", assign_lead, "routed"),
    "tracker": ("routed", track_lead, None),
}


async def run(stage: str) -> None:
    prefix = os.environ["NAIVE_TOPICS"]
    source, handle, target = STAGES[stage]
    sessions = session_factory(os.environ["NAIVE_DSN"])
    transport = transport_from(os.environ["NAIVE_KAFKA"])
    await transport.start(sessions)
    async with sessions() as session:
        await session.scalar(select(Agent.id).limit(1))
    print(READY, flush=True)
    await transport.consume(prefix + source, handle, prefix + target if target else None)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1]))
