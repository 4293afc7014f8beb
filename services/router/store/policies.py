"""Policies and what was done with them, groups and their ledgers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.router.domain import Entry
from shared.db.uow import Row, UnitOfWork, columns, from_json, to_json

POLICY_LOCK = "handoff.router.policy"
PLACES_LOCK = "handoff.router.places"
DRAFTS_LOCK = "handoff.router.drafts"


async def share_policy(uow: UnitOfWork) -> int:
    """Takes the policy's lock shared; returns the active version. Two statements: a snapshot is older than the lock it waits for."""
    await uow.execute("SELECT pg_advisory_xact_lock_shared(hashtext($1))", POLICY_LOCK)
    return int(await uow.fetchval("SELECT version FROM router.policies WHERE active"))


async def own_policy(uow: UnitOfWork) -> int:
    """Takes the policy's lock exclusively; returns the active version."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext($1))", POLICY_LOCK)
    return int(await uow.fetchval("SELECT version FROM router.policies WHERE active"))


async def get_policy(uow: UnitOfWork, version: int, *, lock: bool = False) -> Row | None:
    return await uow.fetchrow(f"SELECT * FROM router.policies WHERE version = $1 {'FOR UPDATE' if lock else ''}", version)


async def active_version(uow: UnitOfWork) -> int:
    """Without a lock: it may be another one the moment after."""
    return int(await uow.fetchval("SELECT version FROM router.policies WHERE active"))


async def page_of_policies(uow: UnitOfWork, *, before: int | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT version, document ->> 'name' AS name, active, created_at, created_by, changed_at, changed_by, activated_at, activated_by "
        "FROM router.policies WHERE $1::bigint IS NULL OR version < $1 ORDER BY version DESC LIMIT $2",
        before,
        limit,
    )


async def insert_draft(uow: UnitOfWork, document: Mapping[str, Any], by: str) -> int:
    """The next version; returns its number. Numbers are drawn under a lock of their own, which is taken after the policy's."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext($1))", DRAFTS_LOCK)
    version = await uow.fetchval(
        "INSERT INTO router.policies (version, document, active, created_at, created_by, changed_at, changed_by) "
        "SELECT max(version) + 1, $1, false, $2, $3, $2, $3 FROM router.policies RETURNING version",
        to_json(document),
        uow.now,
        by,
    )
    return int(version)


async def change_draft(uow: UnitOfWork, version: int, document: Mapping[str, Any], by: str) -> None:
    await uow.execute(
        "UPDATE router.policies SET document = $2, changed_at = $3, changed_by = $4 WHERE version = $1",
        version,
        to_json(document),
        uow.now,
        by,
    )


async def activate_policy(
    uow: UnitOfWork, version: int, members: Mapping[str, Any], calendars: Mapping[str, Any], by: str
) -> None:
    """This version is active from now on and no other, with these members of its pools and these dates of the holidays that its calendars
    keep. Needs the policy's exclusive lock."""
    await uow.execute("UPDATE router.policies SET active = false WHERE active")
    await uow.execute(
        "UPDATE router.policies SET active = true, activated_at = $2, activated_by = $3, members = $4, calendars = $5 "
        "WHERE version = $1",
        version,
        uow.now,
        by,
        to_json(members),
        to_json(calendars),
    )


async def record_action(uow: UnitOfWork, version: int, action: str, by: str, detail: Mapping[str, Any]) -> None:
    await uow.execute(
        "INSERT INTO router.policy_audit (version, at, by, action, detail) VALUES ($1, $2, $3, $4, $5)",
        version,
        uow.now,
        by,
        action,
        to_json(detail),
    )


async def page_of_actions(uow: UnitOfWork, version: int, *, before: int | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT id, at, by, action, detail FROM router.policy_audit "
        "WHERE version = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        version,
        before,
        limit,
    )


async def every_agent(uow: UnitOfWork) -> list[Row]:
    return await uow.fetch("SELECT * FROM router.agents ORDER BY id")


async def qualifications_seen(uow: UnitOfWork, newest: int) -> set[str]:
    """How so many of the newest leads were qualified. Ids of leads are in the order of time, so the primary key finds them."""
    rows = await uow.fetch(
        "SELECT DISTINCT qualification FROM (SELECT qualification FROM router.leads ORDER BY lead_id DESC LIMIT $1) newest "
        "WHERE qualification > ''",
        newest,
    )
    return {row["qualification"] for row in rows}


async def has_member_rules(uow: UnitOfWork) -> bool:
    """Whether the active version chooses members by rule. Asked of the row itself: no lock is needed to see it."""
    return bool(
        await uow.fetchval(
            "SELECT EXISTS (SELECT FROM router.policies p, jsonb_each(p.document -> 'pools') one "
            "WHERE p.active AND one.value ? 'member_rule')"
        )
    )


