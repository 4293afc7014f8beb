"""Leads as scoring knows them: what their score is made from, and what was said of it last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from shared.db.uow import UnitOfWork, columns, to_json
from shared.errors import Transient


class Said(NamedTuple):
    """A score as it is kept: what was said of the lead, by which versions. Points are hundredths; the last four are JSON.

    `scored_sequence` is that of the LeadScored that said so; None where nothing that is announced had changed.
    """

    points: int
    fit: int
    engagement: int
    letter: str
    number: int
    grade: str
    qualification: str
    scorecard_version: int
    definition_version: int | None
    scored_at: datetime
    scored_sequence: int | None
    cause: str
    thresholds: str
    judgement: str
    reasons: str
    changed: str


class NewLead(NamedTuple):
    """A lead that is scored for the first time, as its row begins. `facts` is JSON."""

    lead_id: UUID
    received_at: datetime
    source: str
    facts: str
    next_change: datetime | None
    said: Said


@dataclass(slots=True)
class Lead:
    """A lead's row, locked. Of a stub only ids, stage and merge are known; `said` is what was announced last, if anything was."""

    lead_id: UUID
    sequence: int = 0
    received_at: datetime | None = None
    source: str | None = None
    facts: dict[str, Any] | None = None
    facts_at: datetime | None = None
    told: dict[str, Any] | None = None
    letter: str | None = None
    number: int | None = None
    qualification: str | None = None
    thresholds: list[str] | None = None
    scorecard_version: int | None = None
    definition_version: int | None = None
    revision: int = 0
    next_change: datetime | None = None
    override: dict[str, Any] | None = None
    evidence: dict[str, dict[str, Any]] | None = None
    outcome: str | None = None
    merged_into: UUID | None = None
    erased_at: datetime | None = None

    @property
    def is_scored(self) -> bool:
        return self.scorecard_version is not None

    @property
    def is_received(self) -> bool:
        return self.facts is not None

    @property
    def is_announced(self) -> bool:
        """Is there a word of ours that a new one is compared with? Not for a lead that only a card of the first kind scored."""
        return self.letter is not None and self.number is not None


class StageRow(NamedTuple):
    lead_id: UUID
    stage: str
    outcome: str | None
    sequence: int  # the tracker's, of the event that said so


class Staged(NamedTuple):
    """What a stage's news was to a known lead: how it ended, if it did, and before that; and when it was to be looked at again."""

    lead_id: UUID
    outcome: str | None
    before: str | None
    next_change: datetime | None


_LEAD = ", ".join(Lead.__dataclass_fields__)
_SAID = ", ".join(Said._fields)
_TYPES = {
    **{"lead_id": "uuid", "sequence": "int", "revision": "int", "received_at": "timestamptz", "source": "text", "facts": "json"},
    **{"next_change": "timestamptz", "points": "int", "fit": "int", "engagement": "int", "letter": "text", "number": "int"},
    **{"grade": "text", "qualification": "text", "scorecard_version": "int", "definition_version": "int", "cause": "text"},
    **{"scored_at": "timestamptz", "scored_sequence": "int", "thresholds": "jsonb", "judgement": "json", "reasons": "json"},
    **{"changed": "jsonb"},
}
_NEW = ("sequence", "revision", *NewLead._fields[:-1], *Said._fields)
_REWRITTEN = ("lead_id", "sequence", "revision", *Said._fields)


def _arrays(*names: str) -> str:
    """The arguments of an unnest of these columns."""
    return ", ".join(f"${n}::{_TYPES[name]}[]" for n, name in enumerate(names, 1))


