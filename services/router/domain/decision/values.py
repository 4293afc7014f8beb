"""What a decision is, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.router.domain.availability import Gate
from services.router.domain.decision.outcome import Outcome, Winner
from services.router.domain.decision.reasons import reason_of
from services.router.domain.decision.terms import PLAIN, Terms
from services.router.domain.ledger import Entry, assigned
from services.router.domain.offers import Offer
from services.router.domain.strategies import EVERYONE, Stuck


class Lead(Protocol):
    """What the router must know of a lead. `scored` is what else scoring found: fit, engagement, letter, number, thresholds."""

    @property
    def lead_id(self) -> UUID: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def points(self) -> int: ...
    @property
    def grade(self) -> str: ...
    @property
    def qualification(self) -> str: ...
    @property
    def scored(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a lead, with all that explains it.

    `facts` is what the rules were asked of; `now` is the time that counted, which never goes back in a group. `rule` is
    None where the default pool was taken; `pool` and `winner` are None where there is none. `strategy` is that of the
    pool, `of` the requirement class (`Turns.name`) that the winner was chosen from, and `via` the pool
    that overflowed to it. `terms` are what else it was made of; `stuck` is what was found of the lead's own owner; `counts` tells whether
    a lead that no strategy gave out is a turn all the same. `failed` are rules that could not be evaluated, and so did not match.
    """

    lead_id: UUID
    outcome: Outcome
    qualification: str
    facts: Mapping[str, Any]
    now: datetime
    rule: str | None = None
    pool: str | None = None
    winner: Winner | None = None
    eligible: int = 0
    stopped: Mapping[Gate, int] = field(default_factory=dict)
    strategy: str = "rotation"
    of: int | str = EVERYONE
    via: str | None = None
    offer: Offer | None = None
    terms: Terms = PLAIN
    stuck: Stuck | None = None
    counts: bool = False
    failed: tuple[str, ...] = ()

    @property
    def agent_id(self) -> UUID | None:
        return self.winner.agent_id if self.winner else None

    @property
    def home(self) -> str | None:
        """The pool that the lead belongs to, and waits for."""
        return self.via or self.pool

    @property
    def until(self) -> datetime | None:
        """Until when a lead waits for its own owner, where it does and that is known."""
        return self.stuck.until if self.stuck and self.outcome is Outcome.QUEUED else None

    @property
    def reason(self) -> str:
        """Why, in one sentence for a person."""
        return reason_of(self)

    @property
    def is_turn(self) -> bool:
        return self.counts or self.outcome is Outcome.ASSIGNED

    def entry(self, number: int) -> Entry:
        """The ledger entry of an assignment. Raises ValueError for a decision that assigned nobody."""
        if self.winner is None:
            raise ValueError(f"lead {self.lead_id} was {self.outcome}, which is no ledger entry")
        winner = self.winner
        return assigned(
            number,
            self.now,
            agent_id=winner.agent_id,
            lead_id=self.lead_id,
            pool=self.pool,
            turn=self.is_turn,
            period=winner.period,
            hour=winner.hour,
            work=winner.work,
            of=self.of,
            without=self.terms.without if self.outcome is Outcome.ASSIGNED else (),
            forced=self.outcome is Outcome.FORCED,
        )
