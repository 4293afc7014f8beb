"""The definition a new installation begins with. Marketing and sales are expected to write and approve their own."""

from __future__ import annotations

from typing import Any

from services.scoring.domain.scorecard.default import DECIDES, EARLY


def _clue(when: str, value: str, confidence: int, fact: str | None = None) -> dict[str, Any]:
    clue = {"when": when, "value": value, "confidence": confidence}
    return {**clue, "fact": fact} if fact else clue


def _among(fact: str, values: list[str]) -> str:
    return f"{fact} in [{', '.join(repr(value) for value in values)}]"


# Whoever can be answered is worth an answer (20 points of the default card). Sales takes a lead that says what it wants, with at least one
# dimension more that is all but sure.
DEFAULT: dict[str, Any] = {
    "name": "Default",
    "dimensions": {
        "budget": {
            "evidence": [
                _clue("budget >= 10000", "10,000 or more", 90, "budget"),
                _clue("budget > 0", "below 10,000", 40, "budget"),
            ],
            "half_life_days": 180,
        },
        "authority": {
            "evidence": [
                _clue(_among("job_title", DECIDES), "can decide", 80, "job_title"),
                _clue("email_kind == 'company'", "writes from a company's address", 30),
            ],
            "half_life_days": 365,
        },
        "need": {
            "evidence": [_clue("product != ''", "names a product", 70, "product")],
            "half_life_days": 90,
        },
        "timeline": {
            "evidence": [
                _clue(_among("timeframe", EARLY), "wants it soon", 80, "timeframe"),
                _clue("timeframe != ''", "names a time", 40, "timeframe"),
            ],
            "half_life_days": 30,
        },
    },
    "disqualify": [],
    "levels": [
        {"name": "sales_qualified", "label": "SQL", "when": "points >= 60", "floors": {"need": 50}, "total": 140},
        {"name": "marketing_qualified", "label": "MQL", "when": "points >= 20"},
    ],
}
