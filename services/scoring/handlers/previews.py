"""Trying a version before it is active: on facts, on one lead, on the last leads. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.scorecard import Occurrence
from services.scoring.handlers import versions
from services.scoring.handlers.desk import Look, announced, look
from services.scoring.handlers.documents import NOUN, refuse_faults
from services.scoring.handlers.facts import SUBMISSION, submission
from services.scoring.handlers.standing import Known, Word, say, stand
from services.scoring.handlers.versions import Card, Versions, agreed_as
from services.scoring.store import leads as store
from services.scoring.store.documents import Kind
from shared.contracts.vocabulary import FACTS
from shared.db.uow import UnitOfWork
from shared.errors import Refused, not_found

PIECE = 200  # leads looked at between two statements, so that others get their turn
SHOWN = 100  # leads that would change, named
NEW = UUID(int=0)


@dataclass(frozen=True)
class Happened:
    """An activity to try."""

    kind: str
    at: datetime
    source: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What a lead is and would be: grades and qualifications."""

    lead_id: UUID
    before: str
    after: str


@dataclass(frozen=True)
class Outlook:
    """What would become of many leads. `moves` counts them by what they are and would be; `changes` names some of those that change."""

    looked_at: int
    changed: int
    moves: Counter[tuple[str, str]]
    changes: list[Change]


async def try_version(kind: Kind, version: int, uow: UnitOfWork) -> Versions:
    """This version of one document with the active one of the other. Raises Refused (404)."""
    active = await versions.active(uow)
    pair = (version, active.agreed.version) if kind is Kind.SCORECARD else (active.card.version, version)
    found = (await versions.of(uow, [pair])).get(pair)
    if found is None:
        raise not_found(NOUN[kind], version)
    return found


async def try_document(kind: Kind, document: object, uow: UnitOfWork) -> Versions:
    """A document that is not kept, with the active one of the other kind. Raises Refused (422) with everything that is wrong with it."""
    refuse_faults(kind, document, "/document")
    active = await versions.active(uow)
    if kind is Kind.SCORECARD:
        return Versions(Card(0, scorecard.load(document, FACTS)[0]), active.agreed)
    definition, _ = qualification.load(document, FACTS)
    return Versions(active.card, agreed_as(0, definition))


def preview_facts(facts: Mapping[str, Any], happened: Sequence[Happened], versions: Versions, now: datetime) -> Word:
    """What these versions would say of a lead that came now with such facts, and had done all this. Without a submission it has one."""
    source = facts.get("source")
    told_by = source if isinstance(source, str) else "preview"
    done = [Occurrence(UUID(int=n), one.kind, one.at, one.source, one.data) for n, one in enumerate(happened, 1)]
    if not any(one.kind == SUBMISSION for one in done):
        done.append(submission(NEW, now, told_by, facts))
    known = Known(facts, now, told_by, done, {})
    return say(versions, known, stand(versions, known, now), None, now)


async def preview_lead(lead_id: UUID, versions: Versions, uow: UnitOfWork) -> tuple[Look, Look]:
    """How a lead stands by its own versions, and by these. Raises Refused (404, 410)."""
    lead = (await store.read_leads(uow, [lead_id])).get(lead_id)
    if lead and lead.erased_at:
        raise Refused(410, "erased", detail=f"The lead {lead_id} was erased.")
    if lead is None or not lead.is_scored:
        raise not_found("score of the lead", lead_id)
    [before], [after] = await look(uow, [lead], None), await look(uow, [lead], versions)
    return before, after


async def preview_last(count: int, by: str, versions: Versions, uow: UnitOfWork) -> Outlook:
    """What would be said of the newest leads. `by` is what they are told apart by: grade or qualification."""
    moves: Counter[tuple[str, str]] = Counter()
    changes: list[Change] = []
    before: UUID | None = None
    while (wanted := min(PIECE, count - moves.total())) > 0:
        leads = await store.last_scored(uow, before=before, limit=wanted)
        for one in await look(uow, leads, versions):
            was, would_be = _was(one, by), getattr(one.word.announced, by)
            moves[was, would_be] += 1
            if was != would_be:
                changes.append(Change(one.lead.lead_id, was, would_be))
        if len(leads) < wanted:
            break
        before = leads[-1].lead_id
    return Outlook(moves.total(), len(changes), moves, changes[:SHOWN])


def _was(one: Look, by: str) -> str:
    said = announced(one.lead)
    return getattr(said, by) if said else "none"
