"""What becomes of leads: each is a new lead, a touch of a known one, or nothing new. For any number of them in one transaction.

    entries ─▶ normal form ─▶ sender's ids locked ─▶ people locked ─▶ suppressed? ─▶ recognised ─▶ lead | touch | duplicate

Locks: external ids → identifiers → contacts → leads, each sorted. Whatever is written goes in few statements for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.identity import Kind, kind_of
from services.intake.domain.senders.shape import Consent, Result, Status
from services.intake.handlers import activities
from services.intake.handlers.drafts import Draft, Entry, Item, Rules, draft_of, rejected, rules_of, source_name
from services.intake.handlers.recognise import People
from services.intake.store import leads, persons, sources
from services.intake.store.contacts import Contact
from services.intake.store.leads import ConsentRow, CorrectionRow, LeadRow, Seen, TouchRow
from services.intake.store.persons import LeadOf
from services.intake.store.sources import TallyRow
from shared.contracts import events
from shared.contracts.envelope import Cause
from shared.contracts.events import LeadReceived, LeadTouched
from shared.db.uow import UnitOfWork, to_json

SUPPRESSED = rejected("suppressed", "This person is on the suppression list: they asked not to be contacted.", http=409)


async def receive_items(items: Sequence[Item], uow: UnitOfWork, *, cause: Cause, delivery_id: UUID | None = None) -> list[Result]:
    """Takes leads that came together: what became of each, in order."""
    return await receive_entries([Entry(item, cause, delivery_id) for item in items], uow)


async def receive_entries(entries: Sequence[Entry], uow: UnitOfWork) -> list[Result]:
    """Takes leads: what became of each, in order. Nothing is refused by an exception."""
    known = await rules_of(uow, entries)
    drafts = [entry.item if isinstance(entry.item, Result) else draft_of(uow, entry, entry.item, known) for entry in entries]
    reception = await Reception.open(uow, [draft for draft in drafts if isinstance(draft, Draft)])
    results = [draft if isinstance(draft, Result) else reception.receive(draft) for draft in drafts]
    await reception.write()
    _tally(uow, entries, known, results)
    return results


class _Made(NamedTuple):
    """A lead that this transaction makes; its sequence is known when all is done."""

    id: UUID
    draft: Draft
    contact_id: UUID
    facts: dict[str, Any]


class Reception:
    """Takes drafts one after the other, with everything locked that they may touch, and writes it all at the end."""

    def __init__(
        self,
        uow: UnitOfWork,
        people: People,
        seen: dict[bytes, Seen],
        sequences: dict[UUID, int],
        corrected: Mapping[UUID, LeadOf],
    ) -> None:
        self._uow = uow
        self._people = people
        self._seen = seen
        self._sequences = sequences
        self._before = dict(sequences)
        self._corrected = corrected
        self._corrections: list[CorrectionRow] = []
        self._claimed: list[bytes] = []
        self._external: dict[bytes, UUID] = {}
        self._made: list[_Made] = []
        self._touches: list[TouchRow] = []
        self._consents: list[ConsentRow] = []
        self._visitors: dict[bytes, activities.Visit] = {}

    @classmethod
    async def open(cls, uow: UnitOfWork, drafts: Sequence[Draft]) -> Reception:
        """Locks the senders' ids, then the people, then the leads that may be touched."""
        external = {key for draft in drafts for key in (draft.external, *draft.also) if key}
        seen = await leads.claim_external_ids(uow, sorted(external)) if external else {}
        wrong = [draft.item.corrects for draft in drafts if draft.item.corrects]
        corrected = {lead.id: lead for id in wrong if (lead := await persons.lead_of(uow, id)) and lead.lives}
        fresh = [d for d in drafts if not d.item.test and (d.item.corrects in corrected or not _is_repeat(d, seen, uow.now))]
        owners = {lead.contact_id for lead in corrected.values()}
        people = await People.gather(uow, [draft.person for draft in fresh], known=owners)
        also = {seen[key].lead_id for draft in fresh for key in draft.also if key in seen}
        touchable = {*people.leads(), *corrected, *(id for id in also if id)}
        sequences = await leads.lock_sequences(uow, sorted(touchable)) if touchable else {}
        reception = cls(uow, people, seen, sequences, corrected)
        reception._claimed = sorted(external)
        return reception

    def receive(self, draft: Draft) -> Result:
        if draft.item.corrects:
            known = self._corrected.get(draft.item.corrects)
            # One that was merged or erased meanwhile is not mended any more, and is not made anew either.
            mended = known is not None and known.id in self._sequences
            return self._correct(draft, known) if known and mended else Result(Status.DUPLICATE, draft.item.corrects)
        if draft.external and _is_repeat(draft, self._seen, self._uow.now):
            return Result(Status.DUPLICATE, self._seen[draft.external].lead_id)
        if not self._people.suppressed.isdisjoint(draft.person.keys):
            return SUPPRESSED
        if draft.item.test:
            lead_id, status = self._make(draft, draft.person.contact_id), Status.TEST
        else:
            contact = self._people.recognise(self._uow, draft.person)
            touched = self._known_lead(draft, contact)
            status = Status.TOUCHED if touched else Status.ACCEPTED
            lead_id = self._touch(draft, contact, touched) if touched else self._new_lead(draft, contact)
            self._note(draft, contact, lead_id)
        for key in (draft.external, *draft.also):
            if key:
                self._external[key] = lead_id
                self._seen[key] = Seen(lead_id, self._uow.now)
        return Result(status, lead_id)

    def _known_lead(self, draft: Draft, contact: Contact) -> UUID | None:
        """The living lead that this submission touches; None where it is a new one."""
        for key in draft.also:
            if (seen := self._seen.get(key)) and seen.lead_id in self._sequences:
                return seen.lead_id
        if contact.last_lead_id in self._sequences and draft.rules.policy.touches(contact.last_lead_at, self._uow.now):
            return contact.last_lead_id
        return None

    def _new_lead(self, draft: Draft, contact: Contact) -> UUID:
        lead_id = self._make(draft, contact.id)
        contact.last_lead_id, contact.last_lead_at = lead_id, self._uow.now
        made = self._made[-1]
        self._sequences[lead_id] = 1
        event = LeadReceived(
            lead_id=lead_id,
            received_at=self._uow.now,
            source=draft.rules.source.name,
            contact=events.Contact(**draft.lead.contact),
            facts=made.facts,
            warnings=draft.warnings,
            consents=[_consent(consent, self._uow.now) for consent in _consents(draft)],
        )
        self._uow.emit(event, sequence=1, cause=draft.entry.cause)
        return lead_id

    def _make(self, draft: Draft, contact_id: UUID) -> UUID:
        lead_id = self._uow.clock.uuid7()
        self._made.append(_Made(lead_id, draft, contact_id, {"contact_id": str(contact_id), **draft.lead.facts}))
        return lead_id

    def _touch(self, draft: Draft, contact: Contact, lead_id: UUID) -> UUID:
        uow, source = self._uow, draft.rules.source
        self._sequences[lead_id] += 1
        facts = {"contact_id": str(contact.id), **draft.lead.facts}
        event = LeadTouched(
            lead_id=lead_id,
            touched_at=uow.now,
            kind="submission",
            source=source.name,
            contact=events.Contact(**draft.lead.contact),
            facts=facts,
            warnings=draft.warnings,
            consents=[_consent(consent, uow.now) for consent in _consents(draft)],
        )
        id = uow.emit(event, sequence=self._sequences[lead_id], cause=draft.entry.cause)
        kept = (draft.contact, to_json(facts), to_json(draft.warnings), draft.entry.delivery_id)
        self._touches.append(TouchRow(id, lead_id, source.id, uow.now, *kept))
        return lead_id

    def _correct(self, draft: Draft, lead: LeadOf) -> Result:
        """Mends a lead that was read before by another mapping. Whose it is stays as it is; more evidence is weighed."""
        uow = self._uow
        contact = self._people.contacts[lead.contact_id]
        facts = {"contact_id": str(contact.id), **draft.lead.facts}
        if draft.lead.contact == lead.contact and facts == lead.facts:
            return Result(Status.DUPLICATE, lead.id)
        self._people.learn(contact, draft.person)
        self._sequences[lead.id] += 1
        event = LeadTouched(
            lead_id=lead.id,
            touched_at=uow.now,
            kind="corrected",
            source=draft.rules.source.name,
            contact=events.Contact(**draft.lead.contact),
            facts=facts,
            warnings=draft.warnings,
        )
        uow.emit(event, sequence=self._sequences[lead.id], cause=draft.entry.cause)
        changes = to_json(draft.lead.changes)
        self._corrections.append(CorrectionRow(lead.id, draft.contact, to_json(facts), to_json(draft.warnings), changes))
        if draft.rules.policy.fuzzy != "off":
            self._people.unweighed[contact.id] = lead.id
        return Result(Status.TOUCHED, lead.id)

    def _note(self, draft: Draft, contact: Contact, lead_id: UUID) -> None:
        """What goes with a lead or a touch: consents, the pages its visitor read before, and fuzzy evidence to be weighed."""
        uow = self._uow
        for consent in _consents(draft):
            row = (consent.purpose, consent.granted, consent.at or uow.now, consent.text, uow.now)
            self._consents.append(ConsentRow(uow.clock.uuid7(), lead_id, *row))
        for key in draft.person.keys:
            if kind_of(key) == Kind.VISITOR:
                self._visitors[key] = activities.Visit(lead_id, draft.entry.cause)
        # Without a name there is no evidence to weigh, and a touch that says nothing new was weighed before.
        if draft.rules.policy.fuzzy != "off" and "name" in draft.lead.contact and (contact.fresh_keys or contact.news):
            self._people.unweighed[contact.id] = lead_id

    async def write(self) -> None:
        uow = self._uow
        if self._visitors:
            await activities.attach(uow, self._visitors, self._sequences)
        self._people.write(uow)
        if self._made:
            leads.add_leads(uow, [self._row(made) for made in self._made])
        if moved := {id: n for id, n in self._sequences.items() if self._before.get(id, n) != n}:
            leads.advance_sequences(uow, moved)
        if self._corrections:
            await leads.correct_leads(uow, self._corrections)
        if self._touches:
            leads.add_touches(uow, self._touches)
        if self._consents:
            leads.add_consents(uow, self._consents)
        if self._claimed:
            free = [key for key in self._claimed if key not in self._external and key not in self._seen]
            leads.settle_external_ids(uow, self._external, free=free)

    def _row(self, made: _Made) -> LeadRow:
        draft = made.draft
        return LeadRow(
            id=made.id,
            source_id=draft.rules.source.id,
            received_at=self._uow.now,
            contact=draft.contact,
            facts=to_json(made.facts),
            warnings=to_json(draft.warnings) if draft.warnings else "[]",
            changes=to_json(draft.lead.changes) if draft.lead.changes else "[]",
            contact_id=made.contact_id,
            delivery_id=draft.entry.delivery_id,
            test=draft.item.test,
            sequence=self._sequences.get(made.id, 0),  # of a test nothing is ever said
        )


