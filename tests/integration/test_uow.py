"""The unit of work on a real PostgreSQL: what fails leaves nothing, and nothing is said before it is durable."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Annotated
from uuid import UUID

import asyncpg
import httpx
import pytest
from asyncpg.connection import LoggedQuery
from fastapi import APIRouter, Depends
from sqlalchemy import ARRAY, Column, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.auth import Tokens
from shared.consumer import Subscriptions
from shared.contracts.events import LeadScored
from shared.contracts.topics import LEADS_SCORED
from shared.db.uow import Database, UnitOfWork
from shared.errors import OutcomeUnknown, Permanent, Transient
from shared.web.app import create_app
from shared.web.guard import Guard
from shared.web.platform import Health
from shared.web.requests import Uow
from tests.support.events import AT, CAUSE, ids
from tests.support.installation import Installation
from tests.support.probe import SCRATCH
from tests.support.proxy import proxied
from tests.support.waiting import eventually

INSERT = "INSERT INTO scoring.probe (lead_id) VALUES ($1)"


@pytest.fixture
async def database(installation: Installation) -> AsyncIterator[Database]:
    opened = Database(installation.dsns["scoring"], service="scoring", topic=LEADS_SCORED.name, clock=ids)
    async with opened.begin() as uow:
        await uow.execute(SCRATCH)
    yield opened
    await opened.close()


@pytest.fixture
async def admin(installation: Installation) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(installation.admin_dsn)
    yield connection
    await connection.close()


async def fail_commits(admin: asyncpg.Connection, code: str) -> None:
    await admin.execute(f"""
        CREATE FUNCTION scoring.fail_commit() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END $$;
        CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON scoring.probe DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION scoring.fail_commit();
    """)


async def count(admin: asyncpg.Connection, table: str = "scoring.probe") -> int:
    return int(await admin.fetchval(f"SELECT count(*) FROM {table}"))


def scored(lead_id: UUID) -> LeadScored:
    return LeadScored(
        lead_id=lead_id,
        received_at=AT,
        points=1,
        grade="A",
        qualification="q",
        reasons=[],
        scorecard_version=1,
        facts={},
    )


async def test_events_and_actions_leave_with_the_commit_only(database: Database, admin: asyncpg.Connection) -> None:
    done: list[str] = []
    emitted: list[UUID] = []
    database.committed = lambda: done.append("committed")

    async def work(divisor: int) -> None:
        async with database.begin() as uow:
            await uow.execute(INSERT, ids.uuid7())
            emitted.extend(uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE) for _ in range(2))
            uow.after_commit(lambda: done.append("after"))
            1 // divisor
            assert done == []

    with pytest.raises(ZeroDivisionError):
        await work(0)
    assert (done, await count(admin), await count(admin, "scoring.outbox")) == ([], 0, 0)
    await work(1)
    assert (done, await count(admin), await count(admin, "scoring.outbox")) == (["after", "committed"], 1, 2)
    assert emitted == sorted(set(emitted))


@pytest.mark.parametrize(("code", "raised"), [("40001", OutcomeUnknown), ("23514", Permanent)])
async def test_a_failed_commit_raises_and_leaves_nothing(
    database: Database, admin: asyncpg.Connection, code: str, raised: type[Exception]
) -> None:
    await fail_commits(admin, code)
    done: list[str] = []

    async def work() -> None:
        async with database.begin() as uow:
            await uow.execute(INSERT, ids.uuid7())
            uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
            uow.after_commit(lambda: done.append("after"))

    with pytest.raises(raised):
        await work()
    assert (done, await count(admin), await count(admin, "scoring.outbox")) == ([], 0, 0)


async def test_an_error_that_was_passed_over_is_not_taken_for_a_commit(database: Database, admin: asyncpg.Connection) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK, and no error, where a statement failed before."""
    done: list[str] = []

    async def work() -> None:
        async with database.begin() as uow:
            await uow.execute(INSERT, ids.uuid7())
            uow.after_commit(lambda: done.append("after"))
            with contextlib.suppress(asyncpg.DivisionByZeroError):
                await uow.execute("SELECT 1 / 0")

    with pytest.raises(Permanent, match="passed over its error"):
        await work()
    assert (done, await count(admin)) == ([], 0)


