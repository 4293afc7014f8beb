"""From a sender's delivery to what becomes of it: the way of hooks, of leads that were fetched, and of deliveries that are read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl
from uuid import UUID

from services.intake import domain
from services.intake.domain.identity import digest, external_key
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import (
    Confirmation,
    Connection,
    Delivery,
    Erasure,
    Fetch,
    Happening,
    Ignored,
    Malformed,
    Notice,
    Result,
    Sender,
    SentLead,
    Status,
)
from services.intake.handlers import activities, erasure, fetching
from services.intake.handlers.activities import Activity
from services.intake.handlers.drafts import Item
from services.intake.handlers.erasure import Why
from services.intake.handlers.receive import repetitions, settled
from services.intake.handlers.reception import receive_items
from services.intake.store import deliveries as store
from services.intake.store import leads, sources
from services.intake.store.deliveries import DeliveryRow, StoredDelivery
from services.intake.store.sources import Source, TallyRow
from shared.contracts.envelope import Cause
from shared.db.uow import UnitOfWork, to_json
from shared.telemetry import new_traceparent

# Kept with a raw delivery: what reading it again needs, and no secret. Signatures are not verified again.
KEPT_HEADERS = frozenset(
    {"content-type", "accept", "origin", "referer", "user-agent", "webhook-id", "svix-id", "x-amz-sns-message-type"}
)

# What a delivery became stays so when it is read again, however little is new to say of it.
WAS_A_LEAD = frozenset({Status.ACCEPTED, Status.TOUCHED, Status.TEST})


def base_of(sender: Sender) -> domain.Mapping:
    """The sender's own mapping, which lies under a source's."""
    return domain.Mapping(sender.mapping, frozenset(sender.facts))


def item_of(lead: SentLead, source: Source, sender: Sender) -> Item:
    """A sent lead in normal fields, by the source's mapping over the sender's own."""
    mapped = domain.map_payload(lead.answers, domain.parse_mapping(source.mapping), base_of(sender))
    return Item(
        fields=mapped.fields,
        custom=mapped.custom,
        source=source,
        warnings=[*lead.warnings, *mapped.warnings],
        external_id=lead.external_id,
        window=lead.window,
        also=lead.also,
        test=lead.test,
        consents=lead.consents,
        submitted_at=lead.submitted_at,
    )


def row_of(delivery: Delivery, source: Source, *, id: UUID, state: str) -> DeliveryRow:
    """The delivery as it is kept. The hook's token is left out of its address."""
    headers = {name: value for name, value in delivery.headers.items() if name in KEPT_HEADERS}
    query = delivery.url.partition("?")[2]
    return DeliveryRow(
        id=id,
        source_id=source.id,
        received_at=delivery.received_at,
        method=delivery.method,
        url=f"?{query}" if query else "",
        headers=to_json(headers),
        body=delivery.body,
        state=state,
    )


async def take_delivery(
    row: DeliveryRow, notices: Sequence[Notice], source: Source, sender: Sender, uow: UnitOfWork, *, cause: Cause
) -> list[Result]:
    """Takes what a delivery says and keeps it beside what became of it. What became of each notice, in order."""
    results = await take_notices(notices, source, sender, uow, cause=cause, delivery_id=row.id)
    store.add_deliveries(uow, [settled(row, results)])
    if repeated := repetitions(row, results):
        store.insert_repetitions(uow, repeated)
    return results


async def take_notices(
    notices: Sequence[Notice], source: Source, sender: Sender, uow: UnitOfWork, *, cause: Cause, delivery_id: UUID | None
) -> list[Result]:
    """Takes leads, fetches, erasures and happenings of one source, the leads first. What became of each, in order."""
    sent = [(n, notice) for n, notice in enumerate(notices) if isinstance(notice, SentLead)]
    items = [item_of(lead, source, sender) for _, lead in sent]
    taken = await receive_items(items, uow, cause=cause, delivery_id=delivery_id) if items else []
    results: dict[int, Result] = {n: result for (n, _), result in zip(sent, taken, strict=True)}
    for n, notice in enumerate(notices):
        if not isinstance(notice, SentLead):
            results[n] = await _take_other(notice, source, uow, cause=cause, delivery_id=delivery_id)
    others = [results[n] for n, notice in enumerate(notices) if not isinstance(notice, SentLead)]
    tally(uow, source, others)
    return [results[n] for n in range(len(notices))]


async def _take_other(notice: Notice, source: Source, uow: UnitOfWork, *, cause: Cause, delivery_id: UUID | None) -> Result:
    match notice:
        case Fetch():
            return await _enqueue(notice, source, uow, delivery_id=delivery_id)
        case Confirmation():
            return Result(Status.DONE, slug="confirmed")  # the edge has read the address: no call is made in a transaction
        case Erasure():
            why = Why(f"source {source.name}", "sender", cause)
            lead_id = await erasure.erase_sent_lead(source, notice.external_id, uow, why)
            return Result(Status.DONE, lead_id) if lead_id else Result(Status.IGNORED, detail="There is no such lead.")
        case Happening():
            return await _record(notice, source, uow, cause=cause)
        case Ignored():
            return Result(Status.SPAM if notice.spam else Status.IGNORED, slug=notice.reason[:100])
        case _:
            raise TypeError(f"{type(notice).__name__} is no notice")


