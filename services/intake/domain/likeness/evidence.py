"""What speaks for or against two contacts being one person, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One comparison: its field, what it says, and its weight in bits (log2 of how much likelier it is for one person than for two).

    Names fields and comparisons, never their values, so that it can be stored, shown and logged.
    """

    field: str
    says: str
    weight: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The probability, 0 to 1, that two contacts are one person, with the evidence, strongest first."""

    score: float
    evidence: tuple[Evidence, ...]
