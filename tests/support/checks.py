"""The invariants that every fault test ends with, asked of the databases and the bus themselves, not of the services.

`settled` tells when everything has drained; `violations` names all that is wrong then, and is empty for a sound installation.
Counts are folded here anew, entry by entry, so that a cap that was broken for a moment is found too.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from services.router.domain import Entry, GroupState, LedgerError
from shared.contracts.events import type_name
from shared.contracts.topics import TAKES, TOPIC_OF

SERVICES = tuple(TOPIC_OF)
Row = Mapping[str, Any]
ENTRY = ("number", "kind", "at", "agent_id", "lead_id", "pool", "data")

UNSETTLED = """
SELECT count(*) FROM intake.leads i
LEFT JOIN scoring.leads s ON s.lead_id = i.id
LEFT JOIN router.leads r ON r.lead_id = i.id
LEFT JOIN tracker.leads t ON t.lead_id = i.id
LEFT JOIN LATERAL (
    SELECT max(sequence) AS stage FROM tracker.timeline e
    WHERE e.lead_id = i.id AND e.service = 'tracker' AND e.type = 'StageChanged'
) said ON true
WHERE (s.sequence > 0 AND r.scored_sequence = s.sequence AND r.status <> 'unrouted'
    AND t.received_seq = i.sequence AND t.scored_seq = s.sequence AND t.routed_seq = r.sequence
    AND (said.stage IS NULL OR (s.tracked_sequence = said.stage AND r.tracked_sequence = said.stage))) IS NOT TRUE
"""


class Published(NamedTuple):
    """One record as it lies on the bus."""

    topic: str
    type: str
    event_id: UUID
    lead_id: UUID
    sequence: int


@dataclass
class World:
    """What the services' schemas hold."""

    leads: dict[str, set[UUID]]
    sequences: dict[str, dict[UUID, int]]
    timeline: list[Row]
    tracked: dict[UUID, Row]
    routed: dict[UUID, Row]
    assignments: list[Row]
    queue: dict[UUID, str]
    groups: list[Row]
    ledger: dict[int, list[Row]]
    history: list[Row]
    inboxes: dict[str, list[UUID]]
    outboxes: dict[str, int]
    dead: dict[str, int]


async def settled(dsn: str) -> bool:
    """Whether every event has been published and taken by everybody."""
    async with connected(dsn) as connection:
        waiting = [await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SERVICES]
        return not any(waiting) and await connection.fetchval(UNSETTLED) == 0


async def violations(connection: asyncpg.Connection, *, accepted: Collection[UUID], published: Sequence[Published]) -> list[str]:
    """Every broken invariant, in words, as a superuser's connection sees it. `accepted` are the leads that a client saw a 202 for."""
    world = await _read(connection)
    return [
        *_no_loss(world, accepted),
        *_one_owner(world),
        *_timelines(world),
        *_events_once(world, published),
        *_ledgers(world),
        *_queues(world),
    ]


async def router_violations(dsn: str) -> list[str]:
    """What is wrong with the router alone, whoever fed it."""
    async with connected(dsn) as connection:
        world = await _read(connection)
    return [*_one_owner(world), *_ledgers(world), *_queues(world)]


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
    """Each lead has one assignment, open or closed, or waits, or was refused; and the tracker says the same."""
    by_lead = defaultdict(list)
    for row in world.assignments:
        by_lead[row["lead_id"]].append(row)
    for lead, routed in world.routed.items():
        history, status = by_lead[lead], routed["status"]
        opened = [row for row in history if row["closed_at"] is None]
        wanted = {"assigned": (1, 1, False), "queued": (0, 0, True), "rejected": (0, 0, False)}
        if status == "closed":
            sound = not opened and len(history) <= 1 and lead not in world.queue
        else:
            sound = (len(opened), len(history), lead in world.queue) == wanted.get(status)
        if not sound:
            yield f"lead {lead} is {status} with {len(history)} assignments, {len(opened)} open, queue {world.queue.get(lead)}"
        told = world.tracked.get(lead)
        if told and history and told["agent_id"] != history[-1]["agent_id"]:
            yield f"lead {lead}: the tracker names another owner than the router"
        if told and routed["stage"] is not None and told["stage"] != routed["stage"]:
            yield f"lead {lead}: the tracker says {told['stage']}, the router {routed['stage']}"
    if strays := set(by_lead) - set(world.routed):
        yield f"{len(strays)} assignments of unknown leads, {_some(strays)}"


