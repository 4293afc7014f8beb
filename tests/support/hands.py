"""People at the desk, through a replica of the router without its process: they accept, claim, decline, return and hand over leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from services.router import store
from services.router.domain.desk import Desk
from services.router.domain.lead import Case
from services.router.handlers.queue import drain_freed
from services.router.handlers.work import Work
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.telemetry import new_traceparent
from tests.support.office import Office

CAUSE = Cause("hands", new_traceparent())
T = TypeVar("T")


async def at_the_desk(office: Office, lead: UUID, do: Callable[[Desk, Case], T], *, pools: Iterable[str] = ()) -> T:
    """Does something with one lead in a unit of work of its own, under the locks that it takes; then gives out what that has freed."""

    async def work(uow: UnitOfWork) -> T:
        opened = await Work.open(uow)
        cases = await opened.lock_around([lead], pools=pools)
        around = {opened.desk.match(case).pool for case in cases.values() if case.facts is not None}
        around |= {case.offered.home for case in cases.values() if case.offered}
        opened.desk.busy = await store.pools_with_queue(uow, around)
        await opened.learn_owners(cases.values(), around)
        done = do(opened.desk, cases[lead])
        await opened.write()
        await drain_freed(opened, CAUSE)
        return done

    return await office.do(work)
