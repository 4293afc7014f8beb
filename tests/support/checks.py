"""The invariants that every fault test ends with, asked of the databases and the bus themselves, not of the services.

`settled` tells when everything has drained; `violations` names all that is wrong then, and is empty for a sound installation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from shared.contracts.events import type_name
from shared.contracts.topics import TAKES, TOPIC_OF
from tests.support.ledgers import ledger_faults, queue_faults
from tests.support.world import SERVICES, Row, World, connected, read_world

# What each service said last of a lead stands in its timeline, and whoever takes it has taken it. Of an erased lead all have confirmed.
UNSETTLED = """
SELECT count(*) FROM intake.leads i
LEFT JOIN scoring.leads s ON s.lead_id = i.id
LEFT JOIN router.leads r ON r.lead_id = i.id
LEFT JOIN tracker.erasures x ON x.lead_id = i.id
LEFT JOIN LATERAL (
    SELECT max(sequence) FILTER (WHERE service = 'intake') AS intake, max(sequence) FILTER (WHERE service = 'scoring') AS scoring,
        max(sequence) FILTER (WHERE service = 'router') AS router,
        max(sequence) FILTER (WHERE service = 'tracker' AND type = 'StageChanged') AS stage
    FROM tracker.timeline e WHERE e.lead_id = i.id
) said ON true
WHERE (x.received ?& '{intake,scoring,router,tracker}' OR (
    x.lead_id IS NULL AND s.sequence > 0 AND r.scored_sequence = s.sequence AND r.status <> 'unrouted'
    AND said.intake = i.sequence AND said.scoring = s.sequence AND said.router = r.sequence
    AND (said.stage IS NULL OR (s.tracked_sequence = said.stage AND r.tracked_sequence = said.stage)))) IS NOT TRUE
"""


MOVED = ("declined", "expired", "returned", "reassigned", "merged")
"""Reasons for which an assignment ends and the lead goes on."""


class Published(NamedTuple):
    """One record as it lies on the bus."""

    topic: str
    type: str
    event_id: UUID
    lead_id: UUID
    sequence: int


async def settled(dsn: str) -> bool:
    """Whether every event has been published and taken by everybody."""
    async with connected(dsn) as connection:
        waiting = [await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SERVICES]
        return not any(waiting) and await connection.fetchval(UNSETTLED) == 0


async def violations(connection: asyncpg.Connection, *, accepted: Collection[UUID], published: Sequence[Published]) -> list[str]:
    """Every broken invariant, in words, as a superuser's connection sees it. `accepted` are the leads that a client saw a 202 for."""
    world = await read_world(connection)
    return [
        *_no_loss(world, accepted),
        *_one_owner(world),
        *_people(world),
        *_timelines(world),
        *_events_once(world, published),
        *ledger_faults(world),
        *queue_faults(world),
    ]


async def router_violations(dsn: str) -> list[str]:
    """What is wrong with the router alone, whoever fed it."""
    async with connected(dsn) as connection:
        world = await read_world(connection)
    return [*_one_owner(world), *ledger_faults(world), *queue_faults(world)]


async def published_on_postgres(connection: asyncpg.Connection) -> list[Published]:
    """Every record of the PostgreSQL bus, in the order of its partition."""
    rows = await connection.fetch('SELECT topic, key, headers FROM bus.log ORDER BY topic, partition, "offset"')
    return [published(row["topic"], row["key"], msgspec.json.decode(row["headers"])) for row in rows]


def published(topic: str, key: bytes, headers: Mapping[str, str]) -> Published:
    return Published(topic, headers["ce_type"], UUID(headers["ce_id"]), UUID(key.decode()), int(headers["ce_sequence"]))


# -- Leads and events ------------------------------------------------------------------------------------------------------------


def _no_loss(world: World, accepted: Collection[UUID]) -> Iterator[str]:
    stored = world.leads["intake"]
    if lost := set(accepted) - stored:
        yield f"{len(lost)} accepted leads are not stored, {_some(lost)}"
    if len(set(accepted)) < len(accepted):
        yield "two accepted requests got the same lead"
    for service in SERVICES[1:]:
        if missing := stored - world.leads[service]:
            yield f"{service} lacks {len(missing)} leads, {_some(missing)}"
        if invented := world.leads[service] - stored:
            yield f"{service} has {len(invented)} leads that intake does not know, {_some(invented)}"
    for service, count in world.outboxes.items():
        if count:
            yield f"{service} has {count} events in its outbox"
    for service, count in world.dead.items():
        if count:
            yield f"{service} has {count} dead letters"


