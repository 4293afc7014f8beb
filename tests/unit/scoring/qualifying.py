"""What the tests of qualification share: a vocabulary, scores, and a judge that is asked in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.scoring.domain import qualification
from services.scoring.domain.qualification import Definition, Judgement, Statement
from shared.rules import Kind, Vocabulary

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = Vocabulary(
    {
        "budget": Kind.NUMBER,
        "company_size": Kind.NUMBER,
        "country": Kind.TEXT,
        "email_kind": Kind.TEXT,
        "has_phone": Kind.TRUTH,
        "job_title": Kind.TEXT,
        "product": Kind.TEXT,
        "tags": Kind.TEXTS,
        "timeframe": Kind.TEXT,
    }
)
BANT = ("budget", "authority", "need", "timeline")


@dataclass(frozen=True)
class Points:
    """A score of so many hundredths, all of them fit."""

    points: int = 0
    engagement: int = 0
    letter: str = "B"
    number: int = 2
    thresholds: tuple[str, ...] = ()

    @property
    def fit(self) -> int:
        return self.points - self.engagement

    @property
    def grade(self) -> str:
        return f"{self.letter}{self.number}"


def dimension(*clues: tuple[str, int], half_life_days: float | None = None) -> dict[str, Any]:
    """A dimension of clues, each a condition and a confidence."""
    evidence = [{"when": when, "value": f"because {when}", "confidence": confidence} for when, confidence in clues]
    return {"evidence": evidence, "half_life_days": half_life_days}


def document(*levels: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A definition of four dimensions, each of which one fact makes known."""
    dimensions = {
        "budget": dimension(("budget >= 10000", 90), ("budget > 0", 40)),
        "authority": dimension(("job_title == 'CEO'", 80)),
        "need": dimension(("product != ''", 70)),
        "timeline": dimension(("timeframe == 'now'", 80)),
    }
    return {"name": "Test", "dimensions": dimensions, "levels": list(levels), **parts}


def defined(*levels: dict[str, Any], **parts: Any) -> Definition:
    return qualification.from_document(document(*levels, **parts), FACTS)


def judged(
    definition: Definition,
    facts: Mapping[str, object] | None = None,
    *,
    points: int = 0,
    manual: Mapping[str, Statement] | None = None,
    now: datetime = NOW,
) -> Judgement:
    """What the definition says of a lead whose facts were told by `website` at NOW; `points` in hundredths."""
    return qualification.judge(
        definition, facts or {}, facts_at=NOW, told_by="website", score=Points(points), manual=manual or {}, now=now
    )


def said(confidence: int, *, at: datetime = NOW, value: str = "said so", by: str = "robin") -> Statement:
    return Statement(value, confidence, by, at)
