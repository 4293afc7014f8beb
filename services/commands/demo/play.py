"""The demo itself: set up, send every lead, wait for every lead, close one so that one that waits is given out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from services.commands.demo.interface import DemoFailed, Interface
from services.commands.demo.sample import Delivery, Sample
from services.commands.demo.setup import set_up
from services.commands.demo.steps import Advance, Steps

A = TypeVar("A")
B = TypeVar("B")
Lead = dict[str, Any]  # as GET /v1/leads/{id} shows it
TokenOf = Callable[[dict[str, Any]], str]

AT_ONCE = 4  # requests under way
PATIENCE = 30  # seconds that a lead has to be routed


@dataclass(frozen=True)
class Played:
    """The leads in the order of sending; `shown` is the one whose timeline tells most."""

    leads: list[Lead]
    shown: Lead


async def play(api: Interface, sample: Sample, steps: Steps, token_of: TokenOf) -> Played:
    """Plays the sample. `token_of` gives the token of an agent, so that it speaks for itself."""
    with steps.step("Set up sources, agents, pools, rules and a scorecard"):
        hooks = await set_up(api, sample)
    with steps.step(f"Send {sample.leads} leads: forms, webhooks, single calls, a batch", total=sample.leads) as advance:
        ids = await _send_all(api, sample.deliveries, hooks, advance)
    with steps.step("Wait until every lead is routed", total=sample.leads) as advance:
        leads = await _wait_for_all(api, ids, advance)
    with steps.step("Close a lead, so that one that waits is given out"):
        released = await _release(api, leads, token_of)
    with steps.step("Read every lead again"):
        leads = await _in_turn(lambda id: api.get(f"/v1/leads/{id}"), ids)
    shown = next((lead for lead in leads if lead["lead_id"] == released), leads[0])
    return Played(leads, shown)


async def _in_turn(ask: Callable[[A], Awaitable[B]], wanted: Sequence[A]) -> list[B]:
    """Asks for each, a few at a time; the answers in the order of the questions."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: A) -> B:
        async with places:
            return await ask(item)

    # Not a TaskGroup: the first failure is to be raised as it is, not in a group.
    tasks = [asyncio.ensure_future(one(item)) for item in wanted]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


# -- Sending ---------------------------------------------------------------------------------------------------------------------


async def _send_all(api: Interface, deliveries: Sequence[Delivery], hooks: dict[str, str], advance: Advance) -> list[str]:
    async def send(delivery: Delivery) -> list[str]:
        ids = await _send(api, delivery, hooks)
        for _ in ids:
            advance()
        return ids

    return [id for ids in await _in_turn(send, deliveries) for id in ids]


async def _send(api: Interface, delivery: Delivery, hooks: dict[str, str]) -> list[str]:
    if delivery.send == "batch":
        results = (await api.post("/v1/leads", delivery.body))["results"]
        if refused := [result["detail"] for result in results if result["status"] == "refused"]:
            raise DemoFailed(f"POST /v1/leads refused {len(refused)} leads of a batch: {'; '.join(refused)}")
        return [result["lead_id"] for result in results]
    if delivery.send == "lead":
        answer = await api.post("/v1/leads", delivery.body)
    elif delivery.send == "form":
        answer = await api.post_form(hooks[delivery.source], delivery.body)
    else:
        answer = await api.post(hooks[delivery.source], delivery.body)
    return [answer["lead_id"]]


# -- Waiting ---------------------------------------------------------------------------------------------------------------------


async def _wait_for_all(api: Interface, ids: Sequence[str], advance: Advance) -> list[Lead]:
    async def wait(id: str) -> Lead | None:
        lead = await _wait_for(api, id, "routed")
        advance()
        return lead

    found = await _in_turn(wait, ids)
    missing = [_how_far(id, lead) for id, lead in zip(ids, found, strict=True) if not lead or lead["routing"] == "pending"]
    if missing:
        shown = "\n    ".join(missing[:5])
        raise DemoFailed(f"{len(missing)} of {len(ids)} leads were not routed within {PATIENCE} s:\n    {shown}")
    return [lead for lead in found if lead]


async def _wait_for(api: Interface, id: str, until: str) -> Lead | None:
    found: Lead | None = await api.find(f"/v1/leads/{id}", wait=PATIENCE, until=until)
    return found


def _how_far(id: str, lead: Lead | None) -> str:
    if lead is None:
        return f"lead {id}: the tracker has not seen it"
    last = lead["timeline"][-1]["summary"] if lead["timeline"] else "nothing is known of it"
    return f"lead {id}: {last}"


# -- Outcomes --------------------------------------------------------------------------------------------------------------------


async def _release(api: Interface, leads: Sequence[Lead], token_of: TokenOf) -> str | None:
    """Has agents win leads until the first of these that waits is given out; returns its id.

    None where none waits, or where too many from before wait ahead of it.
    """
    waiting = {lead["lead_id"]: lead["pool"] for lead in leads if lead["routing"] == "queued"}
    queue = [one async for one in api.items("/v1/queue") if one["pool"] in waiting.values()]
    first = next((one for one in queue if one["lead_id"] in waiting), None)
    if first is None:
        return None
    before = [one for one in queue if one["pool"] == first["pool"]].index(first)
    held = await _held_by(api, first["pool"])
    if before >= len(held):
        return None
    for assignment in held[: before + 1]:
        await _win(api, assignment, token_of)
    lead = await _wait_for(api, first["lead_id"], "assigned")
    if not lead or lead["routing"] != "assigned":
        raise DemoFailed(f"lead {first['lead_id']} still waits for pool {first['pool']}, though leads of its agents were closed")
    await _say(api, lead["lead_id"], lead["owner"]["agent_id"], {"status": "contacted"}, token_of)
    return str(lead["lead_id"])


async def _held_by(api: Interface, pool: str) -> list[dict[str, Any]]:
    """Open assignments of a pool's members, oldest first."""
    members = {member["agent_id"] for member in (await api.get(f"/v1/pools/{pool}"))["members"]}
    return [one async for one in api.items("/v1/assignments", open=True) if one["agent_id"] in members]


async def _win(api: Interface, assignment: dict[str, Any], token_of: TokenOf) -> None:
    won = {"status": "won", "value": 48000, "currency": "USD"}
    await _wait_for(api, assignment["lead_id"], "assigned")
    for status in ({"status": "contacted"}, won):
        await _say(api, assignment["lead_id"], assignment["agent_id"], status, token_of)


async def _say(api: Interface, lead_id: str, agent_id: str, status: dict[str, Any], token_of: TokenOf) -> None:
    agent = await api.get(f"/v1/agents/{agent_id}")
    await api.post(f"/v1/leads/{lead_id}/status", status, token=token_of(agent))
