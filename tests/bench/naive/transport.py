"""The two ways in which the naive stages pass messages on: Kafka, and a table polled as a queue; one at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from tests.bench.naive.tables import Message

Handler = Callable[[AsyncSession, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Does a stage's work in the session and returns what to tell the next stage."""

_POLL = 0.05


class Transport(Protocol):
    async def start(self, sessions: async_sessionmaker[AsyncSession]) -> None: ...

    async def commit_and_publish(self, session: AsyncSession, topic: str, message: dict[str, Any]) -> None:
        """Commits the session's work and passes the message on."""

    async def consume(self, topic: str, handle: Handler, target: str | None) -> None:
        """For ever: takes one message, handles it, commits, and publishes the outcome on `target` if there is one."""


class TableQueue:
    """Rows in PostgreSQL, taken one by one with SKIP LOCKED."""

    async def start(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def commit_and_publish(self, session: AsyncSession, topic: str, message: dict[str, Any]) -> None:
        session.add(Message(topic=topic, payload=message))
        await session.commit()

    async def consume(self, topic: str, handle: Handler, target: str | None) -> None:
        while True:
            if not await self._consume_one(topic, handle, target):
                await asyncio.sleep(_POLL)

    async def _consume_one(self, topic: str, handle: Handler, target: str | None) -> bool:
        oldest = select(Message).where(Message.topic == topic).order_by(Message.id).limit(1)
        async with self._sessions() as session:
            row = await session.scalar(oldest.with_for_update(skip_locked=True))
            if row is None:
                return False
            outcome = await handle(session, row.payload)
            await session.delete(row)
            if target:
                session.add(Message(topic=target, payload=outcome))
            await session.commit()
            return True


class Kafka:
    """A topic for each step; the offset is committed after each message."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def start(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all")
        await self._producer.start()

    async def commit_and_publish(self, session: AsyncSession, topic: str, message: dict[str, Any]) -> None:
        await session.commit()
        key = message["lead_id"].encode()
        await self._producer.send_and_wait(topic, json.dumps(message).encode(), key=key)

    async def consume(self, topic: str, handle: Handler, target: str | None) -> None:
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self._bootstrap,
            group_id=f"{topic}-readers",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        async with consumer:
            async for record in consumer:
                async with self._sessions() as session:
                    outcome = await handle(session, json.loads(record.value))
                    if target:
                        await self.commit_and_publish(session, target, outcome)
                    else:
                        await session.commit()
                await consumer.commit()


def transport_from(kafka: str) -> Transport:
    """Kafka at the given address, the table queue when it is empty."""
    return Kafka(kafka) if kafka else TableQueue()
