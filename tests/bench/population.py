"""A database that has known people for two years: contacts with their leads, and all that intake recognises them by.

The first people of people.py, one contact and one lead each, as intake would have stored them, with the lead's row in each other service;
without timelines, assignments and whatever else nothing new asks for. All of it follows from a person's number but the moments, which
end with the filling.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import get_context
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from services.intake.domain import normalise
from services.intake.domain.identity import Identifier, Kind, block_key
from services.intake.domain.likeness import Profile, blocks, profile_of, remember
from services.intake.domain.likeness.names import PersonName
from services.intake.store.contacts import ContactRow, joined
from services.intake.store.leads import LeadRow
from shared.clock import SystemClock, uuid7_floor, uuid7_from
from shared.db.uow import to_json
from tests.bench.body import body
from tests.bench.environment import Past
from tests.bench.handoff import install_into
from tests.bench.people import COMPANIES, person

SOURCE = "bench-past"
SPAN = timedelta(days=720)  # the last thirtieth, which Mix takes for recent, came within 24 days: a source looks 30 days back
SLICE = 20_000  # contacts that a process fills before it says so
BATCH = 2_500  # contacts in one COPY
MEMORY = "512MB"  # for building an index

# Their keys come in no order, and are much cheaper to sort at the end. The filling is that of an index which grew: a packed one has no
# room, so that the first new keys would split every page.
RANDOM_KEYS = {"identifiers": "identifiers_pkey", "blocks": "blocks_pkey"}
GROWN = "WITH (fillfactor = 70)"

# All is over with these leads: their sequences are those of one that was scored, assigned, lost and ended.
ELSEWHERE = {
    "scoring": """
        INSERT INTO scoring.leads (lead_id, sequence, received_at, points, grade, qualification, reasons, scorecard_version, facts)
        SELECT id, 1, received_at, 40, 'C', 'marketing_qualified', '[]', 1, facts FROM intake.leads""",
    "router": """
        INSERT INTO router.leads
            (lead_id, sequence, status, received_at, facts, points, grade, qualification, scored_sequence, stage, tracked_sequence)
        SELECT id, 2, 'closed', received_at, facts, 40, 'C', 'marketing_qualified', 1, 'lost', 1 FROM intake.leads""",
    "tracker": """
        INSERT INTO tracker.leads (lead_id, sequence, received_seq, received_at, source, contact, facts, scored_seq, points, grade,
            qualification, scorecard_version, routed_seq, routing, ended_reason, stage, stage_at, outcome)
        SELECT id, 1, 1, received_at, facts ->> 'source', contact, facts, 1, 40, 'C',
            'marketing_qualified', 1, 2, 'ended', 'closed', 'lost', received_at, 'lost' FROM intake.leads""",
}


class Slice(NamedTuple):
    """The people from `first` to before `last`, of `contacts` in all, for one process."""

    dsn: str
    source_id: UUID
    filled_at: datetime
    contacts: int
    first: int
    last: int


class Rows(NamedTuple):
    """What intake keeps of some people, table by table."""

    contacts: list[ContactRow]
    leads: list[LeadRow]
    identifiers: list[tuple[bytes, list[UUID]]]
    blocks: list[tuple[int, UUID]]


async def make_past(dsn: str, contacts: int, say: Callable[[str], None]) -> Past:
    """Makes an empty database one of Handoff's that has so many contacts; it can be copied then."""
    started = time.monotonic()
    await install_into(dsn)
    await fill(dsn, contacts, SystemClock().now(), say)
    async with _connected(dsn) as connection:
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
    return Past(dsn, contacts, round(time.monotonic() - started, 1), round(size / 2**20))


async def fill(dsn: str, contacts: int, filled_at: datetime, say: Callable[[str], None]) -> None:
    """Fills a migrated database that holds nothing yet, as its superuser, and leaves the server nothing to do afterwards."""
    async with _connected(dsn) as connection:
        source_id = await _add_source(connection, filled_at)
        keys = {f"intake.{table}": await _drop_key(connection, table, name) for table, name in RANDOM_KEYS.items()}
    starts = range(0, contacts, SLICE)
    slices = [Slice(dsn, source_id, filled_at, contacts, first, min(first + SLICE, contacts)) for first in starts]
    await _fill_slices(slices, say)
    say("its keys, and its leads in the other services")
    copies = {f"{service}.leads": statement for service, statement in ELSEWHERE.items()}
    filled = [_finish(dsn, table) for table in ("intake.leads", "intake.contacts")]
    await asyncio.gather(*filled, *(_finish(dsn, table, last) for table, last in (keys | copies).items()))
    await _execute(dsn, "CHECKPOINT")


async def _finish(dsn: str, table: str, *last: str) -> None:
    """Vacuums a table after its last statement, so that autovacuum does not come for it in the middle of a measurement."""
    for statement in (*last, f"VACUUM (ANALYZE) {table}"):
        await _execute(dsn, statement)


async def _add_source(connection: asyncpg.Connection[Any], filled_at: datetime) -> UUID:
    source_id = uuid7_floor(filled_at - SPAN)
    await connection.execute(
        "INSERT INTO intake.sources (id, name, token_hash, mapping, active, created_at, updated_at, kind, settings, recognition) "
        "VALUES ($1, $2, '', '{}', true, $3, $3, 'generic', '{}', '{}')",
        source_id,
        SOURCE,
        filled_at - SPAN,
    )
    return source_id


