"""Decisions as they were written, and what it takes to make one again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.uow import Row, UnitOfWork

_SHOWN = "SELECT d.*, a.name AS agent_name FROM router.decisions d LEFT JOIN router.agents a ON a.id = d.agent_id"


class Sought(NamedTuple):
    """Which decisions: each that is not None must be so. `since` is the first moment, `until` the first that is not meant."""

    lead_id: UUID | None = None
    agent_id: UUID | None = None
    pool: str | None = None
    rule: str | None = None
    outcome: str | None = None
    policy_version: int | None = None
    since: datetime | None = None
    until: datetime | None = None


_TESTS = {"since": "d.decided_at >= ${}", "until": "d.decided_at < ${}"}


async def page_of_decisions(uow: UnitOfWork, *, before: UUID | None, limit: int, sought: Sought) -> list[Row]:
    """Newest first. Asks only for what is sought, so that an index can be used where there is one."""
    asked: dict[str, object] = {name: value for name, value in sought._asdict().items() if value is not None}
    tests = [_TESTS.get(name, f"d.{name} = ${{}}").format(place) for place, name in enumerate(asked, 2)]
    values = list(asked.values())
    if before is not None:
        tests.append(f"d.id < ${len(values) + 2}")
        values.append(before)
    where = f"WHERE {' AND '.join(tests)}" if tests else ""
    return await uow.fetch(f"{_SHOWN} {where} ORDER BY d.id DESC LIMIT $1", limit, *values)


async def get_decision(uow: UnitOfWork, id: UUID) -> Row | None:
    return await uow.fetchrow(f"{_SHOWN} WHERE d.id = $1", id)


async def snapshot_before(uow: UnitOfWork, group_id: int, number: int) -> dict[str, Any] | None:
    """The last snapshot of a group at this ledger number or before; None where it was not kept."""
    found: dict[str, Any] | None = await uow.fetchval(
        "SELECT snapshot FROM (SELECT snapshot_number AS number, snapshot FROM router.groups WHERE id = $1 "
        "UNION ALL SELECT number, snapshot FROM router.snapshots WHERE group_id = $1) kept "
        "WHERE number <= $2 ORDER BY number DESC LIMIT 1",
        group_id,
        number,
    )
    return found


async def last_decided(uow: UnitOfWork, count: int) -> list[Row]:
    """Of so many of the newest leads, newest first, the last decision. Leads without one are left out, and those that were erased."""
    return await uow.fetch(
        "SELECT d.lead_id, d.pool, d.rule, d.facts FROM (SELECT lead_id FROM router.leads l WHERE erased_at IS NULL "
        "AND EXISTS (SELECT FROM router.decisions d WHERE d.lead_id = l.lead_id) ORDER BY lead_id DESC LIMIT $1) l "
        "CROSS JOIN LATERAL (SELECT * FROM router.decisions d WHERE d.lead_id = l.lead_id ORDER BY d.id DESC LIMIT 1) d "
        "ORDER BY d.lead_id DESC",
        count,
    )
