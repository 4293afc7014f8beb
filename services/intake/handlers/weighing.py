"""Weighing fuzzy evidence, after leads were taken: contacts that no identifier made one and that still may be one person.

Each contact that is new, or of whom more is known, waits in a queue. Who lies in one of its blocks, or was seen with one of its
identifiers, is compared with it; above the threshold of its lead's source the younger is merged into the older, a little below that a
person is asked. What was said of a pair holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.intake.domain.identity import block_key
from services.intake.domain.likeness import (
    MAX_BLOCK,
    MAX_SHARING,
    Decision,
    Profile,
    Verdict,
    blocks,
    decide,
    limit_of,
    profile_of,
    weigh,
)
from services.intake.domain.repeat import RecognitionPolicy, parse_policy
from services.intake.handlers.merging import Grounds, merge_contacts
from services.intake.store import contacts, matches, persons, sources
from services.intake.store.contacts import Contact
from services.intake.store.matches import MatchRow, Remembered
from shared.clock import uuid7_time
from shared.contracts.envelope import Cause
from shared.contracts.events import Evidence
from shared.db.uow import UnitOfWork, to_json
from shared.telemetry import new_traceparent

STEP = 300  # contacts in one transaction, or as many as were taken together
# Between two reads: the process does nothing else meanwhile, some milliseconds at the most.
PROFILES = 100
PAIRS = 100
BY = "recognition"

T = TypeVar("T")


@dataclass(frozen=True)
class Likeness:
    """Two contacts that may be one person: the younger, the older, and what says so."""

    younger: UUID
    older: UUID
    verdict: Verdict
    decision: Decision


class Weighed(NamedTuple):
    """What a step did: how many contacts wait no more, and whether one is to be merged now."""

    contacts: int
    merges: bool = False


async def waiting_since(uow: UnitOfWork) -> datetime | None:
    """When the lead came whose contact has waited longest to be weighed; None where nobody waits."""
    lead_id = await matches.first_unweighed(uow)
    return uuid7_time(lead_id) if lead_id else None


async def weigh_step(uow: UnitOfWork) -> Weighed | None:
    """Weighs the next contacts. None where another process is weighing."""
    if not await matches.own_weighing(uow):
        return None
    lead_of = await matches.take_unweighed(uow, STEP)
    return Weighed(len(lead_of), bool(lead_of) and await _weigh(uow, lead_of))


async def _weigh(uow: UnitOfWork, lead_of: Mapping[UUID, UUID]) -> bool:
    """Whether one of these contacts is to be merged now. Each comes with the lead that made it wait."""
    remembered = await matches.remembered(uow, list(lead_of))
    profiles: dict[UUID, Profile] = {}
    lying: dict[UUID, dict[int, str]] = {}
    for ids in _batched(remembered, PROFILES):
        profiles |= {id: _profile(remembered[id]) for id in ids}
        lying |= {id: {block_key(block): block for block in blocks(profiles[id])} for id in ids}
        await asyncio.sleep(0)  # others' turn
    known = await matches.candidates(uow, [block for own in lying.values() for block in own], limit=max(MAX_BLOCK.values()))
    await matches.add_blocks(uow, [(block, id) for id, own in lying.items() for block in own if id not in known.get(block, ())])
    pairs = sorted(_pairs(lying, known) | await _sharing(uow, remembered))
    if not pairs:
        return False
    policies = await _policies(uow, {id: lead_of[id] for id in profiles})
    likely = []
    for some in _batched(pairs, PAIRS):
        others = await matches.remembered(uow, sorted({id for pair in some for id in pair} - profiles.keys()))
        profiles |= {id: _profile(contact) for id, contact in others.items()}
        likely += _likely(some, profiles, policies)
    if likely:
        await _keep(uow, sorted(likely, key=lambda likeness: (-likeness.verdict.score, likeness.older, likeness.younger)))
    return any(likeness.decision is Decision.MERGE for likeness in likely)


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of so many; the last may be shorter."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _profile(contact: Contact | Remembered) -> Profile:
    return profile_of(contact.profile, contact.profile, keys=frozenset(contact.keys))


async def _sharing(uow: UnitOfWork, remembered: Mapping[UUID, Remembered]) -> set[tuple[UUID, UUID]]:
    """Who shares an identifier and was two people when that was seen: by now more is known of one of them."""
    shared = await matches.sharing(uow, {key for one in remembered.values() for key in one.keys})
    return {
        (min(id, other), max(id, other))
        for id, one in remembered.items()
        for key in one.keys
        if len(ids := shared.get(key, ())) <= MAX_SHARING
        for other in ids
        if other != id
    }


def _pairs(lying: Mapping[UUID, Mapping[int, str]], known: Mapping[int, Sequence[UUID]]) -> set[tuple[UUID, UUID]]:
    """Who is to be compared with whom, the older first. `lying` has the blocks of those who waited, `known` who lay there before."""
    meeting = {block: set(ids) for block, ids in known.items()}
    alone: dict[int, UUID] = {}
    for id, own in lying.items():
        for block in own:
            if block in meeting:
                meeting[block].add(id)
            elif alone.setdefault(block, id) != id:
                meeting[block] = {alone[block], id}
    return {
        (min(id, other), max(id, other))
        for block, ids in meeting.items()
        for id in ids
        if id in lying and len(ids) <= limit_of(lying[id][block])
        for other in ids
        if other != id
    }


async def _policies(uow: UnitOfWork, lead_of: Mapping[UUID, UUID]) -> dict[UUID, RecognitionPolicy]:
    """The policy of the source that each contact's lead came from."""
    source_of = await matches.sources_of(uow, list(lead_of.values()))
    found = await sources.sources_by_id(uow, sorted(set(source_of.values())))
    policies = {id: parse_policy(source.recognition) for id, source in found.items()}
    return {id: policies[source_of[lead_id]] for id, lead_id in lead_of.items() if lead_id in source_of}


