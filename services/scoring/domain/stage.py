"""What a lead's stage says about how it ended."""

from __future__ import annotations

OUTCOMES = frozenset({"won", "lost", "disqualified", "recycled"})


def outcome_of(stage: str) -> str | None:
    """How the lead ended, by its stage; None while it is open, and for a stage that we do not know yet."""
    return stage if stage in OUTCOMES else None
