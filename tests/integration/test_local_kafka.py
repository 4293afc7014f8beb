"""The local broker: what it acknowledged survives SIGKILL, and its limits are those that the design states."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError

from tests.support.kafka import Kafka

TOPIC = "kept"
PARTITIONS = 12

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif("KAFKA_BOOTSTRAP" in os.environ, reason="the broker of KAFKA_BOOTSTRAP is not ours to kill"),
]


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    await admin.close()


async def publish(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_request_size=1024 * 1024)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, key=value[:9], value=value) for value in values])
    finally:
        await producer.stop()


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """Read `count` records as a static member and commit behind them."""
    found: list[bytes] = []
    async with asyncio.timeout(60):
        async with AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id="readers",
            group_instance_id="reader-1",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
        ) as consumer:
            while len(found) < count:
                batch = await consumer.getmany(timeout_ms=500)
                found += [record.value for records in batch.values() for record in records]
            await consumer.commit()
    return found


async def test_records_and_offsets_survive_sigkill(kafka: Kafka) -> None:
    await create_topic(kafka.bootstrap, TOPIC)
    before = [b"%09d" % number for number in range(500)]
    await publish(kafka.bootstrap, TOPIC, before)
    assert sorted(await read(kafka.bootstrap, TOPIC, len(before))) == before

    unread = [b"%09d" % number for number in range(500, 1000)]
    await publish(kafka.bootstrap, TOPIC, unread)
    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)
    assert sorted(await read(kafka.bootstrap, TOPIC, len(unread))) == unread

    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
    await consumer.stop()
    assert sum(ends.values()) == len(before) + len(unread)


async def test_starting_twice_and_stopping_twice_is_no_error(kafka: Kafka) -> None:
    kafka.start()
    kafka.stop()
    kafka.stop()
    kafka.start()
    await create_topic(kafka.bootstrap, "again")


async def test_an_event_fits_and_half_a_mebibyte_does_not(kafka: Kafka) -> None:
    await create_topic(kafka.bootstrap, "sized")
    await publish(kafka.bootstrap, "sized", [bytes(256 * 1024)])
    with pytest.raises(MessageSizeTooLargeError):
        await publish(kafka.bootstrap, "sized", [bytes(512 * 1024)])


async def test_a_misspelt_topic_is_not_created(kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    (described,) = await admin.describe_topics(["misspelt"])
    names = await admin.list_topics()
    await admin.close()
    assert described["error_code"] == 3
    assert "misspelt" not in names
