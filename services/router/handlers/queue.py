"""The hold queue: leads wait while nobody in their pool may receive, and are given out the moment somebody may."""

from __future__ import annotations

from collections.abc import Iterable

from services.router import store
from services.router.domain import Match, Outcome
from services.router.handlers.desk import Desk
from services.router.store import Queued
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork

AT_ONCE = 200  # leads that one step of a drain looks at
STEPS = 5  # steps in one transaction; what is left is the next sweep's


async def drain(desk: Desk, pools: Iterable[str], cause: Cause) -> bool:
    """Gives out what waits in these pools while their members may receive. True where more may be left to give.

    The pools' groups are locked. Best first, of equals the oldest, over all the pools.
    """
    wanted, after, given = set(pools), None, 0
    for _ in range(STEPS):
        open_pools = {pool for pool in wanted if _can_give(desk, pool)}
        waiting = await store.queue_head(desk.uow, open_pools, AT_ONCE, after=after) if open_pools else []
        if not waiting:
            return False
        given += await _give(desk, waiting, cause)
        await desk.write()
        after = waiting[-1]  # those passed over have nobody who meets what they ask, or has room for them
    return given > 0


def _can_give(desk: Desk, pool: str) -> bool:
    _, state = desk.state_of_pool(pool)
    return any(state.pool(name).turns.eligible_count() > 0 for name in desk.active.policy.ways(pool))


async def _give(desk: Desk, waiting: list[Queued], cause: Cause) -> int:
    """Returns how many of these leads it gave out."""
    leads = await store.lock_leads(desk.uow, [one.lead_id for one in waiting])
    full: set[str] = set()
    given = 0
    for one in waiting:
        if one.pool in full:
            continue
        outcome = desk.decide(leads[one.lead_id], Match(one.rule, one.pool), cause, waiting=True)
        if outcome is Outcome.ASSIGNED:
            given += 1
        elif not _can_give(desk, one.pool):
            full.add(one.pool)
    return given


async def sweep(uow: UnitOfWork, cause: Cause) -> bool:
    """Gives out what time alone has freed: a new day lifts daily caps. True where more may be left to give."""
    desk = await Desk.open(uow)
    waiting = await store.pools_with_queue(uow, desk.active.policy.pools)
    if not waiting:
        return False
    await desk.lock({desk.active.group_of_pool[pool] for pool in waiting})
    more = await drain(desk, waiting, cause)
    await desk.write()
    return more
