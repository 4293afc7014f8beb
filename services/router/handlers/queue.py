"""The hold queue: leads wait while nobody in their pool may receive, and are given out the moment somebody may."""

from __future__ import annotations

from collections.abc import Iterable

from services.router import store
from services.router.domain.lead import Case, Queued
from services.router.handlers.work import Work
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork

AT_ONCE = 200  # leads that one step of a drain looks at
STEPS = 5  # steps in one transaction; what is left is the next sweep's


async def drain(work: Work, pools: Iterable[str], cause: Cause) -> bool:
    """Gives out what waits in these pools while their members may receive. True where more may be left to give.

    The pools' groups are locked. The highest rank first, of equals the oldest, over all the pools.
    """
    desk, wanted, after, given = work.desk, set(pools), None, 0
    for _ in range(STEPS):
        open_pools = {pool for pool in wanted if desk.can_receive(pool)}
        waiting = await store.queue_head(work.uow, open_pools, AT_ONCE, after=after) if open_pools else []
        if not waiting:
            return False
        given += desk.give_out(await _waiting(work, waiting), cause)
        await work.write()
        after = waiting[-1]  # those passed over have nobody who meets what they ask, or has room for them
    return given > 0


async def _waiting(work: Work, places: list[Queued]) -> list[Case]:
    """The leads in these places, in their order, with their rows locked and who had them looked up."""
    leads = await store.lock_leads(work.uow, [one.lead_id for one in places])
    found = [leads[one.lead_id] for one in places]
    await work.learn_owners(found, {one.pool for one in places})
    return found


async def drain_freed(work: Work, cause: Cause) -> None:
    """Gives out what waits in the groups that are locked: an ending may have freed somebody there."""
    if freed := {pool for group in work.states for pool in work.active.groups[group]}:
        await drain(work, freed, cause)


async def sweep(uow: UnitOfWork, cause: Cause) -> bool:
    """Gives out what time alone has freed: a new day lifts daily caps. True where more may be left to give."""
    work = await Work.open(uow)
    waiting = await store.pools_with_queue(uow, work.active.policy.pools)
    if not waiting:
        return False
    await work.lock({work.active.group_of_pool[pool] for pool in waiting})
    more = await drain(work, waiting, cause)
    await work.write()
    return more