@pytest.mark.parametrize(("moment", "stored"), [("drop_request", 0), ("drop_reply_to", 1)])
async def test_a_connection_lost_at_commit_is_an_unknown_outcome(
    installation: Installation, database: Database, admin: asyncpg.Connection, moment: str, stored: int
) -> None:
    async with proxied(installation.dsns["scoring"]) as proxy:
        through = Database(proxy.dsn, service="scoring", topic=LEADS_SCORED.name, clock=ids)
        setattr(proxy, moment, b"COMMIT")
        with pytest.raises(OutcomeUnknown):
            async with through.begin() as uow:
                await uow.execute(INSERT, ids.uuid7())

        async def settled() -> bool:
            return await count(admin) == stored

        await eventually(settled)
        async with through.begin() as uow:  # the broken connection did not go back into the pool
            await uow.execute(INSERT, ids.uuid7())
        await through.close()
    assert await count(admin) == stored + 1


async def test_cancelled_work_leaks_no_connection_and_no_lock(database: Database, admin: asyncpg.Connection) -> None:
    chance = random.Random(3)
    lead = ids.uuid7()
    async with database.begin() as uow:
        await uow.execute(INSERT, lead)

    async def work() -> None:
        async with database.begin() as uow:
            await uow.execute("UPDATE scoring.probe SET sequence = coalesce(sequence, 0) + 1 WHERE lead_id = $1", lead)
            await uow.fetchval("SELECT pg_sleep($1)", chance.random() * 0.003)

    cancelled = 0
    for _ in range(200):
        task = asyncio.create_task(work())
        await asyncio.wait({task}, timeout=chance.random() * 0.006)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        cancelled += task.cancelled()
    assert 50 < cancelled < 200
    assert database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    async with asyncio.timeout(10):
        await work()

    async def idle() -> bool:
        return not await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'handoff_scoring' AND datname = current_database() AND state <> 'idle'"
        )

    await eventually(idle)
    assert not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'scoring.probe'::regclass)")
    # Some were cancelled when their commit was on its way, and are durable all the same.
    assert 200 - cancelled < await admin.fetchval("SELECT sequence FROM scoring.probe") <= 201


async def test_a_connection_that_cannot_roll_back_is_thrown_away(installation: Installation, database: Database) -> None:
    """The network stands still in the middle of the work: its connection, with the lock that it holds, must not be kept."""
    async with proxied(installation.dsns["scoring"]) as proxy:
        through = Database(proxy.dsn, service="scoring", topic=LEADS_SCORED.name, clock=ids)
        locked = asyncio.Event()

        async def work() -> None:
            async with through.begin() as uow:
                await uow.execute("LOCK TABLE scoring.probe")
                proxy.flowing.clear()
                locked.set()
                await uow.execute("SELECT 1")

        task = asyncio.create_task(work())
        await locked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        proxy.flowing.set()
        for each in (through, database):
            async with asyncio.timeout(5), each.begin() as uow:
                await uow.execute(INSERT, ids.uuid7())
        await through.close()


async def test_memory_is_one_for_each_kind_and_process(database: Database) -> None:
    async with database.begin() as uow:
        first = uow.memory(dict)
        first["a"] = 1
    async with database.begin() as uow:
        assert uow.memory(dict) is first
        assert uow.memory(list) == []


async def test_a_database_that_is_away_is_transient(installation: Installation) -> None:
    async with proxied(installation.dsns["scoring"]) as proxy:
        through = Database(proxy.dsn, service="scoring", topic=LEADS_SCORED.name, clock=ids)
        async with through.begin() as uow:
            await uow.execute("SELECT 1")
        proxy.go_away()
        for _ in range(3):
            with pytest.raises(Transient):
                async with through.begin() as uow:
                    await uow.execute("SELECT 1")
        proxy.come_back()
        async with through.begin() as uow:
            assert await uow.fetchval("SELECT 1") == 1
        await through.close()


