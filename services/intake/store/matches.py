"""Fuzzy evidence: who waits to be weighed, the blocks by which candidates are found, and what was decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from services.intake.store.contacts import parted
from shared.db.uow import Row, UnitOfWork, columns

PAIR = "(contact_id = $1 AND other_id = $2) OR (contact_id = $2 AND other_id = $1)"


class MatchRow(NamedTuple):
    """What the evidence said of two contacts. `evidence` is JSON and names fields, never their values."""

    id: UUID
    contact_id: UUID
    other_id: UUID
    score: float
    evidence: str
    state: str
    decided_at: datetime
    decided_by: str


class Remembered(NamedTuple):
    """What a contact is weighed by."""

    profile: dict[str, Any]
    keys: list[bytes]


async def own_weighing(uow: UnitOfWork) -> bool:
    """One at a time weighs, so that of two likenesses that come at once one always sees the other. False where another does."""
    owned: bool = await uow.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('intake.weighing'))")
    return owned


async def take_unweighed(uow: UnitOfWork, least: int) -> dict[UUID, UUID]:
    """Takes the next contacts off the queue, at least so many where so many wait: each with the lead that made it wait last."""
    rows = await uow.fetch(
        "WITH next AS (SELECT id, sum(cardinality(contact_ids)) OVER (ORDER BY id) - cardinality(contact_ids) AS before "
        "FROM intake.unweighed ORDER BY id LIMIT $1) "
        "DELETE FROM intake.unweighed u USING next n WHERE u.id = n.id AND n.before < $1 RETURNING u.id, contact_ids, lead_ids",
        least,
    )
    in_turn = sorted(rows, key=itemgetter("id"))
    return {id: lead for row in in_turn for id, lead in zip(row["contact_ids"], row["lead_ids"], strict=True)}


async def first_unweighed(uow: UnitOfWork) -> UUID | None:
    """The lead of the contact that has waited longest to be weighed."""
    found: UUID | None = await uow.fetchval("SELECT lead_ids[1] FROM intake.unweighed ORDER BY id LIMIT 1")
    return found


async def sources_of(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The source that each of these leads came from."""
    rows = await uow.fetch("SELECT id, source_id FROM intake.leads WHERE id = ANY($1)", list(lead_ids))
    return {row["id"]: row["source_id"] for row in rows}


async def add_blocks(uow: UnitOfWork, blocks: Sequence[tuple[int, UUID]]) -> None:
    """Adds the blocks of contacts, of which the caller found none to be there; one that came meanwhile stays."""
    if not blocks:
        return
    await uow.execute("SAVEPOINT blocks")
    try:
        await uow.insert("blocks", ("block", "contact_id"), blocks)
    except UniqueViolationError:  # a merge by hand moved some of them at this very moment
        await uow.execute("ROLLBACK TO SAVEPOINT blocks")
        await uow.execute(
            "INSERT INTO intake.blocks (block, contact_id) SELECT * FROM unnest($1::bigint[], $2::uuid[]) ON CONFLICT DO NOTHING",
            *columns(blocks),
        )


async def candidates(uow: UnitOfWork, blocks: Sequence[int], *, limit: int) -> dict[int, list[UUID]]:
    """Who lies in each of these blocks that is not empty; of more than `limit`, one more than that."""
    # As text: of each element of a list the driver asks whether it is a list itself, which costs more than all else that is done with it.
    rows = await uow.fetch(
        "SELECT w.block, array_agg(b.contact_id) AS ids FROM unnest($1::text::bigint[]) AS w(block) CROSS JOIN LATERAL "
        "(SELECT contact_id FROM intake.blocks WHERE block = w.block LIMIT $2) AS b GROUP BY w.block",
        "{" + ",".join(map(str, set(blocks))) + "}",
        limit + 1,
    )
    return {row["block"]: row["ids"] for row in rows}


async def sharing(uow: UnitOfWork, keys: Collection[bytes]) -> dict[bytes, list[UUID]]:
    """Whom each of these identifiers speaks for, where that is more than one."""
    rows = await uow.fetch(
        "SELECT key, contact_ids FROM intake.identifiers WHERE key = ANY($1) AND cardinality(contact_ids) > 1", list(keys)
    )
    return {row["key"]: row["contact_ids"] for row in rows}


