"""Checks of the router's decisions: every lead has one, each assignment is one, and each comes out again from what was recorded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import asyncpg

from services.router.domain import Entry, GroupState, LedgerError, Policy, read_draft
from services.router.domain.decision import GIVEN
from services.router.handlers.explaining import differences
from services.router.handlers.memory import as_activated
from shared.contracts.vocabulary import FACTS
from tests.support.world import Row

ENTRY = ("number", "kind", "at", "agent_id", "lead_id", "pool", "data")
SHOWN = 5  # of what is wrong in the same way
UNDECIDED = """
SELECT l.lead_id FROM router.leads l WHERE l.status IN ('assigned', 'queued', 'offered', 'rejected')
AND NOT EXISTS (SELECT FROM router.decisions d WHERE d.lead_id = l.lead_id)
"""
ODD_ASSIGNMENTS = """
SELECT a.id FROM router.assignments a LEFT JOIN router.decisions d ON d.lead_id = a.lead_id AND d.id = a.id
WHERE (d.agent_id, d.pool, d.policy_version) IS DISTINCT FROM (a.agent_id, a.pool, a.policy_version)
"""


async def decision_faults(connection: asyncpg.Connection) -> list[str]:
    """What is wrong, as a superuser's connection sees it; each decision is made again on the fold of its group's ledger."""
    faults = [f"lead {row['lead_id']} has no decision" for row in (await connection.fetch(UNDECIDED))[:SHOWN]]
    faults += [f"assignment {row['id']} is not as it was decided" for row in (await connection.fetch(ODD_ASSIGNMENTS))[:SHOWN]]
    decisions = await connection.fetch("SELECT * FROM router.decisions ORDER BY group_id, number, id")
    assigned = {row["id"] for row in await connection.fetch("SELECT id FROM router.assignments")}
    odd = [row["id"] for row in decisions if not row["why"] or (row["outcome"] in GIVEN) != (row["id"] in assigned)]
    faults += [f"decision {id} is not explained, or gave a lead to nobody" for id in odd[:SHOWN]]
    policies = {row["version"]: _policy(row) for row in await connection.fetch("SELECT * FROM router.policies")}
    by_group: dict[int | None, list[Row]] = defaultdict(list)
    for row in decisions:
        by_group[row["group_id"]].append(row)
    for row in by_group.pop(None, []):
        faults += _compared(row, policies, None)
    for group, rows in by_group.items():
        assert group is not None
        faults += await _replayed(connection, group, rows, policies)
    return _few(faults)


def _policy(row: Row) -> Policy:
    return as_activated(read_draft(row["document"], FACTS, version=row["version"]).policy, row)


async def _replayed(connection: asyncpg.Connection, group: int, rows: Sequence[Row], policies: Mapping[int, Policy]) -> list[str]:
    """Decisions of one group, each in the state after the entry that it names, and the snapshots that were kept on the way."""
    kept = {
        row["number"]: row["snapshot"]
        for row in await connection.fetch(
            "SELECT number, snapshot FROM router.snapshots WHERE group_id = $1 "
            "UNION ALL SELECT snapshot_number, snapshot FROM router.groups WHERE id = $1",
            group,
        )
    }
    made: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        made[row["number"]].append(row)
    state, faults = GroupState.restore(kept.pop(0)), []
    entries = await connection.fetch("SELECT * FROM router.ledger WHERE group_id = $1 ORDER BY number", group)
    for entry in (*entries, None):
        # Before the decisions that stand on it: the next unit of work made them later, and they let time pass.
        if state.number in kept and not _is_snapshot(state, kept.pop(state.number)):
            faults.append(f"group {group}: its snapshot at {state.number} is not the fold of its ledger")
        for row in made.pop(state.number, []):
            faults += _compared(row, policies, state)
        try:
            if entry:
                state.apply(Entry(**{name: entry[name] for name in ENTRY}))
        except LedgerError as error:
            return [*faults, f"group {group}: {error}"]
    return [*faults, *(f"group {group}: decisions name ledger number {number}, which there is not" for number in made)]


def _is_snapshot(state: GroupState, snapshot: Row) -> bool:
    """Whether the state, once it is as late as the snapshot, is the same."""
    found, wanted = GroupState.restore(state.snapshot()), GroupState.restore(snapshot)
    found.roll(wanted.last_now)
    return found.snapshot() == wanted.snapshot()


def _compared(row: Row, policies: Mapping[int, Policy], state: GroupState | None) -> Iterator[str]:
    if found := differences(dict(row), policies[row["policy_version"]], state):
        yield f"decision {row['id']} ({row['outcome']} in {row['pool']}) comes out otherwise: {found}"


def _few(faults: Sequence[str]) -> list[str]:
    return [*faults[:SHOWN], f"and {len(faults) - SHOWN} more decisions"] if len(faults) > SHOWN else list(faults)


async def outcomes(connection: asyncpg.Connection) -> Counter[str]:
    """How often each outcome was decided."""
    rows = await connection.fetch("SELECT outcome, count(*) AS n FROM router.decisions GROUP BY 1")
    return Counter({row["outcome"]: row["n"] for row in rows})
