"""Use cases of intake: receiving leads, keeping sources."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from services.intake import domain, store
from services.intake.store import DeliveryRow, LeadRow, Source
from shared.consumer import Subscriptions
from shared.contracts.envelope import Cause
from shared.contracts.events import Contact, LeadReceived
from shared.db import answers
from shared.db.answers import Answer, Key
from shared.db.uow import UnitOfWork, to_json
from shared.errors import Permanent, Refused, conflict, invalid, not_found

ACCEPTED = 202
_json = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Item:
    """One lead of a submission: normal fields and custom answers, for a source named or already known."""

    fields: dict[str, Any]
    custom: dict[str, Any]
    source: str | Source
    warnings: list[str] = field(default_factory=list)
    at: str = ""  # JSON pointer of the item in its batch


@dataclass(frozen=True)
class Submission:
    """One request: one lead, or a batch of which some items may be refused already. `raw` is kept beside a hook's lead."""

    items: Sequence[Item | Refused]
    cause: Cause
    batch: bool = False
    key: Key | None = None
    raw: tuple[str, bytes] | None = None  # content type, body

    @property
    def size(self) -> int:
        return len(self.items)


@dataclass
class _Leads:
    """What a group of submissions adds up to, before it is written in few statements."""

    leads: list[LeadRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)


async def receive(submissions: Sequence[Submission], uow: UnitOfWork) -> list[Answer | Refused]:
    """Takes a group of submissions in one transaction: an answer or a refusal for each, in order.

    Equal idempotency keys are folded first: the same body gets the same answer, another body is refused. Repeated requests get the
    answer of the first time.
    """
    results: list[Answer | Refused | None] = [None] * len(submissions)
    leaders, followers = _fold(submissions)
    known = await _known_answers(uow, [submissions[n] for n in leaders])
    fresh = []
    for n in leaders:
        submission = submissions[n]
        stored = known.get(submission.key.scope) if submission.key else None
        if stored and submission.key:
            results[n] = stored[1] if stored[0] == submission.key.body_hash else answers.reused()
        else:
            fresh.append(n)
    for n, result in zip(fresh, await _receive_fresh(uow, [submissions[n] for n in fresh]), strict=True):
        results[n] = result
    for n, leader in followers.items():
        same = submissions[n].key == submissions[leader].key
        results[n] = results[leader] if same else answers.reused()
    return [result for result in results if result is not None]


def _fold(submissions: Sequence[Submission]) -> tuple[list[int], dict[int, int]]:
    """Which submissions do their work, and which wait for the answer of another with the same key."""
    first: dict[bytes, int] = {}
    leaders: list[int] = []
    followers: dict[int, int] = {}
    for n, submission in enumerate(submissions):
        leader = first.setdefault(submission.key.scope, n) if submission.key else n
        if leader == n:
            leaders.append(n)
        else:
            followers[n] = leader
    return leaders, followers


async def _known_answers(uow: UnitOfWork, submissions: Sequence[Submission]) -> dict[bytes, tuple[bytes, Answer] | None]:
    keys = [submission.key for submission in submissions if submission.key]
    return await answers.claim(uow, keys) if keys else {}


async def _receive_fresh(uow: UnitOfWork, submissions: Sequence[Submission]) -> list[Answer | Refused]:
    named = {item.source for s in submissions for item in s.items if isinstance(item, Item) and isinstance(item.source, str)}
    sources = await store.sources_by_name(uow, sorted(named)) if named else {}
    rows = _Leads()
    results = [_receive_one(uow, submission, sources, rows) for submission in submissions]
    if rows.leads:
        await store.insert_leads(uow, rows.leads)
    if rows.deliveries:
        await store.insert_deliveries(uow, rows.deliveries)
    keyed = [(s.key.scope, result) for s, result in zip(submissions, results, strict=True) if s.key]
    if keyed:
        await answers.store(uow, [(scope, result) for scope, result in keyed if isinstance(result, Answer)])
        await answers.release(uow, [scope for scope, result in keyed if isinstance(result, Refused)])
    return results


