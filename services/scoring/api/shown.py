"""What scores, documents and previews look like to those who may see them. Points are points here, with at most two decimals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.scoring.handlers.previews import Outlook
from services.scoring.handlers.scores import Scored
from services.scoring.handlers.standing import Word
from services.scoring.handlers.versions import problems_of
from services.scoring.handlers.words import judgement_out
from services.scoring.store.documents import Kind, Stored
from services.scoring.store.scores import StoredScore
from shared.rules import Problem


class ReasonOut(BaseModel):
    """`count` is how often, of what happened more than once."""

    name: str
    part: str = Field(description="fit or engagement")
    text: str
    points: float
    count: int | None = None


class EvidenceOut(BaseModel):
    """`confidence` is per cent now, `stated` per cent when it was said by `source`, who is a person where `manual` says so."""

    value: str
    confidence: int
    stated: int
    source: str
    at: datetime
    manual: bool


class WordOut(BaseModel):
    """What the documents say of a lead. Reasons add up to the points, exactly, as decimals; so do fit and engagement.

    Letter, number, thresholds and qualification hold until a score is clearly below them; `reached` is the grade of the bare points.
    """

    points: float = Field(examples=[62.5])
    fit: float = Field(examples=[55])
    engagement: float = Field(examples=[7.5])
    letter: str
    number: int
    grade: str = Field(examples=["B3"])
    reached: str = Field(examples=["B3"])
    thresholds: list[str]
    qualification: str = Field(examples=["marketing_qualified"])
    outcome: str = Field(description="qualified, disqualified or insufficient")
    level: str | None = Field(description="The level that is met or, where none is, the nearest")
    label: str | None = Field(examples=["MQL"])
    missing: list[str]
    why: list[str]
    dimensions: dict[str, EvidenceOut]
    reasons: list[ReasonOut]


class OverrideOut(BaseModel):
    grade: str | None
    qualification: str | None
    reason: str
    by: str
    at: datetime


class SaidOut(BaseModel):
    """A score as it was given. `sequence` is that of the LeadScored that said so; null where nothing announced had changed.

    What only newer scorecards say is null of a lead that was scored before there were any.
    """

    lead_id: UUID
    revision: int
    at: datetime
    sequence: int | None
    cause: str
    changed: list[str]
    points: float
    fit: float
    engagement: float
    grade: str
    thresholds: list[str]
    qualification: str
    outcome: str | None
    missing: list[str]
    reasons: list[ReasonOut]
    scorecard_version: int
    definition_version: int | None
    override: OverrideOut | None


class ScoreOut(BaseModel):
    """A lead's score. `grade` and `qualification` hold; they are a person's where `override` says so, and the machine's beside it.

    `announced` is what was said of the lead last, `next_change` when the machine's word may change by itself.
    """

    lead_id: UUID
    received_at: datetime
    at: datetime
    points: float
    grade: str
    qualification: str
    reasons: list[ReasonOut]
    scorecard_version: int
    definition_version: int
    machine: WordOut
    override: OverrideOut | None
    announced: SaidOut
    next_change: datetime | None
    merged_into: UUID | None


def points(hundredths: int) -> float:
    return hundredths / 100


def word_out(word: Word) -> WordOut:
    score, said = word.standing.score, word.announced
    judgement = judgement_out(word.standing.judgement)
    why = judgement.pop("reasons")
    return WordOut(
        points=points(score.points),
        fit=points(score.fit),
        engagement=points(score.engagement),
        letter=said.letter,
        number=said.number,
        grade=said.grade,
        reached=score.grade,
        thresholds=list(said.thresholds),
        qualification=said.qualification,
        why=why,
        reasons=[
            ReasonOut(name=one.name, part=one.part, text=one.text, points=points(one.points), count=one.count)
            for one in score.reasons
        ],
        **judgement,
    )


def said_out(said: StoredScore) -> SaidOut:
    judgement = said.judgement or {}
    return SaidOut(
        lead_id=said.lead_id,
        revision=said.revision,
        at=said.scored_at,
        sequence=said.scored_sequence,
        cause=said.cause,
        changed=said.changed or [],
        points=points(said.points),
        fit=points(said.fit),
        engagement=points(said.engagement),
        grade=said.grade,
        thresholds=said.thresholds or [],
        qualification=said.qualification,
        outcome=judgement.get("outcome"),
        missing=judgement.get("missing", []),
        reasons=[_kept_reason(one) for one in said.reasons],
        scorecard_version=said.scorecard_version,
        definition_version=said.definition_version,
        override=OverrideOut(**said.override) if said.override else None,
    )


def _kept_reason(one: dict[str, Any]) -> ReasonOut:
    return ReasonOut(name=one.get("name", ""), part=one["part"], text=one["text"], points=points(one["hundredths"]))


def score_out(scored: Scored) -> ScoreOut:
    lead, word = scored.look.lead, word_out(scored.look.word)
    assert lead.received_at is not None
    override = OverrideOut(**lead.override) if lead.override else None
    card, definition = scored.look.versions.numbers
    return ScoreOut(
        lead_id=lead.lead_id,
        received_at=lead.received_at,
        at=scored.at,
        points=word.points,
        grade=(override and override.grade) or word.grade,
        qualification=(override and override.qualification) or word.qualification,
        reasons=word.reasons,
        scorecard_version=card,
        definition_version=definition,
        machine=word,
        override=override,
        announced=said_out(scored.said),
        next_change=scored.next_change,
        merged_into=lead.merged_into,
    )


# -- Documents -----------------------------------------------------------------------------------------------------------------------


class ProblemOut(BaseModel):
    """`path` points into the document; line and column count from 1 within a rule's text."""

    path: str
    message: str
    severity: str
    line: int | None
    column: int | None