async def _enqueue(fetch: Fetch, source: Source, uow: UnitOfWork, *, delivery_id: UUID | None) -> Result:
    [fresh] = await fetching.enqueue(uow, source.id, [fetch], delivery_id)
    return Result(Status.QUEUED if fresh else Status.DUPLICATE)


async def _record(happening: Happening, source: Source, uow: UnitOfWork, *, cause: Cause) -> Result:
    key = external_key(str(source.id), happening.external_id)
    lead_id = (await leads.leads_of_external_ids(uow, [key])).get(key)
    if lead_id is None:
        return Result(Status.IGNORED, slug="unknown-lead", detail="There is no such lead.")
    # The same happening told again has the same id: a name's digest, as version 5 means it.
    id = UUID(bytes=digest(str(source.id), happening.external_id, happening.kind, str(happening.at)), version=5)
    activity = Activity(happening.kind, happening.at or uow.now, id, lead_id, source=source.name, data=happening.data)
    [recorded] = await activities.record_activities([activity], uow, cause=cause)
    became = {"duplicate": Status.DUPLICATE, "unknown": Status.IGNORED}  # unknown: of a lead that was erased
    return Result(became.get(recorded.status, Status.DONE), recorded.lead_id)


def tally(uow: UnitOfWork, source: Source, results: Sequence[Result]) -> None:
    """Counts what became of deliveries that were no leads, or none that could be read."""
    counts = Counter((result.status.value, result.slug or "") for result in results)
    if counts:
        sources.add_tallies(uow, [TallyRow(source.id, uow.now, outcome, slug, n) for (outcome, slug), n in counts.items()])


async def take_fetched(source_id: UUID, notices: Sequence[Notice], uow: UnitOfWork, *, delivery_id: UUID | None) -> list[Result]:
    """Takes what was fetched from a sender, as if a hook had brought it. The source is asked anew: it may be paused by now."""
    source = (await sources.sources_by_id(uow, [source_id]))[source_id]
    if source.paused or not source.active:
        return [Result(Status.HELD, slug="source-paused")] * len(notices)
    cause = Cause(str(delivery_id or source_id), new_traceparent())
    return await take_notices(notices, source, SENDERS[source.kind], uow, cause=cause, delivery_id=delivery_id)


# -- Kept deliveries, read again -----------------------------------------------------------------------------------------------------


def delivery_of(stored: StoredDelivery) -> Delivery:
    """A kept delivery as it came."""
    query = dict(parse_qsl(stored.url.removeprefix("?"), keep_blank_values=True))
    return Delivery(stored.method, stored.url, stored.headers, query, stored.body, stored.received_at)


async def read_again(
    stored: StoredDelivery, source: Source, sender: Sender, connection: Connection, uow: UnitOfWork, *, cause: Cause
) -> list[Result]:
    """Reads a kept delivery, whose row is locked, by the source's mapping of now. What it became before stays what it is."""
    try:
        notices = sender.parse(delivery_of(stored), connection)
    except Malformed as error:
        results = [Result(Status.REJECTED, slug="malformed", detail=str(error), http=error.status)]
        tally(uow, source, results)
    else:
        results = await _take_again(stored, notices, source, sender, uow, cause=cause)
    if stored.state not in WAS_A_LEAD:
        best = settled(DeliveryRow(stored.id, source.id, stored.received_at, "", "", "", b"", stored.state), results)
        await store.settle_delivery(uow, stored.id, best.state, best.reason, best.detail)
    return results


async def _take_again(
    stored: StoredDelivery, notices: Sequence[Notice], source: Source, sender: Sender, uow: UnitOfWork, *, cause: Cause
) -> list[Result]:
    """Takes what a kept delivery says. If it became leads before, those are mended; nothing is made twice."""
    sent = [notice for notice in notices if isinstance(notice, SentLead)]
    made = await leads.made_of(uow, stored.id)
    if not made or len(made) != len(sent) or len(sent) != len(notices):
        if stored.state != Status.HELD:
            # A digest says that the same form was sent again within minutes. This is not sent again: it is the same.
            notices = [replace(notice, window=None) if isinstance(notice, SentLead) else notice for notice in notices]
        return await take_notices(notices, source, sender, uow, cause=cause, delivery_id=stored.id)
    items = [item_of(lead, source, sender)._replace(corrects=id) for lead, id in zip(sent, made, strict=True)]
    return await receive_items(items, uow, cause=cause, delivery_id=stored.id)