# -- Rows that are stored while the work goes on -----------------------------------------------------------------------------


def probes(count: int) -> list[tuple[UUID]]:
    return [(ids.uuid7(),) for _ in range(count)]


async def test_rows_that_were_sent_are_stored_in_order_and_seen_by_what_is_asked_next(
    database: Database, admin: asyncpg.Connection
) -> None:
    rows = probes(30)
    async with database.begin() as uow:
        for n in range(3):
            uow.send("probe", ("lead_id",), rows[n * 10 : n * 10 + 10])
        seen = await uow.fetch("SELECT lead_id FROM scoring.probe ORDER BY n")
        assert [(row["lead_id"],) for row in seen] == rows
        uow.send("probe", ("lead_id",), probes(5))
        uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
        uow.send_events()
        uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
    assert (await count(admin), await count(admin, "scoring.outbox")) == (35, 2)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(("conflict", "raised"), [("somebody was first", Transient), (None, Permanent)])
async def test_rows_that_cannot_be_stored_fail_the_work_and_nothing_is_sent_after_them(
    database: Database, admin: asyncpg.Connection, conflict: str | None, raised: type[Exception], asks: bool
) -> None:
    done: list[str] = []
    twice = probes(1) * 2

    async def work() -> None:
        async with database.begin() as uow:
            uow.after_commit(lambda: done.append("after"))
            uow.send("probe", ("lead_id",), probes(1))
            uow.send("inbox", ("event_id",), twice, conflict=conflict)
            uow.send("probe", ("lead_id",), probes(1))
            if asks:
                await uow.execute("SELECT 1")
                done.append("asked")

    with pytest.raises(raised, match=conflict or "duplicate key"):
        await work()
    assert (done, await count(admin), await count(admin, "scoring.inbox")) == ([], 0, 0)
    async with database.begin() as uow:
        uow.send("inbox", ("event_id",), twice[:1])
    assert await count(admin, "scoring.inbox") == 1


async def test_work_that_fails_or_is_cancelled_while_rows_are_under_way_leaves_nothing(
    database: Database, admin: asyncpg.Connection
) -> None:
    chance = random.Random(5)

    async def work() -> None:
        async with database.begin() as uow:
            for _ in range(3):
                uow.send("probe", ("lead_id",), probes(200))
                await asyncio.sleep(chance.random() * 0.001)
            raise ZeroDivisionError

    cancelled = 0
    for _ in range(100):
        task = asyncio.create_task(work())
        await asyncio.wait({task}, timeout=chance.random() * 0.006)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ZeroDivisionError):
            await task
        cancelled += task.cancelled()
    assert cancelled > 10
    assert database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    async with database.begin() as uow:
        uow.send("probe", ("lead_id",), probes(1))
    assert await count(admin) == 1


# -- Rows that are added together ---------------------------------------------------------------------------------------------

PROBE = Table("probe", MetaData(schema="scoring"), Column("lead_id", Uuid), Column("sequence", Integer), Column("note", JSONB))
LISTS = Table("lists", MetaData(schema="scoring"), Column("ids", ARRAY(Uuid)), Column("offset", Text))


@pytest.fixture
async def lists(database: Database) -> None:
    async with database.begin() as uow:
        await uow.execute('CREATE TABLE scoring.lists (ids uuid[], "offset" text)')


