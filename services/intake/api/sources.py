"""/v1/sources: where leads come from; their mapping, secrets, health, and the raw deliveries they sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.intake import domain
from services.intake.clients.registry import NEEDS
from services.intake.domain.connection import SIGNING, Secret, connection_of
from services.intake.domain.preview import preview
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import Delivery, Malformed, Sender, SentLead
from services.intake.handlers import replays
from services.intake.handlers import sources as handlers
from services.intake.handlers.deliveries import base_of
from services.intake.handlers.sources import NewSource, open_secrets
from services.intake.store import sources as store
from services.intake.store.sources import Source
from shared.auth import Caller, Role
from shared.errors import invalid, not_found
from shared.sealing import Sealer
from shared.web.requests import Body, OnceOnly, Uow, allow
from shared.web.responses import Cursor, Limit, decode_cursor, json_response, page_of, plain

router = APIRouter(tags=["sources"])

Admin = Annotated[Caller, allow(Role.MARKETING)]
Region = Annotated[str, Field(pattern="^[A-Za-z]{2}$", description="What phone numbers without a country code belong to")]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000, description="Deliveries a minute and replica; more are answered 429")]
Days = Annotated[int, Field(ge=1, le=36500, description="Leads are erased so many days after they came")]
Value = Annotated[str, Field(min_length=8, max_length=4096)]
SecretName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]


class MappingIn(Body):
    """How the source's payload becomes a lead. What is mapped to nothing is kept under its own path."""

    fields: dict[str, str | None] = Field(
        {}, max_length=500, description="Path in the payload → normal field", examples=[{"data.mail": "email"}]
    )
    facts: list[str] = Field([], max_length=200, description="Custom answers that rules may ask")
    defaults: dict[str, str | int | float | bool] = Field({}, max_length=50, description="Fact fields the payload leaves out")


class SourceIn(Body):
    name: str = Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", description="Lower case; what leads and facts call the source")
    kind: str = Field("generic", max_length=63, description="Who sends: see GET /v1/sources/kinds")
    region: Region | None = None
    mapping: MappingIn = MappingIn()
    settings: dict[str, Any] = Field({}, max_length=50, description="What this kind needs to know: see GET /v1/sources/kinds")
    recognition: dict[str, Any] = Field(
        {},
        description="match, look_back_days, repeat (touch or lead), fuzzy (merge, suggest or off), threshold",
        examples=[{"look_back_days": 30, "repeat": "touch", "fuzzy": "merge"}],
    )
    secret: Value | None = Field(None, description="What deliveries are verified with")
    secrets: dict[SecretName, Value] = Field({}, max_length=20, description="Others by name, such as access_token")
    per_minute: PerMinute | None = None
    retention_days: Days | None = None


class SourceChange(Body):
    active: bool | None = None
    paused: bool | None = Field(None, description="Deliveries of a paused source are kept and read when it goes on")
    mapping: MappingIn | None = None
    settings: dict[str, Any] | None = Field(None, max_length=50)
    recognition: dict[str, Any] | None = None
    region: Region | None = None
    per_minute: PerMinute | None = Field(None, description="null takes the limit away")
    retention_days: Days | None = Field(None, description="null keeps leads for ever")


class SecretIn(Body):
    value: Value
    name: SecretName = SIGNING


class SecretOut(BaseModel):
    """A secret without its value, which is never shown."""

    id: str
    name: str
    created_at: datetime


class SourceOut(BaseModel):
    """A source. `hook` is shown only when its token is new: it is not kept."""

    id: UUID
    name: str
    kind: str
    active: bool
    paused: bool
    region: str | None
    mapping: dict[str, Any]
    settings: dict[str, Any]
    recognition: dict[str, Any]
    secrets: list[SecretOut]
    per_minute: int | None
    retention_days: int | None
    created_at: datetime
    updated_at: datetime
    hook: str | None = None


def _sealer(request: Request) -> Sealer:
    sealer: Sealer = request.app.state.sealer
    return sealer


def _out(source: Source, request: Request, token: str | None = None) -> SourceOut:
    kept = {name: getattr(source, name) for name in SourceOut.model_fields if name not in ("secrets", "hook")}
    secrets = [_secret_out(secret) for secret in open_secrets(source, _sealer(request))]
    return SourceOut(**kept, secrets=secrets, hook=f"/hooks/{token}" if token else None)


def _without_hook(source: SourceOut) -> SourceOut:
    return source.model_copy(update={"hook": None})


def _secret_out(secret: Secret) -> SecretOut:
    return SecretOut(id=secret.id, name=secret.name, created_at=secret.created_at)


async def found_source(id: UUID, uow: Uow) -> Source:
    source = await store.get_source(uow, id)
    if source is None:
        raise not_found("source", id)
    return source


@router.get("/v1/sources/kinds", summary="Kinds of sources, and what each needs")
async def get_kinds(_: Admin) -> dict[str, Any]:
    return {"items": [_kind(sender) for _, sender in sorted(SENDERS.items())]}


def _kind(sender: Sender) -> dict[str, Any]:
    settings = [
        {"name": s.name, "kind": s.kind, "required": s.required, "default": s.default, "help": s.help}
        for s in handlers.settings_of(sender)
    ]
    return {
        "kind": sender.kind,
        "title": sender.title,
        "help": sender.help,
        "secret": sender.secret,
        "fetches": sender.fetches,
        "secrets": dict(NEEDS.get(sender.kind, {})),
        "settings": settings,
        "mapping": dict(sender.mapping),
    }


