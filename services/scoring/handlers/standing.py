"""What a lead is at a moment, by both documents, and what of it is to be said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.scoring.domain import qualification, scorecard
from services.scoring.domain.qualification import Judgement, Scored, Statement
from services.scoring.domain.scorecard import Announced, Occurrence, Score
from services.scoring.handlers.early import NEVER, early_look, engagement_is_idle
from services.scoring.handlers.versions import Versions


class Known(NamedTuple):
    """All that a lead is scored by: what was told of it, when and by which source, what people say of it, and what happened."""

    facts: Mapping[str, Any]
    facts_at: datetime
    told_by: str
    occurrences: Sequence[Occurrence]
    statements: Mapping[str, Statement]

    def until(self, at: datetime) -> Known:
        """The same without what happened later, and what people said later."""
        happened = [one for one in self.occurrences if one.at <= at]
        said = {dimension: one for dimension, one in self.statements.items() if one.at <= at}
        return Known(self.facts, self.facts_at, self.told_by, happened, said)


class Standing(NamedTuple):
    """A lead's score and what it is judged to be."""

    score: Score
    judgement: Judgement


class Word(NamedTuple):
    """What is said of a lead: `standing` by what is announced, which holds a little longer than what is computed.

    `changed` names what differs from what was said before; it is empty for the first word and where there is nothing new.
    """

    announced: Announced
    standing: Standing
    changed: tuple[str, ...]


def stand(versions: Versions, known: Known, now: datetime) -> Standing:
    score = scorecard.score(versions.card.card, known.facts, known.occurrences, now)
    return Standing(score, _judge(versions, known, score, now))


def say(versions: Versions, known: Known, standing: Standing, before: Announced | None, now: datetime) -> Word:
    """What is to be said of a lead that stands like this, of which `before` was said last."""
    card, judgement = versions.card.card, standing.judgement
    eased = None
    if before and judgement.qualification != before.qualification:
        eased = _judge(versions, known, scorecard.relaxed(card, standing.score), now)
    relaxed = eased.qualification if eased else None
    said, _ = scorecard.announce(card, before, standing.score, judgement.qualification, relaxed_qualification=relaxed)
    if eased and said.qualification == relaxed:
        standing = Standing(standing.score, eased)
    return Word(said, standing, _changes(before, said) if before else ())


def _changes(before: Announced, said: Announced) -> tuple[str, ...]:
    named = {
        "grade": before.grade != said.grade,
        "qualification": before.qualification != said.qualification,
        "thresholds": before.thresholds != said.thresholds,
    }
    return tuple(name for name, differs in named.items() if differs)


def next_look(versions: Versions, known: Known, word: Word, now: datetime, *, exact: bool = True) -> datetime | None:
    """When something of this word may change by itself; None where it will not within a year.

    Where `exact` is false, it may be told somewhat early, for a fraction of the cost: whoever looks then, is told exactly.
    """
    score, card, agreed = word.standing.score, versions.card.card, versions.agreed
    fading = None
    if exact or not engagement_is_idle(card, agreed.marks, score, word.announced):
        fading = scorecard.next_change(
            card, known.facts, known.occurrences, word.announced, now, marks=agreed.marks, fit=score.fit
        )
    judged = None if exact else early_look(agreed.levels, agreed.definition, word.standing.judgement, now)
    if judged is None:
        judged = _next_judgement(versions, known, score, now)
    return min((at for at in (fading, judged) if at and at is not NEVER), default=None)


def _next_judgement(versions: Versions, known: Known, score: Scored, now: datetime) -> datetime | None:
    return qualification.next_judgement_change(
        versions.agreed.definition,
        known.facts,
        facts_at=known.facts_at,
        told_by=known.told_by,
        score=score,
        manual=known.statements,
        now=now,
    )


def _judge(versions: Versions, known: Known, score: Scored, now: datetime) -> Judgement:
    return qualification.judge(
        versions.agreed.definition,
        known.facts,
        facts_at=known.facts_at,
        told_by=known.told_by,
        score=score,
        manual=known.statements,
        now=now,
    )