def _receive_one(uow: UnitOfWork, submission: Submission, sources: dict[str, Source], rows: _Leads) -> Answer | Refused:
    results: list[UUID | Refused] = []
    for item in submission.items:
        try:
            results.append(item if isinstance(item, Refused) else _receive_item(uow, item, submission, sources, rows))
        except Refused as refused:
            results.append(refused)
    if submission.batch:
        return Answer(ACCEPTED, _json({"results": [_result(n, result) for n, result in enumerate(results)]}))
    [only] = results
    return only if isinstance(only, Refused) else Answer(ACCEPTED, _json({"lead_id": only, "status": "accepted"}))


def _result(n: int, result: UUID | Refused) -> dict[str, Any]:
    if isinstance(result, Refused):
        errors = [{"field": error.field, "message": error.message} for error in result.errors]
        return {"index": n, "status": "refused", "detail": result.detail, "errors": errors}
    return {"index": n, "status": "accepted", "lead_id": result}


def _receive_item(uow: UnitOfWork, item: Item, submission: Submission, sources: dict[str, Source], rows: _Leads) -> UUID:
    source = item.source if isinstance(item.source, Source) else sources.get(item.source)
    if source is None:
        raise invalid(f"{item.at}/source", f"there is no source {item.source}; make it with POST /v1/sources")
    if not source.active:
        raise Refused(403, "source-inactive", detail=f"The source {source.name} is not active.")
    mapping = domain.parse_mapping(source.mapping)
    try:
        lead = domain.normalise(item.fields, item.custom, source=source.name, defaults=mapping.defaults, fact_keys=mapping.facts)
    except domain.Unreachable as error:
        raise invalid(f"{item.at}/email", str(error)) from error
    return _take(uow, source, lead, item.warnings, submission, rows)


def _take(
    uow: UnitOfWork,
    source: Source,
    lead: domain.NormalLead,
    warnings: list[str],
    submission: Submission,
    rows: _Leads,
) -> UUID:
    lead_id = uow.clock.uuid7()
    # Until recognition joins the leads of one person, each lead is its own contact.
    facts = {"contact_id": str(lead_id), **lead.facts}
    odd = [*warnings, *lead.warnings]
    event = LeadReceived(
        lead_id=lead_id,
        received_at=uow.now,
        source=source.name,
        contact=Contact(**lead.contact),
        facts=facts,
        warnings=odd,
    )
    try:
        uow.emit(event, sequence=1, cause=submission.cause)
    except Permanent as error:
        raise Refused(413, "too-large", detail=str(error)) from error
    rows.leads.append(LeadRow(lead_id, source.id, uow.now, to_json(lead.contact), to_json(facts), to_json(odd)))
    if submission.raw:
        rows.deliveries.append(DeliveryRow(lead_id, *submission.raw))
    return lead_id


# -- Sources -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewToken:
    """A source with its hook token, which is shown this once."""

    source: Source
    token: str


def hash_token(token: str) -> bytes:
    """Tokens are 256 random bits, so a plain hash is enough to keep them by."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


async def create_source(name: str, mapping: dict[str, Any], uow: UnitOfWork) -> NewToken:
    _check_mapping(mapping)
    source = Source(uow.clock.uuid7(), name, mapping, True, uow.now, uow.now)
    token = secrets.token_urlsafe(32)
    if not await store.insert_source(uow, source, hash_token(token)):
        raise conflict("source-exists", f"There is a source {name} already.")
    return NewToken(source, token)


async def change_source(id: UUID, uow: UnitOfWork, *, active: bool | None, mapping: dict[str, Any] | None) -> Source:
    values: dict[str, Any] = {}
    if active is not None:
        values["active"] = active
    if mapping is not None:
        _check_mapping(mapping)
        values["mapping"] = mapping
    source = await store.update_source(uow, id, values)
    if source is None:
        raise not_found("source", id)
    return source


async def renew_token(id: UUID, uow: UnitOfWork) -> NewToken:
    """A new hook token; the old one ends at once."""
    token = secrets.token_urlsafe(32)
    source = await store.update_source(uow, id, {"token_hash": hash_token(token)})
    if source is None:
        raise not_found("source", id)
    return NewToken(source, token)


def _check_mapping(mapping: dict[str, Any]) -> None:
    try:
        domain.parse_mapping(mapping)
    except domain.MappingError as error:
        raise invalid(f"/mapping{error.field}", str(error)) from error


SUBSCRIPTIONS = Subscriptions(())
