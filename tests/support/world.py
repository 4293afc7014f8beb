"""What an installation holds, read from its database by a superuser: what the checks judge."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from shared.contracts.topics import TOPIC_OF

SERVICES = tuple(TOPIC_OF)
Row = Mapping[str, Any]


# Who waits, as a decision asks for it, and on what terms it was decided last.
WAITING = """
SELECT q.lead_id, q.pool, q.rule, q.queued_at, l.facts, l.points, l.grade, l.qualification, coalesce(l.scored, '{}') AS scored,
    l.refused, d.more
FROM router.queue q JOIN router.leads l ON l.lead_id = q.lead_id
LEFT JOIN LATERAL (SELECT more FROM router.decisions d WHERE d.lead_id = q.lead_id ORDER BY d.id DESC LIMIT 1) d ON true
ORDER BY q.lead_id
"""


@dataclass
class World:
    """What the services' schemas hold."""

    leads: dict[str, set[UUID]]
    sequences: dict[str, dict[UUID, int]]
    timeline: list[Row]
    tracked: dict[UUID, Row]
    routed: dict[UUID, Row]
    erased: dict[str, set[UUID]]
    assignments: list[Row]
    queue: dict[UUID, str]
    waiting: list[Row]
    policy: Row
    groups: list[Row]
    openings: dict[int, Row]
    ledger: dict[int, list[Row]]
    history: list[Row]
    inboxes: dict[str, list[UUID]]
    outboxes: dict[str, int]
    dead: dict[str, int]


async def read_world(connection: asyncpg.Connection) -> World:
    ids = {"intake": "id", "scoring": "lead_id", "router": "lead_id", "tracker": "lead_id"}
    leads = {name: await connection.fetch(f"SELECT {id} AS id, sequence FROM {name}.leads") for name, id in ids.items()}
    ledger = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM router.ledger ORDER BY group_id, number"):
        ledger[row["group_id"]].append(row)
    fetch = connection.fetch
    return World(
        leads={name: {row["id"] for row in rows} for name, rows in leads.items()},
        sequences={name: {row["id"]: row["sequence"] for row in rows if row["sequence"]} for name, rows in leads.items()},
        timeline=await fetch("SELECT lead_id, service, sequence, event_id FROM tracker.timeline"),
        tracked={row["lead_id"]: row for row in await fetch("SELECT lead_id, agent_id, stage, merged_into FROM tracker.leads")},
        routed={row["lead_id"]: row for row in await fetch("SELECT lead_id, status, stage, merged_into FROM router.leads")},
        erased={name: await _erased(connection, name) for name in SERVICES[1:]},
        assignments=await fetch("SELECT * FROM router.assignments ORDER BY id"),
        queue={row["lead_id"]: row["pool"] for row in await fetch("SELECT lead_id, pool FROM router.queue")},
        waiting=await fetch(WAITING),
        policy=await connection.fetchrow("SELECT * FROM router.policies WHERE active"),
        groups=await fetch("SELECT * FROM router.groups ORDER BY id"),
        openings={
            row["group_id"]: row["snapshot"]
            for row in await fetch("SELECT group_id, snapshot FROM router.snapshots WHERE number = 0")
        },
        ledger=ledger,
        history=await fetch("SELECT agent_id, changed_at, settings FROM router.agent_history ORDER BY id"),
        inboxes={name: [row["event_id"] for row in await fetch(f"SELECT event_id FROM {name}.inbox")] for name in SERVICES},
        outboxes={name: await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SERVICES},
        dead={name: await connection.fetchval(f"SELECT count(*) FROM {name}.dead_letters") for name in SERVICES},
    )


async def _erased(connection: asyncpg.Connection, service: str) -> set[UUID]:
    return {row["lead_id"] for row in await connection.fetch(f"SELECT lead_id FROM {service}.leads WHERE erased_at IS NOT NULL")}


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection that reads JSON as data."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for kept in ("json", "jsonb"):
            await connection.set_type_codec(kept, encoder=str, decoder=msgspec.json.decode, schema="pg_catalog")
        yield connection
    finally:
        await connection.close()
