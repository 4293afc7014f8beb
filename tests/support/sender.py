"""A client as our documentation asks for one: it sends again, with the same Idempotency-Key, until the lead is accepted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx

PAUSE = 0.1  # seconds before a request is sent again


class Sender:
    """Sends leads to several replicas of intake in turn. `accepted` is what it saw a 202 for, `answers` all that it met."""

    def __init__(self, addresses: Sequence[str], headers: dict[str, str], *, patience: float) -> None:
        self._client = httpx.AsyncClient(headers=headers, timeout=10, limits=httpx.Limits(max_connections=64))
        self._addresses = addresses
        self._patience = patience
        self.accepted: list[UUID] = []
        self.answers: Counter[str] = Counter()

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, n: int, lead: dict[str, Any]) -> UUID:
        """Sends the n-th lead until it is accepted, to another replica each time; fails after `patience` seconds."""
        async with asyncio.timeout(self._patience):
            for attempt in range(n, 10**9):
                answer = await self._once(self._addresses[attempt % len(self._addresses)], f"lead-{n}", lead)
                if answer is not None:
                    lead_id = UUID(answer.json()["lead_id"])
                    self.accepted.append(lead_id)
                    return lead_id
                await asyncio.sleep(PAUSE)
        raise AssertionError("unreachable")

    async def _once(self, address: str, key: str, lead: dict[str, Any]) -> httpx.Response | None:
        """The answer if it is a 202; None where the request must be sent again."""
        try:
            answer = await self._client.post(f"{address}/v1/leads", json=lead, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return None
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 202:
            return answer
        assert answer.status_code == 503, f"{answer.status_code}: {answer.text}"
        assert int(answer.headers["Retry-After"]) >= 1
        return None
