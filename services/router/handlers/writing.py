"""Writing: what was done at a desk, as rows, events and timers of its unit of work."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from prometheus_client import Counter

from services.router import store
from services.router.domain.desk import Assigned, Desk, Happening, Record, due
from services.router.domain.lead import Case
from services.router.handlers.rows import decision_row
from services.router.handlers.telling import count_told, event_of
from shared.contracts.events import Event
from shared.db.uow import UnitOfWork
from shared.telemetry import METRICS
from shared.timers import Timer, drop_timers, set_timers

PASSING = "lead"  # the kind of the timers at which a lead must be looked at

rules_failed = Counter(
    "handoff_router_rules_failed",
    "Rules that could not be evaluated for a lead, and so did not match, by the policy's version and the rule.",
    ["version", "rule"],
    registry=METRICS,
)


class Writer:
    """Writes a desk's records, one after the other, and once all are written the timers: they are locked last."""

    def __init__(self, uow: UnitOfWork, desk: Desk) -> None:
        self._uow = uow
        self._desk = desk
        self._version = desk.policy.version
        self._timers: dict[UUID, Timer | None] = {}

    async def send(self, done: Record) -> None:
        """Rows and events of what was done, in a few multi-row statements. New rows are stored while the caller goes on."""
        self._note_timers(done)
        if done.new:
            store.send_leads(self._uow, done.new.values())
        if done.changed:
            await store.update_leads(self._uow, done.changed.values())
        if done.entries:
            store.send_ledger(self._uow, done.entries)
        await self._send_places(done)
        if done.made:
            store.send_decisions(self._uow, [decision_row(made, self._version) for made in done.made])
            self._count_failures(done)
        self._emit(done)
        self._uow.send_events()

    async def set_timers(self, others: Iterable[Timer] = ()) -> None:
        """Sets the timers of what was sent and these, and calls off those of leads that need none any more."""
        timers, self._timers = self._timers, {}
        if wanted := [*(timer for timer in timers.values() if timer), *others]:
            await set_timers(self._uow, wanted)
        if idle := [id for id, timer in timers.items() if timer is None]:
            await drop_timers(self._uow, PASSING, idle)

    async def _send_places(self, done: Record) -> None:
        """Who has the leads and who waits: what is over first, since a lead has one owner and one place at a time."""
        uow = self._uow
        if done.ended:
            await store.close_assignments(uow, done.ended)
        if done.assigned:
            store.send_assignments(uow, done.assigned, self._version)
        if done.accepted:
            await store.accept_assignments(uow, [(lead.lead_id, held.id, held.accepted_at) for lead, held in done.accepted])
        if done.unqueued:
            await store.delete_queue(uow, done.unqueued)
        if done.queued:
            store.send_queue(uow, list(done.queued.values()))
        if done.ranked:
            await store.rank_queue(uow, done.ranked)

    def _note_timers(self, done: Record) -> None:
        """Each lead for which time does something has one timer, at the first such moment; None calls it off."""
        for lead in (*done.new.values(), *done.changed.values()):
            moment = due(self._desk, lead)
            if moment != lead.due_at:
                lead.due_at = moment
                self._timers[lead.lead_id] = Timer(PASSING, lead.lead_id, moment) if moment else None

    def _count_failures(self, done: Record) -> None:
        for rule in [name for made in done.made for name in made.decision.failed]:
            self._uow.after_commit(rules_failed.labels(str(self._version), rule).inc)

    def _emit(self, done: Record) -> None:
        for lead, what, sequence, cause in done.told:
            event = what if isinstance(what, Event) else self._event(lead, what)
            self._uow.emit(event, sequence=sequence, cause=cause)
        self._uow.after_commit(lambda: count_told(what for _, what, _, _ in done.told))

    def _event(self, lead: Case, what: Happening) -> Event:
        name = ""
        if isinstance(what, Assigned) and what.held.group is not None:
            name = self._desk.states[what.held.group].agent(what.held.agent_id).settings.name
        return event_of(what, lead, policy_version=self._version, now=self._uow.now, agent_name=name)
