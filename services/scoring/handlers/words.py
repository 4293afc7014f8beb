"""A lead's score as it is kept, as it goes out, and as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.scoring.domain.qualification import Evidence, Judgement, Outcome
from services.scoring.domain.scorecard import Announced, whole
from services.scoring.handlers.standing import Known, Word
from services.scoring.handlers.versions import Versions
from services.scoring.store.leads import Lead, Said
from shared.contracts.events import LeadScored, Override, Reason
from shared.db.uow import to_json


def said(word: Word, event: LeadScored, at: datetime, sequence: int | None, why: str) -> Said:
    """What is kept of a word and the event that says it; without a sequence it is not sent."""
    score, announced = word.standing.score, word.announced
    return Said(
        points=score.points,
        fit=score.fit,
        engagement=score.engagement,
        letter=announced.letter,
        number=announced.number,
        grade=announced.grade,
        qualification=announced.qualification,
        scorecard_version=event.scorecard_version,
        definition_version=event.definition_version,
        scored_at=at,
        scored_sequence=sequence,
        cause=why,
        thresholds=to_json(announced.thresholds),
        judgement=to_json(judgement_out(word.standing.judgement)),
        reasons=to_json(event.reasons),
        changed=to_json(event.changed),
    )


def judgement_out(judgement: Judgement) -> dict[str, Any]:
    return {
        "outcome": judgement.outcome,
        "level": judgement.level,
        "label": judgement.label,
        "missing": judgement.missing,
        "reasons": judgement.reasons,
        "dimensions": {name: _evidence_out(one) for name, one in judgement.dimensions.items()},
    }


def _evidence_out(evidence: Evidence) -> dict[str, Any]:
    return {
        "value": evidence.value,
        "confidence": evidence.confidence,
        "stated": evidence.stated,
        "source": evidence.source,
        "at": evidence.at,
        "manual": evidence.manual,
    }


def lead_scored(lead: Lead, known: Known, word: Word, versions: Versions, changed: Sequence[str]) -> LeadScored:
    assert lead.received_at is not None
    score, judgement, announced = word.standing.score, word.standing.judgement, word.announced
    override = lead.override or {}
    return LeadScored(
        lead_id=lead.lead_id,
        received_at=lead.received_at,
        points=whole(score.points),
        grade=override.get("grade") or announced.grade,
        qualification=override.get("qualification") or announced.qualification,
        reasons=[Reason(one.text, whole(one.points), one.name, one.part, one.points) for one in score.reasons],
        scorecard_version=versions.card.version,
        facts=dict(known.facts),
        fit=score.fit,
        engagement=score.engagement,
        letter=override.get("letter") or announced.letter,
        number=announced.number if override.get("number") is None else override["number"],
        thresholds=list(announced.thresholds),
        outcome=judgement.outcome,
        level=judgement.label,
        missing=list(judgement.missing),
        disqualified="; ".join(judgement.reasons) if judgement.outcome is Outcome.DISQUALIFIED else None,
        dimensions={name: one.confidence for name, one in judgement.dimensions.items()},
        definition_version=versions.agreed.version,
        override=_override(override, announced) if override else None,
        changed=list(changed),
    )


def _override(override: Mapping[str, Any], announced: Announced) -> Override:
    return Override(
        by=override["by"],
        at=datetime.fromisoformat(override["at"]),
        grade=override.get("grade"),
        qualification=override.get("qualification"),
        machine_grade=announced.grade,
        machine_qualification=announced.qualification,
    )
