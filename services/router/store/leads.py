"""Leads, their assignments and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.desk import Ended
from services.router.domain.lead import Case, Held, Offered, Queued
from services.router.domain.sla import Clock
from services.router.domain.strategies import Key
from shared.db.uow import Row, UnitOfWork, columns, to_json
from shared.errors import Transient


class DecisionRow(NamedTuple):
    """A decision in full: with the ledger's number before it, it can be made again and explained. Gates, counters and facts are JSON.

    `via` is the pool that the lead belongs to, where that one overflowed to `pool`; `more` is JSON too: terms, offer, failed rules.
    """

    id: UUID
    lead_id: UUID
    decided_at: datetime
    policy_version: int
    group_id: int | None
    number: int | None
    ordinal: int
    outcome: str
    rule: str | None
    pool: str | None
    agent_id: UUID | None
    why: str
    eligible: int
    gates: str
    counters: str | None
    facts: str
    via: str | None = None
    more: str | None = None


_COLUMNS: Mapping[str, str] = {
    "lead_id": "uuid",
    "sequence": "int",
    "status": "text",
    "received_at": "timestamptz",
    "facts": "jsonb",
    "points": "int",
    "grade": "text",
    "qualification": "text",
    "scored": "json",
    "scored_sequence": "int",
    "stage": "text",
    "tracked_sequence": "int",
    "hops": "int",
    "refused": "text",  # an array as text: unnest would take arrays of arrays apart
    "responded_at": "timestamptz",
    "offered": "jsonb",
    "clocks": "json",
    "due_at": "timestamptz",
}
_NAMES = tuple(_COLUMNS)
_SHOWN = ", ".join(_NAMES)
_HELD = "id, lead_id, agent_id, pool, rule, group_id, assigned_at, period, hour, work, turn, accepted_at"


async def get_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Those of the leads that are known, as they are just now."""
    return await _cases(uow, await uow.fetch(f"SELECT {_SHOWN} FROM router.leads WHERE lead_id = ANY($1)", list(ids)))


async def lock_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Those of the leads that are known, with their rows locked in the order of ids."""
    rows = await uow.fetch(
        f"SELECT {_SHOWN} FROM router.leads WHERE lead_id = ANY($1) ORDER BY lead_id FOR UPDATE", sorted(set(ids))
    )
    return await _cases(uow, rows)


async def _cases(uow: UnitOfWork, rows: Sequence[Row]) -> dict[UUID, Case]:
    """The leads with who has them and where they wait, which their rows' locks guard as well."""
    cases = {row["lead_id"]: _case(row) for row in rows}
    owned = [id for id, case in cases.items() if case.status == "assigned"]
    if owned:
        for row in await uow.fetch(
            f"SELECT {_HELD} FROM router.assignments WHERE lead_id = ANY($1) AND closed_at IS NULL", owned
        ):
            cases[row["lead_id"]].held = _held(row)
    waiting = [id for id, case in cases.items() if case.status == "queued"]
    if waiting:
        for row in await uow.fetch("SELECT * FROM router.queue WHERE lead_id = ANY($1)", waiting):
            cases[row["lead_id"]].queued = Queued(**row)
    return cases


def _case(row: Row) -> Case:
    values = dict(row)
    values["points"] = values["points"] or 0
    values["refused"] = tuple(values["refused"])
    values["offered"] = values["offered"] and Offered.from_document(values["offered"])
    values["clocks"] = tuple(Clock.from_document(clock) for clock in values["clocks"] or ())
    return Case(**values)


def _held(row: Row) -> Held:
    values = dict(row)
    del values["lead_id"]
    return Held(group=values.pop("group_id"), **values)


def send_leads(uow: UnitOfWork, leads: Iterable[Case]) -> None:
    """New leads. Where another unit of work knew one of them first, this one fails with Transient: it begins again and sees it."""
    rows = [_row(lead, lead.refused) for lead in sorted(leads, key=lambda lead: lead.lead_id)]
    uow.send("leads", _NAMES, rows, conflict="a lead became known meanwhile")


async def update_leads(uow: UnitOfWork, leads: Iterable[Case]) -> None:
    """Writes locked leads back."""
    rows = [
        _row(lead, f"{{{','.join(str(one) for one in lead.refused)}}}") for lead in sorted(leads, key=lambda lead: lead.lead_id)
    ]
    await uow.execute(_UPDATE, *columns(rows))


def _row(lead: Case, refused: object) -> tuple[Any, ...]:
    return (
        lead.lead_id,
        lead.sequence,
        lead.status,
        lead.received_at,
        None if lead.facts is None else to_json(lead.facts),
        lead.points,
        lead.grade,
        lead.qualification,
        to_json(lead.scored) if lead.scored else None,
        lead.scored_sequence,
        lead.stage,
        lead.tracked_sequence,
        lead.hops,
        refused,
        lead.responded_at,
        to_json(lead.offered.to_document()) if lead.offered else None,
        to_json([clock.to_document() for clock in lead.clocks]) if lead.clocks else None,
        lead.due_at,
    )


