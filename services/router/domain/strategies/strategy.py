"""What every strategy is: one way to choose among the members of a pool who may receive.

A strategy is told who may receive (`admit`, `withdraw`) and what was given out (`take`, `give_back`), and answers whose
turn it is (`peek`). It never looks at anybody who may not receive. What it must remember is in the counters it keeps and
in the pool's `Standings`, which all strategies of a pool read; its heaps follow from these and are in no snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.router.domain.rotation import Counters
from services.router.domain.strategies.standings import Standings


@dataclass(frozen=True, slots=True)
class Way:
    """How a pool chooses, as its policy says. `kind` is a name in the registry.

    `to` (None: everyone), `seconds` and `fallback` are those of a claim; `within` is how a waterfall chooses in a level.
    """

    kind: str = "rotation"
    to: int | None = None
    seconds: int | None = None
    fallback: str | None = None
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A lead is offered to these agents, the one to be preferred first; an offer reserves nothing.

    The first to claim it until then gets it. `fallback` is the strategy that decides afterwards.
    """

    agents: tuple[UUID, ...]
    until: datetime
    fallback: str


@dataclass(frozen=True)
class Plan:
    """What a strategy is made from: the members it chooses among, in the order of last resort for ties.

    `carried` are the counters it kept before; `make` makes another one from a plan, for those that stand on others.
    """

    way: Way
    members: Sequence[UUID]
    standings: Standings
    make: Callable[[Plan], Strategy]
    carried: Mapping[UUID, Counters] = field(default_factory=dict)


class Strategy(Protocol):
    """One way to choose. `make(plan)` of the registry makes it, with nobody admitted."""

    @property
    def eligible_count(self) -> int:
        """How many may receive."""

    def is_eligible(self, agent_id: UUID) -> bool: ...

    def admit(self, agent_id: UUID) -> None:
        """Lets a member receive from now on, as it stands now; nothing where it may already and stands as it stood."""

    def withdraw(self, agent_id: UUID, *, earning: bool = False) -> None:
        """Lets a member sit out; with `earning`, its entitlement goes on where the strategy has one."""

    @property
    def follows_standings(self) -> bool:
        """Whether it is to be told of each change of a member's standing."""

    def refresh(self, ranks: Iterable[int]) -> None:
        """The standings of those of these ranks in the pool changed; they may be members of the pool who are none of this strategy's."""

    def peek(self, now: datetime, *, offered: bool = False) -> UUID | Offer | None:
        """Who gets the next lead; None where nobody may. `offered`: it was offered already, and nobody claimed it."""

    def take(self, agent_id: UUID) -> None:
        """A member, chosen or not, got a lead as a turn."""

    def give_back(self, agent_id: UUID) -> None:
        """A member's turn did not count."""

    def adjust(self, agent_id: UUID, parts: int) -> None:
        """Changes what a member is entitled to by so many PARTS of a turn."""

    def reweight(self, agent_id: UUID, weight: int) -> None:
        """The member's weight in the standings changed to this one."""

    def tally(self, agent_id: UUID) -> tuple[int, int] | None:
        """What it keeps of a member: what that one was entitled to and received, as in Counters.

        None for a strategy that keeps no entitlement, or not of this member.
        """

    def share(self, agent_id: UUID) -> int:
        """PARTS that a member is entitled to of the next turn; 0 where it keeps no entitlement."""