def _likely(
    pairs: Iterable[tuple[UUID, UUID]], profiles: Mapping[UUID, Profile], policies: Mapping[UUID, RecognitionPolicy]
) -> list[Likeness]:
    """The pairs that are not apart."""
    found = []
    for older, younger in pairs:
        if older not in profiles or younger not in profiles:
            continue  # merged or erased by now
        policy = policies.get(younger) or policies.get(older)
        if policy is None:
            continue  # its lead is gone
        verdict = weigh(profiles[older], profiles[younger])
        decision = decide(verdict, policy.threshold)
        if decision is Decision.MERGE and policy.fuzzy == "suggest":
            decision = Decision.SUGGEST
        if decision is not Decision.APART and policy.fuzzy != "off":
            found.append(Likeness(younger, older, verdict, decision))
    return found


async def _keep(uow: UnitOfWork, likely: Sequence[Likeness]) -> None:
    """Keeps what the evidence says of pairs; of one that is only suggested it may say more now."""
    known = await matches.known_pairs(uow, [(one.older, one.younger) for one in likely])
    rows = []
    for one in likely:
        before = known.get(frozenset((one.older, one.younger)))
        merges = one.decision is Decision.MERGE
        if before is None:
            state = "due" if merges else "suggested"
            rows.append(MatchRow(uow.clock.uuid7(), one.younger, one.older, *_said(one.verdict), state, uow.now, BY))
        elif before.state == "suggested" and merges:
            await matches.weigh_match(uow, before.id, *_said(one.verdict), "due", by=BY)
    if rows:
        await matches.insert_matches(uow, rows)


def _said(verdict: Verdict) -> tuple[float, str]:
    evidence = [{"field": e.field, "says": e.says, "weight": e.weight} for e in verdict.evidence]
    return verdict.score, to_json(evidence)


async def merge_next(uow: UnitOfWork) -> bool:
    """Merges the next pair of which the evidence says so; False where there is none.

    A transaction each: a merge takes its locks in the order of all others, and two in a row would not.
    """
    match = await matches.take_due(uow)
    if match is None:
        return False
    winner, loser = await _living(uow, match["contact_id"], match["other_id"])
    if winner is None or loser is None or winner.id == loser.id:
        # They are one already, or one of them is forgotten.
        await matches.decide_match(uow, match["id"], "merged" if winner else "dismissed", by=BY)
        return True
    # More may be known of them since: of what a merge made of one, too.
    policy = await _policy_of(uow, loser)
    verdict = weigh(_profile(winner), _profile(loser))
    if decide(verdict, policy.threshold) is not Decision.MERGE:
        await matches.weigh_match(uow, match["id"], *_said(verdict), "suggested", by=BY)
        return True
    cause = Cause(f"match {match['id']}", new_traceparent())
    evidence = tuple(Evidence(e.field, e.says, e.weight) for e in verdict.evidence)
    merged = await merge_contacts(loser.id, winner.id, uow, Grounds(BY, cause, verdict.score, evidence))
    await matches.weigh_match(uow, match["id"], *_said(verdict), "merged", by=BY)
    if lead_id := merged.into or next(iter(merged.moved_leads), None):
        contacts.queue_for_weighing(uow, [(winner.id, lead_id)])  # of whom more is known now
    return True


async def _policy_of(uow: UnitOfWork, contact: Contact) -> RecognitionPolicy:
    lead = await persons.lead_of(uow, contact.last_lead_id) if contact.last_lead_id else None
    source = await sources.get_source(uow, lead.source_id) if lead else None
    return parse_policy(source.recognition if source else {})


async def _living(uow: UnitOfWork, one: UUID, other: UUID) -> tuple[Contact | None, Contact | None]:
    """The contacts that stand for these two now, the older first; None for both where one is erased."""
    found = []
    for id in (one, other):
        root = await persons.root_of(uow, id)
        contact = await contacts.get_contact(uow, root) if root else None
        if contact is None or contact.erased_at:
            return None, None
        found.append(contact)
    older, younger = sorted(found, key=lambda contact: contact.id)
    return older, younger
