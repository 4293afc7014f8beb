"""Agents: what holds of them now, what held before, and their leave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from services.router.domain import Agent, Leave, Pause, Presence, Settings, without_past
from services.router.domain.period import day_at, keys_of
from shared.db.uow import Row, UnitOfWork, columns, to_json
from shared.errors import conflict

COUNTED = timedelta(days=34)  # the longest month, and what a change of zone moves
HOURS_COUNTED = timedelta(days=2)


class Standing(NamedTuple):
    """All that is set of an agent and known of its absence. `leaves` are those that are not over."""

    agent_id: UUID
    settings: Settings
    pause: Pause | None = None
    presence: Presence | None = None
    leaves: tuple[Leave, ...] = ()


# -- Reading ---------------------------------------------------------------------------------------------------------------------


async def get_agent(uow: UnitOfWork, id: UUID) -> Row | None:
    return await uow.fetchrow("SELECT * FROM router.agents WHERE id = $1", id)


async def agents_by_id(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Row]:
    rows = await uow.fetch("SELECT * FROM router.agents WHERE id = ANY($1)", list(ids))
    return {row["id"]: row for row in rows}


async def agents_named(uow: UnitOfWork, names: Iterable[str], refs: Iterable[str]) -> list[Row]:
    """Agents of these names or with these references to another system."""
    return await uow.fetch(
        "SELECT id, name, external_ref FROM router.agents WHERE name = ANY($1) OR external_ref = ANY($2) ORDER BY id",
        list(names),
        list(refs),
    )


class Wanted(NamedTuple):
    """Which agents. `name` is a part of theirs; `country` is that of one of their territories, or a part of it is. None is any."""

    active: bool | None = None
    kind: str | None = None
    skill: str | None = None
    language: str | None = None
    country: str | None = None
    name: str | None = None


async def page_of_agents(uow: UnitOfWork, *, after: UUID | None, limit: int, wanted: Wanted) -> list[Row]:
    """Agents by id."""
    return await uow.fetch(
        "SELECT * FROM router.agents WHERE ($1::uuid IS NULL OR id > $1) AND ($3::bool IS NULL OR active = $3) "
        "AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR settings -> 'skills' ? $5) "
        "AND ($6::text IS NULL OR settings -> 'languages' ? $6) "
        "AND ($7::text IS NULL OR EXISTS (SELECT FROM jsonb_array_elements_text(settings -> 'territories') t "
        "WHERE t = $7 OR starts_with(t, $7 || '-') OR starts_with(t, $7 || ':'))) "
        "AND ($8::text IS NULL OR strpos(lower(name), lower($8)) > 0) ORDER BY id LIMIT $2",
        after,
        limit,
        *wanted,
    )


async def lock_agents(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, Standing]:
    """These agents as they are now, with their rows locked in the order of ids."""
    rows = await uow.fetch("SELECT * FROM router.agents WHERE id = ANY($1) ORDER BY id FOR UPDATE", sorted(set(ids)))
    leaves = await _leaves(uow, [row["id"] for row in rows])
    return {row["id"]: _standing(row["id"], row, leaves.get(row["id"], ())) for row in rows}


async def agents_as_they_are(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Agent]:
    """These agents with what they hold and have received, recounted from assignments; their days off are looked up by calendar."""
    rows = await agents_by_id(uow, ids)
    leaves = await _leaves(uow, ids)
    return await _counted(uow, [_standing(id, row, leaves.get(id, ())) for id, row in rows.items()])


async def agent_as_it_was(uow: UnitOfWork, id: UUID, at: datetime) -> Agent | None:
    """An agent as it was at a moment that is past; None for one that was not there yet."""
    row = await uow.fetchrow(
        "SELECT * FROM router.agent_history WHERE agent_id = $1 AND changed_at <= $2 ORDER BY id DESC LIMIT 1", id, at
    )
    if row is None:
        return None
    leaves = tuple(Leave.from_document(one) for one in row["leaves"])
    found = await _counted(uow, [_standing(id, row, leaves)], until=at)
    return found[id]


def _standing(id: UUID, row: Row, leaves: tuple[Leave, ...]) -> Standing:
    pause, presence = row["pause"], row["presence"]
    return Standing(
        id,
        Settings.from_document(row["settings"]),
        Pause.from_document(pause) if pause else None,
        Presence.from_document(presence) if presence else None,
        leaves,
    )


async def _leaves(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, tuple[Leave, ...]]:
    rows = await uow.fetch(
        "SELECT id, agent_id, starts, ends, catch_up FROM router.agent_leave WHERE agent_id = ANY($1) AND ends > $2 "
        "ORDER BY starts, id",
        list(ids),
        uow.now,
    )
    found: dict[UUID, tuple[Leave, ...]] = {}
    for row in rows:
        leave = Leave(row["id"], row["starts"], row["ends"], row["catch_up"])
        found[row["agent_id"]] = (*found.get(row["agent_id"], ()), leave)
    return found


async def _counted(uow: UnitOfWork, standings: Sequence[Standing], *, until: datetime | None = None) -> dict[UUID, Agent]:
    """The agents with what they held and had received `until` then, or now. Now is not a moment: the last assignments may be said to
    have been made later than our clock shows.
    """
    ids = [one.agent_id for one in standings]
    opened = await uow.fetch(
        "SELECT agent_id, sum(work) AS work FROM router.assignments WHERE agent_id = ANY($1) "
        "AND (closed_at IS NULL OR closed_at > $2) AND ($2::timestamptz IS NULL OR assigned_at <= $2) GROUP BY agent_id",
        ids,
        until,
    )
    work = {row["agent_id"]: row["work"] for row in opened}
    counts = await _counts(uow, ids, until)
    found = {}
    for id, settings, pause, presence, leaves in standings:
        today = day_at(settings.zone, until or uow.now).isoformat()
        found[id] = Agent(settings, work.get(id, 0), without_past(counts.get(id, {}), today), leaves, pause, presence)
    return found


async def _counts(uow: UnitOfWork, ids: Sequence[UUID], until: datetime | None) -> dict[UUID, dict[str, int]]:
    """Assignments by agent and key of hour, day, week and month."""
    at = until or uow.now
    rows = await uow.fetch(
        "SELECT agent_id, period, CASE WHEN assigned_at > $3 THEN hour END AS hour, count(*) AS n FROM router.assignments "
        "WHERE agent_id = ANY($1) AND assigned_at > $2 AND ($4::timestamptz IS NULL OR assigned_at <= $4) AND NOT gave_back "
        "GROUP BY 1, 2, 3",
        ids,
        at - COUNTED,
        at - HOURS_COUNTED,
        until,
    )
    found: dict[UUID, dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault(row["agent_id"], {})
        keys = keys_of(row["period"], row["hour"] or 0)
        for key in keys if row["hour"] is not None else keys[1:]:
            counts[key] = counts.get(key, 0) + row["n"]
    return found


# -- Writing ---------------------------------------------------------------------------------------------------------------------


async def lock_roster(uow: UnitOfWork) -> None:
    """One list of agents is taken over at a time, so that two do not make the same agent twice."""
    await uow.execute("SELECT pg_advisory_xact_lock(hashtext('handoff.router.roster'))")


async def insert_agents(uow: UnitOfWork, agents: Sequence[Standing], by: str) -> None:
    """New agents. Raises Refused (409) for a reference to another system that is somebody else's."""
    rows = [(*row, uow.now, uow.now) for row in _rows(agents)]
    with _references_are_unique():
        await uow.insert("agents", (*_COLUMNS, "created_at", "updated_at"), rows)
    await _remember(uow, agents, "created", by)


