"""Each service is killed once with leads under way, on both buses: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import httpx

from services.commands.installation import SERVICES
from tests.support.ground import Ground
from tests.support.market import lead, make_market
from tests.support.processes import Fleet
from tests.support.sender import Sender
from tests.support.waiting import eventually

LEADS = 300
RATE = 60  # leads a second
AT_ONCE = 8  # closed at a time: of more, some are asked to come again
WON_OF = 3  # every third lead is won, so that capacity comes free and queues drain


async def test_each_service_killed_once_under_load(ground: Ground) -> None:
    async with ground.fleet(replicas=1) as fleet:
        async with fleet.client("intake") as intake, fleet.client("router") as router:
            await make_market(intake, router)
        addresses = [replica.address for replica in fleet.replicas["intake"]]
        async with Sender(addresses, ground.installation.headers(), patience=60) as sender:
            async with asyncio.TaskGroup() as group:
                group.create_task(sender.send_all((lead(n) for n in range(LEADS)), rate=RATE))
                group.create_task(kill_each(fleet, sender))
            assert len(sender.accepted) == LEADS
            await ground.drained(timeout=60)
            await win(fleet, sender.accepted[::WON_OF])
            await ground.drained(timeout=60)
            assert await ground.violations(sender.accepted) == []
            assert set(sender.answers) > {"202"}, "intake was killed and no client noticed"


async def kill_each(fleet: Fleet, sender: Sender) -> None:
    """One after the other, each once some more leads are accepted, and each while the others go on."""
    for n, service in enumerate(SERVICES, 1):
        await eventually(lambda n=n: accepted(sender, n * LEADS // 6), timeout=60)  # type: ignore[misc]
        [replica] = fleet.replicas[service]
        replica.kill()
        replica.start()
        await replica.ready()


async def accepted(sender: Sender, count: int) -> bool:
    return len(sender.accepted) >= count


async def win(fleet: Fleet, leads: Sequence[UUID]) -> None:
    some = asyncio.Semaphore(AT_ONCE)
    async with fleet.client("tracker") as tracker:

        async def close(lead_id: UUID) -> int:
            async with some:
                return (await tracker.post(f"/v1/leads/{lead_id}/status", json={"status": "won"})).status_code

        assert set(await asyncio.gather(*map(close, leads))) == {httpx.codes.OK}