def _one_owner(world: World) -> Iterator[str]:
    """Each lead has one assignment, open or closed, or waits, is on offer, was refused, merged or erased; and the tracker says the same.

    Assignments after which the lead moved on are history, and so are those that a merge ended: an un-merge may bring another.
    """
    by_lead = defaultdict(list)
    for row in world.assignments:
        by_lead[row["lead_id"]].append(row)
    for lead, routed in world.routed.items():
        history, status = by_lead[lead], routed["status"]
        if not _is_sound(status, history, queued=lead in world.queue):
            opened = sum(row["closed_at"] is None for row in history)
            yield f"lead {lead} is {status} with {len(history)} assignments, {opened} open, queue {world.queue.get(lead)}"
        told = world.tracked.get(lead)
        if status == "erased" or told is None:
            continue
        if history and told["agent_id"] != history[-1]["agent_id"]:
            yield f"lead {lead}: the tracker names another owner than the router"
        if routed["stage"] is not None and told["stage"] != routed["stage"]:
            yield f"lead {lead}: the tracker says {told['stage']}, the router {routed['stage']}"
    if strays := set(by_lead) - set(world.routed):
        yield f"{len(strays)} assignments of unknown leads, {_some(strays)}"


def _is_sound(status: str, history: Sequence[Row], *, queued: bool) -> bool:
    opened = sum(row["closed_at"] is None for row in history)
    ended = sum(row["closed_at"] is not None and row["close_reason"] not in MOVED for row in history)
    if status in ("closed", "merged", "erased"):
        return opened == 0 and ended <= 1 and not queued
    wanted = {"assigned": (1, 0, False), "queued": (0, 0, True), "offered": (0, 0, False), "rejected": (0, 0, False)}
    return (opened, ended, queued) == wanted.get(status)


def _people(world: World) -> Iterator[str]:
    """Who is merged or erased is so everywhere."""
    for lead, routed in world.routed.items():
        told = world.tracked.get(lead)
        if told and told["merged_into"] != routed["merged_into"]:
            yield f"lead {lead}: merged into {told['merged_into']} by the tracker, into {routed['merged_into']} by the router"
        if (routed["status"] == "erased") != (lead in world.erased["router"]):
            yield f"lead {lead}: the router has it {routed['status']}, and its tombstone says otherwise"
    for service, erased in world.erased.items():
        if odd := erased ^ world.erased["tracker"]:
            yield f"{service} and tracker disagree on {len(odd)} erased leads, {_some(odd)}"


def _timelines(world: World) -> Iterator[str]:
    numbers: dict[tuple[UUID, str], list[int]] = defaultdict(list)
    for row in world.timeline:
        numbers[row["lead_id"], row["service"]].append(row["sequence"])
    for service in SERVICES:
        for lead, last in world.sequences[service].items():
            wanted = [] if lead in world.erased["tracker"] else list(range(1, last + 1))
            if sorted(numbers.pop((lead, service), [])) != wanted:
                yield f"lead {lead}: what {service} said is not 1 to {last} in its timeline"
    for lead, service in numbers:
        yield f"lead {lead}: the timeline quotes {service}, which said nothing"
    ids = Counter(row["event_id"] for row in world.timeline)
    if twice := [id for id, count in ids.items() if count > 1]:
        yield f"{len(twice)} events are in a timeline twice, {_some(twice)}"


def _events_once(world: World, records: Sequence[Published]) -> Iterator[str]:
    """On the bus: each event at least once, first seen in the order of its lead. In each inbox: exactly what its service takes."""
    first: dict[UUID, Published] = {}
    said: dict[tuple[str, UUID], list[int]] = defaultdict(list)
    for record in records:
        if record.event_id not in first:
            first[record.event_id] = record
            said[record.topic, record.lead_id].append(record.sequence)
    for service in SERVICES:
        topic = TOPIC_OF[service].name
        for lead, last in world.sequences[service].items():
            if said.pop((topic, lead), []) != list(range(1, last + 1)):
                yield f"lead {lead}: {topic} does not hold 1 to {last} in order"
    if said:
        yield f"{len(said)} leads were spoken of by a service that does not number them"
    for service, takes in TAKES.items():
        wanted = {(topic.name, type_name(event)) for topic, event in takes}
        ids = {record.event_id for record in first.values() if (record.topic, record.type) in wanted}
        claimed = Counter(world.inboxes[service])
        if ids != claimed.keys() or max(claimed.values(), default=1) > 1:
            yield f"{service} claimed {len(claimed)} events of {len(ids)} published for it"


def _some(ids: Iterable[UUID]) -> str:
    return f"{sorted(ids)[0]} among them"
