"""Terms: what a decision is made of beside the lead, the policy and the state. Kept with the decision, so that it can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.router.domain.strategies import Key


class Former(NamedTuple):
    """Somebody who had a lead of the same contact, company or account, and since when."""

    agent_id: UUID
    key: Key
    at: datetime


@dataclass(frozen=True, slots=True)
class Terms:
    """`without` do not get this lead; `owners` had leads of the same person or company; `offered`: it was, and nobody claimed it.

    `since` is when the lead began to wait, None for one that comes now.
    """

    without: tuple[UUID, ...] = ()
    owners: tuple[Former, ...] = ()
    offered: bool = False
    since: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        """As data that JSON can carry, without what is as it is by default; `from_document` reads it back."""
        document: dict[str, Any] = {}
        if self.without:
            document["without"] = [str(one) for one in self.without]
        if self.owners:
            document["owners"] = [[str(one.agent_id), one.key.value, one.at.isoformat()] for one in self.owners]
        if self.offered:
            document["offered"] = True
        if self.since:
            document["since"] = self.since.isoformat()
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Terms:
        return cls(
            tuple(UUID(one) for one in document.get("without", ())),
            tuple(Former(UUID(id), Key(key), datetime.fromisoformat(at)) for id, key, at in document.get("owners", ())),
            document.get("offered", False),
            datetime.fromisoformat(document["since"]) if "since" in document else None,
        )


PLAIN = Terms()
