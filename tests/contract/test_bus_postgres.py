"""The PostgreSQL bus: the suite, and what only a log in a database promises."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from shared.bus.postgres import PostgresBus, PostgresReader
from shared.db.embedded import Server
from shared.errors import Transient
from tests.contract.bus_suite import BusSuite
from tests.contract.bus_world import (
    PARTITIONS,
    SESSION,
    World,
    drain,
    drain_unsettled,
    key_in,
    one_each,
    pumping,
    record,
    shared_out,
    values,
)
from tests.support import postgres
from tests.support.installation import Installation
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import eventually, waits_for_a_lock


@dataclass
class PostgresWorld(World):
    proxy: Proxy
    kind = "postgres"

    @property
    def address(self) -> str:  # type: ignore[override]
        return self.proxy.dsn

    def bus(self, session_timeout: float = SESSION) -> PostgresBus:
        return PostgresBus(self.address, session_timeout=session_timeout)

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        self.proxy.go_away()
        try:
            yield
        finally:
            self.proxy.come_back()


@pytest.fixture(scope="module")
def database(server: Server, template: str) -> Iterator[str]:
    """One database for all tests here: each has its own topics and groups."""
    with asyncio.Runner() as runner:
        opening = postgres.create_database(server, template=template)
        yield runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))


@pytest.fixture
async def world(database: str) -> AsyncIterator[PostgresWorld]:
    async with proxied(database) as proxy:
        yield PostgresWorld(proxy)


@pytest.fixture
async def admin(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


class TestPostgresBus(BusSuite):
    async def test_killed_backends_are_a_passing_fault(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        topic = await world.topic()
        async with world.publisher() as publisher, world.reader(topic) as reader:
            await publisher.publish([record(topic, b"k", b"before")])
            assert values(await drain(reader, 1)) == [b"before"]
            await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await tried_again(lambda: publisher.publish([record(topic, b"k", b"after")]))
            batch = await tried_again(lambda: drain(reader, 1))
            await tried_again(reader.commit)
        assert values(batch) == [b"after"]

    async def test_a_hung_publisher_hides_nothing_that_comes_later(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        """It holds the partition's head in an open transaction: whoever publishes there waits, others go on."""
        topic = await world.topic()
        async with world.publisher() as publisher, world.reader(topic) as reader:
            await publisher.publish([record(topic, key_in(0), b"before")])
            hanging = admin.transaction()
            await hanging.start()
            await hang_with(admin, topic, b"hung")
            second = asyncio.create_task(publisher.publish([record(topic, key_in(0), b"second")]))
            await publisher.publish([record(topic, key_in(1), b"elsewhere")])
            await eventually(lambda: waits_for_a_lock(admin))
            assert sorted(values(await drain(reader, 2))) == [b"before", b"elsewhere"]
            assert await reader.read(10) == []
            assert not second.done()
            await hanging.commit()
            await second
            rest = await drain(reader, 2)
        assert [(r.offset, r.value) for r in rest] == [(1, b"hung"), (2, b"second")]

    async def test_a_hung_publisher_that_fails_leaves_no_gap(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        topic = await world.topic(partitions=1)
        async with world.publisher() as publisher, world.reader(topic) as reader:
            hanging = admin.transaction()
            await hanging.start()
            await hang_with(admin, topic, b"hung")
            second = asyncio.create_task(publisher.publish([record(topic, b"k", b"second")]))
            await eventually(lambda: waits_for_a_lock(admin))
            await hanging.rollback()
            await second
            assert [(r.offset, r.value) for r in await drain(reader, 1)] == [(0, b"second")]

    async def test_a_batch_in_hand_is_not_handed_over(self, world: PostgresWorld) -> None:
        topic = await world.topic()
        async with world.publisher() as publisher, world.reader(topic) as first:
            await publisher.publish(one_each(topic, b"in hand"))
            batch = await drain_unsettled(first, PARTITIONS)
            async with world.reader(topic) as second:
                assert isinstance(first, PostgresReader)
                await eventually(lambda: knows_that_it_must_share(first))
                await publisher.publish(one_each(topic, b"next"))
                assert [await second.read(10) for _ in range(5)] == [[]] * 5
                first.done(batch)
                async with pumping(first) as one, pumping(second) as other:
                    assert sorted(map(len, await shared_out(publisher, topic, [one, other], b"later"))) == [2, 2]
        assert b"in hand" not in values(other.records)

    async def test_reading_goes_on_across_days(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        """Over midnight offsets go on in the next day's partition; a position on one day finds the next."""
        topic, now = await world.topic(partitions=1), datetime.now(UTC)
        for offset, days in enumerate((-1, -1, 0, 1, 2)):
            await write_at(admin, topic, offset, now + timedelta(days=days))
        async with world.reader(topic) as reader:
            first = await drain(reader, 2, limit=2)
            await reader.commit()
        async with world.reader(topic) as reader:
            rest = await drain(reader, 3, limit=2)
        assert [r.offset for r in first + rest] == [0, 1, 2, 3, 4]

    async def test_old_records_unread_are_trouble(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        topic, old = await world.topic(partitions=1), datetime.now(UTC) - timedelta(hours=25)
        await admin.execute("SELECT bus.maintain($1)", old.date())
        await write_at(admin, topic, 0, old)
        async with world.reader(topic) as reader:
            assert await reader.lag() == 1
            assert "a record has waited since" in str(reader.trouble())
            await drain(reader, 1)
            assert await reader.lag() == 0
            assert reader.trouble() is None

    async def test_a_member_that_died_is_forgotten(self, world: PostgresWorld, admin: asyncpg.Connection) -> None:
        topic = await world.topic()
        await admin.execute("INSERT INTO bus.members VALUES ($1, 'dead', now() - interval '2 hours'), ($1, 'live', now())", topic)
        await admin.execute("SELECT bus.maintain()")
        assert await admin.fetchval("SELECT array_agg(member) FROM bus.members WHERE consumer_group = $1", topic) == ["live"]


async def test_no_partition_of_the_log_compresses_a_rich_lead(installation: Installation) -> None:
    value = b"a rich lead says much of the same " * 100
    async with connected(installation.admin_dsn) as connection:
        await connection.execute("SELECT bus.maintain()")
        await connection.execute(
            "INSERT INTO bus.log VALUES ('rich', 0, 0, now(), '', '', $1), ('rich', 0, 1, now() + interval '90 days', '', '', $1)",
            value,
        )
        kept = await connection.fetch("SELECT tableoid::regclass::text AS name, pg_column_compression(value) AS by FROM bus.log")
        assert len({row["name"] for row in kept}) == 2, "a day's and the default one"
        assert [row["by"] for row in kept] == [None, None]


async def test_day_partitions_come_ahead_and_go_after_a_week(installation: Installation) -> None:
    connection = await asyncpg.connect(installation.admin_dsn)
    try:
        today = datetime.now(UTC).date()
        for ahead in (0, 5, 9):
            await connection.execute("SELECT bus.maintain($1)", today + timedelta(days=ahead))
            await connection.execute("SELECT bus.maintain($1)", today + timedelta(days=ahead))
        days = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relname LIKE 'log\\_2%' AND relkind = 'r' ORDER BY relname"
        )
        # Of day 0 went what was over a week old on day 9: nothing before day 2 is left, and all that came since is.
        expected = [today + timedelta(days=n) for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]
        assert [row["relname"] for row in days] == [f"log_{day:%Y%m%d}" for day in expected]
    finally:
        await connection.close()


async def test_a_day_is_made_while_a_record_of_it_is_being_published(installation: Installation) -> None:
    """It falls into the default partition, since its day was not made in time: the day stays there, and nothing fails."""
    bus, later = PostgresBus(installation.admin_dsn), datetime.now(UTC) + timedelta(days=20)
    async with connected(installation.admin_dsn) as publishing, connected(installation.admin_dsn) as keeping:
        hanging = publishing.transaction()
        await hanging.start()
        await publishing.execute("UPDATE bus.heads SET next = 1 WHERE topic = 'leads.received' AND partition = 0")
        await insert(publishing, "leads.received", 0, later, b"late")
        # The first day that it makes: for those after it, the lock is held already.
        first_of = later.date() + timedelta(days=1)
        maintaining = asyncio.create_task(keeping.execute("SELECT bus.maintain($1)", first_of))
        await eventually(lambda: waits_for_a_lock(publishing))
        await hanging.commit()
        await maintaining
        reader = await bus.reader("g", ["leads.received"], member="m")
        assert values(await drain(reader, 1)) == [b"late"]
        await reader.close()
    await bus.close()


async def test_a_record_older_than_the_log_is_passed_over(installation: Installation) -> None:
    connection = await asyncpg.connect(installation.admin_dsn)
    bus = PostgresBus(installation.admin_dsn)
    try:
        await bus.create_topics(["aged"], partitions=1)
        reader = await bus.reader("g", ["aged"], member="m")
        now = datetime.now(UTC)
        for offset, days in enumerate((0, 3)):
            await write_at(connection, "aged", offset, now + timedelta(days=days))
        await connection.execute("SELECT bus.maintain($1)", (now + timedelta(days=8)).date())
        assert [r.offset for r in await drain(reader, 1)] == [1]
        await reader.close()
    finally:
        await bus.close()
        await connection.close()


# -- A service's role on the bus -----------------------------------------------------------------------------------------------


async def test_a_role_moves_its_own_group_only(installation: Installation) -> None:
    admin = PostgresBus(installation.admin_dsn)
    await (await admin.reader("router", ["leads.scored"], member="r")).close()
    await admin.close()
    async with connected(installation.dsns["scoring"]) as scoring:
        assert await scoring.fetch("SELECT * FROM bus.offsets WHERE consumer_group = 'router'") == []
        assert await scoring.execute("UPDATE bus.offsets SET position = 99") == "UPDATE 0"
        assert await scoring.execute("DELETE FROM bus.offsets") == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await scoring.execute("INSERT INTO bus.offsets (consumer_group, topic, partition) VALUES ('router', 't', 0)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await scoring.execute("INSERT INTO bus.members VALUES ('router', 'intruder', now())")
    async with connected(installation.admin_dsn) as connection:
        assert await connection.fetchval("SELECT max(position) FROM bus.offsets WHERE consumer_group = 'router'") == 0


FORBIDDEN = (
    "DELETE FROM bus.log",
    "UPDATE bus.log SET value = ''",
    "TRUNCATE bus.log",
    "DELETE FROM bus.heads",
    "INSERT INTO bus.heads VALUES ('mine', 0, 0)",
    "DROP TABLE bus.log",
    "ALTER TABLE bus.offsets DISABLE ROW LEVEL SECURITY",
    "CREATE TABLE bus.mine (a int)",
    "SELECT bus.maintain('2099-01-01')",  # would drop every day there is
)


async def test_a_role_cannot_take_from_the_log(installation: Installation) -> None:
    allowed = []
    async with connected(installation.dsns["scoring"]) as scoring:
        for statement in FORBIDDEN:
            with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
                await scoring.execute(statement)
                allowed.append(statement)
    assert allowed == []


async def test_two_that_begin_at_once_share_a_pool(installation: Installation) -> None:
    bus = PostgresBus(installation.admin_dsn)
    publisher = await bus.publisher()
    await asyncio.gather(*[publisher.publish([record("leads.received", b"k", b"v")]) for _ in range(3)])
    await bus.close()
    async with connected(installation.admin_dsn) as admin:
        await eventually(lambda: alone(admin))


async def test_a_role_publishes_reads_and_keeps_the_log(installation: Installation) -> None:
    bus = PostgresBus(installation.dsns["scoring"])
    publisher = await bus.publisher()
    await publisher.publish([record("leads.received", b"k", b"v")])
    reader = await bus.reader("scoring", ["leads.received"], member="m")
    assert values(await drain(reader, 1)) == [b"v"]
    await reader.commit()
    await reader.close()
    await bus.maintain()
    await bus.close()


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def tried_again(work: Any) -> Any:
    """As the loops do it: a fault of the world is tried again."""
    for _ in range(20):
        with contextlib.suppress(Transient):
            return await work()
    raise AssertionError("still transient after twenty tries")


async def knows_that_it_must_share(reader: PostgresReader) -> bool:
    return len(reader._leaving) == PARTITIONS // 2


async def alone(connection: asyncpg.Connection) -> bool:
    """Is nobody else connected to this database?"""
    return not await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def hang_with(connection: asyncpg.Connection, topic: str, value: bytes) -> None:
    """What a publisher has done when it hangs before its commit: the head advanced, the record inserted."""
    offset = await connection.fetchval(
        "UPDATE bus.heads SET next = next + 1 WHERE topic = $1 AND partition = 0 RETURNING next - 1", topic
    )
    await insert(connection, topic, offset, datetime.now(UTC), value)


async def write_at(connection: asyncpg.Connection, topic: str, offset: int, at: datetime) -> None:
    """A record that was published then."""
    await insert(connection, topic, offset, at, b"%d" % offset)
    await connection.execute("UPDATE bus.heads SET next = $2 WHERE topic = $1 AND partition = 0", topic, offset + 1)


async def insert(connection: asyncpg.Connection, topic: str, offset: int, at: datetime, value: bytes) -> None:
    await connection.execute(
        'INSERT INTO bus.log (topic, partition, "offset", written_at, key, headers, value) VALUES ($1, 0, $2, $3, $4, $5, $6)',
        topic,
        offset,
        at,
        b"k",
        b"{}",
        value,
    )
