"""What scoring says, on leads.scored."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.contracts.events.shape import Event, Facts


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule that added to a score, and by how much.

    `hundredths` of a point are what adds up to the score, exactly; `points` is the same in whole points, rounded half to even for whoever
    reads only those, so that of scores with fractions they need not. `part` is fit or engagement.
    """

    text: str
    points: int
    name: str = ""
    part: str = ""
    hundredths: int = 0


class Override(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person set in the place of the machine's word, and what the machine said. What they did not set is None."""

    by: str
    at: datetime
    grade: str | None = None
    qualification: str | None = None
    machine_grade: str
    machine_qualification: str


class LeadScored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """scoring: how good the lead is, by which versions of the shared definitions, and why. Said again when that changes.

    `fit` (who they are) and `engagement` (what they did) are hundredths of a point; `points` is their sum in whole points, rounded half to
    even. The grade is the letter of the fit with the number of the engagement, such as B2, and holds until a score is clearly below it.
    `outcome` is qualified, disqualified (for which `disqualified` gives the reason) or insufficient (`missing` says what is not known).
    `dimensions` are the confidences, in per cent, of what is known of budget, authority and so on. `changed` names what is not as it was
    said before and is empty for the first score. `grade` and `qualification` are a person's where `override` says so.
    """

    received_at: datetime
    points: int
    grade: str
    qualification: str
    reasons: list[Reason]
    scorecard_version: int
    facts: Facts
    fit: int = 0
    engagement: int = 0
    letter: str = ""
    number: int = 0
    thresholds: list[str] = []
    outcome: str = ""
    level: str | None = None
    missing: list[str] = []
    disqualified: str | None = None
    dimensions: dict[str, int] = {}
    definition_version: int | None = None
    override: Override | None = None
    changed: list[str] = []
