"""Leads before anything is locked: as they were sent, and in normal form by the rules of their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.intake import domain
from services.intake.domain.identity import external_key
from services.intake.domain.repeat import RecognitionPolicy, parse_policy
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import Consent, Result, Status
from services.intake.handlers.limits import RateLimits
from services.intake.handlers.recognise import Person
from services.intake.store import sources
from services.intake.store.sources import Source
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork, to_json

MAX_NORMAL = 240 * 1024  # bytes of JSON: an event may have 256 KiB, and its ids and names take some
SURELY_FITS = 32 * 1024  # bytes as sent, which no normal form makes so many of


class Item(NamedTuple):
    """One lead as it was sent: normal fields and custom answers, for a source named or already known. A tuple: there is one a lead.

    `at` is its JSON pointer in a batch. `corrects` is the lead that it became when it was read before: that one is mended. The rest is as
    in SentLead (domain/senders/shape.py).
    """

    fields: dict[str, Any]
    custom: dict[str, Any]
    source: str | Source
    warnings: Sequence[str] = ()
    at: str = ""
    external_id: str | None = None
    window: timedelta | None = None
    also: tuple[str, ...] = ()
    test: bool = False
    consents: tuple[Consent, ...] = ()
    submitted_at: datetime | None = None
    corrects: UUID | None = None
    size: int = MAX_NORMAL  # bytes as it was sent, where that is known


class Entry(NamedTuple):
    """An item, or what is known of it already, with its cause and the raw delivery that it came in."""

    item: Item | Result
    cause: Cause
    delivery_id: UUID | None = None
    limited: bool = False


class Rules(NamedTuple):
    """What a source says of its leads, read once for all of them."""

    source: Source
    defaults: Mapping[str, Any]
    facts: frozenset[str]
    policy: RecognitionPolicy


class Draft(NamedTuple):
    """A lead that would be taken, for all that can be said of it alone. `contact` is JSON."""

    entry: Entry
    item: Item
    rules: Rules
    lead: domain.NormalLead
    contact: str
    warnings: list[str]
    person: Person
    external: bytes | None
    also: tuple[bytes, ...]


async def rules_of(uow: UnitOfWork, entries: Sequence[Entry]) -> dict[str, Rules]:
    """The sources of these leads by name: those that came with their lead, and those that are only named."""
    items = [entry.item for entry in entries if isinstance(entry.item, Item)]
    found = {item.source.name: item.source for item in items if isinstance(item.source, Source)}
    named = {item.source for item in items if isinstance(item.source, str)} - found.keys()
    if named:
        found |= await sources.sources_by_name(uow, sorted(named))
    return {name: _rules(source) for name, source in found.items()}


def _rules(source: Source) -> Rules:
    mapping = domain.parse_mapping(source.mapping)
    sender = SENDERS.get(source.kind)
    facts = mapping.facts | frozenset(sender.facts if sender else ())
    return Rules(source, mapping.defaults, facts, parse_policy(source.recognition))


def source_name(item: Item) -> str:
    return item.source if isinstance(item.source, str) else item.source.name


def draft_of(uow: UnitOfWork, entry: Entry, item: Item, known: Mapping[str, Rules]) -> Draft | Result:
    rules = known.get(source_name(item))
    if rules is None:
        return rejected("invalid", f"there is no source {item.source}; make it with POST /v1/sources", f"{item.at}/source")
    if refusal := _refusal(uow, rules.source, entry):
        return refusal
    try:
        lead = domain.normalise(
            item.fields,
            item.custom,
            source=rules.source.name,
            region=rules.source.region,
            defaults=rules.defaults,
            fact_keys=rules.facts,
        )
    except domain.Unreachable as error:
        return rejected("unreachable", str(error), f"{item.at}/{error.field}")
    warnings = [*item.warnings, *lead.warnings]
    contact = to_json(lead.contact)
    if item.size > SURELY_FITS and len(contact) + len(to_json(lead.facts)) + len(to_json(warnings)) > MAX_NORMAL:
        return rejected("too-large", f"A lead has {MAX_NORMAL} bytes in normal form at the most.", http=413)
    return Draft(
        entry=entry,
        item=item,
        rules=rules,
        lead=lead,
        contact=contact,
        warnings=warnings,
        person=Person(uow.clock.uuid7(), tuple([i.key for i in lead.identifiers]), lead.contact, lead.facts, rules.policy),
        external=external_key(str(rules.source.id), item.external_id) if item.external_id else None,
        also=tuple([external_key(str(rules.source.id), id) for id in item.also]),
    )


def _refusal(uow: UnitOfWork, source: Source, entry: Entry) -> Result | None:
    if not source.active:
        return rejected("source-inactive", f"The source {source.name} is not active.", http=403)
    if not entry.limited:
        return None
    if source.paused:
        return rejected("source-paused", f"The source {source.name} is paused. Send the lead again later.", http=503)
    if not uow.memory(RateLimits).take(source.id, source.per_minute, uow.now):
        return rejected("rate-limited", f"The source {source.name} takes {source.per_minute} leads a minute.", http=429)
    return None


def rejected(slug: str, detail: str, pointer: str | None = None, *, http: int = 422) -> Result:
    return Result(Status.REJECTED, slug=slug, detail=detail, pointer=pointer, http=http)
