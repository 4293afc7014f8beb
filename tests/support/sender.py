"""A client as our documentation asks for one: it sends again, with the same Idempotency-Key, until the lead is accepted."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import httpx

PAUSE = 0.2  # seconds before a request is sent again that nobody answered


class Sender:
    """Sends leads to several replicas of intake in turn, each from another person.

    So every lead is a new one: a touch would mean that intake forgot a key and took a lead that was sent again for one more.
    `accepted` is what it saw a 202 for, `answers` all that it met (statuses, and errors by name), `worst` the longest time in seconds
    from the first try to the 202.
    """

    def __init__(self, addresses: Sequence[str], headers: dict[str, str], *, patience: float) -> None:
        self._client = httpx.AsyncClient(headers=headers, timeout=10, limits=httpx.Limits(max_connections=None))
        self._addresses = addresses
        self._patience = patience
        self.begun = 0
        self.accepted: list[UUID] = []
        self.answers: Counter[str] = Counter()
        self.worst = 0.0

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send_all(self, leads: Iterable[dict[str, Any]], *, rate: float) -> None:
        """Sends at a steady rate (leads a second), whatever becomes of those before."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for n, lead in enumerate(leads):
                await asyncio.sleep(max(0.0, began + n / rate - loop.time()))
                group.create_task(self.send(n, lead))

    async def send(self, n: int, lead: dict[str, Any]) -> UUID:
        """Sends the n-th lead until it is accepted, to another replica each time; fails after `patience` seconds."""
        self.begun += 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(self._patience):
            for attempt in itertools.count(n):
                pause, lead_id = await self._once(self._addresses[attempt % len(self._addresses)], f"lead-{n}", lead)
                if lead_id is not None:
                    break
                await asyncio.sleep(pause)
        assert lead_id is not None
        self.worst = max(self.worst, loop.time() - began)
        self.accepted.append(lead_id)
        return lead_id

    async def _once(self, address: str, key: str, lead: dict[str, Any]) -> tuple[float, UUID | None]:
        """The lead's id if it was accepted, else for how long to wait. Fails on any answer but 202 and 503."""
        try:
            answer = await self._client.post(f"{address}/v1/leads", json=lead, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return PAUSE, None
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == httpx.codes.ACCEPTED:
            assert answer.json()["status"] == "accepted", f"{key}: {answer.text}"
            return 0.0, UUID(answer.json()["lead_id"])
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, f"{answer.status_code}: {answer.text}"
        return float(answer.headers["Retry-After"]), None