class ApprovalOut(BaseModel):
    by: str
    at: datetime


class VersionOut(BaseModel):
    """One version. `problems` are warnings and, where this program cannot read a rule of it any more, what is left out for that."""

    version: int
    state: str = Field(description="draft, active or retired")
    document: dict[str, Any]
    created_at: datetime
    created_by: str
    problems: list[ProblemOut]


class DefinitionOut(VersionOut):
    """`approvals` are by side: marketing and sales."""

    approvals: dict[str, ApprovalOut]


class ActivationOut(BaseModel):
    version: int
    at: datetime
    by: str


class LintOut(BaseModel):
    """`valid`: it may be saved as it is. Warnings are no reason against it."""

    valid: bool
    problems: list[ProblemOut]


def problem_out(problem: Problem) -> ProblemOut:
    return ProblemOut(
        path=problem.path, message=problem.message, severity=problem.severity, line=problem.line, column=problem.column
    )


def version_out(kind: Kind, stored: Stored, warnings: Sequence[Problem] = ()) -> VersionOut:
    shown = {
        "version": stored.version,
        "state": stored.state,
        "document": stored.document,
        "created_at": stored.created_at,
        "created_by": stored.created_by,
        "problems": [problem_out(one) for one in (*problems_of(kind, stored.document), *warnings)],
    }
    if kind is Kind.SCORECARD:
        return VersionOut(**shown)
    return DefinitionOut(**shown, approvals={side: ApprovalOut(**said) for side, said in stored.approvals.items()})


# -- Previews ------------------------------------------------------------------------------------------------------------------------


class MoveOut(BaseModel):
    before: str
    after: str
    leads: int


class ChangeOut(BaseModel):
    lead_id: UUID
    before: str
    after: str


class PreviewOut(BaseModel):
    """What was not kept. Of one lead `before` and `after`, of facts `after` alone; of the last leads the rest.

    `moves` counts them by what they are and would be; `changes` names the newest of those that would change, at most 100.
    """

    scorecard_version: int | None = Field(description="null for a document of your own")
    definition_version: int | None
    before: WordOut | None = None
    after: WordOut | None = None
    looked_at: int | None = None
    changed: int | None = None
    moves: list[MoveOut] | None = None
    changes: list[ChangeOut] | None = None


def outlook_out(outlook: Outlook) -> dict[str, Any]:
    return {
        "looked_at": outlook.looked_at,
        "changed": outlook.changed,
        "moves": [MoveOut(before=before, after=after, leads=n) for (before, after), n in sorted(outlook.moves.items())],
        "changes": [ChangeOut(lead_id=one.lead_id, before=one.before, after=one.after) for one in outlook.changes],
    }
