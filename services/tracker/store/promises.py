"""Reports on what timelines tell of promises: how soon agents accept, and which promises break in whose hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Double, FromClause, Select, Text, Uuid, and_, cast, distinct, func, literal_column, select

from services.tracker.domain import BREACH
from services.tracker.store.lists import ACCEPTED, BREACHED, Filter, choose, quantiles
from services.tracker.tables import leads, timeline
from shared.db.uow import Row, UnitOfWork

told = timeline.alias("told")
given = timeline.alias("given")  # the assignment in which it happened, where there was one


def _said(entry: FromClause, name: str) -> ColumnElement[str]:
    """A field of what was told. Written out: a parameter would make each mention of it another expression, which no GROUP BY knows."""
    return entry.c.data.op("->>", return_type=Text())(literal_column(f"'{name}'"))


holder = cast(_said(told, "agent_id"), Uuid)
KEYS: dict[str, ColumnElement[Any]] = {
    "agent": holder.label("agent_id"),
    "clock": _said(told, "clock").label("clock"),
    "how": _said(given, "how").label("how"),
    "pool": func.coalesce(_said(told, "pool"), _said(given, "pool")).label("pool"),
    "sla": _said(told, "sla").label("sla"),
    "source": leads.c.source,
}


async def acceptances(uow: UnitOfWork, wanted: Filter, by: Sequence[str]) -> list[Row]:
    """Of each combination: how many assignments were accepted, and the quantiles 0.5, 0.9, 0.99 of the seconds from assignment to that."""
    seconds = cast(_said(told, "seconds"), Double)
    figures: list[ColumnElement[Any]] = [func.count(seconds).label("accepted"), quantiles(seconds).label("to_accepted")]
    return await _grouped(uow, _of(ACCEPTED, wanted), by, figures)


async def breaches(uow: UnitOfWork, wanted: Filter, by: Sequence[str]) -> list[Row]:
    """Of each combination: how many promises were broken, and on how many leads; the most first."""
    figures: list[ColumnElement[Any]] = [func.count().label("breaches"), func.count(distinct(told.c.lead_id)).label("leads")]
    broken = _of(BREACHED, wanted).where(_said(told, "step") == BREACH)
    return await _grouped(uow, broken, by, figures)


def _of(type_: ColumnElement[str], wanted: Filter) -> Select[Any]:
    """What was told of one kind, of these leads. An agent's own is what happened in their hands, whoever has the lead now."""
    same = and_(
        given.c.lead_id == told.c.lead_id,
        given.c.service == "router",
        given.c.type == "LeadAssigned",
        _said(given, "assignment_id") == _said(told, "assignment_id"),
    )
    joined = told.join(leads, leads.c.lead_id == told.c.lead_id).outerjoin(given, same)
    query = choose(select().select_from(joined), replace(wanted, owner=None)).where(told.c.type == type_)
    return query if wanted.owner is None else query.where(holder == wanted.owner)


async def _grouped(uow: UnitOfWork, query: Select[Any], by: Sequence[str], figures: Sequence[ColumnElement[Any]]) -> list[Row]:
    keys = [KEYS[name] for name in by]
    names = [func.max(_said(given, "agent_name")).label("agent_name")] if "agent" in by else []
    query = query.add_columns(*keys, *names, *figures).group_by(*keys).order_by(figures[0].desc(), *keys)
    return [dict(row) for row in (await uow.run(query)).mappings()]
