"""The blotter: what a desk works on, and what it writes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.router.domain.agent import Agent
from services.router.domain.decision import Decision, Outcome
from services.router.domain.desk.active import ActivePolicy
from services.router.domain.desk.record import Made, Record
from services.router.domain.lead import Case
from services.router.domain.ledger import Entry
from services.router.domain.policy import Policy
from services.router.domain.state import GroupState


class Blotter:
    """`states` are those of the groups that may be worked on, `ids` makes ids in order, `now` is aware and the same for the whole record.

    `others` are agents in no group who own leads still: promises go by their hours.
    """

    def __init__(self, active: ActivePolicy, states: Mapping[int, GroupState], now: datetime, ids: Callable[[], UUID]) -> None:
        self.active = active
        self.states = states
        self.now = now
        self.others: dict[UUID, Agent] = {}
        self.record = Record()
        self._new: dict[UUID, Case] = {}
        self._ids = ids
        self._ordinal = 0

    @property
    def policy(self) -> Policy:
        return self.active.policy

    def take_record(self) -> Record:
        """What was done since this was last asked."""
        done, self.record = self.record, Record()
        return done

    def state_of_pool(self, pool: str) -> tuple[int, GroupState]:
        """The group that the pool belongs to. Raises what `states` raises where that one is not at hand."""
        group = self.active.group_of_pool[pool]
        return group, self.states[group]

    def state_of_agent(self, agent_id: UUID) -> tuple[int, GroupState] | None:
        """None for an agent who is in no pool, and so in no group."""
        group = self.active.group_of_agent.get(agent_id)
        return None if group is None else (group, self.states[group])

    # -- Writing down

    def add(self, lead: Case) -> None:
        """A lead that was not known before. It is to be written once something happens to it."""
        self._new[lead.lead_id] = lead

    def change(self, lead: Case) -> None:
        """A lead that is to be written."""
        if self._new.pop(lead.lead_id, None):
            self.record.new[lead.lead_id] = lead
        elif lead.lead_id not in self.record.new:
            self.record.changed[lead.lead_id] = lead

    def tell(self, lead: Case, what: Any, cause: Any) -> None:
        """What is told of a lead is numbered in the order in which it happened."""
        self.change(lead)
        self.record.told.append((lead, what, lead.next_sequence(), cause))

    def append(self, group: int, entry: Entry) -> None:
        """A ledger entry that is no assignment: it is applied to the state and will be written."""
        self.states[group].apply(entry)
        self.record.entries.append((group, entry))

    def leave_queue(self, lead: Case) -> None:
        """The lead waits no more."""
        if lead.queued:
            self.record.queued.pop(lead.lead_id, None)
            self.record.unqueued.append(lead.lead_id)
            lead.queued = None
            self.change(lead)

    def made(
        self,
        decision: Decision,
        group: int | None,
        number: int | None,
        *,
        outcome: Outcome | None = None,
        why: str | None = None,
        by: str | None = None,
        said: str | None = None,
    ) -> Made:
        """Keeps the decision in full; its id is also the id of the assignment that it makes."""
        self._ordinal += 1
        outcome, why = outcome or decision.outcome, why or decision.reason
        made = Made(self._ids(), decision, group, number, self._ordinal, outcome, why, by, said)
        self.record.made.append(made)
        return made
