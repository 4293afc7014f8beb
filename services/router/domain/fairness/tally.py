"""What a book keeps of one member beside its turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from services.router.domain.rotation import Counters

NOTES_KEPT = 10


@dataclass(frozen=True, slots=True)
class Note:
    """A credit (positive) or debit (negative) by hand, in turns: when, who, why."""

    at: datetime
    turns: int
    by: str
    reason: str

    @property
    def text(self) -> str:
        """For a person."""
        verb = "Credited" if self.turns > 0 else "Debited"
        turns = "turn" if abs(self.turns) == 1 else "turns"
        return f"{verb} {abs(self.turns)} {turns} by {self.by}: {self.reason}"

    def to_document(self) -> dict[str, Any]:
        return {"at": self.at.isoformat(), "turns": self.turns, "by": self.by, "reason": self.reason}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Note:
        return cls(datetime.fromisoformat(document["at"]), document["turns"], document["by"], document["reason"])


@dataclass(slots=True)
class Tally:
    """Entitlements are in PARTS of a turn. `missed` is what the present leave has cost so far, and is paid when it is over.

    `opening` is what the member was entitled to more than it received when the book began, and `received` what it had received.
    """

    opening: int = 0
    received: int = 0
    credited: int = 0
    credits: int = 0
    debited: int = 0
    debits: int = 0
    others: int = 0
    returned: int = 0
    missed: int = 0
    caught_up: int = 0
    forfeited: int = 0
    notes: tuple[Note, ...] = ()

    @classmethod
    def open(cls, counters: Counters) -> Tally:
        return cls(opening=counters.difference, received=counters.received)

    def note(self, note: Note) -> None:
        self.notes = (*self.notes[-NOTES_KEPT + 1 :], note)

    def to_document(self) -> dict[str, Any]:
        """The tally as data that JSON can carry, without what is nought."""
        numbers = {name: value for name in _NUMBERS if (value := getattr(self, name))}
        return {**numbers, "notes": [note.to_document() for note in self.notes]} if self.notes else numbers

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Tally:
        """Reads what `to_document` made."""
        numbers = {name: document[name] for name in _NUMBERS if name in document}
        return cls(**numbers, notes=tuple(Note.from_document(one) for one in document.get("notes", ())))


_NUMBERS = tuple(one.name for one in fields(Tally) if one.name != "notes")