async def update_agents(uow: UnitOfWork, agents: Sequence[Standing], change: str, by: str) -> None:
    """Writes agents whose rows are locked; `change` says what is new of them: settings, leave, pause or presence.

    Raises Refused (409) for a reference to another system that is somebody else's.
    """
    with _references_are_unique():
        await uow.execute(
            "UPDATE router.agents a SET name = n.name, kind = n.kind, active = n.active, external_ref = n.external_ref, "
            "settings = n.settings, pause = n.pause, presence = n.presence, updated_at = $9 "
            "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::text[], $6::jsonb[], $7::jsonb[], $8::jsonb[]) "
            f"AS n({', '.join(_COLUMNS)}) WHERE a.id = n.id",
            *columns(_rows(agents)),
            uow.now,
        )
    await _remember(uow, agents, change, by)


@contextlib.contextmanager
def _references_are_unique() -> Iterator[None]:
    try:
        yield
    except UniqueViolationError as error:
        raise conflict("reference-taken", "Another agent has this external_ref.") from error


async def extend_presence(uow: UnitOfWork, agent: Standing) -> None:
    """The same presence for longer, of an agent whose row is locked: no new line of its history, the last one is true for longer."""
    assert agent.presence
    presence = to_json(agent.presence.to_document())
    await uow.execute("UPDATE router.agents SET presence = $2 WHERE id = $1", agent.agent_id, presence)
    await uow.execute(
        "UPDATE router.agent_history SET presence = $2 WHERE id = (SELECT max(id) FROM router.agent_history WHERE agent_id = $1)",
        agent.agent_id,
        presence,
    )