@pytest.mark.usefixtures("lists")
async def test_rows_that_were_added_are_seen_by_what_is_asked_next(database: Database) -> None:
    leads, few = [row[0] for row in probes(3)], ids.uuid7()
    async with database.begin() as uow:
        uow.add(PROBE, ("lead_id", "note"), [(leads[0], '{"a": [1]}'), (leads[1], "null")])
        uow.add(LISTS, ("ids", "offset"), [(leads, "three"), ([], "none"), ([few], None), (None, "nothing")])
        uow.add(PROBE, ("lead_id", "note"), [(leads[2], "[]")])
        uow.add(PROBE, ("sequence",), [])
        stored = [tuple(row) for row in await uow.fetch("SELECT lead_id, sequence, note FROM scoring.probe ORDER BY n")]
        assert stored == [(leads[0], None, {"a": [1]}), (leads[1], None, None), (leads[2], None, [])]
        kept = [tuple(row) for row in await uow.fetch('SELECT ids, "offset" FROM scoring.lists')]
        assert kept == [(leads, "three"), ([], "none"), ([few], None), (None, "nothing")]


@pytest.mark.usefixtures("lists")
async def test_what_rows_that_were_added_have_in_common_is_stored_with_each(database: Database) -> None:
    first, second = (row[0] for row in probes(2))
    async with database.begin() as uow:
        uow.add(PROBE, ("lead_id", "sequence", "note"), [(first, 7, '{"a": [1]}'), (second, 7, '{"a": [1]}')])
        uow.add(LISTS, ("offset", "ids"), [("one", [first]), ("two", [first]), ("three", [first])])
        stored = [tuple(row) for row in await uow.fetch("SELECT lead_id, sequence, note FROM scoring.probe ORDER BY n")]
        assert stored == [(first, 7, {"a": [1]}), (second, 7, {"a": [1]})]
        uow.add(LISTS, ("offset", "ids"), [("four", None), ("four", None)])
        kept = [tuple(row) for row in await uow.fetch('SELECT "offset", ids FROM scoring.lists')]
        assert kept == [*((name, [first]) for name in ("one", "two", "three")), ("four", None), ("four", None)]


@pytest.mark.usefixtures("lists")
async def test_changes_go_with_what_is_added_in_one_statement(database: Database, admin: asyncpg.Connection) -> None:
    said: list[str] = []
    kept, gone, new = (row[0] for row in probes(3))
    async with database.begin() as uow:
        uow.add(PROBE, ("lead_id",), [(kept,), (gone,)])

    async with database.begin() as uow:
        uow._driver.add_query_logger(lambda query: said.append(query.query))
        uow.change("UPDATE scoring.probe SET sequence = $2, note = $3 WHERE lead_id = $1", kept, 9, '{"a": 1}')
        uow.change("DELETE FROM scoring.probe WHERE lead_id = ANY($1)", [gone])
        uow.add(PROBE, ("lead_id", "sequence"), [(new, 11)])
        uow.add(LISTS, ("offset",), [("one",), ("two",)])
        uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
    await asyncio.sleep(0)
    assert sum(query.startswith("WITH") for query in said) == 1
    assert {query.split(" ")[0] for query in said[-2:]} == {"WITH", "COMMIT"}
    stored = await admin.fetch("SELECT lead_id, sequence, note FROM scoring.probe ORDER BY n")
    assert [(row[0], row[1], row[2]) for row in stored] == [(kept, 9, '{"a": 1}'), (new, 11, None)]
    assert [await count(admin, f"scoring.{table}") for table in ("lists", "outbox")] == [2, 1]


async def test_a_change_alone_is_done_before_what_is_asked_next(database: Database) -> None:
    [lead] = (row[0] for row in probes(1))
    async with database.begin() as uow:
        uow.add(PROBE, ("lead_id", "sequence"), [(lead, 1)])
        assert await uow.fetchval("SELECT sequence FROM scoring.probe WHERE lead_id = $1", lead) == 1
        uow.change("UPDATE scoring.probe SET sequence = sequence + $1", 6)
        assert await uow.fetchval("SELECT sequence FROM scoring.probe WHERE lead_id = $1", lead) == 7


