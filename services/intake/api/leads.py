"""POST /v1/leads: the hot route. One lead or a batch, answered when it is durable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response

from services.intake.domain.senders.shape import Result, Status
from services.intake.handlers.drafts import Item
from services.intake.handlers.receive import Submission
from services.intake.loops.group import GroupWriter
from shared.auth import Role
from shared.db.answers import Answer, Key, scoped_key
from shared.errors import FieldError, Refused, invalid
from shared.web.guard import Asked
from shared.web.requests import caller_by, cause_of, permit, unstorable
from shared.web.responses import on_calendar

MAX_BATCH = 1000
MAX_LEAD = 128 * 1024

router = APIRouter()

SENDERS = frozenset((Role.ADMIN, Role.MARKETING, Role.SALES_MANAGER, Role.SERVICE))
Line = Annotated[str, msgspec.Meta(max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=10**15)] | Annotated[float, msgspec.Meta(ge=0, le=1e15)]
Scalar = (
    Annotated[str, msgspec.Meta(max_length=20_000)] | Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)] | float | bool | None
)


class LeadIn(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A lead as POST /v1/leads takes it. msgspec, not pydantic: this is the hot route."""

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    name: Line | None = None
    first_name: Line | None = None
    last_name: Line | None = None
    email: Line | None = None
    phone: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    company: Line | None = None
    street: Line | None = None
    message: Text | None = None
    country: Line | None = None
    region: Line | None = None
    city: Line | None = None
    postcode: Line | None = None
    language: Line | None = None
    product: Line | None = None
    campaign: Line | None = None
    medium: Line | None = None
    job_title: Line | None = None
    company_size: Number | None = None
    budget: Number | None = None
    currency: Line | None = None
    timeframe: Line | None = None
    tags: Annotated[list[Line], msgspec.Meta(max_length=50)] = []
    website: Line | None = None
    timezone: Line | None = None
    landing_page: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    referrer: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    utm_source: Line | None = None
    utm_term: Line | None = None
    utm_content: Line | None = None
    gclid: Line | None = None
    gbraid: Line | None = None
    wbraid: Line | None = None
    fbclid: Line | None = None
    msclkid: Line | None = None
    ttclid: Line | None = None
    li_fat_id: Line | None = None
    form_id: Line | None = None
    campaign_id: Line | None = None
    adset_id: Line | None = None
    ad_id: Line | None = None
    consent: bool | Line | None = None
    visitor_id: Line | None = None
    external_id: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    submitted_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    test: bool = False
    custom: Annotated[dict[Line, Scalar], msgspec.Meta(max_length=200)] = {}


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    leads: list[msgspec.Raw]


NOT_FIELDS = ("source", "custom", "external_id", "test", "submitted_at")

_decode_lead = msgspec.json.Decoder(LeadIn).decode
_decode_batch = msgspec.json.Decoder(BatchIn).decode
_encode = msgspec.json.Encoder().encode

LEAD_EXAMPLE = {
    "source": "website",
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.com",
    "phone": "+14155552671",
    "company": "Example Ltd",
    "country": "US",
    "product": "pro",
    "budget": 20000,
    "message": "Please call me about the pro plan.",
}
LEAD_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "examples": {
                    "one": {"summary": "One lead", "value": LEAD_EXAMPLE},
                    "batch": {"summary": "Up to 1,000 leads", "value": {"leads": [LEAD_EXAMPLE]}},
                },
            }
        },
    },
    "responses": {"202": {"description": "Stored. A batch has a result for each item."}},
}


@router.post("/v1/leads", status_code=202, tags=["leads"], summary="Send one lead, or a batch", openapi_extra=LEAD_DOCS)
async def post_leads(request: Request) -> Response:
    """Answers when the lead is durable. In a batch the good items are taken and the bad ones are named."""
    body: bytes = request.scope["handoff.body"]
    asked = Asked(request.url.path, dict(request.headers.raw), body, cause_of(request), request.app.state)
    return responded(await take_leads(asked))


async def take_leads(asked: Asked) -> Answer:
    """POST /v1/leads without the framework, as the guard calls it."""
    caller = permit(caller_by(asked.headers.get(b"authorization", b"").decode("latin-1"), asked.state), SENDERS)
    items, batch = read_leads(asked.body)
    sent = asked.headers.get(b"idempotency-key")
    scope = {"client": caller.subject, "method": "POST", "path": asked.path}
    key = None if sent is None else scoped_key(sent.decode("latin-1"), asked.body, **scope)
    submission = Submission(items, asked.cause, answer_batch if batch else answer_one, key=key, limited=True)
    writer: GroupWriter = asked.state.groupwriter
    return await writer.submit(submission)