_UPDATE = (
    "UPDATE router.leads l SET "
    + ", ".join(f"{name} = n.{name}{'::uuid[]' if name == 'refused' else ''}" for name in _NAMES[1:])
    + f" FROM unnest({', '.join(f'${place}::{kind}[]' for place, kind in enumerate(_COLUMNS.values(), 1))}) AS n({_SHOWN})"
    + " WHERE l.lead_id = n.lead_id"
)


async def promised_by(uow: UnitOfWork, agents: Iterable[UUID]) -> list[UUID]:
    """Leads that these agents own and for which something was promised."""
    rows = await uow.fetch(
        "SELECT a.lead_id FROM router.assignments a JOIN router.leads l ON l.lead_id = a.lead_id "
        "WHERE a.agent_id = ANY($1) AND a.closed_at IS NULL AND l.clocks IS NOT NULL",
        list(agents),
    )
    return [row["lead_id"] for row in rows]


_KNOWN_BY = {
    Key.CONTACT: "l.facts ? 'contact_id' AND l.facts ->> 'contact_id'",
    Key.ACCOUNT: "l.facts ? 'account_id' AND l.facts ->> 'account_id'",
    Key.COMPANY: "l.facts ? 'company_domain' AND lower(l.facts ->> 'company_domain')",
}
_GIVEN_UP = ("declined", "expired", "returned", "reassigned")


async def former_owners(uow: UnitOfWork, key: Key, values: Sequence[str], since: datetime) -> list[Row]:
    """Who had leads of these contacts, accounts or companies since then, and when last: (value, agent_id, at).

    Who gave one up is no owner of it.
    """
    return await uow.fetch(
        "SELECT k.value, a.agent_id, max(a.assigned_at) AS at FROM unnest($1::text[]) AS k(value) "
        f"JOIN router.leads l ON {_KNOWN_BY[key]} = k.value JOIN router.assignments a ON a.lead_id = l.lead_id "
        "WHERE a.assigned_at >= $2 AND (a.close_reason IS NULL OR a.close_reason <> ALL ($3)) GROUP BY 1, 2",
        values,
        since,
        _GIVEN_UP,
    )


def send_assignments(uow: UnitOfWork, made: Iterable[tuple[Case, Held]], policy_version: int) -> None:
    rows = [
        (
            held.id,
            lead.lead_id,
            held.agent_id,
            held.pool,
            policy_version,
            held.period,
            held.assigned_at,
            False,
            held.hour,
            held.work,
            held.turn,
            held.rule,
            held.group,
        )
        for lead, held in made
    ]
    uow.send("assignments", _ASSIGNED, rows)


_ASSIGNED = (
    *("id", "lead_id", "agent_id", "pool", "policy_version", "period", "assigned_at"),
    *("gave_back", "hour", "work", "turn", "rule", "group_id"),
)


async def close_assignments(uow: UnitOfWork, ended: Sequence[tuple[Case, Ended]]) -> None:
    """Closes these assignments. Raises Transient where one was closed already: a counter falls once for each, and by this alone."""
    rows = [(one.held.id, lead.lead_id, one.reason, one.outcome, one.gave_back, one.at) for lead, one in ended]
    closed = await uow.fetch(
        "UPDATE router.assignments a SET closed_at = c.at, close_reason = c.reason, outcome = c.outcome, gave_back = c.gave_back "
        "FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bool[], $6::timestamptz[]) "
        "AS c(id, lead_id, reason, outcome, gave_back, at) "
        "WHERE a.lead_id = c.lead_id AND a.id = c.id AND a.closed_at IS NULL RETURNING a.id",
        *columns(rows),
    )
    if len(closed) != len(rows):
        raise Transient("an assignment ended meanwhile")


async def accept_assignments(uow: UnitOfWork, accepted: Sequence[tuple[UUID, UUID, datetime | None]]) -> None:
    """(lead, assignment, when its owner took it on)."""
    await uow.execute(
        "UPDATE router.assignments a SET accepted_at = n.at FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) "
        "AS n(lead_id, id, at) WHERE a.lead_id = n.lead_id AND a.id = n.id AND a.closed_at IS NULL",
        *columns(accepted),
    )


def send_decisions(uow: UnitOfWork, rows: Sequence[DecisionRow]) -> None:
    uow.send("decisions", DecisionRow._fields, rows)


async def page_of_assignments(
    uow: UnitOfWork,
    *,
    after: tuple[int, UUID] | None,
    limit: int,
    agent_id: UUID | None,
    lead_id: UUID | None,
    open_only: bool,
) -> list[Row]:
    """Assignments in an order in which none appears behind one that was read: by writing transaction, up to the oldest that is open."""
    written_by, id = after or (0, UUID(int=0))
    return await uow.fetch(
        "SELECT a.*, g.name AS agent_name FROM router.assignments a LEFT JOIN router.agents g ON g.id = a.agent_id "
        "WHERE (a.written_by, a.id) > ($1, $2) AND a.written_by < pg_snapshot_xmin(pg_current_snapshot())::text::bigint "
        "AND ($4::uuid IS NULL OR a.agent_id = $4) AND ($5::uuid IS NULL OR a.lead_id = $5) "
        "AND (NOT $6 OR a.closed_at IS NULL) ORDER BY a.written_by, a.id LIMIT $3",
        written_by,
        id,
        limit,
        agent_id,
        lead_id,
        open_only,
    )
