"""One lead's score: what it is at any time, what was said of it, and what people set beside the machine's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.scoring.domain.qualification import Outcome
from services.scoring.handlers import versions
from services.scoring.handlers.desk import Look, Occasion, Why, lock, look, rescore
from services.scoring.handlers.standing import next_look
from services.scoring.store import leads as store
from services.scoring.store import scores
from services.scoring.store.leads import Lead
from services.scoring.store.scores import StoredScore
from shared.clock import uuid7_time
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import Refused, conflict, invalid, not_found

ON_ITS_WAY = timedelta(seconds=60)  # so young a lead may only not have reached us yet


@dataclass(frozen=True)
class Scored:
    """A lead as it is at a moment, and what was said of it last. `next_change` is when that may change by itself, asked of now only."""

    look: Look
    said: StoredScore
    at: datetime
    next_change: datetime | None


async def get_score(lead_id: UUID, uow: UnitOfWork, *, at: datetime | None = None) -> Scored:
    """A lead's score as of now, or as of `at` by what is known of it now. Raises Refused: 404, 410, 422 for a time before its receipt."""
    said = await _said(lead_id, uow)
    lead = (await store.read_leads(uow, [lead_id]))[lead_id]
    if at and lead.received_at and at < lead.received_at:
        raise invalid("at", "lies before the lead was received")
    [seen] = await look(uow, [lead], None, at=at)
    moment = at or uow.now
    following = None if at or lead.outcome or lead.merged_into else next_look(seen.versions, seen.known, seen.word, moment)
    return Scored(seen, said, moment, following)


async def get_history(lead_id: UUID, uow: UnitOfWork, *, before: int | None, limit: int) -> list[StoredScore]:
    """What was said of a lead, the latest first. Raises Refused (404, 410)."""
    await _said(lead_id, uow)
    return await scores.page_of_history(uow, lead_id, before=before, limit=limit)


async def _said(lead_id: UUID, uow: UnitOfWork) -> StoredScore:
    """Raises Refused: 410 for an erased lead, 404 otherwise, of the type `not-yet-visible` for one so young that it may be on its way."""
    found = await scores.get_score(uow, lead_id)
    if found is not None:
        return found
    if await store.is_erased(uow, lead_id):
        raise Refused(410, "erased", detail=f"The lead {lead_id} was erased.")
    made_at = uuid7_time(lead_id)
    if made_at and made_at > uow.now - ON_ITS_WAY:
        detail = f"The lead {lead_id} is not scored yet. Ask again in a moment."
        raise Refused(404, "not-yet-visible", detail=detail, headers={"Retry-After": "1"})
    raise not_found("score of the lead", lead_id)


# -- What people set -----------------------------------------------------------------------------------------------------------------


async def set_override(
    lead_id: UUID, uow: UnitOfWork, *, grade: str | None, qualification: str | None, reason: str, by: str, cause: Cause
) -> None:
    """Sets a grade or a qualification in the place of the machine's, which goes on beside it. Raises Refused (404, 409, 410, 422)."""
    lead = await _locked(lead_id, uow)
    active = await versions.active(uow)
    steps = {
        f"{one.letter}{other.number}": (one.letter, other.number)
        for one in active.card.card.letters
        for other in active.card.card.numbers
    }
    if grade is not None and grade not in steps:
        raise invalid("/grade", f"is no grade of the active scorecard: {_some(list(steps))}")
    known = [level.name for level in active.agreed.definition.levels] + [Outcome.DISQUALIFIED.value, Outcome.INSUFFICIENT.value]
    if qualification is not None and qualification not in known:
        raise invalid("/qualification", f"is no qualification of the active definition: {_some(known)}")
    letter, number = steps[grade] if grade else (None, None)
    lead.override = {
        **{"grade": grade, "letter": letter, "number": number, "qualification": qualification},
        **{"reason": reason, "by": by, "at": uow.now.isoformat()},
    }
    await _write(lead, Occasion(Why.OVERRIDDEN, cause, ("override",)), uow)


async def drop_override(lead_id: UUID, uow: UnitOfWork, *, cause: Cause) -> None:
    """Lets the machine's word hold again. Raises Refused (404, 409, 410)."""
    lead = await _locked(lead_id, uow)
    if lead.override is None:
        raise not_found("override of the lead", lead_id)
    lead.override = None
    await _write(lead, Occasion(Why.OVERRIDDEN, cause, ("override",)), uow)


async def set_evidence(
    lead_id: UUID, dimension: str, uow: UnitOfWork, *, value: str, confidence: int, by: str, cause: Cause
) -> None:
    """Keeps what a person says of a dimension; the surer of it and the facts counts. Raises Refused (404, 409, 410)."""
    lead = await _locked(lead_id, uow)
    known = (await versions.active(uow)).agreed.definition.dimensions
    if dimension not in known:
        raise not_found("dimension of the active definition", dimension)
    said = {"value": value, "confidence": confidence, "by": by, "at": uow.now.isoformat()}
    lead.evidence = {**(lead.evidence or {}), dimension: said}
    await _write(lead, Occasion(Why.EVIDENCE, cause), uow)


async def drop_evidence(lead_id: UUID, dimension: str, uow: UnitOfWork, *, cause: Cause) -> None:
    """Takes back what a person said of a dimension. Raises Refused (404, 409, 410)."""
    lead = await _locked(lead_id, uow)
    if dimension not in (lead.evidence or {}):
        raise not_found("evidence by a person of", dimension)
    lead.evidence = {name: said for name, said in (lead.evidence or {}).items() if name != dimension} or None
    await _write(lead, Occasion(Why.EVIDENCE, cause), uow)


async def _locked(lead_id: UUID, uow: UnitOfWork) -> Lead:
    await _said(lead_id, uow)
    lead = (await lock(uow, [lead_id], stubs=False))[lead_id]
    if lead.erased_at:
        raise Refused(410, "erased", detail=f"The lead {lead_id} was erased.")
    if lead.merged_into:
        raise conflict("merged", f"The lead {lead_id} is merged into {lead.merged_into}, which goes on in its place.")
    return lead


async def _write(lead: Lead, occasion: Occasion, uow: UnitOfWork) -> None:
    """The score first: it keeps the override that held until now."""
    await rescore(uow, {lead.lead_id: lead}, {lead.lead_id: occasion}, await versions.active(uow))
    await store.save_inputs(uow, [lead])


def _some(names: Sequence[Any]) -> str:
    return ", ".join(names[:30]) + (" …" if len(names) > 30 else "")
