"""Scoring leads anew: what is locked is looked at, said and written together, with a fixed number of statements a batch.

A lead about which something new is known is scored by the active versions. One at which only time passed is scored by the versions that
judged it last, so that a new version is never announced by accident.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import nlargest
from typing import Any, NamedTuple
from uuid import UUID

from services.scoring.domain.qualification import Statement
from services.scoring.domain.scorecard import Announced, Occurrence
from services.scoring.handlers import versions as library
from services.scoring.handlers.facts import overlay, submission
from services.scoring.handlers.standing import Known, Word, next_look, say, stand
from services.scoring.handlers.versions import Versions
from services.scoring.handlers.words import lead_scored, said
from services.scoring.store import leads as store
from services.scoring.store import occurrences
from services.scoring.store.leads import Lead
from services.scoring.store.occurrences import KEPT, Happened
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork
from shared.timers import Timer, drop_timers, set_timers

FADING = "score"  # the kind of the timers at which a score may have fallen


class Why(StrEnum):
    """What made a lead be scored. A closed list."""

    RECEIVED = "received"
    SUBMITTED = "submitted"  # the person came again
    CORRECTED = "corrected"  # what was sent was read anew
    ACTIVITY = "activity"
    MERGED = "merged"  # another lead counts with this one now, or was erased
    UNMERGED = "unmerged"
    FADED = "faded"  # nothing but time
    REOPENED = "reopened"
    RESCORED = "rescored"  # by a job, after a new version
    OVERRIDDEN = "overridden"
    EVIDENCE = "evidence"  # what a person says of a dimension


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a lead is scored, and what to name as the cause. `news` is what is to be said even if no grade changed."""

    why: Why
    cause: Cause
    news: tuple[str, ...] = ()


class Look(NamedTuple):
    """A lead looked at: what is known of it, and what is to be said by these versions."""

    lead: Lead
    known: Known
    versions: Versions
    word: Word


# -- Locking -----------------------------------------------------------------------------------------------------------------------


async def lock(uow: UnitOfWork, ids: Iterable[UUID], *, stubs: bool = True) -> dict[UUID, Lead]:
    """These leads and those that they are merged into, locked. `stubs`: those that are not known yet get a row."""
    wanted = set(ids)
    held: dict[UUID, Lead] = {}
    while missing := wanted - held.keys():
        found = await store.lock_leads(uow, missing)
        if stubs and len(found) < len(missing):
            await store.insert_stubs(uow, missing - found.keys())
            found |= await store.lock_leads(uow, missing - found.keys())
        held |= found
        # A survivor that is not known yet has no row, and nothing that could be scored.
        wanted = {lead.merged_into for lead in found.values() if lead.merged_into} | held.keys()
        if not found:
            break
    return held


def survivor(lead: Lead, leads: Mapping[UUID, Lead]) -> Lead | None:
    """The lead in whose place this one counts: itself, unless it is merged away. None where that is not known or goes in a circle."""
    seen = set()
    while lead.merged_into:
        seen.add(lead.lead_id)
        found = leads.get(lead.merged_into)
        if found is None or found.lead_id in seen:
            return None
        lead = found
    return lead


# -- Looking -----------------------------------------------------------------------------------------------------------------------


async def look(uow: UnitOfWork, leads: Sequence[Lead], versions: Versions | None, *, at: datetime | None = None) -> list[Look]:
    """What is to be said of those of these leads that were received and not erased, by `versions` or, without, by those of each."""
    received = [lead for lead in leads if lead.is_received and lead.erased_at is None]
    if not received:
        return []
    by = await _versions_of(uow, received, versions)
    happened = _by_root(await occurrences.happened_on(uow, [lead.lead_id for lead in received]))
    known = {lead.lead_id: known_of(lead, happened.get(lead.lead_id, ())) for lead in received}
    if at:
        known = {lead_id: each.until(at) for lead_id, each in known.items()}
    return [look_at(lead, known[lead.lead_id], by[lead.lead_id], at or uow.now) for lead in received]


async def _versions_of(uow: UnitOfWork, leads: Sequence[Lead], versions: Versions | None) -> dict[UUID, Versions]:
    if versions:
        return {lead.lead_id: versions for lead in leads}
    pairs = {lead.lead_id: (lead.scorecard_version or 0, lead.definition_version or 0) for lead in leads}
    known = await library.of(uow, set(pairs.values()))
    # One that only a card of the first kind scored has no definition, and is judged by what holds now.
    now = await library.active(uow) if len(known) < len(set(pairs.values())) else None
    return {lead_id: found for lead_id, pair in pairs.items() if (found := known.get(pair, now))}


