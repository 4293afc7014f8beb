"""What processes of their own stand on: a database, a bus and a key file; and how the checks read that bus."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from services.commands.installation import SERVICES
from shared.bus.kafka import KafkaBus
from shared.contracts.topics import TOPICS
from shared.settings import PlatformSettings
from tests.support import checks
from tests.support.checks import Published
from tests.support.installation import Installation
from tests.support.processes import Fleet, running_fleet
from tests.support.waiting import eventually
from tests.support.world import connected

NAMES = [topic.name for topic in TOPICS]


@dataclass(frozen=True)
class Ground:
    """One installation without services. `folder` holds the keys and gets the logs."""

    installation: Installation
    folder: Path

    @contextlib.asynccontextmanager
    async def fleet(self, *, replicas: int, services: Collection[str] = tuple(SERVICES)) -> AsyncIterator[Fleet]:
        keys = self.folder / "keys.json"
        async with running_fleet(self.installation, replicas=replicas, keys=keys, folder=self.folder, services=services) as fleet:
            yield fleet

    async def drained(self, *, timeout: float) -> None:
        await eventually(lambda: checks.settled(self.installation.admin_dsn), timeout=timeout)

    async def published(self) -> list[Published]:
        """Every record on the bus, in the order of its partition."""
        if self.installation.bus == "kafka":
            return await published_on_kafka(self.installation.kafka_bootstrap)
        async with connected(self.installation.admin_dsn) as connection:
            return await checks.published_on_postgres(connection)

    async def violations(self, accepted: Collection[UUID]) -> list[str]:
        """What is wrong once everything has drained."""
        records = await self.published()
        async with connected(self.installation.admin_dsn) as connection:
            return await checks.violations(connection, accepted=accepted, published=records)


async def published_on_kafka(bootstrap: str) -> list[Published]:
    found = []
    consumer = AIOKafkaConsumer(*NAMES, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    found.append(checks.published(record.topic, record.key, headers))
    finally:
        await consumer.stop()
    return found


async def fresh_topics(bootstrap: str) -> None:
    """Topics with nothing in them; the positions of every group in the old ones go with those."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        old = [name for name in await admin.list_topics() if name in NAMES]
        if old:
            await admin.delete_topics(old)

        async def gone() -> bool:
            return not set(await admin.list_topics()) & set(NAMES)

        await eventually(gone, timeout=30)
    finally:
        await admin.close()
    await KafkaBus(PlatformSettings(bus="kafka", kafka_bootstrap=bootstrap)).create_topics(NAMES)
