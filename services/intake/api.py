"""HTTP edge of intake: leads, hooks, sources. No rules, no SQL."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.intake import domain, handlers, store
from services.intake.handlers import Item, Submission
from services.intake.loops import GroupWriter
from services.intake.store import Source
from shared.auth import Caller, Role
from shared.db.answers import Key, scoped_key
from shared.errors import FieldError, Refused, invalid, not_found
from shared.web.requests import Body, OnceOnly, Uow, allow, cause_of, permit, unstorable
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

MAX_BATCH = 1000
MAX_LEAD = 128 * 1024

router = APIRouter()

Admin = Annotated[Caller, allow(Role.MARKETING)]
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
    custom: Annotated[dict[Line, Scalar], msgspec.Meta(max_length=200)] = {}


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    leads: list[msgspec.Raw]


_decode_lead = msgspec.json.Decoder(LeadIn).decode
_decode_batch = msgspec.json.Decoder(BatchIn).decode
_decode_any = msgspec.json.Decoder().decode

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
    caller = permit(request, SENDERS)
    body: bytes = request.scope["handoff.body"]
    items, batch = read_leads(body)
    key = _key(request, body, caller.subject)
    return await _submit(request, Submission(items, cause_of(request), batch=batch, key=key))


@router.post("/hooks/{token}", status_code=202, tags=["hooks"], summary="Webhook of a source")
async def post_hook(token: str, request: Request) -> Response:
    """Takes JSON or a form post, mapped by the source's field mapping. The raw bytes are kept beside the lead."""
    # Not the request's unit of work: it would stay open while the lead waits for its group.
    async with request.app.state.database.begin() as uow:
        source = await store.source_by_token(uow, handlers.hash_token(token))
    if source is None:
        raise Refused(401, "unknown-hook", detail="No source has this hook address. It may have been renewed.")
    body: bytes = request.scope["handoff.body"]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if len(body) > MAX_LEAD:
        raise Refused(413, "too-large", detail=f"One lead has {MAX_LEAD} bytes at the most.")
    payload = read_hook(body, kind)
    fields, custom, warnings = domain.map_payload(payload, domain.parse_mapping(source.mapping))
    submission = Submission(
        [Item(fields, custom, source, warnings)],
        cause_of(request),
        key=_key(request, body, f"source:{source.id}"),
        raw=(kind, body),
    )
    return await _submit(request, submission)


async def _submit(request: Request, submission: Submission) -> Response:
    writer: GroupWriter = request.app.state.groupwriter
    answer = await writer.submit(submission)
    return Response(answer.content, answer.status, media_type="application/json")


def _key(request: Request, body: bytes, client: str) -> Key | None:
    sent = request.headers.get("idempotency-key")
    if sent is None:
        return None
    return scoped_key(sent, body, client=client, method="POST", path=request.url.path)


def read_leads(body: bytes) -> tuple[list[Item | Refused], bool]:
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


def _read_item(n: int, raw: bytes) -> Item | Refused:
    try:
        return _read_lead(raw, f"/leads/{n}")
    except Refused as refused:
        return refused


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
    fields = msgspec.structs.asdict(lead)
    if b"\\u" in raw or not raw.isascii():
        for name, value in fields.items():
            if fault := unstorable(value):
                raise invalid(f"{at}/{name}", fault)
    return Item(fields, fields.pop("custom"), fields.pop("source"), at=at)


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


def read_hook(body: bytes, kind: str) -> dict[str, Any]:
    """A hook's body as an object. Raises Refused for another content type, malformed JSON, or JSON that is no object."""
    if kind == "application/x-www-form-urlencoded":
        return _read_form(body)
    if kind != "application/json" and not kind.endswith("+json"):
        message = "must be application/json or application/x-www-form-urlencoded"
        raise Refused(
            415, "unsupported-media-type", detail=f"Content-Type {message}", errors=[FieldError("Content-Type", message)]
        )
    try:
        payload = _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            400, "malformed-json", detail=f"The body is not JSON: {error}", errors=[FieldError("/", str(error))]
        ) from None
    if not isinstance(payload, dict):
        raise invalid("/", "must be a JSON object")
    return payload


