"""What somebody agreed to, as forms send it: a ticked box, a word, or the sentence beside the box."""

from __future__ import annotations

from typing import Any

from services.intake.domain.quality.text import as_text, fold, words

GRANTED = words("1 accepted agree agreed checked granted ja oui on optin si sim tak true y yes")
REFUSED = words("0 declined denied false n nao nee nein no non off optout refused revoked unchecked withdrawn")


def read_consent(value: Any) -> tuple[bool, str | None] | None:
    """Whether it was granted, and the words that were shown; None where nothing was said.

    A sentence is the label of a box, which browsers send for a ticked box only.
    """
    text = as_text(value).strip()
    word = fold(text[:100])
    if not word:
        return None
    if word in GRANTED or word in REFUSED:
        return word in GRANTED, None
    return True, text