async def open_groups(uow: UnitOfWork) -> list[Row]:
    return await uow.fetch("SELECT id, pools FROM router.groups WHERE closed_at IS NULL ORDER BY id")


async def queue_for_groups(uow: UnitOfWork, ids: Sequence[int]) -> bool:
    """Waits, in this order, until one at most is before this unit of work at each group's lock: the one that holds it. Says whether more
    were anywhere.

    Two have a place, held to the end of the transaction: who has the lock and who is next. So the next one can read what others committed
    while the lock is held, and has but one unit of work left to read under it, however many wait. Taken before any group's lock.
    """
    waited: bool = await uow.fetchval(
        "SELECT bool_or(CASE WHEN pg_try_advisory_xact_lock(hashtext($2), 2 * g.id) "
        "OR pg_try_advisory_xact_lock(hashtext($2), 2 * g.id + 1) THEN false "
        "ELSE pg_advisory_xact_lock(hashtext($2), 2 * g.id + pg_backend_pid() % 2)::text = '' END) FROM unnest($1::int[]) AS g(id)",
        ids,
        PLACES_LOCK,
    )
    return bool(waited)


async def lock_groups(uow: UnitOfWork, ids: Iterable[int]) -> list[Row]:
    """The groups' counters, and when their queues are looked at next, with their rows locked in the order of ids."""
    return await uow.fetch(
        "SELECT id, last_number, last_now, queue_due_at FROM router.groups WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        sorted(set(ids)),
    )


async def group_snapshot(uow: UnitOfWork, id: int) -> dict[str, Any]:
    found: dict[str, Any] = await uow.fetchval("SELECT snapshot FROM router.groups WHERE id = $1", id)
    return found


async def ledger_after(uow: UnitOfWork, group_id: int, number: int, *, until: int | None = None) -> list[Entry]:
    """Entries `number` + 1 to `until` (None: all that there are), in order. Their data, which may be shared, is for reading only."""
    rows = await uow.fetch(
        "SELECT number, kind, at, agent_id, lead_id, pool, data::text FROM router.ledger "
        "WHERE group_id = $1 AND number > $2 AND number <= coalesce($3, 2147483647) ORDER BY number",
        group_id,
        number,
        until,
    )
    known: dict[str, Any] = {}  # many are alike, and each replica reads what all others wrote
    entries = []
    for row in rows:
        number, kind, at, agent_id, lead_id, pool, text = row.values()
        if (data := known.get(text)) is None:
            data = known[text] = from_json(text)
        entries.append(Entry(number, kind, at, agent_id, lead_id, pool, data))
    return entries


async def insert_group(uow: UnitOfWork, pools: Sequence[str], version: int, snapshot: dict[str, Any]) -> int:
    return int(
        await uow.fetchval(
            "INSERT INTO router.groups (pools, policy_version, last_number, last_now, snapshot, snapshot_number, opened_at) "
            "VALUES ($1, $2, 0, $4, $3, 0, $4) RETURNING id",
            sorted(pools),
            version,
            to_json(snapshot),
            uow.now,
        )
    )


async def close_groups(uow: UnitOfWork, ids: Sequence[int]) -> None:
    await uow.execute("UPDATE router.groups SET closed_at = $2 WHERE id = ANY($1)", list(ids), uow.now)


def send_ledger(uow: UnitOfWork, entries: Sequence[tuple[int, Entry]]) -> None:
    rows = [(id, e.number, e.kind, e.at, e.agent_id, e.lead_id, e.pool, to_json(e.data)) for id, e in entries]
    uow.send("ledger", ("group_id", "number", "kind", "at", "agent_id", "lead_id", "pool", "data"), rows)


async def advance_groups(uow: UnitOfWork, positions: Sequence[tuple[int, int, datetime, datetime | None]]) -> None:
    """Sets last ledger number and last `now` of locked groups, and when the timer of their queues rings."""
    await uow.execute(
        "UPDATE router.groups g SET last_number = p.number, last_now = p.at, queue_due_at = p.due_at "
        "FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::timestamptz[]) AS p(id, number, at, due_at) WHERE g.id = p.id",
        *columns(positions),
    )


async def store_snapshot(uow: UnitOfWork, id: int, number: int, snapshot: dict[str, Any]) -> None:
    """The group's newest snapshot. The one before it is kept apart, so that what was decided since then can be made again."""
    await uow.execute(
        "WITH older AS (INSERT INTO router.snapshots (group_id, number, snapshot) "
        "SELECT id, snapshot_number, snapshot FROM router.groups WHERE id = $1) "
        "UPDATE router.groups SET snapshot = $3, snapshot_number = $2 WHERE id = $1",
        id,
        number,
        to_json(snapshot),
    )