def _is_repeat(draft: Draft, seen: Mapping[bytes, Seen], now: datetime) -> bool:
    """Has the sender sent this very lead before? A digest instead of an id says so for its window only."""
    if draft.external is None or (known := seen.get(draft.external)) is None:
        return False
    return draft.item.window is None or known.seen_at > now - draft.item.window


def _consents(draft: Draft) -> list[Consent]:
    return [*draft.item.consents, *draft.lead.consents]


def _consent(consent: Consent, now: datetime) -> events.Consent:
    return events.Consent(purpose=consent.purpose, granted=consent.granted, at=consent.at or now, text=consent.text)


# -- Tallies -------------------------------------------------------------------------------------------------------------------------


def _tally(uow: UnitOfWork, entries: Sequence[Entry], known: Mapping[str, Rules], results: Sequence[Result]) -> None:
    """Counts what became of the leads, a row for each source and way of ending."""
    counts: Counter[tuple[str, str, str]] = Counter()
    lags: dict[tuple[str, str, str], float] = {}
    for entry, result in zip(entries, results, strict=True):
        if not isinstance(entry.item, Item) or (name := source_name(entry.item)) not in known:
            continue
        tally = (name, result.status, result.slug or "")
        counts[tally] += 1
        if entry.item.submitted_at:
            lag = (uow.now - entry.item.submitted_at).total_seconds()
            lags[tally] = max(lag, lags.get(tally, 0.0))
    if counts:
        rows = [
            TallyRow(known[name].source.id, uow.now, outcome, slug, n, lags.get((name, outcome, slug)))
            for (name, outcome, slug), n in counts.items()
        ]
        sources.add_tallies(uow, rows)