async def known_among(uow: UnitOfWork, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these leads that have a row, be it a stub."""
    return {row["lead_id"] for row in await uow.fetch("SELECT lead_id FROM scoring.leads WHERE lead_id = ANY($1)", ids)}


async def insert_leads(uow: UnitOfWork, rows: Sequence[NewLead]) -> None:
    """Keeps the first scores of leads of which nothing was known, as sequence 1, and holds their locks.

    Raises Transient where another unit of work knew one of them first: the work begins again and sees it.
    """
    try:
        await uow.insert("leads", _NEW, [(1, 1, *row[:-1], *row.said) for row in sorted(rows, key=lambda row: row.lead_id)])
    except UniqueViolationError as error:
        raise Transient("a lead became known meanwhile") from error


async def lock_leads(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Lead]:
    """Those of these leads that have a row, locked."""
    rows = await uow.fetch(f"SELECT {_LEAD} FROM scoring.leads WHERE lead_id = ANY($1) ORDER BY lead_id FOR UPDATE", sorted(ids))
    return {row["lead_id"]: Lead(**row) for row in rows}


async def read_leads(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Lead]:
    """The same without a lock, for looking."""
    rows = await uow.fetch(f"SELECT {_LEAD} FROM scoring.leads WHERE lead_id = ANY($1)", ids)
    return {row["lead_id"]: Lead(**row) for row in rows}


async def insert_stubs(uow: UnitOfWork, ids: Iterable[UUID]) -> None:
    """Rows for leads of which something is known before their receipt."""
    await uow.execute(
        "INSERT INTO scoring.leads (lead_id, sequence) SELECT id, 0 FROM unnest($1::uuid[]) AS n(id) ORDER BY id "
        "ON CONFLICT (lead_id) DO NOTHING",
        sorted(ids),
    )


class Inputs(NamedTuple):
    """What a score is made from, as it is written back. The dicts are JSON."""

    lead_id: UUID
    received_at: datetime | None
    source: str | None
    facts: str | None
    facts_at: datetime | None
    told: str | None
    override: str | None
    evidence: str | None


async def save_inputs(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """Writes what the score is made from. Needs the leads' locks, and comes behind `save_scores`, which keeps the override of before."""
    rows = [
        Inputs(
            *(lead.lead_id, lead.received_at, lead.source, _json(lead.facts), lead.facts_at, _json(lead.told)),
            *(_json(lead.override), _json(lead.evidence)),
        )
        for lead in leads
    ]
    await uow.execute(
        "UPDATE scoring.leads l SET received_at = n.received_at, source = n.source, facts = n.facts, facts_at = n.facts_at, "
        "told = n.told, override = n.override, evidence = n.evidence FROM unnest("
        "$1::uuid[], $2::timestamptz[], $3::text[], $4::json[], $5::timestamptz[], $6::jsonb[], $7::jsonb[], $8::jsonb[]) "
        "AS n(lead_id, received_at, source, facts, facts_at, told, override, evidence) WHERE l.lead_id = n.lead_id",
        *columns(rows),
    )


def _json(value: object | None) -> str | None:
    return None if value is None else to_json(value)


async def save_scores(uow: UnitOfWork, rows: Sequence[tuple[Lead, Said]]) -> None:
    """Writes scores anew, with sequence and revision as the leads have them. What was said before goes to the history.

    Needs the leads' locks.
    """
    known = [lead.lead_id for lead, _ in rows if lead.is_scored]
    if known:
        await _archive(uow, known)
    await uow.execute(
        f"UPDATE scoring.leads l SET sequence = n.sequence, revision = n.revision, "
        f"({_SAID}) = (SELECT {', '.join(f'n.{name}' for name in Said._fields)}) FROM unnest({_arrays(*_REWRITTEN)}) "
        f"AS n({', '.join(_REWRITTEN)}) WHERE l.lead_id = n.lead_id",
        *columns([(lead.lead_id, lead.sequence, lead.revision, *said) for lead, said in rows]),
    )


_HISTORY = (
    "lead_id, revision, scored_at, scored_sequence, cause, changed, points, fit, engagement, letter, number, grade, thresholds, "
    "qualification, judgement, reasons, scorecard_version, definition_version, override"
)


async def _archive(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    await uow.execute(
        f"INSERT INTO scoring.history ({_HISTORY}) SELECT {_HISTORY} FROM scoring.leads WHERE lead_id = ANY($1)", ids
    )


async def save_next_changes(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """Keeps when the timers of these leads are due. Needs the leads' locks."""
    await uow.execute(
        "UPDATE scoring.leads l SET next_change = n.due FROM unnest($1::uuid[], $2::timestamptz[]) AS n(lead_id, due) "
        "WHERE l.lead_id = n.lead_id",
        *columns([(lead.lead_id, lead.next_change) for lead in leads]),
    )


async def save_merges(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """Keeps what these leads are merged into, and their last sequence numbers. Needs their locks."""
    await uow.execute(
        "UPDATE scoring.leads l SET sequence = n.sequence, merged_into = n.merged_into "
        "FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS n(lead_id, sequence, merged_into) WHERE l.lead_id = n.lead_id",
        *columns([(lead.lead_id, lead.sequence, lead.merged_into) for lead in leads]),
    )


async def keep_stages(uow: UnitOfWork, rows: Sequence[StageRow]) -> list[Staged]:
    """Keeps stages that are newer than what is known, on a stub where the lead is not known yet; what that was news of."""
    found = await uow.fetch(
        "WITH old AS (SELECT lead_id, outcome, next_change FROM scoring.leads WHERE lead_id = ANY($1)), "
        "kept AS (INSERT INTO scoring.leads AS l (lead_id, sequence, stage, outcome, tracked_sequence) "
        "SELECT lead_id, 0, stage, outcome, tracked FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) "
        "AS n(lead_id, stage, outcome, tracked) ORDER BY lead_id "
        "ON CONFLICT (lead_id) DO UPDATE SET stage = excluded.stage, outcome = excluded.outcome, "
        "tracked_sequence = excluded.tracked_sequence "
        "WHERE coalesce(l.tracked_sequence, 0) < excluded.tracked_sequence AND l.erased_at IS NULL RETURNING lead_id, outcome) "
        "SELECT lead_id, kept.outcome, old.outcome AS before, old.next_change FROM kept JOIN old USING (lead_id)",
        *columns(rows),
    )
    return [Staged(**row) for row in found]


# -- What is left of a lead ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Erased:
    """What is left of a lead: its next sequence number. `removed` counts rows by table; `merged_into` is where it counted."""

    sequence: int
    removed: dict[str, int]
    merged_into: UUID | None


async def erase_leads(uow: UnitOfWork, rows: Sequence[tuple[UUID, datetime]]) -> dict[UUID, Erased]:
    """Leaves of these leads their id, their sequence and when they were erased. Holds their locks."""
    ids = [lead_id for lead_id, _ in rows]
    known = await uow.fetch(
        "SELECT lead_id, merged_into FROM scoring.leads WHERE lead_id = ANY($1) AND erased_at IS NULL ORDER BY lead_id FOR UPDATE",
        ids,
    )
    survivors = {row["lead_id"]: row["merged_into"] for row in known}
    removed: dict[UUID, dict[str, int]] = {lead_id: {"leads": 1} if lead_id in survivors else {} for lead_id in ids}
    for table in ("activities", "history"):
        gone = await uow.fetch(
            f"WITH gone AS (DELETE FROM scoring.{table} WHERE lead_id = ANY($1) RETURNING lead_id) "
            "SELECT lead_id, count(*) AS rows FROM gone GROUP BY lead_id",
            ids,
        )
        for row in gone:
            removed[row["lead_id"]][table] = row["rows"]
    found = await uow.fetch(_ERASE, *columns(rows))
    return {id: Erased(row["sequence"], removed[id], survivors.get(id)) for row in found for id in [row["lead_id"]]}


_KEPT = ("lead_id", "sequence", "erased_at", "revision")
_FORGOTTEN = ", ".join(
    f"{name} = NULL"
    for name in dict.fromkeys((*Lead.__dataclass_fields__, *Said._fields, "stage", "tracked_sequence"))
    if name not in _KEPT
)
_ERASE = (
    "INSERT INTO scoring.leads AS l (lead_id, sequence, erased_at) "
    "SELECT lead_id, 1, erased_at FROM unnest($1::uuid[], $2::timestamptz[]) AS n(lead_id, erased_at) ORDER BY lead_id "
    "ON CONFLICT (lead_id) DO UPDATE SET sequence = l.sequence + 1, erased_at = coalesce(l.erased_at, excluded.erased_at), "
    f"revision = 0, {_FORGOTTEN} RETURNING lead_id, sequence"
)


async def is_erased(uow: UnitOfWork, lead_id: UUID) -> bool:
    return bool(await uow.fetchval("SELECT erased_at IS NOT NULL FROM scoring.leads WHERE lead_id = $1", lead_id))


# -- Many, in the order of their ids -----------------------------------------------------------------------------------------------


async def count_scored(uow: UnitOfWork, *, closed: bool) -> int:
    """How many leads a re-score looks at."""
    return int(await uow.fetchval(f"SELECT count(*) FROM scoring.leads WHERE {_SCORED}", closed))


async def next_scored(uow: UnitOfWork, *, after: UUID | None, limit: int, closed: bool, lock: bool) -> list[Lead]:
    """The next leads that have a score of their own; those whose stage is an end only where `closed` is true."""
    rows = await uow.fetch(
        f"SELECT {_LEAD} FROM scoring.leads WHERE {_SCORED} AND ($2::uuid IS NULL OR lead_id > $2) ORDER BY lead_id LIMIT $3"
        + (" FOR UPDATE" if lock else ""),
        *(closed, after, limit),
    )
    return [Lead(**row) for row in rows]


async def last_scored(uow: UnitOfWork, *, before: UUID | None, limit: int) -> list[Lead]:
    """The newest leads that have a score of their own, newest first."""
    rows = await uow.fetch(
        f"SELECT {_LEAD} FROM scoring.leads WHERE {_SCORED} AND ($2::uuid IS NULL OR lead_id < $2) ORDER BY lead_id DESC LIMIT $3",
        *(True, before, limit),
    )
    return [Lead(**row) for row in rows]


_SCORED = "scorecard_version IS NOT NULL AND erased_at IS NULL AND merged_into IS NULL AND ($1 OR outcome IS NULL)"