def _by_root(happened: Iterable[Happened]) -> dict[UUID, list[Occurrence]]:
    """Of each lead, merged ones too, the newest that are kept; so a score does not depend on when the others were dropped."""
    by_lead: dict[tuple[UUID, UUID], list[Happened]] = {}
    for one in happened:
        by_lead.setdefault((one.root, one.lead_id), []).append(one)
    found: dict[UUID, list[Occurrence]] = {}
    for (root, _), theirs in by_lead.items():
        receipts, done = [one for one in theirs if one.kind is None], [one for one in theirs if one.kind is not None]
        if len(done) > KEPT:
            done = nlargest(KEPT, done, key=lambda one: (one.at, one.id))
        found.setdefault(root, []).extend(
            [submission(one.id, one.at, one.source, one.facts) for one in receipts]
            + [Occurrence(one.id, one.kind or "", one.at, one.source, one.data) for one in done]
        )
    return found


def look_at(lead: Lead, known: Known, versions: Versions, at: datetime) -> Look:
    return Look(lead, known, versions, say(versions, known, stand(versions, known, at), announced(lead), at))


def known_of(lead: Lead, happened: Sequence[Occurrence] = ()) -> Known:
    """What a received lead is scored by. Its own receipt is the first thing that happened."""
    assert lead.facts is not None
    assert lead.received_at is not None
    return Known(
        effective_facts(lead),
        lead.facts_at or lead.received_at,
        lead.source or "",
        (submission(lead.lead_id, lead.received_at, lead.source, lead.facts), *happened),
        {dimension: _statement(said) for dimension, said in (lead.evidence or {}).items()},
    )


def _statement(said: Mapping[str, Any]) -> Statement:
    return Statement(said["value"], said["confidence"], said["by"], datetime.fromisoformat(said["at"]))


def effective_facts(lead: Lead) -> dict[str, object]:
    facts = lead.facts or {}
    return overlay(facts, lead.told) if lead.told else facts


def announced(lead: Lead) -> Announced | None:
    if lead.letter is None or lead.number is None:
        return None
    return Announced(lead.letter, lead.number, lead.qualification or "", tuple(lead.thresholds or ()))


# -- Writing -----------------------------------------------------------------------------------------------------------------------


async def rescore(
    uow: UnitOfWork, leads: Mapping[UUID, Lead], occasions: Mapping[UUID, Occasion], versions: Versions | None
) -> list[Look]:
    """Looks at the leads that have an occasion, and writes and says what is new of them. Needs their locks."""
    looks = await look(uow, [leads[id] for id in occasions if id in leads], versions)
    await write(uow, looks, occasions)
    return looks


async def write(uow: UnitOfWork, looks: Sequence[Look], occasions: Mapping[UUID, Occasion], *, fired: bool = False) -> None:
    """Writes what is new, sets the timers and says what is to be said. Needs the leads' locks.

    A lead that is merged away is given its first score, and keeps it. `fired`: the leads' timers were due, and are gone after this.
    """
    own = [one for one in looks if one.lead.merged_into is None or not one.lead.is_scored]
    rows, words = [], []
    for one in own:
        occasion, lead = occasions[one.lead.lead_id], one.lead
        changed = _changed(one, occasion)
        speaks = bool(changed) or not lead.is_scored
        if not speaks and (lead.scorecard_version, lead.definition_version) == one.versions.numbers:
            continue
        lead.revision += 1
        lead.sequence += speaks
        event = lead_scored(lead, one.known, one.word, one.versions, changed)
        rows.append((lead, said(one.word, event, uow.now, lead.sequence if speaks else None, occasion.why)))
        if speaks:
            words.append((event, lead.sequence, occasion.cause))
    if rows:
        await store.save_scores(uow, rows)
    await _set_timers(uow, own, fired=fired)
    for event, sequence, cause in words:
        uow.emit(event, sequence=sequence, cause=cause)


def _changed(look: Look, occasion: Occasion) -> tuple[str, ...]:
    """What is not as it was said before; nothing for the first word. A card of the first kind said another sort of grade."""
    if not look.lead.is_scored:
        return ()
    return (*look.word.changed, *occasion.news) if look.lead.is_announced else ("grade", *occasion.news)


async def _set_timers(uow: UnitOfWork, looks: Sequence[Look], *, fired: bool) -> None:
    """One that is due too early is left: it will look, and be set anew."""
    moved, timers, idle = [], [], []
    for one in looks:
        lead = one.lead
        over = lead.outcome or lead.merged_into
        due = None if over else next_look(one.versions, one.known, one.word, uow.now, exact=fired)
        held = None if fired else lead.next_change
        if (due and held and held <= due) or (due is None and lead.next_change is None):
            continue
        lead.next_change = due
        moved.append(lead)
        if due:
            timers.append(Timer(FADING, lead.lead_id, due))
        elif held:
            idle.append(lead.lead_id)
    if moved:
        await store.save_next_changes(uow, moved)
    if timers:
        await set_timers(uow, timers)
    if idle:
        await drop_timers(uow, FADING, idle)


async def forget_timers(uow: UnitOfWork, leads: Sequence[Lead]) -> None:
    """These leads are not looked at again by themselves. Needs their locks."""
    waiting = [lead for lead in leads if lead.next_change]
    for lead in waiting:
        lead.next_change = None
    if waiting:
        await store.save_next_changes(uow, waiting)
        await drop_timers(uow, FADING, [lead.lead_id for lead in waiting])
