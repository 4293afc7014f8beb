"""The desk: what one unit of work of the router has locked, and what it will write.

Locks are taken in the order policy → group → agent → lead. A group's state is a fold of its ledger; this process keeps the state of
the groups it decided last and believes it only under the group's lock, after adding the entries that others wrote since. A unit of work
takes the state out of memory and puts it back once it is durable, so a failed one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.router import store
from services.router.domain import (
    Decision,
    Entry,
    GroupState,
    Match,
    Outcome,
    decide_in_pool,
    match_lead,
    reject,
    restore,
)
from services.router.handlers.memory import ActivePolicy, Memory, active_policy
from services.router.handlers.rows import Place, decision_row, lead_assigned, view_of
from services.router.store import Assignment, DecisionRow, Lead, Queued
from shared.contracts.envelope import Cause
from shared.contracts.events import Event, LeadQueued, LeadRejected
from shared.db.uow import UnitOfWork
from shared.errors import Transient

SNAPSHOT_EVERY = 2000  # ledger entries


@dataclass
class _Writes:
    entries: list[tuple[int, Entry]] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)
    unqueued: list[UUID] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    new_leads: dict[UUID, Lead] = field(default_factory=dict)
    known_leads: dict[UUID, Lead] = field(default_factory=dict)
    decided: list[tuple[Lead, Decision, int, UUID, Cause]] = field(default_factory=list)
    events: list[tuple[Event, int, Cause]] = field(default_factory=list)


class Desk:
    """Opened by `open`, written by `write`. Decisions are made one after the other, each on the state that the last one left."""

    def __init__(self, uow: UnitOfWork, active: ActivePolicy) -> None:
        self.uow = uow
        self.active = active
        self.states: dict[int, GroupState] = {}
        self._memory = uow.memory(Memory)
        self._writes = _Writes()
        self._ordinal = 0
        self._snapshots: dict[int, int] = {}

    @classmethod
    async def open(cls, uow: UnitOfWork) -> Desk:
        """Takes the policy's lock shared, so that the active version and its groups hold until the end."""
        return cls(uow, await active_policy(uow, await store.share_policy(uow)))

    async def lock(self, groups: Iterable[int]) -> None:
        """Locks these groups, in order, and brings their states up to date. Called once: locks are not taken out of order."""
        for row in await store.lock_groups(self.uow, groups):
            state = await self._state(row["id"], row["last_number"])
            state.roll(max(self.uow.now, row["last_now"]))
            self.states[row["id"]] = state
            self.uow.after_commit(lambda id=row["id"], state=state: self._memory.put_back(id, state))  # type: ignore[misc]

    async def _state(self, id: int, number: int) -> GroupState:
        state = self._memory.states.pop(id, None)
        if state is None or state.number > number:  # never seen, or it remembers what was not committed
            state = GroupState.restore(await store.group_snapshot(self.uow, id))
        self._snapshots[id] = number // SNAPSHOT_EVERY
        if state.number < number:
            for entry in await store.ledger_after(self.uow, id, state.number):
                state.apply(entry)
        return state

    def state_of_pool(self, pool: str) -> tuple[int, GroupState]:
        """Raises Transient where the pool's group is not locked: the work begins again and sees where the lead is now."""
        return self._held(self.active.group_of_pool[pool])

    def state_of_agent(self, agent_id: UUID) -> tuple[int, GroupState] | None:
        """None for an agent who is in no pool, and so in no group."""
        group = self.active.group_of_agent.get(agent_id)
        return None if group is None else self._held(group)

    def _held(self, group: int) -> tuple[int, GroupState]:
        if group not in self.states:
            raise Transient(f"group {group} was not locked: a lead moved meanwhile")
        return group, self.states[group]

    # -- What happens to leads

    async def leads(self, ids: Iterable[UUID]) -> dict[UUID, Lead]:
        """These leads, with the rows of those that are known locked. The others are new, and will be written."""
        wanted = list(ids)
        found = await store.lock_leads(self.uow, wanted)
        for id in wanted:
            if id not in found:
                found[id] = Lead(id)
                self.add(found[id])
        return found

    def add(self, lead: Lead) -> None:
        """A lead that this service did not know before."""
        self._writes.new_leads[lead.lead_id] = lead

    def change(self, lead: Lead) -> None:
        """A lead whose row is locked and will be written."""
        if lead.lead_id not in self._writes.new_leads:
            self._writes.known_leads[lead.lead_id] = lead

    def reject(self, lead: Lead, cause: Cause) -> bool:
        """Rejects a lead whose qualification is not routed; False for one that is routed."""
        decision = reject(view_of(lead), self.active.policy, self.uow.now)
        if decision is None:
            return False
        self._record(decision, None, None)
        self.refuse(lead, "not-routed", decision.reason, cause)
        return True

    def refuse(self, lead: Lead, code: str, why: str, cause: Cause, *, status: str = "rejected") -> None:
        """The lead is not routed, and somebody is told why."""
        lead.status = status
        self.change(lead)
        rejected = LeadRejected(
            lead_id=lead.lead_id, code=code, why=why, policy_version=self.active.policy.version, rejected_at=self.uow.now
        )
        self._writes.events.append((rejected, lead.next_sequence(), cause))

    def match(self, lead: Lead) -> Match:
        return match_lead(view_of(lead), self.active.policy)

    def decide(self, lead: Lead, match: Match, cause: Cause, *, waiting: bool = False, join: bool = False) -> Outcome:
        """Decides a lead in a pool; `waiting` for one already in its queue, `join` for one that has to queue behind others."""
        group, state = self.state_of_pool(match.pool)
        number = state.number
        view, policy = view_of(lead), self.active.policy
        decision = decide_in_pool(view, match.pool, state, self.uow.now, rule=match.rule, policy=policy)
        if decision.winner and not join:
            self._assign(lead, decision, group, state, number, cause, waiting=waiting)
            return Outcome.ASSIGNED
        if not waiting:
            self._wait(lead, decision, group, number, cause)
        return Outcome.QUEUED

    def restore(self, lead: Lead, agent_id: UUID, pool: str, cause: Cause) -> bool:
        """Gives a lead back to the agent who had it in this pool; False where that one is not there any more or may not receive."""
        if pool not in self.active.group_of_pool:
            return False
        group, state = self.state_of_pool(pool)
        number = state.number
        decision = restore(view_of(lead), agent_id, pool, state, self.uow.now)
        if decision is None:
            return False
        self._assign(lead, decision, group, state, number, cause, waiting=False)
        return True

    def _assign(
        self, lead: Lead, decision: Decision, group: int, state: GroupState, number: int, cause: Cause, *, waiting: bool
    ) -> None:
        assert decision.winner is not None
        assert decision.pool is not None
        entry = decision.entry(number + 1)
        turn = state.apply(entry)
        assignment = Assignment(
            self._record(decision, group, number),
            lead.lead_id,
            decision.winner.agent_id,
            decision.pool,
            self.active.policy.version,
            decision.winner.period,
            decision.now,
            hour=decision.winner.hour,
            work=decision.winner.work,
            turn=turn,
        )
        self._writes.entries.append((group, entry))
        self._writes.assignments.append(assignment)
        if waiting:
            self._writes.unqueued.append(lead.lead_id)
        lead.status = "assigned"
        self.change(lead)
        self._writes.decided.append((lead, decision, lead.next_sequence(), assignment.id, cause))

    def _wait(self, lead: Lead, decision: Decision, group: int, number: int, cause: Cause) -> None:
        assert decision.home is not None
        why = decision.reason if decision.winner is None else f"Others wait for pool {decision.home} already."
        self._writes.queued.append(Queued(lead.lead_id, decision.home, decision.rule, lead.points, decision.now))
        lead.status = "queued"
        self.change(lead)
        self._record(decision, group, number, outcome=Outcome.QUEUED, why=why)
        event = LeadQueued(
            lead_id=lead.lead_id,
            pool=decision.home,
            rule=decision.rule,
            why=why,
            policy_version=self.active.policy.version,
            queued_at=decision.now,
            gates={gate.value: count for gate, count in decision.stopped.items()},
        )
        self._writes.events.append((event, lead.next_sequence(), cause))

    def append(self, group: int, entry: Entry) -> None:
        """A ledger entry that is no assignment: it is applied to the state and will be written."""
        self.states[group].apply(entry)
        self._writes.entries.append((group, entry))

    def emit(self, lead: Lead, event: Event, cause: Cause) -> None:
        self.change(lead)
        self._writes.events.append((event, lead.next_sequence(), cause))

    def leave_queue(self, lead: Lead) -> None:
        self._writes.unqueued.append(lead.lead_id)

    def _record(
        self,
        decision: Decision,
        group: int | None,
        number: int | None,
        *,
        outcome: Outcome | None = None,
        why: str | None = None,
    ) -> UUID:
        """Keeps the decision in full; returns its id, which is also the id of the assignment that it makes."""
        id = self.uow.clock.uuid7()
        self._ordinal += 1
        place = Place(self.active.policy.version, group, number, self._ordinal)
        self._writes.decisions.append(decision_row(id, decision, place, outcome or decision.outcome, why or decision.reason))
        return id

    # -- Writing

    async def write(self) -> None:
        """Writes all that was decided since the last write, in a few multi-row statements, and emits its events.

        Raises Transient where another unit of work knew one of the new leads first.
        """
        writes, self._writes = self._writes, _Writes()
        uow = self.uow
        if writes.new_leads:
            await store.insert_leads(uow, list(writes.new_leads.values()))
        if writes.known_leads:
            await store.update_leads(uow, sorted(writes.known_leads.values(), key=lambda lead: lead.lead_id))
        await self._write_groups(writes.entries)
        if writes.assignments:
            await store.insert_assignments(uow, writes.assignments)
        if writes.queued:
            await store.insert_queue(uow, writes.queued)
        if writes.unqueued:
            await store.delete_queue(uow, writes.unqueued)
        if writes.decisions:
            await store.insert_decisions(uow, writes.decisions)
        await self._emit(writes)

    async def _write_groups(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """The ledger, and how far each locked group is: its last number and its `now`, which never goes back."""
        if entries:
            await store.append_ledger(self.uow, entries)
        if self.states:
            positions = [(id, state.number, state.last_now) for id, state in sorted(self.states.items())]
            await store.advance_groups(self.uow, positions)
        for id, state in self.states.items():
            if state.number // SNAPSHOT_EVERY > self._snapshots[id]:  # so that a fold never has long to go
                await store.store_snapshot(self.uow, id, state.number, state.snapshot())
                self._snapshots[id] = state.number // SNAPSHOT_EVERY

    async def _emit(self, writes: _Writes) -> None:
        for event, sequence, cause in writes.events:
            self.uow.emit(event, sequence=sequence, cause=cause)
        if not writes.decided:
            return
        names = await store.agents_by_id(
            self.uow, {decision.winner.agent_id for _, decision, *_ in writes.decided if decision.winner}
        )
        for lead, decision, sequence, assignment_id, cause in writes.decided:
            assert decision.winner is not None
            name = names[decision.winner.agent_id]["name"]
            event = lead_assigned(lead, decision, assignment_id, name, self.active.policy.version)
            self.uow.emit(event, sequence=sequence, cause=cause)