async def _drop_key(connection: asyncpg.Connection[Any], table: str, name: str) -> str:
    """Drops a primary key; the statement that brings it back."""
    key = await connection.fetchval("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", name)
    await connection.execute(f"ALTER TABLE intake.{table} DROP CONSTRAINT {name}")
    return f"ALTER TABLE intake.{table} ADD CONSTRAINT {name} {key} {GROWN}"


async def _fill_slices(slices: list[Slice], say: Callable[[str], None]) -> None:
    """Fills one right here, and several in as many processes as there are cores."""
    if len(slices) == 1:
        await fill_slice(slices[0])
        return
    done = 0
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        loop = asyncio.get_running_loop()
        for filled in asyncio.as_completed([loop.run_in_executor(pool, _in_process, one) for one in slices]):
            done += await filled
            say(f"{done:,} of {slices[0].contacts:,} contacts")


def _in_process(one: Slice) -> int:
    asyncio.run(fill_slice(one))
    return one.last - one.first


async def fill_slice(one: Slice) -> None:
    async with _connected(one.dsn) as connection:
        for first in range(one.first, one.last, BATCH):
            rows = rows_of(one, range(first, min(first + BATCH, one.last)))
            await _copy(connection, "contacts", ContactRow._fields, rows.contacts)
            await _copy(connection, "leads", LeadRow._fields, rows.leads)
            await _copy(connection, "identifiers", ("key", "contact_ids"), rows.identifiers)
            await _copy(connection, "blocks", ("block", "contact_id"), rows.blocks)


async def _copy(
    connection: asyncpg.Connection[Any], table: str, columns: Iterable[str], records: Iterable[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(table, schema_name="intake", columns=list(columns), records=records)


def rows_of(one: Slice, numbers: Iterable[int]) -> Rows:
    """What intake keeps of these people."""
    rows = Rows([], [], [], [])
    for n in numbers:
        _add(rows, one, n)
    return rows


def _add(rows: Rows, one: Slice, n: int) -> None:
    at = one.filled_at - SPAN * (one.contacts - n) / one.contacts
    stamp = int(at.timestamp() * 1000) << 12
    contact_id, lead_id = uuid7_from(stamp, n), uuid7_from(stamp + 1, n)
    kept = kept_of(n)
    rows.contacts.append(ContactRow(contact_id, at, to_json(kept.remembered), joined(kept.keys), lead_id, at))
    rows.leads.append(
        LeadRow(
            id=lead_id,
            source_id=one.source_id,
            received_at=at,
            contact=to_json(kept.contact),
            facts=to_json({"contact_id": str(contact_id), **kept.facts}),
            warnings="[]",
            changes="[]",
            contact_id=contact_id,
            delivery_id=None,
            test=False,
            sequence=1,
        )
    )
    rows.identifiers.extend((key, [contact_id]) for key in kept.keys)
    rows.blocks.extend((block_key(block), contact_id) for block in blocks(kept.profile))


# -- What intake makes of a person -------------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """What is kept of a person's only lead: its two blocks, and the contact's memory, keys and profile."""

    contact: dict[str, Any]
    facts: dict[str, Any]
    remembered: dict[str, Any]
    keys: list[bytes]
    profile: Profile


def kept_of(n: int) -> Kept:
    """As intake makes it of the n-th person, for a quarter of the price: what colleagues have in common is worked out once."""
    who, colleague = person(n), _colleague(n % COMPANIES)
    sent = msgspec.json.decode(body(who))
    said = {name: sent[name] for name in ("first_name", "last_name", "company", "email", "phone")}
    said["name"] = f"{who.first} {who.last}"
    return Kept(
        contact={**said, "message": sent["message"]},
        facts=colleague.facts,
        remembered={**colleague.remembered, **said},
        keys=[Identifier(Kind.EMAIL, who.email).key, Identifier(Kind.PHONE, who.phone).key],
        profile=colleague.profile._replace(
            name=PersonName(who.first.lower(), who.last.lower()),
            email_local=who.email.partition("@")[0],
            phone=who.phone.removeprefix("+"),
        ),
    )


@cache
def _colleague(n: int) -> Kept:
    return kept_slowly(n)


def kept_slowly(n: int) -> Kept:
    """The same, made by intake's own functions."""
    fields = msgspec.json.decode(body(person(n)))
    fields.pop("source")
    lead = normalise(fields, {}, source=SOURCE, defaults={}, fact_keys=())
    remembered = remember({}, lead.contact, lead.facts)
    keys = [identifier.key for identifier in lead.identifiers]
    return Kept(lead.contact, lead.facts, remembered, keys, profile_of(remembered, remembered))


# -- The database ------------------------------------------------------------------------------------------------------------------


async def _execute(dsn: str, statement: str) -> None:
    async with _connected(dsn) as connection:
        await connection.execute(statement)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(dsn, server_settings={"maintenance_work_mem": MEMORY, "jit": "off"})
    try:
        yield connection
    finally:
        await connection.close()