@router.post("/v1/sources", status_code=201, response_model=SourceOut, summary="Make a source")
async def post_source(body: SourceIn, request: Request, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """The answer holds the source's hook address, which is shown this once: to a repetition with the same Idempotency-Key it is not."""
    secrets = {**body.secrets, **({SIGNING: body.secret} if body.secret else {})}
    new = NewSource(**{**body.model_dump(exclude={"secret"}), "secrets": secrets})

    async def work() -> SourceOut:
        made = await handlers.create_source(new, uow, _sealer(request))
        return _out(made.source, request, made.token)

    return await once(work, status=201, kept=_without_hook)


@router.get("/v1/sources", summary="Sources by name")
async def get_sources(
    request: Request,
    uow: Uow,
    _: Admin,
    limit: Limit = 100,
    cursor: Cursor = None,
    active: bool | None = None,
    kind: Annotated[str | None, Query(max_length=63)] = None,
) -> Response:
    after = decode_cursor(cursor, tuple[str])
    found = await store.page_of_sources(uow, after=after[0] if after else None, limit=limit + 1, active=active, kind=kind)
    page = page_of(found, limit=limit, key=lambda source: (source.name,))
    return json_response({**page, "items": [plain(_out(source, request)) for source in page["items"]]})


@router.get("/v1/sources/{id}", summary="One source")
async def get_source(id: UUID, request: Request, uow: Uow, _: Admin) -> SourceOut:
    return _out(await found_source(id, uow), request)


@router.patch("/v1/sources/{id}", summary="Switch a source on or off, pause it, or change how it is read")
async def patch_source(id: UUID, body: SourceChange, request: Request, uow: Uow, caller: Admin) -> SourceOut:
    """What is not named stays as it is. A source that goes on after a pause reads what was kept meanwhile."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("active", "paused", "mapping", "settings", "recognition"):
        if name in changes and changes[name] is None:
            raise invalid(f"/{name}", "cannot be null; leave it out to keep it as it is")
    source = await handlers.change_source(id, changes, uow)
    if changes.get("paused") is False:
        await replays.resume(source, uow, by=caller.subject)
    return _out(source, request)


@router.post("/v1/sources/{id}/token", response_model=SourceOut, summary="Renew the hook address")
async def post_source_token(id: UUID, request: Request, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """The old address ends at once; the new one is shown this once."""

    async def work() -> SourceOut:
        made = await handlers.renew_token(id, uow)
        return _out(made.source, request, made.token)

    return await once(work, kept=_without_hook)


# -- Secrets -------------------------------------------------------------------------------------------------------------------------


@router.post("/v1/sources/{id}/secrets", status_code=201, response_model=SecretOut, summary="Add a secret beside the one in use")
async def post_secret(id: UUID, body: SecretIn, request: Request, uow: Uow, _: Admin, once: OnceOnly) -> Response:
    """Both are valid until the old one is deleted, so that nothing is refused while the sender is told the new one."""

    async def work() -> SecretOut:
        return _secret_out((await handlers.add_secret(id, body.name, body.value, uow, _sealer(request)))[1])

    return await once(work, status=201)


@router.delete("/v1/sources/{id}/secrets/{secret_id}", status_code=204, summary="End a secret at once")
async def delete_secret(id: UUID, secret_id: UUID, request: Request, uow: Uow, _: Admin) -> None:
    await handlers.remove_secret(id, secret_id, uow, _sealer(request))


# -- Preview -------------------------------------------------------------------------------------------------------------------------


class PreviewIn(Body):
    """A payload as the sender would send it: `body` as text with its `content_type`, or `payload` as JSON. Nothing is stored."""

    body: str | None = Field(None, max_length=500_000)
    content_type: str = Field("application/json", max_length=200)
    payload: dict[str, Any] | list[Any] | None = None
    mapping: MappingIn | None = Field(None, description="A mapping to try instead of the source's own")

    model_config = ConfigDict(str_max_length=500_000)


@router.post("/v1/sources/{id}/preview", summary="See what a payload would become")
async def post_preview(id: UUID, body: PreviewIn, request: Request, uow: Uow, _: Admin) -> dict[str, Any]:
    """The normal form, what was not mapped, and every warning. The signature is not looked at, and nothing is stored."""
    source = await found_source(id, uow)
    if (body.body is None) == (body.payload is None):
        raise invalid("/", "give either body, as text, or payload, as JSON")
    sender = SENDERS[source.kind]
    raw = body.body.encode() if body.body is not None else _encoded(body.payload)
    delivery = Delivery("POST", "", {"content-type": body.content_type}, {}, raw, uow.now)
    connection = connection_of(source.settings, open_secrets(source, _sealer(request)))
    try:
        notices = sender.parse(delivery, connection)
    except Malformed as malformed:
        raise invalid("/body" if body.body is not None else "/payload", str(malformed)) from malformed
    mapping = domain.parse_mapping(body.mapping.model_dump() if body.mapping else source.mapping)
    return {"notices": [_previewed(notice, source, sender, mapping) for notice in notices]}


def _encoded(payload: Any) -> bytes:
    return bytes(json_response(payload).body)


def _previewed(notice: Any, source: Source, sender: Sender, mapping: domain.Mapping) -> dict[str, Any]:
    kind = type(notice).__name__
    if not isinstance(notice, SentLead):
        return {"notice": kind, **{name: plain(value) for name, value in vars(notice).items()}}
    base = base_of(sender)
    shown = preview(notice.answers, mapping, base=base, source=source.name, region=source.region, warnings=notice.warnings)
    return {"notice": kind, "external_id": notice.external_id, "test": notice.test, **shown}