def _timelines(world: World) -> Iterator[str]:
    numbers: dict[tuple[UUID, str], list[int]] = defaultdict(list)
    for row in world.timeline:
        numbers[row["lead_id"], row["service"]].append(row["sequence"])
    for service in SERVICES:
        for lead, last in world.sequences[service].items():
            if sorted(numbers.pop((lead, service), [])) != list(range(1, last + 1)):
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


# -- The router's ledgers --------------------------------------------------------------------------------------------------------


@dataclass
class Standing:
    """An agent's settings and counts, folded from ledger entries by arithmetic of our own."""

    active: bool
    daily_cap: int | None
    open_cap: int | None
    open: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def unbounded(self) -> bool:
        return self.active and self.daily_cap is None and self.open_cap is None

    def assign(self, period: str) -> str | None:
        """Counts an assignment; returns the rule that it breaks."""
        broken = None
        if not self.active:
            broken = "is not active"
        elif self.open_cap is not None and self.open >= self.open_cap:
            broken = f"holds {self.open} of {self.open_cap} open leads"
        elif self.daily_cap is not None and self.counts[period] >= self.daily_cap:
            broken = f"had {self.counts[period]} of {self.daily_cap} leads on {period}"
        self.open += 1
        self.counts[period] += 1
        return broken


def _ledgers(world: World) -> Iterator[str]:
    opened = Counter(row["agent_id"] for row in world.assignments if row["closed_at"] is None)
    assigned = [entry for entries in world.ledger.values() for entry in entries if entry["kind"] == "assigned"]
    if Counter(entry["lead_id"] for entry in assigned) != Counter(row["lead_id"] for row in world.assignments):
        yield "the ledgers and the assignments do not name the same leads"
    for group in world.groups:
        entries = world.ledger.get(group["id"], [])
        if [entry["number"] for entry in entries] != list(range(1, group["last_number"] + 1)):
            yield f"group {group['id']}: its ledger is not 1 to {group['last_number']} without gaps"
        if any(a["at"] > b["at"] for a, b in pairwise(entries)):
            yield f"group {group['id']}: time goes back in its ledger"
        standings = _opening(world, group)
        yield from _caps(group, entries, standings)
        if group["closed_at"] is None:
            yield from _recount(group, entries, standings, opened)


def _opening(world: World, group: Row) -> dict[UUID, Standing]:
    """The members' standings as the group opened: its snapshot; once that was replaced by a later one, a group opened in peace."""
    agents = group["snapshot"]["agents"]
    if group["snapshot_number"] == 0:
        return {
            UUID(id): Standing(one["active"], one["daily_cap"], one["open_cap"], one["open"], Counter(one["counts"]))
            for id, one in agents.items()
        }
    known = {row["agent_id"]: row["settings"] for row in world.history if row["changed_at"] <= group["opened_at"]}
    settings = {UUID(id): known[UUID(id)] for id in agents}
    return {id: Standing(one["active"], one["daily_cap"], one["open_cap"]) for id, one in settings.items()}


def _caps(group: Row, entries: Iterable[Row], standings: dict[UUID, Standing]) -> Iterator[str]:
    """Folds a ledger into the standings and names each assignment that should not have been, and an unfair rotation."""
    fair = all(one.unbounded for one in standings.values())
    turns: Counter[str] = Counter()
    received: Counter[tuple[str, UUID]] = Counter()
    for entry in entries:
        one, data = standings[entry["agent_id"]], entry["data"]
        if entry["kind"] == "agent_changed":
            one.active, one.daily_cap, one.open_cap = data["active"], data["daily_cap"], data["open_cap"]
            fair = fair and one.unbounded
        elif entry["kind"] == "ended":
            one.open -= 1
            one.counts[data["period"]] -= data["gives_back"]
        elif broken := one.assign(data["period"]):
            yield f"group {group['id']}, entry {entry['number']}: agent {entry['agent_id']} {broken} and received another"
        if entry["kind"] == "assigned" and data["turn"]:
            turns[entry["pool"]] += 1
            received[entry["pool"], entry["agent_id"]] += 1
    if fair and group["snapshot_number"] == 0:
        yield from _fair(group, turns, received)


