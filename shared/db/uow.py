"""The unit of work: one transaction, the events that leave with it, and what to do once it is durable.

    async with database.begin() as uow:      # BEGIN
        ...                                  # stores read and write through uow; handlers call uow.emit
                                             # the outbox rows, then COMMIT; or ROLLBACK if anything was raised

Only the edges open one: the consumer, the HTTP dependency, intake's group writer, a service's own loops. Hot statements run on the
driver's connection (`fetch`, `execute`: positional `$1` parameters); admin routes may use SQLAlchemy Core (`run`). Both are the same
transaction: SQLAlchemy's pool hands out connections in autocommit mode, and BEGIN and COMMIT are said here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import CursorResult, Executable, MetaData, Table, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.clock import Clock
from shared.contracts.envelope import Cause, Outgoing, pack
from shared.contracts.events import Event
from shared.db import together
from shared.db.faults import is_world, translated
from shared.db.tables import outbox_of
from shared.errors import OutcomeUnknown, Permanent, Transient

_encode = msgspec.json.Encoder().encode
T = TypeVar("T")
Row: TypeAlias = Mapping[str, Any]

# Of connections whose statements find all rows by key. A plan is made once, whatever arguments come; and since it stays while tables
# grow, it reads none of them through, also where they are empty.
BY_KEY = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "random_page_cost": "1"}


class Database:
    """One service's database: a pool, the schema's name, and what the process remembers between units of work."""

    def __init__(self, dsn: str, *, service: str, topic: str, clock: Clock, pool_size: int = 6) -> None:
        self.service = service
        self.topic = topic
        self.clock = clock
        self.dsn = dsn
        self.memory: dict[type, Any] = {}
        self.outbox = outbox_of(MetaData(schema=service))
        self.inserts = together.Inserts()
        self.committed: Callable[[], None] = lambda: None  # the relay listens: there may be something to publish
        self._engine = _engine(dsn, pool_size)
        self._by_key = _engine(dsn, pool_size, BY_KEY)  # connects when it is first asked to

    @contextlib.asynccontextmanager
    async def begin(self, *, by_key: bool = False) -> AsyncIterator[UnitOfWork]:
        """Opens a unit of work and commits it at the end of the block. Raises Transient, Permanent or OutcomeUnknown.

        `by_key`: its statements find all rows by key, and there are so many such units that planning them anew would cost as much again.
        """
        with translated():
            async with (self._by_key if by_key else self._engine).connect() as connection:
                driver = await _alive(connection)
                uow = UnitOfWork(self, connection, driver)
                try:
                    await driver.execute("BEGIN")
                    yield uow
                    await uow._commit()
                except BaseException:
                    await uow._abandon()
                    raise
        uow._settled()

    async def close(self) -> None:
        await self._engine.dispose()
        await self._by_key.dispose()


class UnitOfWork:
    """An open transaction. Stores and handlers get it as an argument; they never commit."""

    def __init__(self, database: Database, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        self.now: datetime = database.clock.now()
        self.clock = database.clock
        self.service = database.service
        self.crowded = False
        """Whether others queued for the same thing, so that all of them wait for what a unit of work costs beside its messages: whoever
        works in batches does well to take more at a time."""
        self._database = database
        self._connection = connection
        self._driver = driver
        self._sent: asyncio.Task[None] | None = None
        self._added: dict[together.Kind, list[Sequence[Any]]] = {}
        self._changes: list[together.Said] = []
        self._outbox: list[Outgoing] = []
        self._told = False
        self._after: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        await self._answered()
        return await self._driver.fetch(sql, *args)  # type: ignore[no-any-return]

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        await self._answered()
        return await self._driver.fetchrow(sql, *args)  # type: ignore[no-any-return]

    async def fetchval(self, sql: str, *args: object) -> Any:
        await self._answered()
        return await self._driver.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Runs a statement; returns PostgreSQL's command tag, such as `UPDATE 3`."""
        await self._answered()
        return str(await self._driver.execute(sql, *args))

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows to a table of this service by COPY, which costs both sides less than INSERT … SELECT unnest.

        `jsonb` columns take JSON text (`to_json`). For rows that may be there already use INSERT … ON CONFLICT instead.
        """
        await self._answered()
        await self._copy(table, columns, rows)

    def add(self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Like `insert`, but together with all else that is added until the database is asked again: in one statement, at the latest
        with the events and before the commit. For rows of a few hundred leads; see together.py.
        """
        if rows:
            self._added.setdefault((table, tuple(columns)), []).extend(rows)

    def change(self, sql: str, *args: object) -> None:
        """Runs a statement that changes rows which are there and locked, together with what is added (`add`).

        It sees neither what is added nor what others beside it change, and no two of them may change the same row.
        """
        self._changes.append((sql, args))

    def send(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, conflict: str | None = None) -> None:
        """Like `insert`, but without waiting: the server stores the rows while the caller works on, and lets the loop turn now and then.

        Rows are stored in the order in which they were sent. Whatever is asked of the database next, and the commit, waits for them and
        raises what went wrong: Transient with the words of `conflict` where a row was there already.
        """
        self._sent = asyncio.create_task(self._store(self._sent, table, columns, rows, conflict))

    async def run(self, statement: Executable) -> CursorResult[Any]:
        """Runs a SQLAlchemy Core statement: for routes that build their query from filters."""
        await self._answered()
        return await self._connection.execute(statement)

    def emit(self, event: Event, *, sequence: int, cause: Cause) -> UUID:
        """Sends an event with this transaction, on the service's own topic. Returns its id.

        Whoever emits for a lead holds that lead's row lock and has advanced its sequence in this transaction. Raises Permanent
        for an event over 256 KiB.
        """
        id = self.clock.uuid7()
        self._outbox.append(
            pack(
                event,
                topic=self._database.topic,
                source=f"/handoff/{self.service}",
                id=id,
                time=self.now,
                sequence=sequence,
                cause=cause,
            )
        )
        return id

    def send_events(self) -> None:
        """Sends what was emitted so far, as `send` does; the rows of its leads were locked, or sent, before. Else the commit does it."""
        if self._outbox:
            emitted, self._outbox = self._outbox, []
            self._told = True
            self.send("outbox", Outgoing._fields, emitted)

    def memory(self, kind: type[T]) -> T:
        """What this process remembers of that kind. It must be checked against the database under a lock before it is believed."""
        found = self._database.memory.get(kind)
        if found is None:
            found = self._database.memory[kind] = kind()
        return cast(T, found)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Calls `action` once the transaction is durable, and not at all otherwise: for advancing caches and waking loops."""
        self._after.append(action)

    async def _commit(self) -> None:
        # The last statement before COMMIT: ids are drawn while the leads' locks are held, so their order is the leads' order.
        if (self._added or self._changes) and self._outbox:
            emitted, self._outbox = self._outbox, []
            self._told = True
            self.add(self._database.outbox, Outgoing._fields, emitted)
        self.send_events()
        await self._answered()
        try:
            outcome = await self._driver.execute("COMMIT")
        except Exception as error:
            if is_world(error):
                raise OutcomeUnknown("the connection was lost while the transaction was committed") from error
            raise
        if outcome != "COMMIT":  # PostgreSQL answers ROLLBACK, without an error, where a statement failed before
            raise Permanent("nothing was committed: a statement failed, and whoever ran it passed over its error")

    def _settled(self) -> None:
        # Let go of as they are called: an action that knows this unit of work would keep all that a batch made until the collector looks.
        actions, self._after = self._after, []
        for action in actions:
            action()
        if self._told:
            self._database.committed()

    async def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        await self._driver.copy_records_to_table(table, schema_name=self.service, columns=columns, records=rows)

    async def _store(
        self,
        before: asyncio.Task[None] | None,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        conflict: str | None,
    ) -> None:
        if before:
            await before  # and after a failure nothing more is stored
        try:
            await self._copy(table, columns, rows)
        except asyncpg.UniqueViolationError as error:
            if conflict is None:
                raise
            raise Transient(conflict) from error

    async def _answered(self) -> None:
        """Waits until all that was sent is stored, and then all that goes together: the server works on one statement at a time."""
        if self._sent:
            sent, self._sent = self._sent, None
            await sent
        if self._added or self._changes:
            added, self._added, changes, self._changes = self._added, {}, self._changes, []
            sql, arguments = together.one_of([*changes, *self._database.inserts.of(added)])
            await self._driver.execute(sql, *arguments)

    async def _abandon(self) -> None:
        """Rolls back; a connection that cannot is thrown away, so that no lock outlives the work."""
        try:
            if self._sent:
                self._sent.cancel()
                await asyncio.gather(self._sent, return_exceptions=True)
            await asyncio.shield(asyncio.wait_for(self._driver.execute("ROLLBACK"), timeout=2))
        except BaseException:  # noqa: BLE001 - whatever is wrong, the connection must not go back into the pool
            self._driver.terminate()
            with contextlib.suppress(Exception):
                await self._connection.invalidate()


def to_json(value: object) -> str:
    """What a `jsonb` parameter takes on the driver's connection. What comes back from the database is parsed already."""
    return _encode(value).decode()


def from_json(text: str) -> Any:
    """What `to_json` made, for a `json` column that was asked for as text."""
    return msgspec.json.decode(text)


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest($1::uuid[], $2::text[], …)` takes: one statement for all of them."""
    return [list(column) for column in zip(*rows, strict=True)]


async def _alive(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's connection. Those that the server closed while they lay in the pool are passed over: no work is lost to them."""
    while True:
        driver: asyncpg.Connection | None = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        if not driver.is_closed():
            return driver
        await connection.invalidate()


def _engine(dsn: str, pool_size: int, settings: Mapping[str, str] | None = None) -> AsyncEngine:
    url = make_url(dsn).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=2,
        json_serializer=to_json,
        json_deserializer=msgspec.json.decode,
        connect_args={"timeout": 5, "server_settings": {"jit": "off", **(settings or {})}},
    )