async def remembered(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Remembered]:
    """What is remembered of these contacts; one that was merged or erased meanwhile is left out."""
    # Never in one statement with what names the contacts: where their number is not known beforehand, all there are may be read.
    rows = await uow.fetch(
        "SELECT id, profile, keys FROM intake.contacts WHERE id = ANY($1) AND merged_into IS NULL AND erased_at IS NULL",
        list(ids),
    )
    return {row["id"]: Remembered(row["profile"], parted(row["keys"])) for row in rows}


@dataclass(frozen=True)
class KnownPair:
    """Two contacts of whom something was said before."""

    id: UUID
    state: str


async def known_pairs(uow: UnitOfWork, pairs: Sequence[tuple[UUID, UUID]]) -> dict[frozenset[UUID], KnownPair]:
    """What was said of these pairs before, if anything was; the last word counts."""
    rows = await uow.fetch(
        "SELECT m.id, m.contact_id, m.other_id, m.state FROM unnest($1::uuid[], $2::uuid[]) AS p(a, b) JOIN intake.matches m "
        "ON (m.contact_id = p.a AND m.other_id = p.b) OR (m.contact_id = p.b AND m.other_id = p.a) ORDER BY m.decided_at, m.id",
        *columns(pairs),
    )
    return {frozenset((row["contact_id"], row["other_id"])): KnownPair(row["id"], row["state"]) for row in rows}


async def weigh_match(uow: UnitOfWork, id: UUID, score: float, evidence: str, state: str, *, by: str) -> None:
    """Says anew what the evidence is, and what follows of it."""
    await uow.execute(
        "UPDATE intake.matches SET score = $2, evidence = $3, state = $4, decided_at = $5, decided_by = $6 WHERE id = $1",
        *(id, score, evidence, state, uow.now, by),
    )


async def insert_matches(uow: UnitOfWork, rows: Sequence[MatchRow]) -> None:
    await uow.insert("matches", MatchRow._fields, rows)


async def undo(uow: UnitOfWork, loser_id: UUID, winner_id: UUID, *, by: str) -> None:
    """Keeps that these two are not one person, whatever the evidence says."""
    done = await uow.execute(
        f"UPDATE intake.matches SET state = 'undone', decided_at = $3, decided_by = $4 WHERE {PAIR}",
        loser_id,
        winner_id,
        uow.now,
        by,
    )
    if done == "UPDATE 0":
        row = MatchRow(uow.clock.uuid7(), loser_id, winner_id, 0.0, "[]", "undone", uow.now, by)
        await insert_matches(uow, [row])


async def take_due(uow: UnitOfWork) -> Row | None:
    """The next pair that is to be merged, locked."""
    return await uow.fetchrow(
        "SELECT * FROM intake.matches WHERE state = 'due' ORDER BY score DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
    )


async def get_match(uow: UnitOfWork, id: UUID) -> Row | None:
    return await uow.fetchrow("SELECT * FROM intake.matches WHERE id = $1 FOR UPDATE", id)


async def decide_match(uow: UnitOfWork, id: UUID, state: str, *, by: str) -> None:
    await uow.execute(
        "UPDATE intake.matches SET state = $2, decided_at = $3, decided_by = $4 WHERE id = $1", id, state, uow.now, by
    )


async def page_of_matches(
    uow: UnitOfWork, *, state: str | None, contact_id: UUID | None, before: UUID | None, limit: int
) -> list[Row]:
    """Matches, newest first."""
    return await uow.fetch(
        "SELECT * FROM intake.matches WHERE ($1::text IS NULL OR state = $1) "
        "AND ($2::uuid IS NULL OR contact_id = $2 OR other_id = $2) AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        *(state, contact_id, before, limit),
    )


# -- Blocks when contacts are merged and parted ------------------------------------------------------------------------------------


async def move_blocks(uow: UnitOfWork, old: UUID, new: UUID) -> None:
    await uow.execute(
        "WITH gone AS (DELETE FROM intake.blocks WHERE contact_id = $1 RETURNING block) "
        "INSERT INTO intake.blocks (block, contact_id) SELECT block, $2 FROM gone ON CONFLICT DO NOTHING",
        old,
        new,
    )


async def drop_blocks(uow: UnitOfWork, ids: Sequence[UUID]) -> None:
    await uow.execute("DELETE FROM intake.blocks WHERE contact_id = ANY($1)", list(ids))
