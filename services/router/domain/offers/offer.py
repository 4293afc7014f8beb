"""An offer from its beginning to its end: who may still claim, what a claim is answered, and when another way decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.router.domain.availability import Availability

SECONDS = 120  # that an offer lasts where the pool does not say
FALLBACK = "rotation"
_NOUGHT = timedelta()


class Terms(Protocol):
    """How a pool offers: to how many at most (None: to all), for how many seconds, and which strategy decides what nobody claimed."""

    @property
    def to(self) -> int | None: ...
    @property
    def seconds(self) -> int | None: ...
    @property
    def fallback(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A lead offered to these agents, the one to be preferred first. `declined` are those of them who do not want it.

    It lasts `seconds`. From `until` on another way may decide; as long as it has not, a claim counts.
    """

    agents: tuple[UUID, ...]
    offered_at: datetime
    seconds: int
    until: datetime
    fallback: str
    declined: frozenset[UUID] = frozenset()

    @property
    def open_to(self) -> tuple[UUID, ...]:
        """Those who may still claim."""
        return tuple(one for one in self.agents if one not in self.declined)

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody is left who may claim: then the fallback decides at once."""
        return not self.open_to

    def to_document(self) -> dict[str, Any]:
        """As data that JSON can carry; `from_document` reads it back."""
        return {
            "agents": [str(one) for one in self.agents],
            "offered_at": self.offered_at.isoformat(),
            "seconds": self.seconds,
            "until": self.until.isoformat(),
            "fallback": self.fallback,
            "declined": sorted(str(one) for one in self.declined),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Offer:
        return cls(
            agents=tuple(UUID(one) for one in document["agents"]),
            offered_at=datetime.fromisoformat(document["offered_at"]),
            seconds=document["seconds"],
            until=datetime.fromisoformat(document["until"]),
            fallback=document["fallback"],
            declined=frozenset(UUID(one) for one in document["declined"]),
        )


class Answer(StrEnum):
    """What a claim or a refusal is answered. A closed list."""

    GRANTED = "granted"
    YOURS = "yours"  # the claimant has it already: a claim that was sent twice
    TAKEN = "taken"  # another was first, or was given it when nobody claimed
    DECLINED = "declined"  # the claimant has declined it
    NOT_OFFERED = "not_offered"  # to this agent
    OVER = "over"  # it is offered to nobody any more, and has no owner
    CANNOT_RECEIVE = "cannot_receive"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer, and a sentence for the claimant. `late`: it was granted after the offer's time, before another way had decided."""

    answer: Answer
    text: str
    late: bool = False

    @property
    def granted(self) -> bool:
        return self.answer is Answer.GRANTED


def offer(candidates: Sequence[UUID], terms: Terms, now: datetime) -> Offer | None:
    """Offers a lead to the first of these candidates, who can all receive now; None where there are none.

    Who can receive a minute later is not asked: an offer is not widened.
    """
    agents = tuple(dict.fromkeys(candidates))[: terms.to]
    if not agents:
        return None
    seconds = SECONDS if terms.seconds is None else terms.seconds
    return Offer(agents, now, seconds, now + timedelta(seconds=seconds), terms.fallback or FALLBACK)


def claim(
    open_offer: Offer | None, agent_id: UUID, *, owner: UUID | None, availability: Availability | None, now: datetime
) -> Ruling:
    """Whether an agent gets the lead it claims. Asked under the locks of an assignment, which the claim becomes if it is granted.

    `open_offer` is None where the lead is not offered any more; `owner` is who has it; `availability` is the claimant's at `now`, None
    where it was not asked because the lead was not offered to that one.
    """
    if owner == agent_id:
        return Ruling(Answer.YOURS, "The lead is yours already.")
    if owner is not None:
        return Ruling(Answer.TAKEN, "Another agent has the lead.")
    if open_offer is None:
        return Ruling(Answer.OVER, "The lead is not on offer any more.")
    if agent_id not in open_offer.agents or availability is None:
        return Ruling(Answer.NOT_OFFERED, "The lead was not offered to this agent.")
    if agent_id in open_offer.declined:
        return Ruling(Answer.DECLINED, "The agent has declined the lead.")
    if not availability.available:
        return Ruling(Answer.CANNOT_RECEIVE, f"The agent {availability.text}.")
    return Ruling(Answer.GRANTED, "The lead was free to be claimed.", late=now >= open_offer.until)


def refusal(open_offer: Offer | None, agent_id: UUID, *, owner: UUID | None) -> Ruling:
    """Whether an agent may decline a lead that is offered to it: DECLINED, also where it has before; or why there is nothing to decline."""
    if owner == agent_id:
        return Ruling(Answer.YOURS, "The lead is yours: decline or return its assignment.")
    if owner is not None:
        return Ruling(Answer.TAKEN, "Another agent has the lead.")
    if open_offer is None:
        return Ruling(Answer.OVER, "The lead is not on offer any more.")
    if agent_id not in open_offer.agents:
        return Ruling(Answer.NOT_OFFERED, "The lead was not offered to this agent.")
    return Ruling(Answer.DECLINED, "The agent has declined the lead.")


def decline(open_offer: Offer, agent_id: UUID) -> Offer:
    """The offer without this agent; as it was where that one was not asked, or has declined before."""
    if agent_id not in open_offer.agents:
        return open_offer
    return replace(open_offer, declined=open_offer.declined | {agent_id})


def without(open_offer: Offer, gone: UUID) -> Offer:
    """The offer without an agent who left: one who is not active any more cannot be waited for."""
    agents = tuple(one for one in open_offer.agents if one != gone)
    return replace(open_offer, agents=agents, declined=open_offer.declined - {gone})


def expire(open_offer: Offer, now: datetime, *, outage: timedelta = _NOUGHT) -> Offer | None:
    """The offer if it still stands at `now`; None where its fallback is to decide.

    Where its time ran out while nothing ran (`outage` is for how long), nobody could claim: then it stands as long again from `now`.
    """
    if open_offer.is_hopeless:
        return None
    if now < open_offer.until:
        return open_offer
    return replace(open_offer, until=now + timedelta(seconds=open_offer.seconds)) if outage else None
