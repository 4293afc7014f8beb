"""A pool's part of the state: whose turn it is among those whom no gate stops, and how many each gate stops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from services.router.domain.availability import Gate
from services.router.domain.policy import Pool
from services.router.domain.rotation import PARTS, Counters, Rotation


class PoolState:
    """A pool's rotation, in which exactly the members whom no gate stops are eligible, and the count of the others."""

    def __init__(self, pool: Pool, carried: Mapping[UUID, Counters]) -> None:
        self.rotation = Rotation({member.agent_id: member.weight for member in pool.members}, carried)
        self._stopped = dict.fromkeys(Gate, 0)

    @property
    def stopped(self) -> dict[Gate, int]:
        """How many members each gate stops; gates that stop nobody are left out."""
        return {gate: count for gate, count in self._stopped.items() if count}

    def enter(self, agent_id: UUID, gate: Gate | None) -> None:
        """Books a member under the gate that stops it, as eligible where there is none."""
        if gate is None:
            self.rotation.admit(agent_id)
        else:
            self._stopped[gate] += 1

    def leave(self, agent_id: UUID, gate: Gate | None) -> None:
        """Takes back what `enter` booked."""
        if gate is None:
            self.rotation.withdraw(agent_id)
        else:
            self._stopped[gate] -= 1


def counters_document(rotation: Rotation) -> list[dict[str, Any]]:
    """A pool's members, with how they stand, as data that JSON can carry; `read_counters` reads how they stand."""
    # The difference and not what was entitled: it stays small, and so within what any reader of JSON can hold.
    documents = []
    for agent_id in rotation.members:
        counters = rotation.counters(agent_id)
        document = {"agent_id": str(agent_id), "weight": rotation.weight(agent_id)}
        documents.append({**document, "received": counters.received, "difference": counters.difference})
    return documents


def read_counters(documents: Iterable[Mapping[str, Any]]) -> dict[UUID, Counters]:
    return {UUID(one["agent_id"]): Counters(PARTS * one["received"] + one["difference"], one["received"]) for one in documents}
