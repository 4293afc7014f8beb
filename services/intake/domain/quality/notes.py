"""What is noted while a lead is brought into normal form: what was odd, and what was changed."""

from __future__ import annotations

from typing import Any, TypeVar

from services.intake.domain.quality.text import as_text

Kept = TypeVar("Kept")


class Notes:
    """Warnings, and changes as `{"field", "sent", "kept", "why"}`. `sent` and `kept` are contact data and stay with intake."""

    __slots__ = ("changes", "warnings")

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.changes: list[dict[str, Any]] = []

    def warn(self, field: str, text: str) -> None:
        self.warnings.append(f"{field}: {text}")

    def keep(self, field: str, sent: Any, kept: Kept, why: str) -> Kept:
        """Returns what is kept, noted as a change unless only blanks around it, or its JSON type, differ."""
        if kept != sent and as_text(kept) != as_text(sent).strip():
            self.changes.append({"field": field, "sent": sent, "kept": kept, "why": why})
        return kept
