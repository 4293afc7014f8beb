"""Use cases of scoring: scoring leads, learning their stages, passing on what becomes of them, keeping scorecards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.scoring import domain, store
from services.scoring.store import ScoreRow, StageRow, StoredScore, StoredScorecard
from shared.clock import uuid7_time
from shared.consumer import On, Subscriptions
from shared.contracts.envelope import Message
from shared.contracts.events import LeadErased, LeadMerged, LeadReceived, LeadScored, LeadUnmerged, Reason, StageChanged
from shared.contracts.topics import LEADS_RECEIVED, LEADS_TRACKED
from shared.db import deadletters
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused, not_found

ON_ITS_WAY = timedelta(seconds=60)  # so young a lead may only not have reached us yet


async def score_leads(messages: Sequence[Message[LeadReceived]], uow: UnitOfWork) -> None:
    """Scores each lead by the active scorecard. A lead that has a score keeps it, and nothing is said of it again.

    One that is erased is not scored. One that was merged away before its receipt could be handled is: the router keeps the score, and
    routes it should the merge be undone.
    """
    active = await store.active_scorecard(uow)
    rows = [
        ScoreRow(m.lead_id, m.data.received_at, m.data.facts, domain.evaluate(active.scorecard, m.data.facts), active.version)
        for m in messages
    ]
    sequences = await store.insert_scores(uow, rows)
    for message, row in zip(messages, rows, strict=True):
        if sequence := sequences.get(row.lead_id):
            uow.emit(_lead_scored(row), sequence=sequence, cause=message.as_cause)


def _lead_scored(row: ScoreRow) -> LeadScored:
    return LeadScored(
        lead_id=row.lead_id,
        received_at=row.received_at,
        points=row.score.points,
        grade=row.score.grade,
        qualification=row.score.qualification,
        reasons=[Reason(reason.text, reason.points) for reason in row.score.reasons],
        scorecard_version=row.version,
        facts=row.facts,
    )


async def record_stages(messages: Sequence[Message[StageChanged]], uow: UnitOfWork) -> None:
    """Keeps what became of each lead, also of one that has not arrived yet. Ignored: what is older than the last known, the erased."""
    await store.keep_stages(
        uow, [StageRow(m.lead_id, m.data.stage, domain.outcome_of(m.data.stage), m.sequence) for m in messages]
    )


# -- Down the chain ------------------------------------------------------------------------------------------------------------


async def merge_leads(messages: Sequence[Message[LeadMerged]], uow: UnitOfWork) -> None:
    """Keeps which lead each was merged into, and passes it on behind all that was said of it."""
    _pass_on(messages, await store.merge_leads(uow, [(m.lead_id, m.data.into) for m in messages]), uow)


async def unmerge_leads(messages: Sequence[Message[LeadUnmerged]], uow: UnitOfWork) -> None:
    """Lets each lead stand for itself again, and passes it on. Its score was said before and holds."""
    _pass_on(messages, await store.merge_leads(uow, [(m.lead_id, None) for m in messages]), uow)


def _pass_on(messages: Sequence[Message[LeadMerged | LeadUnmerged]], sequences: dict[UUID, int], uow: UnitOfWork) -> None:
    for message in messages:
        if sequence := sequences.get(message.lead_id):  # none for an erased lead, of which nothing is said any more
            uow.emit(message.data, sequence=sequence, cause=message.as_cause)


async def erase_leads(messages: Sequence[Message[LeadErased]], uow: UnitOfWork) -> None:
    """Forgets all of these leads but their ids, dead letters too, and passes it on with what was removed."""
    erased = await store.erase_leads(uow, [(m.lead_id, m.data.erased_at) for m in messages])
    letters = await deadletters.forget(uow, erased)
    for message in messages:
        sequence, rows = erased[message.lead_id]
        counts = {"leads": rows, "dead_letters": letters.get(message.lead_id, 0)}
        event = replace(message.data, removed={table: count for table, count in counts.items() if count})
        uow.emit(event, sequence=sequence, cause=message.as_cause)


async def get_score(lead_id: UUID, uow: UnitOfWork) -> StoredScore:
    """Raises Refused: 410 for an erased lead, 404 otherwise, of the type `not-yet-visible` for one so young that it may be on its way."""
    score = await store.get_score(uow, lead_id)
    if score is not None:
        return score
    if await store.is_erased(uow, lead_id):
        raise Refused(410, "erased", detail=f"The lead {lead_id} was erased.")
    made_at = uuid7_time(lead_id)
    if made_at and made_at > uow.now - ON_ITS_WAY:
        detail = f"The lead {lead_id} is not scored yet. Ask again in a moment."
        raise Refused(404, "not-yet-visible", detail=detail, headers={"Retry-After": "1"})
    raise not_found("score of the lead", lead_id)


# -- Scorecards ----------------------------------------------------------------------------------------------------------------


async def create_scorecard(document: dict[str, Any], uow: UnitOfWork, *, by: str) -> StoredScorecard:
    """The next version of the scorecard, active at once. Raises Refused (422) with everything that is wrong with it."""
    read_scorecard(document)
    await store.lock_scorecards(uow)
    return await store.insert_active(uow, document, by=by)


async def activate_scorecard(version: int, uow: UnitOfWork) -> StoredScorecard:
    """Makes an earlier (or later) version the active one. Leads that are scored keep their score."""
    await store.lock_scorecards(uow)
    scorecard = await store.activate(uow, version)
    if scorecard is None:
        raise not_found("scorecard version", version)
    return scorecard


async def preview_score(
    facts: dict[str, Any], document: dict[str, Any] | None, uow: UnitOfWork
) -> tuple[domain.Score, int | None]:
    """What this document would say of such a lead or, without one, the active scorecard, whose version goes with the score."""
    if document is not None:
        return domain.evaluate(read_scorecard(document, "/document"), facts), None
    active = await store.active_scorecard(uow)
    return domain.evaluate(active.scorecard, facts), active.version


def read_scorecard(document: dict[str, Any], at: str = "") -> domain.Scorecard:
    """The scorecard in a document found at `at` in the body. Raises Refused (422) with everything that is wrong with it."""
    scorecard = domain.from_document(document)
    if problems := domain.lint(scorecard):
        errors = [FieldError(at + problem.path, problem.message) for problem in problems]
        raise Refused(422, "invalid", detail="; ".join(f"{e.field}: {e.message}" for e in errors), errors=errors)
    return scorecard


SUBSCRIPTIONS = Subscriptions(
    (
        On(LEADS_RECEIVED, LeadReceived, score_leads),
        On(LEADS_RECEIVED, LeadMerged, merge_leads),
        On(LEADS_RECEIVED, LeadUnmerged, unmerge_leads),
        On(LEADS_RECEIVED, LeadErased, erase_leads),
        On(LEADS_TRACKED, StageChanged, record_stages),
    )
)