_COLUMNS = ("id", "name", "kind", "active", "external_ref", "settings", "pause", "presence")


def _rows(agents: Sequence[Standing]) -> list[tuple[Any, ...]]:
    return [
        (
            one.agent_id,
            one.settings.name,
            one.settings.kind,
            one.settings.active,
            one.settings.external_ref,
            to_json(one.settings.to_document()),
            to_json(one.pause.to_document()) if one.pause else None,
            to_json(one.presence.to_document()) if one.presence else None,
        )
        for one in agents
    ]


async def _remember(uow: UnitOfWork, agents: Sequence[Standing], change: str, by: str) -> None:
    wanted = ("agent_id", "changed_at", "changed_by", "change", "settings", "pause", "presence", "leaves")
    rows = [
        (row[0], uow.now, by, change, *row[5:], to_json([leave.to_document() for leave in one.leaves]))
        for row, one in zip(_rows(agents), agents, strict=True)
    ]
    await uow.insert("agent_history", wanted, rows)


async def agent_history(uow: UnitOfWork, id: UUID, *, before: int | None, limit: int) -> list[Row]:
    return await uow.fetch(
        "SELECT id, changed_at, changed_by, change, settings, pause, presence, leaves FROM router.agent_history "
        "WHERE agent_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        id,
        before,
        limit,
    )


# -- Leave -----------------------------------------------------------------------------------------------------------------------


async def insert_leave(uow: UnitOfWork, agent_id: UUID, leave: Leave, note: str, by: str) -> None:
    columns = ("id", "agent_id", "starts", "ends", "catch_up", "note", "created_at", "created_by")
    row = (leave.id, agent_id, leave.starts, leave.ends, leave.catch_up, note, uow.now, by)
    await uow.insert("agent_leave", columns, [row])


async def end_leave(uow: UnitOfWork, id: UUID) -> None:
    """Takes a leave out; one that has begun ends now."""
    await uow.execute("DELETE FROM router.agent_leave WHERE id = $1 AND starts >= $2", id, uow.now)
    await uow.execute("UPDATE router.agent_leave SET ends = $2 WHERE id = $1 AND ends > $2", id, uow.now)


async def page_of_leave(
    uow: UnitOfWork, agent_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int, past: bool
) -> list[Row]:
    """An agent's leave in order; without `past` only what is not over."""
    starts, id = after or (None, None)
    return await uow.fetch(
        "SELECT * FROM router.agent_leave WHERE agent_id = $1 AND ($2 OR ends > $3) "
        "AND ($4::timestamptz IS NULL OR (starts, id) > ($4, $5)) ORDER BY starts, id LIMIT $6",
        agent_id,
        past,
        uow.now,
        starts,
        id,
        limit,
    )