def _fair(group: Row, turns: Mapping[str, int], received: Mapping[tuple[str, UUID], int]) -> Iterator[str]:
    """Everybody could receive all the time: nobody may be more than a turn from what their weight entitles them to."""
    for pool, shown in group["snapshot"]["pools"].items():
        total = sum(one["weight"] for one in shown["members"])
        for one in shown["members"]:
            got = received.get((pool, UUID(one["agent_id"])), 0)
            entitled = Fraction(turns.get(pool, 0) * one["weight"], total) + Fraction(one["difference"], 10**12)
            if abs(got - entitled) > 1 + Fraction(1, 10**6):  # shares are whole parts of 10**12
                yield f"group {group['id']}, pool {pool}: {one['agent_id']} got {got} of {float(entitled):.2f} turns"


def _recount(group: Row, entries: Sequence[Row], standings: Mapping[UUID, Standing], opened: Counter[UUID]) -> Iterator[str]:
    """Our fold, the router's own fold from its last snapshot, and the rows: three ways to one count."""
    state = _fold(group, entries)
    if state is None:
        yield f"group {group['id']}: its ledger cannot be folded"
        return
    for id, standing in standings.items():
        counts = standing.open, state.agent(id).open, opened[id]
        if len(set(counts)) > 1:
            yield f"agent {id} holds {counts[0]} by the ledger, {counts[1]} by the router's fold, {counts[2]} by the rows"


def _fold(group: Row, entries: Sequence[Row]) -> GroupState | None:
    """The router's own fold, as a replica makes it that never saw the group; None for a ledger that cannot be folded."""
    state = GroupState.restore(group["snapshot"])
    with contextlib.suppress(LedgerError):
        for entry in entries[group["snapshot_number"] :]:
            state.apply(Entry(**{name: entry[name] for name in ENTRY}))
        return state
    return None


def _queues(world: World) -> Iterator[str]:
    """Nobody waits for a pool that can give, or for one that is not there."""
    waiting = Counter(world.queue.values())
    for group in world.groups:
        if group["closed_at"] is None and any(pool in waiting for pool in group["pools"]):
            state = _fold(group, world.ledger.get(group["id"], []))
            for pool in group["pools"]:
                if (count := waiting.pop(pool, 0)) and state and state.pool(pool).rotation.eligible_count:
                    yield f"{count} leads wait for pool {pool}, in which somebody can receive"
    for pool in waiting.keys() - {pool for group in world.groups if group["closed_at"] is None for pool in group["pools"]}:
        yield f"{waiting[pool]} leads wait for pool {pool}, which is not in the policy"


# -- Reading ---------------------------------------------------------------------------------------------------------------------


async def _read(connection: asyncpg.Connection) -> World:
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
        tracked={row["lead_id"]: row for row in await fetch("SELECT lead_id, agent_id, stage FROM tracker.leads")},
        routed={row["lead_id"]: row for row in await fetch("SELECT lead_id, status, stage FROM router.leads")},
        assignments=await fetch("SELECT * FROM router.assignments ORDER BY id"),
        queue={row["lead_id"]: row["pool"] for row in await fetch("SELECT lead_id, pool FROM router.queue")},
        groups=await fetch("SELECT * FROM router.groups ORDER BY id"),
        ledger=ledger,
        history=await fetch("SELECT agent_id, changed_at, settings FROM router.agent_history ORDER BY id"),
        inboxes={name: [row["event_id"] for row in await fetch(f"SELECT event_id FROM {name}.inbox")] for name in SERVICES},
        outboxes={name: await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SERVICES},
        dead={name: await connection.fetchval(f"SELECT count(*) FROM {name}.dead_letters") for name in SERVICES},
    )


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection that reads jsonb as data."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.set_type_codec("jsonb", encoder=str, decoder=msgspec.json.decode, schema="pg_catalog")
        yield connection
    finally:
        await connection.close()


def _some(ids: Iterable[UUID]) -> str:
    return f"{sorted(ids)[0]} among them"
