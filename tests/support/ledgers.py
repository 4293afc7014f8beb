"""Checks of the router's ledgers: gapless, in time, folded anew entry by entry, so that a cap broken for a moment is found too."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from services.router.domain import Decision, Entry, GroupState, LedgerError, Outcome, Policy, decide_in_pool, read_draft
from services.router.domain.decision import Terms
from services.router.domain.lead import View
from services.router.handlers.memory import as_activated
from shared.contracts.vocabulary import FACTS
from tests.support.books import Books, Standing
from tests.support.world import Row, World

ENTRY = ("number", "kind", "at", "agent_id", "lead_id", "pool", "data")


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
        opening = _opening(world, group)
        books = Books(opening)
        yield from _caps(group, entries, books, _rotations(opening))
        if group["closed_at"] is None:
            yield from _recount(group, entries, books, opened)


def _opening(world: World, group: Row) -> Row:
    """The group's first snapshot: kept apart once there are later ones."""
    first: Row = group["snapshot"] if group["snapshot_number"] == 0 else world.openings[group["id"]]
    return first


def _caps(group: Row, entries: Iterable[Row], books: Books, rotations: dict[str, Rotation]) -> Iterator[str]:
    """Enters a ledger into the books and names each assignment that should not have been, and an unfair rotation."""
    for entry in entries:
        if broken := books.take(entry):
            yield f"group {group['id']}, entry {entry['number']}: agent {entry['agent_id']} {broken} and received another"
        if not _leaves_all_free(entry, books):
            rotations.clear()
        turned = rotations.get(entry["pool"]) if entry["kind"] == "assigned" and entry["data"]["turn"] else None
        if turned and (unfair := turned.take(entry)):
            yield f"group {group['id']}, pool {entry['pool']}, entry {entry['number']}: {unfair}"
            del rotations[entry["pool"]]


def _leaves_all_free(entry: Row, books: Books) -> bool:
    """Whether after this entry, too, everybody can receive, and nothing but turns was given or taken."""
    kind, data = entry["kind"], entry["data"]
    plain = kind in ("assigned", "agent_changed") or (kind == "ended" and "turn" not in data)
    whole = not data.get("without") and not data.get("of")
    return plain and whole and all(one.unbounded for one in books.agents.values())


@dataclass
class Rotation:
    """A pool's turns, counted anew. As long as everybody can receive, nobody is more than a turn from what their weight entitles to."""

    weights: dict[UUID, int]
    owed: dict[UUID, Fraction]
    turns: int = 0
    received: Counter[UUID] = field(default_factory=Counter)

    def take(self, entry: Row) -> str | None:
        """Counts a turn; returns who is too far from their share."""
        self.turns += 1
        self.received[entry["agent_id"]] += 1
        for id, weight in self.weights.items():
            entitled = Fraction(self.turns * weight, sum(self.weights.values())) + self.owed[id]
            if abs(self.received[id] - entitled) > 1 + Fraction(1, 10**6):  # shares are whole parts of 10**12
                return f"{id} got {self.received[id]} of {float(entitled):.2f} turns"
        return None


def _rotations(opening: Row) -> dict[str, Rotation]:
    """Of a group in which everybody could receive when it opened: the pools that go by weight alone."""
    if not all(Standing.opening(one).unbounded for one in opening["agents"].values()):
        return {}
    found = {}
    for pool, shown in opening["pools"].items():
        members = {UUID(one["agent_id"]): one for one in shown["members"]}
        if members and shown["strategy"]["kind"] == "rotation" and not shown["classes"]:
            weights = {id: one["weight"] for id, one in members.items()}
            found[pool] = Rotation(weights, {id: Fraction(one["owed"], 10**12) for id, one in members.items()})
    return found


def _recount(group: Row, entries: Sequence[Row], books: Books, opened: Counter[UUID]) -> Iterator[str]:
    """Our fold, the router's own fold from its last snapshot, and the rows: three ways to one count."""
    state = _fold(group, entries)
    if state is None:
        yield f"group {group['id']}: its ledger cannot be folded"
        return
    for id, standing in books.agents.items():
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
    """Nobody waits whom somebody would get who decided it now, or for a pool that is not there, or without a timer."""
    policy = as_activated(read_draft(world.policy["document"], FACTS, version=world.policy["version"]).policy, world.policy)
    waiting = Counter(world.queue.values())
    for group in world.groups:
        if group["closed_at"] is None and any(pool in waiting for pool in group["pools"]):
            if group["queue_due_at"] is None:
                yield f"leads wait in group {group['id']}, and no timer is set to look at its queues"
            if state := _fold(group, world.ledger.get(group["id"], [])):
                yield from _overlooked(world, policy, state, group)
    for pool in waiting.keys() - {pool for group in world.groups if group["closed_at"] is None for pool in group["pools"]}:
        yield f"{waiting[pool]} leads wait for pool {pool}, which is not in the policy"


def _overlooked(world: World, policy: Policy, state: GroupState, group: Row) -> Iterator[str]:
    """Decides who waits in a group anew: who waits for what nobody meets, or for an owner of its own, waits still."""
    given = Counter(
        row["pool"]
        for row in world.waiting
        if row["pool"] in group["pools"] and _decided(row, policy, state, group).outcome is not Outcome.QUEUED
    )
    for pool, count in sorted(given.items()):
        yield f"{count} leads wait for pool {pool}, in which somebody can receive them"


def _decided(row: Row, policy: Policy, state: GroupState, group: Row) -> Decision:
    lead = View(row["lead_id"], row["facts"], row["points"], row["grade"], row["qualification"], row["scored"])
    terms = Terms.from_document(row["more"] or {})
    terms = replace(terms, without=tuple(row["refused"]), since=row["queued_at"])
    return decide_in_pool(lead, row["pool"], state, group["last_now"], rule=row["rule"], policy=policy, terms=terms)
