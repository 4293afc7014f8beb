"""Floors: what this machine can do at best just now, measured with the same tools before and after the systems.

Each holds a bare tool against which a part of the system is judged: an HTTP server that does nothing, a database that
stores rows and no more, a broker that passes bytes, a disk that makes them durable.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import RecordMetadata

from tests.bench.accounting import Usage
from tests.bench.body import lead
from tests.bench.children import Child, free_port
from tests.bench.environment import Environment
from tests.bench.measurement import BenchmarkFailed, Measurement

_ROWS = 100
_BATCH = 500
_BATCH_BYTES = 512 * 1024
_PARTITIONS = 12
_PASSES = 2
_CONSUME_LIMIT = 60.0


@dataclass(frozen=True)
class Stopwatch:
    """Time and CPU from `start` on, of this process and of the named ones."""

    roots: Mapping[str, int]
    before: Usage
    started: float

    @classmethod
    def start(cls, roots: Mapping[str, int], *names: str) -> Stopwatch:
        chosen = {name: roots[name] for name in names if name in roots}
        return cls(chosen, Usage.of(chosen), time.monotonic())

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def measurement(self, name: str, operations: int, unit: str) -> Measurement:
        """What `operations` took up to now, as a rate and as CPU microseconds each."""
        elapsed, used = self.elapsed(), Usage.of(self.roots).since(self.before)
        cpu_us = {who: round(cpu / operations * 1e6, 2) for who, cpu in used.trees.items()}
        return Measurement(name, round(operations / elapsed), unit, cpu_us)


async def measure_floors(environment: Environment, *, connections: int, seconds: float) -> list[Measurement]:
    """All floors, about `seconds` each; those of the broker where there is one."""
    floors = [
        await hello(environment, connections=connections, seconds=seconds),
        await insert(environment, seconds=seconds),
        await asyncio.to_thread(fdatasync, environment.folder, seconds=min(seconds, 1.0)),
    ]
    if environment.kafka:
        floors += await broker(environment, environment.kafka, messages=192_000)
    return floors


async def hello(environment: Environment, *, connections: int, seconds: float) -> Measurement:
    """Requests a second of one uvicorn worker with a FastAPI route that does nothing, fed the same leads."""
    port = free_port()
    flags = ("--loop=uvloop", "--http=httptools", "--no-access-log", "--workers=1", f"--port={port}")
    server = await Child.start("hello", "uvicorn", "tests.bench.hello:app", *flags, log=environment.folder / "hello.log")
    url = f"http://127.0.0.1:{port}/v1/leads"
    try:
        await server.until_listening(port)
        await environment.generate(url, headers={}, limit=30, connections=connections, total=500)
        before = Usage.of({"server": server.pid})
        load = await environment.generate(url, headers={}, limit=seconds + 30, connections=connections, seconds=seconds)
        used = Usage.of({"server": server.pid}).since(before)
    finally:
        await server.stop()
    if load["failures"] or load["accepted"] != load["sent"]:
        raise BenchmarkFailed(f"hello: {load['statuses']}, {load['failures']}")
    cpu_us = {
        "server": round(used.trees["server"] / load["accepted"] * 1e6, 1),
        "generator": load["cpu_us_per_request"],
    }
    detail = {"latency_ms": load["latency_ms"], "foreign_s": round(used.foreign(load["cpu_seconds"]), 2)}
    return Measurement("FastAPI hello", load["rate"], "requests/s", cpu_us, detail)


async def insert(environment: Environment, *, seconds: float) -> Measurement:
    """Rows a second through one connection, 100 rows a statement, each statement a durable commit."""
    backing = await environment.backing_processes()
    connection = await asyncpg.connect(environment.dsn)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_floor")
        await connection.execute("CREATE TABLE bench_floor (id uuid PRIMARY KEY, body jsonb NOT NULL)")
        watch, rows = Stopwatch.start(backing, "postgres"), 0
        while watch.elapsed() < seconds:
            await _insert_rows(connection, rows)
            rows += _ROWS
        measured = watch.measurement("insert, 100 rows a statement", rows, "rows/s")
        stored = await connection.fetchval("SELECT count(*) FROM bench_floor")
        await connection.execute("DROP TABLE bench_floor")
    finally:
        await connection.close()
    if stored != rows:
        raise BenchmarkFailed(f"insert: {rows} rows sent, {stored} stored")
    return measured


async def _insert_rows(connection: asyncpg.Connection, first: int) -> None:
    ids = [uuid.UUID(int=first + n) for n in range(_ROWS)]
    bodies = [lead(first + n).decode() for n in range(_ROWS)]
    statement = "INSERT INTO bench_floor (id, body) SELECT * FROM unnest($1::uuid[], $2::jsonb[])"
    await connection.execute(statement, ids, bodies)


def fdatasync(folder: Path, *, seconds: float) -> Measurement:
    """How often a second 8 KiB can be made durable on the disk of `folder`, one after another."""
    block, synced, watch = b"\0" * 8192, 0, Stopwatch.start({})
    with tempfile.TemporaryFile(dir=folder) as file:
        while watch.elapsed() < seconds:
            os.pwrite(file.fileno(), block, 0)
            os.fdatasync(file.fileno())
            synced += 1
    return watch.measurement("fdatasync", synced, "syncs/s")


async def broker(environment: Environment, bootstrap: str, *, messages: int) -> list[Measurement]:
    """Messages a second into and out of a topic of 12 partitions, whole batches at a time, acks from all.

    Measured `_PASSES` times, of which the last counts: a Java broker compiles its code while the first ones run.
    """
    backing = await environment.backing_processes()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for _ in range(_PASSES):
            measured = await _in_and_out(admin, bootstrap, messages=messages, backing=backing)
        return measured
    finally:
        await admin.close()


async def _in_and_out(
    admin: AIOKafkaAdminClient, bootstrap: str, *, messages: int, backing: Mapping[str, int]
) -> list[Measurement]:
    topic = f"bench-floor-{uuid.uuid4().hex[:12]}"
    await admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])
    try:
        produced = await _produce(bootstrap, topic, messages=messages, backing=backing)
        return [produced, await _consume(bootstrap, topic, messages=messages, backing=backing)]
    finally:
        await admin.delete_topics([topic])


async def _produce(bootstrap: str, topic: str, *, messages: int, backing: Mapping[str, int]) -> Measurement:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=_BATCH_BYTES)
    async with producer:
        # One batch each first: a new partition has no leader for its first moments.
        for partition in range(_PARTITIONS):
            await (await _send_batch(producer, topic, partition, partition * _BATCH))
        watch = Stopwatch.start(backing, "broker")
        for first in range(_BATCH * _PARTITIONS, messages, _BATCH * _PARTITIONS):
            # One batch a partition in flight: the round ends when the broker has acknowledged them all.
            starts = range(first, min(first + _BATCH * _PARTITIONS, messages), _BATCH)
            sent = [await _send_batch(producer, topic, start // _BATCH % _PARTITIONS, start) for start in starts]
            await asyncio.gather(*sent)
        return watch.measurement("broker produce, 500 a batch", messages - _BATCH * _PARTITIONS, "messages/s")


async def _send_batch(producer: AIOKafkaProducer, topic: str, partition: int, start: int) -> asyncio.Future[RecordMetadata]:
    batch = producer.create_batch()
    for sequence in range(start, start + _BATCH):
        if batch.append(key=b"%016d" % sequence, value=lead(sequence), timestamp=None) is None:
            raise BenchmarkFailed(f"produce: {_BATCH} leads do not fit into {_BATCH_BYTES} bytes")
    batch.close()
    return await producer.send_batch(batch, topic, partition=partition)


async def _consume(bootstrap: str, topic: str, *, messages: int, backing: Mapping[str, int]) -> Measurement:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=topic, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    consumer.subscribe([topic])
    async with consumer, asyncio.timeout(_CONSUME_LIMIT):
        # The first fetch joins the group, which takes seconds and is no part of the rate.
        read = warm = await _read(consumer)
        watch = Stopwatch.start(backing, "broker")
        while read < messages:
            read += await _read(consumer)
        measured = watch.measurement("broker consume, 500 a commit", read - warm, "messages/s")
    if read != messages:
        raise BenchmarkFailed(f"consume: {messages} messages written, {read} read")
    return measured


async def _read(consumer: AIOKafkaConsumer) -> int:
    records = await consumer.getmany(timeout_ms=1000, max_records=_BATCH)
    if records:
        await consumer.commit()
    return sum(len(batch) for batch in records.values())
