"""What agents answer over HTTP, and what people say by hand: a lead is accepted, declined, returned, handed over, claimed or assigned.

Each goes through the desk as any decision does: the same locks, the same gates, the same record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.router import store
from services.router.domain.desk import accept, claim, decline_offer, give_back, hand_to
from services.router.domain.lead import Case
from services.router.domain.offers import Answer, Ruling, refusal
from services.router.handlers.queue import drain_freed
from services.router.handlers.work import Work
from shared.clock import uuid7_time
from shared.contracts.envelope import Cause
from shared.db.uow import Row, UnitOfWork
from shared.errors import Refused, conflict, invalid, not_found

YOUNG = timedelta(seconds=60)  # for which a lead may be on its way here
GIVEN_UP = {"declined": "was declined", "returned": "was returned"}
_ENDED = GIVEN_UP | {
    "expired": "ended because its time was up",
    "reassigned": "ended because the lead was given to somebody else",
    "closed": "ended with the lead, which is closed",
    "merged": "ended because the lead was merged into another",
    "erased": "ended because the lead was erased",
}


@dataclass(frozen=True)
class By:
    """Who says so: the name to be kept, and the agent it is where it may speak for itself only."""

    name: str
    agent_id: UUID | None = None

    def may_speak_for(self, agent_id: UUID) -> bool:
        return self.agent_id in (None, agent_id)


# -- Owners ----------------------------------------------------------------------------------------------------------------------


async def accept_assignment(id: UUID, uow: UnitOfWork, *, by: By, cause: Cause) -> Row:
    """The owner takes the lead on; a second time changes nothing. Raises Refused (404, 409)."""
    work, lead, _ = await _open(id, uow, by)
    accept(work.desk, lead, cause, by=by.name)
    await work.write()
    return await assignment_row(id, uow, by)


async def give_up(id: UUID, reason: str, why: str | None, uow: UnitOfWork, *, by: By, cause: Cause) -> Row:
    """The lead goes back, `declined` before it was accepted or `returned`, and is decided anew; what is free for others is given out.

    One that went back so already stays as it is. Raises Refused (404, 409).
    """
    row = await assignment_row(id, uow, by)
    if row["close_reason"] == reason:
        return row
    work, lead, row = await _open(id, uow, by)
    if reason == "declined" and row["accepted_at"]:
        raise conflict("accepted", "The assignment was accepted: return it instead.")
    await _know_pools(work, lead)
    give_back(work.desk, lead, cause, reason=reason, by=by.name, why=why)
    await work.write()
    await drain_freed(work, cause)
    return await assignment_row(id, uow, by)


async def hand_over(
    id: UUID, agent_id: UUID, pool: str | None, why: str, uow: UnitOfWork, *, by: By, cause: Cause
) -> tuple[Row, Row]:
    """The owner, or somebody above, gives the lead to a colleague, through the same gates: the assignment that ended, and the new one.

    An owner hands over within its own pools only. Raises Refused (404, 409, 422).
    """
    work, lead, row = await _open(id, uow, by, agents=[agent_id], pools=[pool] if pool else [])
    if agent_id == row["agent_id"]:
        raise conflict("yours", "The agent has the lead already.")
    among = await _pools_of(work, agent_id, pool, with_agent=by.agent_id)
    _hand(work, lead, agent_id, _best(lead, among, work), cause, by=by, forced=False, why=why)
    await work.write()
    await drain_freed(work, cause)
    assert lead.held
    return await assignment_row(id, uow, by), await assignment_row(lead.held.id, uow, By(by.name))


async def assignment_row(id: UUID, uow: UnitOfWork, by: By) -> Row:
    """Raises Refused (404), also for one who may not know of it."""
    row = await store.get_assignment(uow, id)
    if row is None or not by.may_speak_for(row["agent_id"]):
        raise not_found("assignment", id)
    return row


async def _open(
    id: UUID, uow: UnitOfWork, by: By, *, agents: Iterable[UUID] = (), pools: Iterable[str] = ()
) -> tuple[Work, Case, Row]:
    """An open assignment, with its lead and the groups around it locked. Raises Refused (404, 409)."""
    row = await assignment_row(id, uow, by)
    work = await Work.open(uow)
    lead = (await work.lock_around([row["lead_id"]], agents=agents, pools=pools))[row["lead_id"]]
    if lead.held is None or lead.held.id != id:
        row = await assignment_row(id, uow, by)
        raise conflict("assignment-ended", await _what_became(row, lead, by, uow))
    return work, lead, row


async def _what_became(row: Row, lead: Case, by: By, uow: UnitOfWork) -> str:
    """For an agent what became of the assignment, for those above it also who has the lead now."""
    text = f"The assignment {_ENDED.get(row['close_reason'], 'ended')}, at {row['closed_at'].isoformat(timespec='seconds')}."
    if by.agent_id is not None:
        return text
    if lead.held:
        agent = await store.get_agent(uow, lead.held.agent_id)
        return f"{text} {agent['name'] if agent else lead.held.agent_id} has the lead now."
    return f"{text} The lead is {lead.status}."


# -- Offers ----------------------------------------------------------------------------------------------------------------------


async def claim_lead(lead_id: UUID, agent_id: UUID, uow: UnitOfWork, *, by: By, cause: Cause) -> tuple[Ruling, Row]:
    """The first of those to whom a lead is offered gets it. Raises Refused (404; 409 of the type of the answer)."""
    work, lead = await _open_lead(lead_id, uow, agents=[agent_id])
    ruling = claim(work.desk, lead, agent_id, cause, by=by.name)
    if ruling.granted:
        await work.write()
        await drain_freed(work, cause)
    elif ruling.answer is not Answer.YOURS:
        raise _unwilling(ruling)
    assert lead.held
    return ruling, await assignment_row(lead.held.id, uow, by)


async def refuse_offer(lead_id: UUID, agent_id: UUID, uow: UnitOfWork, *, cause: Cause) -> Ruling:
    """One of those to whom a lead is offered does not want it; twice is as once. Raises Refused (404; 409 of the type of the answer)."""
    work, lead = await _open_lead(lead_id, uow, agents=[agent_id])
    owner = lead.held.agent_id if lead.held else None
    ruling = refusal(lead.offered.offer if lead.offered else None, agent_id, owner=owner)
    if ruling.answer is not Answer.DECLINED:
        raise _unwilling(ruling)
    assert lead.offered
    if agent_id not in lead.offered.offer.declined:
        decline_offer(work.desk, lead, agent_id, cause)
        await work.write()
    return ruling


def _unwilling(ruling: Ruling) -> Refused:
    return conflict(ruling.answer.value.replace("_", "-"), ruling.text)


# -- By hand ---------------------------------------------------------------------------------------------------------------------


async def assign_by_hand(
    lead_id: UUID, agent_id: UUID, pool: str | None, why: str, uow: UnitOfWork, *, by: By, forced: bool, cause: Cause
) -> tuple[bool, Row]:
    """Somebody says who is to have the lead, whoever has it now and wherever it waits; through the gates, unless it is forced.

    True, and the assignment; False where that one has it already. Raises Refused (404, 409, 422).
    """
    work, lead = await _open_lead(lead_id, uow, agents=[agent_id], pools=[pool] if pool else [])
    if lead.status in ("closed", "merged", "erased"):
        raise conflict(f"lead-{lead.status}", f"The lead is {lead.status}, and is given to nobody.")
    among = await _pools_of(work, agent_id, pool)
    anew = lead.held is None or lead.held.agent_id != agent_id or (pool is not None and lead.held.pool != pool)
    if anew:
        _hand(work, lead, agent_id, _best(lead, among, work), cause, by=by, forced=forced, why=why)
        await work.write()
        await drain_freed(work, cause)
    assert lead.held
    return anew, await assignment_row(lead.held.id, uow, by)


def _hand(work: Work, lead: Case, agent_id: UUID, pool: str, cause: Cause, *, by: By, forced: bool, why: str) -> None:
    if hindrance := hand_to(work.desk, lead, agent_id, pool, cause, by=by.name, forced=forced, why=why):
        raise conflict("cannot-receive", f"The agent {hindrance}.")


async def _pools_of(work: Work, agent_id: UUID, pool: str | None, *, with_agent: UUID | None = None) -> list[str]:
    """The pools in which the agent may be given the lead: the one that is named, or its own; `with_agent` only those it shares.

    Raises Refused (404, 409, 422).
    """
    if await store.get_agent(work.uow, agent_id) is None:
        raise not_found("agent", agent_id)
    pools = work.active.policy.pools
    if pool is not None and pool not in pools:
        raise invalid("/pool", f"there is no pool {pool}")
    asked = {agent_id} if with_agent is None else {agent_id, with_agent}
    among = [name for name, one in sorted(pools.items()) if asked <= {member.agent_id for member in one.members}]
    if not among:
        raise conflict("no-pool", "The agent is in no pool." if with_agent is None else "The agent is in none of your pools.")
    if pool is not None and pool not in among:
        raise conflict(
            "cannot-receive", f"The agent is not a member of pool {pool}{'' if with_agent is None else ', or you are not'}."
        )
    return among if pool is None else [pool]


def _best(lead: Case, among: list[str], work: Work) -> str:
    """Of these pools the one that the lead is in, or where the rules send it; else the first by name."""
    return pool_for(lead, among, work) or among[0]


def pool_for(lead: Case, among: list[str], work: Work) -> str | None:
    wanted = [place.pool for place in (lead.held, lead.queued, lead.offered) if place]
    wanted.append(work.desk.match(lead).pool)
    return next((pool for pool in wanted if pool in among), None)


# -- Opening ---------------------------------------------------------------------------------------------------------------------


async def _open_lead(id: UUID, uow: UnitOfWork, *, agents: Iterable[UUID] = (), pools: Iterable[str] = ()) -> tuple[Work, Case]:
    """A known lead, and the groups around it, locked. Raises Refused (404)."""
    if id not in await store.get_leads(uow, [id]):
        raise _unknown(id, uow)
    work = await Work.open(uow)
    lead = (await work.lock_around([id], agents=agents, pools=pools))[id]
    await _know_pools(work, lead)
    return work, lead


async def _know_pools(work: Work, lead: Case) -> None:
    """Where others wait, and who had leads of the same person or company: for deciding anew."""
    pools = {work.desk.match(lead).pool, *(place.pool for place in (lead.held, lead.queued) if place)}
    if lead.offered:
        pools |= {lead.offered.pool, lead.offered.home}
    work.desk.busy = await store.pools_with_queue(work.uow, pools)
    await work.learn_owners([lead], pools)


def _unknown(id: UUID, uow: UnitOfWork) -> Refused:
    """An id that was made a moment ago may be that of a lead on its way."""
    made_at = uuid7_time(id)
    if made_at and abs(uow.now - made_at) < YOUNG:
        return Refused(404, "not-yet-visible", detail=f"The lead {id} is not known here yet.", headers={"Retry-After": "1"})
    return not_found("lead", id)