def _read_form(body: bytes) -> dict[str, Any]:
    """A form post. A field that is sent several times becomes a list, so that no answer is dropped."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        raise invalid("/", f"the form cannot be read: {error}") from None
    form: dict[str, Any] = {}
    for name, value in pairs:
        if name not in form:
            form[name] = value
        elif isinstance(form[name], list):
            form[name].append(value)
        else:
            form[name] = [form[name], value]
    return form


# -- Sources -------------------------------------------------------------------------------------------------------------------


class MappingIn(Body):
    """How the source's payload becomes a lead. What is mapped to nothing is kept under its own path."""

    fields: dict[str, str] = Field(
        {}, max_length=500, description="Path in the payload → normal field", examples=[{"data.mail": "email"}]
    )
    facts: list[str] = Field([], max_length=200, description="Custom answers that rules may ask")
    defaults: dict[str, str | int | float | bool] = Field({}, max_length=50, description="Fact fields the payload leaves out")


class SourceIn(Body):
    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="Lower case; what leads and facts call the source")
    mapping: MappingIn = MappingIn()


class SourceChange(Body):
    active: bool | None = None
    mapping: MappingIn | None = None


class SourceOut(BaseModel):
    """A source. `hook` is shown only when its token is new: it is not kept."""

    id: UUID
    name: str
    active: bool
    mapping: dict[str, Any]
    created_at: Any
    updated_at: Any
    hook: str | None = None


def _source_out(source: Source, token: str | None = None) -> SourceOut:
    return SourceOut(
        id=source.id,
        name=source.name,
        active=source.active,
        mapping=source.mapping,
        created_at=source.created_at,
        updated_at=source.updated_at,
        hook=f"/hooks/{token}" if token else None,
    )


@router.post("/v1/sources", status_code=201, tags=["sources"], response_model=SourceOut, summary="Make a source")
async def post_source(body: SourceIn, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """The answer holds the source's hook address, which is shown this once."""

    async def work() -> SourceOut:
        made = await handlers.create_source(body.name, body.mapping.model_dump(), uow)
        return _source_out(made.source, made.token)

    return await once(work, status=201)


@router.get("/v1/sources", tags=["sources"], summary="Sources by name")
async def get_sources(uow: Uow, _: Admin, limit: Limit = 100, cursor: Cursor = None, active: bool | None = None) -> Response:
    after = decode_cursor(cursor, tuple[str])
    found = await store.page_of_sources(uow, after=after[0] if after else None, limit=limit + 1, active=active)
    page = page_of(found, limit=limit, key=lambda source: (source.name,))
    return json_response({**page, "items": [plain(_source_out(source)) for source in page["items"]]})


@router.get("/v1/sources/{id}", tags=["sources"], summary="One source")
async def get_source(id: UUID, uow: Uow, _: Admin) -> SourceOut:
    source = await store.get_source(uow, id)
    if source is None:
        raise not_found("source", id)
    return _source_out(source)


@router.patch("/v1/sources/{id}", tags=["sources"], summary="Switch a source on or off, or change its mapping")
async def patch_source(id: UUID, body: SourceChange, uow: Uow, _: Admin) -> SourceOut:
    mapping = body.mapping.model_dump() if body.mapping else None
    return _source_out(await handlers.change_source(id, uow, active=body.active, mapping=mapping))


@router.post("/v1/sources/{id}/token", tags=["sources"], response_model=SourceOut, summary="Renew the hook address")
async def post_source_token(id: UUID, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """The old address ends at once; the new one is shown this once."""

    async def work() -> SourceOut:
        made = await handlers.renew_token(id, uow)
        return _source_out(made.source, made.token)

    return await once(work)
