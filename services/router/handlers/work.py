"""Work: one unit of work of the router. It locks what the desk works on, and writes what the desk did.

Locks are taken in the order policy → place at a group → group → agent → lead → timer. A group's state is a fold of its ledger; this
process keeps the state of the groups it decided last and believes it only under the group's lock, after adding the entries that others
wrote since. A unit of work takes the state out of memory and puts it back once it is durable, so a failed one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from services.router import store
from services.router.domain import GroupState
from services.router.domain.desk import ActivePolicy, Desk
from services.router.domain.lead import Case
from services.router.domain.strategies import Key, keys_of
from services.router.handlers.calendars import agents_with_days_off
from services.router.handlers.memory import Memory, active_policy
from services.router.handlers.writing import Writer
from shared.db.uow import UnitOfWork
from shared.errors import Transient
from shared.timers import Timer, set_timers

SNAPSHOT_EVERY = 10_000  # ledger entries: a tenth of a second to fold, and a snapshot of a large group takes as long
READ_ON = 100  # entries that were there to be read ahead: meanwhile others will have written more
QUEUES = "queue"  # of those at which a group's queues must be
LOOK_AGAIN = timedelta(days=1)  # at the latest, though time alone changes nothing
_GROUPS = UUID("b0f4f1de-6a0c-5c0e-9d53-8f1f3c1f2a77")


class _Locked(dict[int, GroupState]):
    """The states of the groups that are locked."""

    def __missing__(self, group: int) -> GroupState:
        raise Transient(f"group {group} was not locked: a lead moved meanwhile")


class Work:
    """Opened by `open`, written by `write`. What happens to leads happens at its `desk`."""

    def __init__(self, uow: UnitOfWork, active: ActivePolicy) -> None:
        self.uow = uow
        self.active = active
        self.states = _Locked()
        self.desk = Desk(active, self.states, uow.now, uow.clock.uuid7)
        self._writer = Writer(uow, self.desk)
        self._memory = uow.memory(Memory)
        self._snapshots: dict[int, int] = {}
        self._written = False
        self._looks: dict[int, datetime | None] = {}  # when the timer of each locked group's queues rings
        self._watched: set[int] = set()

    @classmethod
    async def open(cls, uow: UnitOfWork) -> Work:
        """Takes the policy's lock shared, so that the active version and its groups hold until the end."""
        return cls(uow, await active_policy(uow, await store.share_policy(uow)))

    # -- Locking

    async def lock(self, groups: Iterable[int]) -> None:
        """Locks these groups, in order, and brings their states up to date. Called once: locks are not taken out of order."""
        wanted = sorted(set(groups))
        self.uow.crowded = await store.queue_for_groups(self.uow, wanted)
        for id in wanted:
            await self._read_ahead(id)
        for row in await store.lock_groups(self.uow, wanted):
            state = await self._state(row["id"], row["last_number"])
            state.roll(max(self.uow.now, row["last_now"]))
            self.states[row["id"]] = state
            self._looks[row["id"]] = row["queue_due_at"]
        self.uow.after_commit(self._remember)

    async def look(self, groups: Iterable[int]) -> None:
        """Locks groups to be looked at. Looking lets time pass, which is written: else a replica whose clock is behind would decide in
        a past that this one has left."""
        await self.lock(groups)
        await self.write()

    def _remember(self) -> None:
        for id, state in self.states.items() if self._written else ():
            self._memory.put_back(id, state)

    async def lock_around(
        self,
        ids: Iterable[UUID],
        *,
        pools: Iterable[str] = (),
        agents: Iterable[UUID] = (),
        new: Mapping[UUID, Case] = MappingProxyType({}),
    ) -> dict[UUID, Case]:
        """Locks the groups that may have to do with these leads, then the leads: see `leads`.

        Read without a lock where the leads are; read again under it. Raises Transient where one moved to another group meanwhile.
        """
        wanted = list(ids)
        found = await store.get_leads(self.uow, wanted)
        agents = [*agents, *(lead.held.agent_id for lead in found.values() if lead.held)]
        names = {*pools}.union(*(self._pools_around(lead) for lead in found.values()))
        groups = {self.active.group_of_pool[name] for name in names if name in self.active.group_of_pool}
        await self.lock(groups | self.groups_of_agents(agents))
        leads = await self.leads(wanted, new)
        await self.learn_others(leads.values())
        return leads

    def groups_of_agents(self, ids: Iterable[UUID]) -> set[int]:
        """The groups of those of these agents that are in a pool."""
        groups = (self.active.group_of_agent.get(id) for id in ids)
        return {group for group in groups if group is not None}

    def _pools_around(self, lead: Case) -> Iterable[str]:
        """Where a lead is and may go to: by the rules, by its place, by what was promised for it, by what re-routes it."""
        if lead.facts is not None:
            yield self.desk.match(lead).pool
        if lead.queued:
            yield lead.queued.pool
        if lead.offered:
            yield from (lead.offered.pool, lead.offered.home)
        if lead.held:
            yield lead.held.pool
            yield from (rule.to for rule in self.active.policy.reroute if rule.to)
        yield from (rung.pool for clock in lead.clocks for rung in clock.sla.ladder if rung.pool)

    async def learn_others(self, leads: Iterable[Case]) -> None:
        """Owners who are in no pool any more: what was promised goes by their hours still."""
        outside = {lead.held.agent_id for lead in leads if lead.held and lead.clocks} - self.active.group_of_agent.keys()
        if outside:
            self.desk.others |= await agents_with_days_off(self.uow, outside)

    async def _read_ahead(self, id: int) -> None:
        """Takes what others wrote since into a state that this process remembers, before its lock is asked for: what is committed of a
        ledger never changes, and whatever is added up here nobody waits for."""
        while (known := self._memory.states.get(id)) is not None:
            entries = await store.ledger_after(self.uow, id, known.number)
            if self._memory.states.get(id) is known:  # else another unit of work of this process has it now
                self._memory.catch_up(id, entries)
            if len(entries) < READ_ON:
                return

    async def _state(self, id: int, number: int) -> GroupState:
        state = self._memory.states.pop(id, None)
        if state is None or state.number > number:  # never seen, or it remembers what was not committed
            state = GroupState.restore(await store.group_snapshot(self.uow, id))
        self._snapshots[id] = number // SNAPSHOT_EVERY
        if state.number < number:
            state.apply_all(await store.ledger_after(self.uow, id, state.number))
        return state

    async def leads(self, ids: Iterable[UUID], new: Mapping[UUID, Case] = MappingProxyType({})) -> dict[UUID, Case]:
        """These leads, with the rows of those that are known locked. The others are new, as they are in `new` or blank, and are written
        once something happens to them."""
        wanted = list(ids)
        found = await store.lock_leads(self.uow, wanted)
        for id in wanted:
            if id not in found:
                found[id] = new.get(id) or Case(id)
                self.desk.add(found[id])
        return found

    async def learn_owners(self, leads: Iterable[Case], pools: Iterable[str]) -> None:
        """Looks up who had leads of the same contacts, accounts and companies, where one of these pools keeps owners.

        Asked under the groups' locks: what others gave out in these pools is seen.
        """
        keeping = [found for name in set(pools) if (found := self.active.policy.stickiness(name))]
        if not keeping:
            return
        since = self.uow.now - timedelta(days=max(one.days for one in keeping))
        asked = {key for one in keeping for key in one.by}
        wanted: dict[Key, set[str]] = {}
        for lead in leads:
            for key, value in keys_of(lead.facts or {}).items():
                if key in asked:
                    wanted.setdefault(key, set()).add(value)
        for key, values in sorted(wanted.items()):
            await self._learn(key, sorted(values), since)

    # -- Queues

    def look_due(self, group: int) -> datetime | None:
        """When the queues of a locked group are looked at next; None for never."""
        return self._looks[group]

    def watch_queues(self, groups: Iterable[int]) -> None:
        """Leads wait in these groups: their queues will be looked at when time may free somebody. Those that queue here are seen to."""
        self._watched.update(groups)

    def take_ring(self, group: int) -> None:
        """The timer of this group's queues rang: none is set."""
        self._looks[group] = None

    def goes_on(self, group: int) -> bool:
        """Whether the queues of a locked group are to be looked at at once."""
        due = self._looks[group]
        return due is not None and due <= self.uow.now

    async def go_on(self, group: int, data: Mapping[str, Any]) -> None:
        """Has the queues of a locked group looked at at once, by the next unit of work, which is given this."""
        self._looks[group] = self.uow.now
        await set_timers(self.uow, [_queue_timer(group, self.uow.now, data)])

    # -- Writing

    async def send(self) -> None:
        """Sends what the desk did since it last was, so that it is stored while more is decided. `write` is to follow, in the end.

        Where another unit of work knew one of the new leads first, this one fails with Transient.
        """
        done = self.desk.take_record()
        self._written = True
        self._watched.update(self.active.group_of_pool[place.pool] for place in done.queued.values())
        await self._writer.send(done)

    async def write(self) -> None:
        """Writes all that the desk did since the last write, in a few multi-row statements, and emits its events. See `send`."""
        await self.send()
        looks = self._moved_looks()
        await self._advance_groups()
        await self._writer.set_timers(looks)

    async def _advance_groups(self) -> None:
        """How far each locked group is: its last number and its `now`, which never goes back."""
        if self.states:
            positions = [(id, state.number, state.last_now, self._looks[id]) for id, state in sorted(self.states.items())]
            await store.advance_groups(self.uow, positions)
        for id, state in self.states.items():
            if state.number // SNAPSHOT_EVERY > self._snapshots[id]:  # so that a fold never has long to go
                await store.store_snapshot(self.uow, id, state.number, state.snapshot())
                self._snapshots[id] = state.number // SNAPSHOT_EVERY

    def _moved_looks(self) -> list[Timer]:
        """The timers of groups with queues that must ring earlier than they would; one that rings too early does no harm.

        A group whose timer is set has leads that wait, or had: so a batch into groups without queues asks and writes nothing more.
        """
        timers = []
        for id, state in sorted(self.states.items()):
            known = self._looks[id]
            if known is None and id not in self._watched:
                continue
            wanted = self.uow.now + LOOK_AGAIN
            wanted = min(wanted, state.next_change or wanted)
            if known is None or wanted < known:
                self._looks[id] = wanted
                timers.append(_queue_timer(id, wanted, {}))
        return timers

    async def _learn(self, key: Key, values: Sequence[str], since: datetime) -> None:
        found: dict[str, list[tuple[UUID, datetime]]] = {value: [] for value in values}
        for row in await store.former_owners(self.uow, key, values, since):
            found[row["value"]].append((row["agent_id"], row["at"]))
        for value, owners in found.items():
            self.desk.owners.learn(key, value, owners)


def _queue_timer(group: int, at: datetime, data: Mapping[str, Any]) -> Timer:
    """One a group: its subject is an id that is always the same for it."""
    return Timer(QUEUES, subject_of(group), at, data={"group": group, **data})


def subject_of(group: int) -> UUID:
    """What the timer of a group's queues is about, as an id."""
    return uuid5(_GROUPS, str(group))
