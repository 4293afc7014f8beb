"""An id for what has none: a digest of what was said, good for the time in which a sender or an impatient finger repeats itself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from services.intake.domain.identity import digest

REPEATS = timedelta(minutes=10)
"""How long the same again is the same lead. Later it is a new interest."""


def fingerprint(answers: Any) -> str:
    """32 hex digits that stand for these answers, in whatever order they came."""
    return digest("answers", json.dumps(answers, sort_keys=True, ensure_ascii=True, default=str)).hex()
