"""Checks of the router's ledgers: gapless, in time, folded anew entry by entry, so that a cap broken for a moment is found too."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

from services.router.domain import Entry, GroupState, LedgerError
from tests.support.world import Row, World

ENTRY = ("number", "kind", "at", "agent_id", "lead_id", "pool", "data")


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


def ledger_faults(world: World) -> Iterator[str]:
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
            UUID(id): Standing(*_settings(one["settings"]), one["open"], Counter(one["counts"])) for id, one in agents.items()
        }
    known = {row["agent_id"]: row["settings"] for row in world.history if row["changed_at"] <= group["opened_at"]}
    settings = {UUID(id): known[UUID(id)] for id in agents}
    return {id: Standing(*_settings(one)) for id, one in settings.items()}


def _settings(document: Mapping[str, Any]) -> tuple[bool, int | None, int | None]:
    return document["active"], document.get("caps", {}).get("day"), document.get("caps", {}).get("open")


def _caps(group: Row, entries: Iterable[Row], standings: dict[UUID, Standing]) -> Iterator[str]:
    """Folds a ledger into the standings and names each assignment that should not have been, and an unfair rotation."""
    fair = all(one.unbounded for one in standings.values())
    turns: Counter[str] = Counter()
    received: Counter[tuple[str, UUID]] = Counter()
    for entry in entries:
        one, data = standings[entry["agent_id"]], entry["data"]
        if entry["kind"] == "agent_changed":
            one.active, one.daily_cap, one.open_cap = _settings(data["settings"])
            fair = fair and one.unbounded
        elif entry["kind"] in ("leave", "pause", "presence", "credited", "debited", "reweighted"):
            fair = False
        elif entry["kind"] == "ended":
            one.open -= data["work"]
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
        if not shown["members"] or shown["strategy"]["kind"] != "rotation" or shown["classes"]:
            continue
        total = sum(one["weight"] for one in shown["members"])
        for one in shown["members"]:
            got = received.get((pool, UUID(one["agent_id"])), 0)
            entitled = Fraction(turns.get(pool, 0) * one["weight"], total) + Fraction(one["owed"], 10**12)
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


def queue_faults(world: World) -> Iterator[str]:
    """Nobody waits for a pool that can give, or for one that is not there."""
    waiting = Counter(world.queue.values())
    for group in world.groups:
        if group["closed_at"] is None and any(pool in waiting for pool in group["pools"]):
            state = _fold(group, world.ledger.get(group["id"], []))
            for pool in group["pools"]:
                if (count := waiting.pop(pool, 0)) and state and state.pool(pool).turns.eligible_count():
                    yield f"{count} leads wait for pool {pool}, in which somebody can receive"
    for pool in waiting.keys() - {pool for group in world.groups if group["closed_at"] is None for pool in group["pools"]}:
        yield f"{waiting[pool]} leads wait for pool {pool}, which is not in the policy"
