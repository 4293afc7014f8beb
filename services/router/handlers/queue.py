"""The hold queue: leads wait while nobody in their pool may receive, and are given out the moment somebody may.

Whoever frees somebody drains the queues of the group, under its lock. Where time alone frees somebody the group's timer does: it rings
at the next moment at which a member's hours, leave, pause, presence or period of a cap may change. The sweep is the net under both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from services.router import store
from services.router.domain import Match
from services.router.domain.lead import Case, Queued
from services.router.handlers.work import QUEUES, Work, subject_of
from services.router.store import Position
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.telemetry import METRICS, logger
from shared.timers import Due

STEPS = (20, 80, 300, 600)  # leads that the steps of a drain look at: mostly one was freed, and one is served
NET_STEPS = (200,)
ENOUGH = sum(STEPS)  # leads given out by one unit of work that serves several groups
PROBED = 300  # kinds of leads of which one is tried, where the first of a queue cannot be given
GRACE = timedelta(seconds=5)  # for which a queue's timer may be late before the net takes over

log = logger(__name__)

found_by_net = Counter(
    "handoff_queue_net",
    "What the sweep found though it should have been seen to before: a lead given out late, a timer that was not set.",
    ["what"],
    registry=METRICS,
)


async def drain(
    work: Work,
    pools: Iterable[str],
    cause: Cause,
    *,
    after: Position | None = None,
    again: bool = False,
    steps: Sequence[int] = STEPS,
) -> int:
    """Gives out what waits in these pools while their members may receive. Returns how many leads it were.

    The pools' groups are locked. The highest rank first, of equals the oldest, over all the pools, from behind `after` on. Of those who
    ask the same of who receives them one is looked at, where nobody can be given it. A thousand leads at the most: what is left is
    gone on with at once, in a transaction of its own; with `again` it will begin anew then.
    """
    desk, wanted, total = work.desk, set(pools), 0
    hopeless: set[str] = set()
    for step, size in enumerate(steps):
        open_pools = {pool for pool in wanted if desk.can_receive(pool)}
        waiting = await store.queue_head(work.uow, open_pools, size, after=after, hopeless=hopeless) if open_pools else []
        given = desk.give_out(await _waiting(work, waiting), cause, hopeless=hopeless)
        total += given
        await work.write()
        if len(waiting) < size:
            return total
        after = _position(waiting[-1])  # those passed over have nobody who meets what they ask, or has room for them
        if step == 0 and not given:
            hopeless |= await _hopeless(work, open_pools, hopeless)
    if steps is STEPS:
        for group in {work.active.group_of_pool[pool] for pool in wanted if desk.can_receive(pool)}:
            await _go_on(work, group, after, again=again)
        await work.write()
    return total


async def _hopeless(work: Work, pools: Iterable[str], known: Collection[str]) -> set[str]:
    """What else is asked by leads in these pools that nobody can be given now: one of each kind is tried."""
    leads = await store.get_leads(work.uow, await store.one_of_each(work.uow, pools, PROBED, known=known))
    return {
        place.asks
        for lead in leads.values()
        if (place := lead.queued) and not work.desk.can_give(lead, Match(place.rule, place.pool), without=lead.refused)
    }


async def _waiting(work: Work, places: list[Queued]) -> list[Case]:
    """The leads in these places, in their order, with their rows locked and who had them looked up."""
    leads = await store.lock_leads(work.uow, [one.lead_id for one in places])
    found = [leads[one.lead_id] for one in places]
    await work.learn_owners(found, {one.pool for one in places})
    return found


async def _go_on(work: Work, group: int, after: Position | None, *, again: bool) -> None:
    """Has the rest of a group's queues looked at at once. One who goes through them already goes on, and then begins anew.

    Else somebody who is freed again and again would send it back to the front each time, and the last in a long queue would never be
    looked at.
    """
    before = await store.timer_data(work.uow, QUEUES, subject_of(group)) if work.goes_on(group) else None
    if before and before.get("after"):
        await work.go_on(group, {"after": before["after"], "again": True})
    else:
        await work.go_on(group, {"after": after, "again": again})


async def write_and_drain(work: Work, cause: Cause) -> None:
    """Writes what was done; where an assignment ended by it, what that frees is given out. Where none did, no queue is looked at."""
    ended = bool(work.desk.record.ended)
    await work.write()
    if ended:
        await drain_freed(work, cause)


async def drain_freed(work: Work, cause: Cause) -> None:
    """Gives out what waits in the groups that are locked: an ending may have freed somebody there."""
    if freed := {pool for group in work.states for pool in work.active.groups[group]}:
        await drain(work, freed, cause)


async def serve_queues(timers: Sequence[Due], uow: UnitOfWork) -> None:
    """Gives out what waits in the groups whose timers rang, and sets these again where leads wait still. Closed groups have none."""
    work = await Work.open(uow)
    rung = {due.data["group"]: due for due in timers if due.data["group"] in work.active.groups}
    await work.lock(rung)
    given = 0
    for group, due in rung.items():
        if work.look_due(group) != due.due_at:
            continue  # it was set again while this unit of work waited for the lock, and will ring again
        if given >= ENOUGH:  # many begin work at nine: the rest is another unit of work's
            await work.go_on(group, {name: value for name, value in due.data.items() if name != "group"})
            continue
        work.take_ring(group)
        waiting = await store.pools_with_queue(uow, work.active.groups[group])
        again = due.data.get("again", False)
        given += await drain(work, waiting, due.as_cause, after=_read_position(due.data), again=again)
        if again and not work.goes_on(group):
            await work.go_on(group, {})
        if await store.pools_with_queue(uow, waiting):
            work.watch_queues([group])
    await work.write()


TIMERS = {QUEUES: serve_queues}


async def sweep(uow: UnitOfWork, cause: Cause) -> int:
    """The net: gives out what waits though somebody could receive it. Returns how many leads it were, each of which is a fault.

    A queue whose timer rings at this moment is left to it.
    """
    work = await Work.open(uow)
    waiting = await store.pools_with_queue(uow, work.active.policy.pools)
    if not waiting:
        return 0
    group_of = work.active.group_of_pool
    await work.lock({group_of[pool] for pool in waiting})
    unwatched = {group for group in work.states if _is_missed(work.look_due(group), uow.now)}
    missed = {
        pool
        for pool in waiting
        if (group_of[pool] in unwatched or not work.goes_on(group_of[pool])) and work.desk.can_receive(pool)
    }
    given = await drain(work, missed, cause, steps=NET_STEPS) if missed else 0
    for group in unwatched:
        work.take_ring(group)
    if unwatched:
        work.watch_queues(unwatched)
        await work.write()
    uow.after_commit(lambda: _report(given, missed, unwatched))
    return given


def _is_missed(due: datetime | None, now: datetime) -> bool:
    """Whether a queue's timer was not set, or should have been handled long ago."""
    return due is None or due < now - GRACE


def _report(given: int, pools: set[str], unwatched: set[int]) -> None:
    if given:
        found_by_net.labels("lead").inc(given)
        log.error("queue.net_gave_out", leads=given, pools=sorted(pools))
    if unwatched:
        found_by_net.labels("timer").inc(len(unwatched))
        log.error("queue.net_set_timers", groups=sorted(unwatched))


def _position(place: Queued) -> Position:
    return place.rank, place.queued_at, place.lead_id


def _read_position(data: Mapping[str, Any]) -> Position | None:
    """The position that a timer brought, as JSON carried it."""
    after = data.get("after")
    return (after[0], datetime.fromisoformat(after[1]), UUID(after[2])) if after else None
