"""The bus on Apache Kafka, with aiokafka. Its unsafe defaults are turned off here and nowhere else.

The producer is idempotent and waits for all in-sync replicas; batches are built by partition, one request each. Offsets are committed by
hand: only what is done, only for partitions still assigned. Transactions are not used: inbox and outbox give exactly-once effects.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.bus.port import partition_of
from shared.contracts.envelope import Outgoing, Received, unpack_headers
from shared.contracts.topics import MAX_RECORD_BYTES, PARTITIONS, RETENTION_DAYS
from shared.errors import Permanent, Transient
from shared.settings import PlatformSettings
from shared.telemetry import logger

READ_WAIT = 100  # milliseconds for the first record of a batch
REQUEST_TIMEOUT = 10_000  # milliseconds until a silent broker counts as lost
METADATA_AGE = 5_000  # milliseconds: a broker that starts names no topics at first, and only who asks again sees them
JOIN_TIMEOUT = 20.0  # seconds; members that died are waited for
CLOSE_TIMEOUT = 5.0  # seconds
TOPIC_EXISTS = 36

T = TypeVar("T")
_given_up: set[asyncio.Future[Any]] = set()  # the loop itself keeps no task alive
log = logger(__name__)


class KafkaBus:
    """`instance` makes a reader a static member: a restart under the same name moves no partition. It must be unique among replicas, for
    two of one name take the group from each other for ever; and a member that stops for good is waited for like one that died.
    """

    def __init__(self, settings: PlatformSettings, *, session_timeout: float = 6.0, instance: str | None = None) -> None:
        self._settings = settings
        self._instance = instance
        self._session_timeout = int(session_timeout * 1000)

    async def create_topics(self, names: Sequence[str], *, partitions: int = PARTITIONS) -> None:
        admin = AIOKafkaAdminClient(**self._connection())
        try:
            await _or_transient(admin.start())
            topics = [
                NewTopic(
                    name,
                    num_partitions=partitions,
                    replication_factor=self._settings.kafka_replication,
                    topic_configs={
                        "retention.ms": str(RETENTION_DAYS * 86_400_000),
                        # A segment is dropped when its last record is old enough; by default it is open for another week.
                        "segment.ms": str(86_400_000),
                        "max.message.bytes": str(MAX_RECORD_BYTES),
                        "min.insync.replicas": str(self._settings.kafka_min_insync),
                    },
                )
                for name in names
            ]
            answer = await _or_transient(admin.create_topics(topics))
            for name, code, *message in answer.topic_errors:  # the client does not raise these
                if code not in (0, TOPIC_EXISTS):
                    raise Permanent(f"topic {name}: Kafka answered error {code} {message}")
        finally:
            await _close(admin.close())

    async def publisher(self) -> KafkaPublisher:
        producer = AIOKafkaProducer(
            **self._connection(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_RECORD_BYTES,
            max_request_size=2 * MAX_RECORD_BYTES,
        )
        try:
            await _in_time(producer.start())
        except BaseException:
            await _close(producer.stop())
            raise
        return KafkaPublisher(producer)

    async def reader(self, group: str, topics: Sequence[str], *, member: str) -> KafkaReader:
        reader = KafkaReader(lambda: self._consumer(group, member), topics)
        await reader.join()
        return reader

    def _consumer(self, group: str, member: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._connection(),
            group_id=group,
            client_id=member,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=self._session_timeout,
            heartbeat_interval_ms=self._session_timeout // 4,
            max_poll_interval_ms=300_000,
            rebalance_timeout_ms=self._session_timeout,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            fetch_max_wait_ms=READ_WAIT,
            max_partition_fetch_bytes=2 * MAX_RECORD_BYTES,
        )

    def _connection(self) -> dict[str, Any]:
        settings = self._settings
        made: dict[str, Any] = {
            "bootstrap_servers": settings.kafka_bootstrap,
            "request_timeout_ms": REQUEST_TIMEOUT,
            "metadata_max_age_ms": METADATA_AGE,
            "security_protocol": settings.kafka_security,
        }
        if settings.kafka_security.endswith("SSL"):
            made["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_security.startswith("SASL"):
            made["sasl_mechanism"] = settings.kafka_sasl_mechanism
            made["sasl_plain_username"] = settings.kafka_username
            made["sasl_plain_password"] = settings.kafka_password
        return made

    async def close(self) -> None:
        """Publishers and readers are closed by whoever opened them."""


class KafkaPublisher:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._partitions: dict[str, int] = {}

    async def publish(self, records: Sequence[Outgoing]) -> None:
        sent: list[asyncio.Future[Any]] = []
        try:
            for (topic, partition), share in (await self._by_partition(records)).items():
                sent.extend(await self._send(topic, partition, share))
        finally:
            # Also after a failure: a future that nobody awaits would be logged as lost.
            outcomes = await _in_time(asyncio.gather(*sent, return_exceptions=True))
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise Transient(f"kafka: {type(outcome).__name__}") from outcome

    async def _by_partition(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], list[Outgoing]]:
        shares: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            count = self._partitions.get(record.topic) or await self._learn(record.topic)
            shares.setdefault((record.topic, partition_of(record.key, count)), []).append(record)
        return shares

    async def _learn(self, topic: str) -> int:
        # Not partitions_for: it cannot tell a topic that is missing from a broker that is.
        found = (await _in_time(self._producer.client.fetch_all_metadata())).partitions_for_topic(topic)
        if not found:
            raise Permanent(f"no such topic: {topic}; run: python -m services migrate")
        self._partitions[topic] = len(found)
        return len(found)

    async def _send(self, topic: str, partition: int, records: Sequence[Outgoing]) -> list[asyncio.Future[Any]]:
        sent = []
        batch = self._producer.create_batch()
        for record in records:
            headers = [(name, value.encode()) for name, value in unpack_headers(record.headers).items()]
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                sent.append(await _or_transient(self._producer.send_batch(batch, topic, partition=partition)))
                batch = self._producer.create_batch()
                if batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                    raise Permanent(f"a record of {len(record.value)} bytes does not fit into a batch")
        sent.append(await _or_transient(self._producer.send_batch(batch, topic, partition=partition)))
        return sent

    async def close(self) -> None:
        # First the sender, which tries for ever to send what no broker took. What `publish` returned for is sent already.
        if (sending := self._producer._sender.sender_task) is not None:
            sending.cancel()
        await _close(self._producer.stop())


class KafkaReader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Also listens to rebalances: a partition leaves only between batches, with what is done committed.

    A client whose broker was killed may never find it again, and say nothing (aio-libs/aiokafka#1154). One that does not answer
    in time is therefore replaced; what it had not committed is read again.
    """

    def __init__(self, make: Callable[[], AIOKafkaConsumer], topics: Sequence[str]) -> None:
        self._make = make
        self._topics = list(topics)
        self._consumer = make()
        self._lost = False
        self._finished: dict[TopicPartition, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def join(self) -> None:
        """Enters the group."""
        try:
            self._consumer.subscribe(self._topics, listener=self)
            # Met by a broker that was only starting, the client's own task may have died, and this would wait for ever.
            await _in_time(self._consumer.start(), seconds=JOIN_TIMEOUT)
        except BaseException:
            await _close(self._consumer.stop())
            raise
        self._lost = False

    async def _replace(self) -> None:
        log.warning("kafka.client_replaced", topics=self._topics)
        self._finished.clear()
        await _close(self._consumer.stop())
        self._consumer = self._make()
        await self.join()

    async def _asked(self, work: Awaitable[T], *, passing: tuple[type[KafkaError], ...] = ()) -> T:
        try:
            return await _in_time(work, passing=passing)
        except Transient as error:
            self._lost = isinstance(error.__cause__, TimeoutError)
            raise

    async def read(self, limit: int) -> list[Received]:
        if self._lost:
            await self._replace()
        batches = await _or_transient(self._consumer.getmany(timeout_ms=READ_WAIT, max_records=limit))
        records = [
            Received(
                record.topic,
                record.partition,
                record.offset,
                record.key or b"",
                {name: (value or b"").decode(errors="replace") for name, value in record.headers},
                record.value or b"",
            )
            for batch in batches.values()
            for record in batch
        ]
        if records:
            self._idle.clear()
        return records

    def done(self, records: Sequence[Received]) -> None:
        for record in records:
            self._finished[TopicPartition(record.topic, record.partition)] = record.offset + 1
        self._idle.set()

    def rewind(self, records: Sequence[Received]) -> None:
        firsts: dict[TopicPartition, int] = {}
        for record in records:
            firsts.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for partition, offset in firsts.items():
            with contextlib.suppress(IllegalStateError):  # no longer ours: whoever has it reads from what was committed
                self._consumer.seek(partition, offset)
        self._idle.set()

    async def commit(self) -> None:
        assigned = self._consumer.assignment()
        offsets = {partition: offset for partition, offset in self._finished.items() if partition in assigned}
        if not offsets:
            self._finished.clear()
            return
        try:
            await self._asked(self._consumer.commit(offsets), passing=(CommitFailedError, IllegalStateError))
        except (CommitFailedError, IllegalStateError) as error:
            # The group moved on without us. The inbox swallows what is read again.
            log.info("commit.late", error=type(error).__name__)
        for partition, offset in offsets.items():
            if self._finished.get(partition) == offset:
                del self._finished[partition]

    async def on_partitions_revoked(self, revoked: object) -> None:
        # Bounded, and on an event that needs nothing from the consumer: getmany may be waiting for this very rebalance.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), CLOSE_TIMEOUT)
        with contextlib.suppress(Transient):
            await self.commit()

    async def on_partitions_assigned(self, assigned: object) -> None:
        self._finished.clear()

    async def lag(self) -> int:
        """Asks the broker, so that a client that only seems to have nothing to read is found out."""
        try:
            return await self._asked(self._behind(), passing=(IllegalStateError,))
        except IllegalStateError:  # a partition left meanwhile
            return 0

    async def _behind(self) -> int:
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        return sum([max(0, end - await self._consumer.position(partition)) for partition, end in ends.items()])

    def trouble(self) -> str | None:
        return None

    async def close(self) -> None:
        with contextlib.suppress(Transient):
            await self.commit()
        await _close(self._consumer.stop())


async def _or_transient(work: Awaitable[T]) -> T:
    try:
        return await work
    except (KafkaError, OSError, TimeoutError) as error:
        raise Transient(f"kafka: {type(error).__name__}") from error


async def _in_time(work: Awaitable[T], *, passing: tuple[type[KafkaError], ...] = (), seconds: float | None = None) -> T:
    """For what the client tries for ever: without a broker it is given up, and may have happened all the same."""
    try:
        return await _given_up_after(seconds or REQUEST_TIMEOUT / 1000, work)
    except passing:
        raise
    except (KafkaError, OSError, TimeoutError) as error:
        raise Transient(f"kafka: {type(error).__name__}") from error


async def _close(work: Awaitable[None]) -> None:
    """Closes, but never for long: a client that lost its broker may not come back from it."""
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await _given_up_after(CLOSE_TIMEOUT, work)


async def _given_up_after(seconds: float, work: Awaitable[T]) -> T:
    """Raises TimeoutError and goes on, where wait_for would wait: parts of the client swallow a cancellation, or raise one."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done() or task.cancelled():  # also by the client's own doing, which must not end whoever waits for it
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            _given_up.add(task)
            task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that nobody calls it lost
