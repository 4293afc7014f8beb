"""What agents answer, and what people say by hand: accepted, declined, returned, handed over, claimed, assigned; on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.router.handlers import answers
from services.router.handlers.answers import By
from shared.contracts.envelope import Cause
from shared.contracts.events import AssignmentAccepted, AssignmentEnded, LeadAssigned, LeadOffered, LeadQueued, LeadRejected
from shared.errors import Refused
from shared.telemetry import new_traceparent
from tests.support.checks import router_violations
from tests.support.installation import Installation
from tests.support.office import Office, SetClock, erased, ids, leads, members, merged, offices, scored, stage, unmerged

BOSS = By("boss")
CLAIM = {"kind": "claim", "seconds": 120, "fallback": "rotation"}


def cause() -> Cause:
    return Cause("test", new_traceparent())


async def accept(office: Office, id: UUID, by: By = BOSS) -> Any:
    return await office.do(lambda uow: answers.accept_assignment(id, uow, by=by, cause=cause()))


async def give_up(office: Office, id: UUID, reason: str = "returned", by: By = BOSS) -> Any:
    return await office.do(lambda uow: answers.give_up(id, reason, "too far away", uow, by=by, cause=cause()))


async def hand_over(office: Office, id: UUID, agent: UUID, by: By = BOSS, pool: str | None = None) -> Any:
    return await office.do(lambda uow: answers.hand_over(id, agent, pool, "a trip", uow, by=by, cause=cause()))


async def claim(office: Office, lead: UUID, agent: UUID) -> Any:
    return await office.do(lambda uow: answers.claim_lead(lead, agent, uow, by=By("rep", agent), cause=cause()))


async def refuse(office: Office, lead: UUID, agent: UUID) -> Any:
    return await office.do(lambda uow: answers.refuse_offer(lead, agent, uow, cause=cause()))


async def by_hand(office: Office, lead: UUID, agent: UUID, pool: str | None = None, *, forced: bool = False) -> Any:
    return await office.do(
        lambda uow: answers.assign_by_hand(lead, agent, pool, "she asked for her", uow, by=BOSS, forced=forced, cause=cause())
    )


async def refusal(awaitable: Awaitable[Any]) -> tuple[int, str, str]:
    with pytest.raises(Refused) as found:
        await awaitable
    return found.value.status, found.value.slug, found.value.detail


async def two_agents(office: Office, **settings: Any) -> tuple[UUID, UUID]:
    ann, ben = await office.agent("Ann", **settings), await office.agent("Ben", **settings)
    await office.pool("default", ann, ben)
    return ann, ben


async def on_offer(office: Office, **pool: Any) -> tuple[UUID, UUID, UUID]:
    """A lead that is on offer to two agents: (lead, Ann, Ben)."""
    ann, ben = await office.agent("Ann"), await office.agent("Ben")
    await office.policy({"pools": {"first": {**members(ann, ben), "strategy": CLAIM, **pool}}, "default": "first"})
    [lead] = leads(1)
    await office.take(scored(lead))
    assert await office.status(lead) == "offered"
    return lead, ann, ben


# -- Owners ----------------------------------------------------------------------------------------------------------------------


async def test_a_lead_is_accepted_once_however_often_that_is_said(office: Office) -> None:
    ann, _ = await two_agents(office)
    [lead] = leads(1)
    await office.take(scored(lead))
    held = await office.held(lead)
    own = By("ann", held["agent_id"])
    first, second = await accept(office, held["id"], own), await accept(office, held["id"])
    assert first["accepted_at"] == second["accepted_at"] == (await office.held(lead))["accepted_at"]
    assert [type(event) for event in await office.said(lead)] == [LeadAssigned, AssignmentAccepted]
    assert (await office.said(lead))[1].by == "ann"
    assert held["agent_id"] == ann


@pytest.mark.parametrize("reason", ["declined", "returned"])
async def test_a_lead_that_is_sent_back_goes_to_another_and_never_again_to_that_one(
    office: Office, installation: Installation, reason: str
) -> None:
    ann, ben = await two_agents(office)
    [lead] = leads(1)
    await office.take(scored(lead))
    held = await office.held(lead)
    assert held["agent_id"] == ann
    row = await give_up(office, held["id"], reason, By("ann", ann))
    assert (row["close_reason"], (await office.held(lead))["agent_id"]) == (reason, ben)
    assert (await give_up(office, held["id"], reason))["id"] == held["id"], "twice is as once"
    await give_up(office, (await office.held(lead))["id"], reason)
    assert await office.queue() == [lead], "Ann could receive it, and sent it back"
    [*_, said] = await office.rows("SELECT gates FROM router.decisions WHERE lead_id = $1 ORDER BY id", lead)
    assert said["gates"] == {"refused": 2}
    events = await office.said(lead)
    assert [type(event) for event in events] == [LeadAssigned, AssignmentEnded, LeadAssigned, AssignmentEnded, LeadQueued]
    assert (events[1].by, events[1].why, events[1].reason) == ("ann", "too far away", reason)
    assert await office.unlike() == []
    faults = await router_violations(installation.admin_dsn)
    assert [fault for fault in faults if "wait for pool default" not in fault] == []


async def test_who_gives_a_lead_back_has_room_for_what_waits(office: Office) -> None:
    ann = await office.agent("Ann", open_cap=1)
    await office.pool("default", ann)
    held, waiting = leads(2)
    await office.take(scored(held), scored(waiting))
    await give_up(office, (await office.held(held))["id"])
    assert await office.owners() == [(held, ann), (waiting, ann)]
    assert await office.queue() == [held]


async def test_an_accepted_lead_is_returned_and_not_declined(office: Office) -> None:
    await two_agents(office)
    [lead] = leads(1)
    await office.take(scored(lead))
    id = (await office.held(lead))["id"]
    await accept(office, id)
    assert (await refusal(give_up(office, id, "declined")))[:2] == (409, "accepted")
    assert (await give_up(office, id, "returned"))["close_reason"] == "returned"


async def test_what_has_ended_says_what_became_of_it_to_whom_it_concerns(office: Office) -> None:
    ann, ben = await two_agents(office)
    [lead] = leads(1)
    await office.take(scored(lead))
    id = (await office.held(lead))["id"]
    await give_up(office, id)
    status, slug, text = await refusal(accept(office, id, By("ann", ann)))
    assert (status, slug) == (409, "assignment-ended")
    assert text.startswith("The assignment was returned, at ")
    assert "Ben" not in text
    assert (await refusal(accept(office, id)))[2].endswith("Ben has the lead now.")
    assert (await refusal(accept(office, id, By("ben", ben))))[:2] == (404, "not-found")
    await office.take(stage(lead, "won"))
    assert (await refusal(accept(office, (await office.owned(lead))["id"])))[2].endswith("The lead is closed.")
    assert (await refusal(accept(office, ids.uuid7())))[:2] == (404, "not-found")


async def test_a_lead_is_handed_over_through_the_gates_and_within_ones_pools(office: Office, installation: Installation) -> None:
    ann, ben = await two_agents(office, open_cap=1)
    cara = await office.agent("Cara")
    rules = [{"name": "far", "when": "product == 'far'", "pool": "other"}]
    pools = {"default": members(ann, ben), "other": members(cara, ben)}
    await office.policy({"pools": pools, "rules": rules, "default": "default"})
    [lead] = leads(1)
    await office.take(scored(lead))
    held = await office.held(lead)
    own = By("ann", held["agent_id"])
    assert (await refusal(hand_over(office, held["id"], cara, own)))[:2] == (409, "no-pool")
    assert (await refusal(hand_over(office, held["id"], ben, own, "other")))[:2] == (409, "cannot-receive")
    assert (await refusal(hand_over(office, held["id"], ann, own)))[:2] == (409, "yours")
    assert (await refusal(hand_over(office, held["id"], ids.uuid7())))[:2] == (404, "not-found")
    assert (await refusal(hand_over(office, held["id"], ben, pool="nowhere")))[:2] == (422, "invalid")
    await office.change(ben, active=False)
    assert await refusal(hand_over(office, held["id"], ben, own)) == (409, "cannot-receive", "The agent is not active.")
    await office.change(ben, active=True)
    ended, made = await hand_over(office, held["id"], ben, own)
    assert (ended["close_reason"], made["agent_id"], made["pool"]) == ("reassigned", ben, "default")
    last = (await office.said(lead))[-1]
    assert isinstance(last, LeadAssigned)
    assert last.how == "handed_over"
    assert (await office.lead(lead))["hops"] == 0
    assert await office.unlike() == []
    assert await router_violations(installation.admin_dsn) == []


# -- Offers ----------------------------------------------------------------------------------------------------------------------


async def test_of_two_claims_at_once_in_two_processes_one_wins(installation: Installation) -> None:
    async with offices(installation, 2) as [one, other]:
        for _ in range(5):
            lead, ann, ben = await on_offer(one)
            rulings = await asyncio.gather(claim(one, lead, ann), claim(other, lead, ben), return_exceptions=True)
            won = [found for found in rulings if not isinstance(found, Refused)]
            lost = [found for found in rulings if isinstance(found, Refused)]
            assert [ruling.answer for ruling, _ in won] == ["granted"]
            assert [(found.status, found.slug) for found in lost] == [(409, "taken")]
            events = await one.said(lead)
            assert [type(event) for event in events] == [LeadOffered, LeadAssigned, AssignmentAccepted]
            assert events[1].how == "claimed"
        assert await one.unlike() == []
        assert await router_violations(installation.admin_dsn) == []


async def test_a_claim_that_is_sent_twice_is_granted_once(office: Office) -> None:
    lead, ann, _ = await on_offer(office)
    first, row = await claim(office, lead, ann)
    second, same = await claim(office, lead, ann)
    assert [first.answer, second.answer] == ["granted", "yours"]
    assert row["id"] == same["id"]
    assert len(await office.owners()) == 1


async def test_a_claim_goes_through_the_gates(office: Office, clock: SetClock) -> None:
    lead, ann, ben = await on_offer(office)
    cara = await office.agent("Cara")
    await office.change(ann, active=False)
    assert await refusal(claim(office, lead, ann)) == (409, "cannot-receive", "The agent is not active.")
    assert (await refusal(claim(office, lead, cara)))[:2] == (409, "not-offered")
    await refuse(office, lead, ben)
    assert (await refusal(claim(office, lead, ben)))[:2] == (409, "declined")
    assert (await refusal(claim(office, UUID(int=7), ben)))[:2] == (404, "not-found")
    clock.shown = ids.now()
    assert (await refusal(claim(office, ids.uuid7(), ben)))[:2] == (404, "not-yet-visible")


async def test_a_late_claim_counts_until_the_lead_has_moved_on(office: Office, clock: SetClock) -> None:
    lead, ann, ben = await on_offer(office)
    await office.ring()
    clock.shown += timedelta(seconds=130)
    ruling, _ = await claim(office, lead, ben)
    assert (ruling.answer, ruling.late) == ("granted", True)
    other, *_ = await on_offer(office)
    clock.shown += timedelta(seconds=30)
    await office.ring()
    for _ in range(10):
        clock.shown += timedelta(seconds=20)
        await office.ring()
    assert await office.status(other) == "assigned", "nobody claimed it, and the fall-back decided"
    assert (await office.said(other))[-1].how == "decided"
    loser = ann if (await office.held(other))["agent_id"] != ann else ben
    assert (await refusal(claim(office, other, loser)))[:2] in ((409, "taken"), (409, "not-offered"))
    assert await office.unlike() == []


async def test_an_offer_that_all_refuse_waits_for_others(office: Office) -> None:
    lead, ann, ben = await on_offer(office)
    assert (await refuse(office, lead, ann)).answer == "declined"
    assert (await refuse(office, lead, ann)).answer == "declined", "twice is as once"
    assert await office.status(lead) == "offered", "Ben may still claim it"
    await refuse(office, lead, ben)
    assert await office.queue() == [lead]
    assert (await refusal(refuse(office, lead, ben)))[:2] == (409, "over")
    cara = await office.agent("Cara")
    await office.policy({"pools": {"first": {**members(ann, ben, cara), "strategy": CLAIM}}, "default": "first"})
    assert await office.status(lead) == "offered"
    ruling, _ = await claim(office, lead, cara)
    assert ruling.granted
    assert await office.unlike() == []


async def test_a_claimed_lead_keeps_its_rule_and_what_that_promised(office: Office) -> None:
    ann = await office.agent("Ann")
    slas = {"follow": {"clock": "follow_up", "minutes": 60, "time": "wall"}}
    rules = [{"name": "hot", "when": "points > 10", "pool": "first", "sla": "follow"}]
    await office.policy(
        {"pools": {"first": {**members(ann), "strategy": CLAIM}}, "rules": rules, "default": "first", "slas": slas}
    )
    [lead] = leads(1)
    await office.take(scored(lead))
    await claim(office, lead, ann)
    assert (await office.held(lead))["rule"] == "hot"
    assert [clock["sla"]["name"] for clock in (await office.lead(lead))["clocks"]] == ["follow"]


async def test_a_lead_on_offer_is_merged_back_and_erased(office: Office, installation: Installation) -> None:
    lead, ann, ben = await on_offer(office)
    await office.take(merged(lead, ids.uuid7()))
    assert (await refusal(claim(office, lead, ann)))[:2] == (409, "over")
    assert await office.status(lead) == "merged"
    await office.take(unmerged(lead, ids.uuid7()))
    assert await office.status(lead) == "offered"
    assert await office.unlike() == []
    await office.take(erased(lead))
    row = await office.lead(lead)
    assert (row["status"], row["offered"], row["due_at"]) == ("erased", None, None)
    assert await office.rows("SELECT * FROM router.timers WHERE subject = $1", lead) == []
    assert (await refusal(claim(office, lead, ben)))[:2] == (409, "over")
    assert await router_violations(installation.admin_dsn) == []


# -- By hand ---------------------------------------------------------------------------------------------------------------------


async def unrouted(office: Office, lead: UUID, ann: UUID) -> None:
    await office.take(stage(lead, "contacted"))


async def rejected(office: Office, lead: UUID, ann: UUID) -> None:
    await office.take(scored(lead, qualification="insufficient"))


async def queued(office: Office, lead: UUID, ann: UUID) -> None:
    await office.policy({"pools": {"default": {**members(ann)}, "empty": {}}, "default": "empty"})
    await office.take(scored(lead))


async def offered(office: Office, lead: UUID, ann: UUID) -> None:
    await office.policy({"pools": {"default": {**members(ann), "strategy": CLAIM}}, "default": "default"})
    await office.take(scored(lead))


async def assigned(office: Office, lead: UUID, ann: UUID) -> None:
    ben = await office.agent("Ben")
    pools = {"default": members(ann), "b": members(ben)}
    await office.policy({"pools": pools, "default": "b"})
    await office.take(scored(lead))


@pytest.mark.parametrize("begin", [unrouted, rejected, queued, offered, assigned])
async def test_somebody_says_who_is_to_have_a_lead_wherever_it_is(
    office: Office, installation: Installation, begin: Callable[[Office, UUID, UUID], Awaitable[None]]
) -> None:
    ann = await office.agent("Ann")
    await office.pool("default", ann)
    [lead] = leads(1)
    await begin(office, lead, ann)
    assert await office.status(lead) == begin.__name__
    anew, row = await by_hand(office, lead, ann)
    assert (anew, row["agent_id"], row["pool"]) == (True, ann, "default")
    assert (await by_hand(office, lead, ann))[0] is False, "it has the lead already"
    assert await office.queue() == []
    last = (await office.said(lead))[-1]
    assert isinstance(last, LeadAssigned)
    assert last.how == ("handed_over" if begin is assigned else "by_hand")
    [more] = await office.rows("SELECT outcome, more FROM router.decisions WHERE id = $1", row["id"])
    assert (more["outcome"], more["more"]["by"], more["more"]["said"]) == ("by_hand", "boss", "she asked for her")
    assert await office.unlike() == []
    assert await router_violations(installation.admin_dsn) == []


async def test_by_hand_the_gates_hold_unless_it_is_forced(office: Office, installation: Installation) -> None:
    ann = await office.agent("Ann", open_cap=1)
    await office.pool("default", ann)
    first, second = leads(2)
    await office.take(scored(first), scored(second))
    status, slug, text = await refusal(by_hand(office, second, ann))
    assert (status, slug) == (409, "cannot-receive")
    assert text.startswith("The agent ")
    assert await office.queue() == [second]
    _, row = await by_hand(office, second, ann, forced=True)
    assert (await office.said(second))[-1].how == "forced"
    [entry] = await office.rows("SELECT data FROM router.ledger WHERE lead_id = $1", second)
    assert (entry["data"]["forced"], entry["data"]["turn"]) == (True, False)
    assert row["how"] == "forced"
    await office.change(ann, active=False)
    assert await refusal(by_hand(office, first, await office.agent("Ben"), forced=True)) == (
        409,
        "no-pool",
        "The agent is in no pool.",
    )
    assert await office.unlike() == []
    assert [fault for fault in await router_violations(installation.admin_dsn) if "received another" not in fault] == []


async def test_a_lead_that_is_over_is_given_to_nobody(office: Office) -> None:
    ann, _ = await two_agents(office)
    won, gone, away = leads(3)
    for lead in (won, gone, away):
        await office.take(scored(lead))
    await office.take(stage(won, "won"))
    await office.take(erased(gone))
    await office.take(merged(away, ids.uuid7()))
    for lead, why in ((won, "closed"), (gone, "erased"), (away, "merged")):
        assert (await refusal(by_hand(office, lead, ann)))[:2] == (409, f"lead-{why}")


async def test_who_is_erased_leaves_no_word_behind(office: Office) -> None:
    ann, _ = await two_agents(office)
    [lead] = leads(1)
    await office.take(scored(lead, qualification="insufficient"))
    await by_hand(office, lead, ann)
    await office.take(erased(lead))
    rows = await office.rows("SELECT facts, more FROM router.decisions WHERE lead_id = $1", lead)
    assert [row["facts"] for row in rows] == [{}, {}]
    assert [row["more"] for row in rows if row["more"]] == [{"by": "boss"}]
    assert isinstance((await office.said(lead))[0], LeadRejected)
