"""The Kafka bus: the suite, against a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from shared.bus import kafka as adapter
from shared.bus.kafka import KafkaBus
from shared.settings import PlatformSettings
from tests.contract.bus_suite import BusSuite
from tests.contract.bus_world import SESSION, World
from tests.support.kafka import Kafka

pytestmark = pytest.mark.kafka


@dataclass
class KafkaWorld(World):
    broker: Kafka
    kind = "kafka"

    @property
    def address(self) -> str:  # type: ignore[override]
        return self.broker.bootstrap

    def bus(self, session_timeout: float = SESSION) -> KafkaBus:
        return KafkaBus(PlatformSettings(bus="kafka", kafka_bootstrap=self.address), session_timeout=session_timeout)

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        if self.broker.data is None:
            pytest.skip("the broker of KAFKA_BOOTSTRAP is not ours to kill")
        await asyncio.to_thread(self.broker.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(self.broker.start)


@pytest.fixture
def world(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> KafkaWorld:
    monkeypatch.setattr(adapter, "REQUEST_TIMEOUT", 2000)  # the tests need not wait ten seconds for a dead broker
    return KafkaWorld(kafka)


class TestKafkaBus(BusSuite):
    """All of it."""