async def submit(request: Request, submission: Submission) -> Response:
    """Hands a submission to the group writer, and answers when it is durable."""
    writer: GroupWriter = request.app.state.groupwriter
    return responded(await writer.submit(submission))


def responded(answer: Answer) -> Response:
    return Response(answer.content, answer.status, headers=dict(answer.headers), media_type=answer.content_type)


def key_of(request: Request, body: bytes, client: str) -> Key | None:
    """The request's Idempotency-Key in its scope. Raises Refused (400) for one that is no key."""
    sent = request.headers.get("idempotency-key")
    if sent is None:
        return None
    return scoped_key(sent, body, client=client, method="POST", path=request.url.path)


def answer_one(results: Sequence[Result]) -> Answer:
    """202 and the lead's id. Raises Refused where the lead was."""
    [result] = results
    if result.status == Status.REJECTED:
        raise refusal_of(result)
    return Answer(202, _encode({"lead_id": result.lead_id, "status": result.status}))


def answer_batch(results: Sequence[Result]) -> Answer:
    """202, and a line for each item."""
    return Answer(202, _encode({"results": [_line(n, result) for n, result in enumerate(results)]}))


def refusal_of(result: Result) -> Refused:
    """A rejected lead as the refusal of its request."""
    detail = result.detail or "The lead was refused."
    errors = [FieldError(result.pointer, detail)] if result.pointer else []
    headers = {"Retry-After": "30"} if result.http in (429, 503) else {}
    slug, told = result.slug or "invalid", f"{result.pointer}: {detail}" if result.pointer else detail
    return Refused(result.http, slug, detail=told, errors=errors, headers=headers)


def _line(n: int, result: Result) -> dict[str, Any]:
    if result.status != Status.REJECTED:
        return {"index": n, "status": result.status, "lead_id": result.lead_id}
    refusal = refusal_of(result)
    errors = [{"field": error.field, "message": error.message} for error in refusal.errors]
    return {"index": n, "status": "refused", "code": refusal.slug, "detail": refusal.detail, "errors": errors}


def read_leads(body: bytes) -> tuple[list[Item | Result], bool]:
    """The leads in a body, and whether it is a batch. Raises Refused for a body that is neither a lead nor a batch."""
    try:
        return [_read_lead(body)], False
    except Refused as refused:
        try:
            batch = _decode_batch(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if b'"leads"' not in body:
                raise refused from None
            raise invalid("/leads", 'a batch is {"leads": [ … ]} and nothing else') from None
    if not 1 <= len(batch.leads) <= MAX_BATCH:
        raise invalid("/leads", f"a batch holds 1 to {MAX_BATCH} leads")
    return [_read_item(n, bytes(raw)) for n, raw in enumerate(batch.leads)], True


def _read_item(n: int, raw: bytes) -> Item | Result:
    try:
        return _read_lead(raw, f"/leads/{n}")
    except Refused as refused:
        error = refused.errors[0] if refused.errors else FieldError(f"/leads/{n}", refused.detail)
        return Result(Status.REJECTED, slug=refused.slug, detail=error.message, pointer=error.field, http=refused.status)


def _read_lead(raw: bytes, at: str = "") -> Item:
    if len(raw) > MAX_LEAD:
        raise Refused(413, "too-large", detail=f"One lead has {MAX_LEAD} bytes at the most.")
    try:
        lead = _decode_lead(raw)
    except msgspec.ValidationError as error:
        raise invalid(*_located(at, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "malformed-json", detail=f"The body is not JSON: {error}", errors=[FieldError("/", str(error))]
        ) from None
    fields: dict[str, Any] = msgspec.to_builtins(lead)  # without what was left out
    if b"\\u" in raw or not raw.isascii():
        for name, value in fields.items():
            if fault := unstorable(value):
                raise invalid(f"{at}/{name}", fault)
    if lead.submitted_at is not None and not on_calendar(lead.submitted_at):
        raise invalid(f"{at}/submitted_at", "lies beyond the calendar")
    for name in NOT_FIELDS:
        fields.pop(name, None)
    return Item(
        fields,
        lead.custom,
        lead.source,
        at=at,
        external_id=lead.external_id,
        test=lead.test,
        submitted_at=lead.submitted_at,
        size=len(raw),
    )


def _located(at: str, message: str) -> tuple[str, str]:
    """msgspec's `… - at `$.tags[0]`` as a JSON pointer and a message."""
    text, _, path = message.partition(" - at `$")
    if not path:
        if text.startswith("Object contains unknown field `"):
            return f"{at}/{text.split('`')[1]}", "is no field of a lead; put answers of your own under custom"
        if text.startswith("Object missing required field `"):
            return f"{at}/{text.split('`')[1]}", "is required"
        return at or "/", text
    steps = path.rstrip("`").replace("[", ".").replace("]", "").strip(".")
    return f"{at}/{steps.replace('.', '/')}", text