async def test_a_change_that_fails_leaves_nothing(database: Database, admin: asyncpg.Connection) -> None:
    async def work() -> None:
        async with database.begin() as uow:
            uow.add(PROBE, ("lead_id",), probes(1))
            await uow.fetchval("SELECT count(*) FROM scoring.probe")
            uow.change("UPDATE scoring.probe SET sequence = 1 / $1::int", 0)
            uow.add(PROBE, ("lead_id",), probes(1))

    with pytest.raises(Permanent):
        await work()
    assert await count(admin) == 0


@pytest.mark.usefixtures("lists")
async def test_all_that_was_added_goes_with_the_events_in_one_statement(database: Database, admin: asyncpg.Connection) -> None:
    said: list[str] = []

    async def work(note: Callable[[LoggedQuery], None]) -> None:
        async with database.begin() as uow:
            uow._driver.add_query_logger(note)
            uow.add(PROBE, ("lead_id",), probes(2))
            uow.add(LISTS, ("offset",), [("one",)])
            uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
        await asyncio.sleep(0)  # the driver tells it with the next turn of the loop

    await work(lambda _: None)  # the driver asks once what the statement's types are
    await work(lambda query: said.append(query.query))
    assert [query.split(" ")[0] for query in said] == ["WITH", "COMMIT"]
    assert [await count(admin, f"scoring.{table}") for table in ("probe", "lists", "outbox")] == [4, 2, 2]


async def test_rows_that_cannot_be_added_fail_the_work(database: Database, admin: asyncpg.Connection) -> None:
    await admin.execute("CREATE UNIQUE INDEX ON scoring.probe (lead_id)")
    twice = probes(1) * 2
    done: list[str] = []

    async def work(*, asks: bool) -> None:
        async with database.begin() as uow:
            uow.after_commit(lambda: done.append("after"))
            uow.add(PROBE, ("lead_id",), twice)
            uow.emit(scored(ids.uuid7()), sequence=1, cause=CAUSE)
            if asks:
                await uow.execute("SELECT 1")
                done.append("asked")

    for asks in (True, False):
        with pytest.raises(Permanent, match="duplicate key"):
            await work(asks=asks)
    assert (done, await count(admin), await count(admin, "scoring.outbox")) == ([], 0, 0)


async def test_what_was_added_goes_where_the_work_fails(database: Database, admin: asyncpg.Connection) -> None:
    async def work() -> None:
        async with database.begin() as uow:
            uow.add(PROBE, ("lead_id",), probes(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await count(admin) == 0


# -- Over HTTP -----------------------------------------------------------------------------------------------------------------

router = APIRouter()


@router.post("/v1/probe")
async def post_probe(uow: Uow) -> dict[str, str]:
    await uow.execute(INSERT, ids.uuid7())
    return {"stored": "yes"}


async def early(uow: Uow) -> UnitOfWork:
    await uow.execute(INSERT, ids.uuid7())
    return uow


@router.post("/v1/probe/shared")
async def post_shared(first: Annotated[UnitOfWork, Depends(early)], uow: Uow) -> bool:
    return first is uow


@pytest.fixture
async def client(database: Database, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        "scoring",
        database=database,
        tokens=tokens,
        health=Health({}),
        subscriptions=Subscriptions(()),
        routers=[router],
        description="A probe.",
    )
    guarded = Guard(app, service="scoring", clock=ids)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://probe") as made:
        yield made


async def test_the_commit_comes_before_the_answer(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    assert (await client.post("/v1/probe", json={})).json() == {"stored": "yes"}
    assert await count(admin) == 1
    assert (await client.post("/v1/probe/shared", json={})).json() is True
    assert await count(admin) == 2


async def test_a_failed_commit_is_answered_503(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await fail_commits(admin, "40001")
    answer = await client.post("/v1/probe", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"] == "urn:handoff:problem:unavailable"
    assert await count(admin) == 0


async def test_a_commit_that_breaks_a_rule_is_answered_500(client: httpx.AsyncClient, admin: asyncpg.Connection) -> None:
    await fail_commits(admin, "23514")
    answer = await client.post("/v1/probe", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "not now" not in answer.text
    assert await count(admin) == 0
