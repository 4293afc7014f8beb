"""Members by rule: who meets a pool's rule joins it at once, and who meets it no more leaves."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.router import store
from services.router.handlers.policies import refresh_members
from services.router.handlers.work import Work
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.errors import Transient

ASKED = frozenset(("name", "kind", "weight", "level", "skills", "languages", "tags"))  # settings that a member rule may ask


async def lock_policy_for(uow: UnitOfWork, settings: Iterable[str]) -> bool:
    """Takes the policy's lock as a change of these settings needs it: exclusively where a member rule may ask one of them, True then.

    To be called before anything else is locked. Raises Transient where the policy changed meanwhile.
    """
    asked = not ASKED.isdisjoint(settings)
    if asked and await store.has_member_rules(uow):
        await store.own_policy(uow)
        return True
    await store.share_policy(uow)
    if asked and await store.has_member_rules(uow):
        raise Transient("the policy began to choose members by rule meanwhile")
    return False


async def enrol_again(work: Work, ids: Iterable[UUID], *, by: str, cause: Cause) -> Work:
    """Lets the pools' rules choose again, once the agents are written: the work to go on with, which holds these agents' groups.

    Needs the policy's exclusive lock.
    """
    if await refresh_members(work.uow, by=by, cause=cause) is None:
        return work
    after = await Work.open(work.uow)
    await after.lock(after.groups_of_agents(ids))
    return after
