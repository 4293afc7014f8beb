"""Lists of leads, and reports on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Double, Select, and_, case, cast, exists, extract, func, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import array

from services.tracker.domain import BREACH, Lead, Routing
from services.tracker.tables import leads, timeline
from shared.db.uow import Row, UnitOfWork

# Written out: a partial index is used where the statement itself names the type.
ACCEPTED: ColumnElement[str] = literal_column("'AssignmentAccepted'")
BREACHED: ColumnElement[str] = literal_column("'SlaBreached'")


@dataclass(frozen=True)
class Filter:
    """Which leads; None does not ask. Times are bounds of received_at, the later one excluded.

    `agent_id` is who has or last had a lead, `owner` who may see it as their own, `breached` whether a promise on it was broken.
    `merged`: also those merged into another.
    """

    stage: str | None = None
    source: str | None = None
    agent_id: UUID | None = None
    pool: str | None = None
    grade: str | None = None
    qualification: str | None = None
    routing: str | None = None
    outcome: str | None = None
    how: str | None = None
    breached: bool | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    owner: UUID | None = None
    merged: bool = False


async def page_of_leads(uow: UnitOfWork, wanted: Filter, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Lead]:
    """Leads whose receipt is known, newest first."""
    query = choose(select(leads), wanted).order_by(leads.c.received_at.desc(), leads.c.lead_id.desc()).limit(limit)
    if before:
        query = query.where(tuple_(leads.c.received_at, leads.c.lead_id) < before)
    return [Lead(**row) for row in (await uow.run(query)).mappings()]


async def counts(uow: UnitOfWork, wanted: Filter, by: Sequence[str]) -> list[Row]:
    """How many leads there are of each combination of these columns, the most first. An agent has one name, whatever they were called."""
    keys = [leads.c[name] for name in by]
    names = [func.max(leads.c.agent_name).label("agent_name")] if "agent_id" in by else []
    number = func.count()
    query = choose(select(*keys, *names, number.label("count")), wanted).group_by(*keys).order_by(number.desc(), *keys)
    return [dict(row) for row in (await uow.run(query)).mappings()]


async def response_times(uow: UnitOfWork, wanted: Filter) -> list[Row]:
    """By source: how many leads, and the quantiles 0.5, 0.9, 0.99 of seconds from receipt to assignment and to first response."""
    query = choose(
        select(
            leads.c.source,
            func.count().label("leads"),
            func.count(leads.c.first_assigned_at).label("assigned"),
            quantiles(_since_receipt(leads.c.first_assigned_at)).label("to_assigned"),
            func.count(leads.c.first_responded_at).label("responded"),
            quantiles(_since_receipt(leads.c.first_responded_at)).label("to_first_response"),
        ),
        wanted,
    )
    return [dict(row) for row in (await uow.run(query.group_by(leads.c.source).order_by(leads.c.source))).mappings()]


def _since_receipt(moment: ColumnElement[datetime | None]) -> ColumnElement[float]:
    return cast(extract("epoch", moment - leads.c.received_at), Double)


def quantiles(seconds: ColumnElement[float]) -> ColumnElement[list[float] | None]:
    """Those of 0.5, 0.9 and 0.99. A duration that clocks make negative counts as 0, one that is not known does not."""
    shown = case((seconds < 0, 0.0), else_=seconds)  # not greatest(): it passes over NULL, and no answer would be one at once
    return func.percentile_cont(array([0.5, 0.9, 0.99])).within_group(shown)


def choose(query: Select[Any], wanted: Filter) -> Select[Any]:
    """The query of leads, narrowed to these."""
    query = query.where(leads.c.received_at.is_not(None))  # nor is it known of an erased one
    if not wanted.merged:
        query = query.where(leads.c.merged_into.is_(None))
    for name in ("stage", "source", "agent_id", "pool", "grade", "qualification", "routing", "outcome", "how"):
        if (value := getattr(wanted, name)) is not None:
            query = query.where(leads.c[name] == value)
    if wanted.breached is not None:
        query = query.where(_is_breached() if wanted.breached else ~_is_breached())
    if wanted.received_from is not None:
        query = query.where(leads.c.received_at >= wanted.received_from)
    if wanted.received_to is not None:
        query = query.where(leads.c.received_at < wanted.received_to)
    if wanted.owner is not None:
        # As Lead.owner has it.
        closed = and_(leads.c.routing == Routing.ENDED, leads.c.ended_reason == "closed")
        query = query.where(leads.c.agent_id == wanted.owner, or_(leads.c.routing == Routing.ASSIGNED, closed))
    return query


def _is_breached() -> ColumnElement[bool]:
    mine = timeline.c.lead_id == leads.c.lead_id
    return exists().where(mine, timeline.c.type == BREACHED, timeline.c.data["step"].astext == BREACH)
