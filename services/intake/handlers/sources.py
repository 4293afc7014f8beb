"""Keeping sources: what kind they are, how they are called on, and their secrets, which are sealed."""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import phonenumbers

from services.intake import domain
from services.intake.clients.registry import settings_of as fetched_settings
from services.intake.domain.connection import MAX_SECRET, PER_NAME, SIGNING, Secret, SettingError, check_settings
from services.intake.domain.repeat import PolicyError, parse_policy
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.shape import Sender, Setting
from services.intake.store import sources as store
from services.intake.store.sources import Source
from shared.db.uow import UnitOfWork
from shared.errors import conflict, invalid, not_found
from shared.sealing import Sealer

DOCUMENTS = ("mapping", "settings", "recognition")


@dataclass(frozen=True)
class NewSource:
    """A source as it is asked for."""

    name: str
    kind: str = "generic"
    region: str | None = None
    mapping: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    recognition: dict[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    per_minute: int | None = None
    retention_days: int | None = None


@dataclass(frozen=True)
class NewToken:
    """A source with its hook token, which is shown this once."""

    source: Source
    token: str


def hash_token(token: str) -> bytes:
    """Tokens are 256 random bits, so a plain hash is enough to keep them by."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def sender_of(kind: str) -> Sender:
    """Raises Refused (422) for a kind of source that there is not."""
    sender = SENDERS.get(kind)
    if sender is None:
        raise invalid("/kind", f"there is no kind {kind}; GET /v1/sources/kinds lists them: {', '.join(sorted(SENDERS))}")
    return sender


def settings_of(sender: Sender) -> tuple[Setting, ...]:
    """All that may be set of a source of this kind: for reading what it sends, and for fetching from it."""
    return (*sender.settings, *fetched_settings(sender.kind))


async def create_source(new: NewSource, uow: UnitOfWork, sealer: Sealer) -> NewToken:
    """Raises Refused: 422 for what means nothing, 409 for a name that is taken."""
    sender = sender_of(new.kind)
    checked = _checked({name: getattr(new, name) for name in DOCUMENTS}, sender)
    kept = [_secret(uow, name, value) for name, value in new.secrets.items()]
    source = Source(
        id=uow.clock.uuid7(),
        name=new.name,
        active=True,
        created_at=uow.now,
        updated_at=uow.now,
        kind=new.kind,
        region=_region(new.region),
        secrets=seal_secrets(kept, sealer),
        per_minute=new.per_minute,
        retention_days=new.retention_days,
        **checked,
    )
    token = random.token_urlsafe(32)
    if not await store.insert_source(uow, source, hash_token(token)):
        raise conflict("source-exists", f"There is a source {new.name} already.")
    return NewToken(source, token)


async def change_source(id: UUID, changes: Mapping[str, Any], uow: UnitOfWork) -> Source:
    """Changes what is given of a source. Raises Refused (404, 422)."""
    source = await store.get_source(uow, id, lock=True)
    if source is None:
        raise not_found("source", id)
    documents = {name: changes[name] for name in DOCUMENTS if name in changes}
    values = {**changes, **_checked(documents, sender_of(source.kind))}
    if "region" in values:
        values["region"] = _region(values["region"])
    changed = await store.update_source(uow, id, values)
    assert changed is not None, "its row is locked"
    return changed


async def renew_token(id: UUID, uow: UnitOfWork) -> NewToken:
    """A new hook token; the old one ends at once."""
    token = random.token_urlsafe(32)
    source = await store.update_source(uow, id, {"token_hash": hash_token(token)})
    if source is None:
        raise not_found("source", id)
    return NewToken(source, token)


def _checked(documents: Mapping[str, dict[str, Any]], sender: Sender) -> dict[str, Any]:
    checked = dict(documents)
    try:
        if "mapping" in documents:
            domain.parse_mapping(documents["mapping"])
        if "recognition" in documents:
            parse_policy(documents["recognition"])
        if "settings" in documents:
            checked["settings"] = check_settings(sender.kind, settings_of(sender), documents["settings"])
    except domain.MappingError as error:
        raise invalid(f"/mapping{error.field}", str(error)) from error
    except PolicyError as error:
        raise invalid(f"/recognition{error.field}", str(error)) from error
    except SettingError as error:
        raise invalid(f"/settings{error.field}", str(error)) from error
    return checked


def _region(region: str | None) -> str | None:
    if region is None:
        return None
    code = region.upper()
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise invalid(
            "/region", "is a country's two letters, such as US, GB or DE: what numbers without a country code belong to"
        )
    return code


# -- Secrets -------------------------------------------------------------------------------------------------------------------------


def open_secrets(source: Source, sealer: Sealer) -> tuple[Secret, ...]:
    """The source's secrets, the newest first."""
    if source.secrets is None:
        return ()
    stored = json.loads(sealer.open(source.secrets))
    return tuple(Secret(s["id"], s["name"], s["value"], datetime.fromisoformat(s["created_at"])) for s in stored)


def seal_secrets(secrets: Sequence[Secret], sealer: Sealer) -> bytes | None:
    if not secrets:
        return None
    rows = [{"id": s.id, "name": s.name, "value": s.value, "created_at": s.created_at.isoformat()} for s in secrets]
    return sealer.seal(json.dumps(rows).encode())


async def add_secret(id: UUID, name: str, value: str, uow: UnitOfWork, sealer: Sealer) -> tuple[Source, Secret]:
    """Adds a secret beside the one in use, so that both are valid until the old one is taken away. Raises Refused (404, 409, 422)."""
    source = await _locked(id, uow)
    kept = open_secrets(source, sealer)
    if sum(secret.name == name for secret in kept) >= PER_NAME:
        detail = f"{PER_NAME} secrets named {name} are valid already. Take the older one away first."
        raise conflict("two-secrets", detail)
    fresh = _secret(uow, name, value)
    changed = await store.update_source(uow, id, {"secrets": seal_secrets([fresh, *kept], sealer)})
    assert changed is not None, "its row is locked"
    return changed, fresh


async def remove_secret(id: UUID, secret_id: UUID, uow: UnitOfWork, sealer: Sealer) -> None:
    """Ends a secret at once. Raises Refused (404)."""
    source = await _locked(id, uow)
    kept = open_secrets(source, sealer)
    left = [secret for secret in kept if secret.id != str(secret_id)]
    if len(left) == len(kept):
        raise not_found("secret", secret_id)
    await store.update_source(uow, id, {"secrets": seal_secrets(left, sealer)})


async def reseal_secrets(uow: UnitOfWork, sealer: Sealer) -> int:
    """Seals anew what was sealed with an older key, so that the key can be taken out of the key file. Returns for how many sources."""
    stale = [source for source in await store.sources_with_secrets(uow) if source.secrets and sealer.stale(source.secrets)]
    for source in stale:
        await store.update_source(uow, source.id, {"secrets": seal_secrets(open_secrets(source, sealer), sealer)})
    return len(stale)


async def _locked(id: UUID, uow: UnitOfWork) -> Source:
    source = await store.get_source(uow, id, lock=True)
    if source is None:
        raise not_found("source", id)
    return source


def _secret(uow: UnitOfWork, name: str, value: str) -> Secret:
    if not 8 <= len(value) <= MAX_SECRET:
        raise invalid(f"/secrets/{name}" if name != SIGNING else "/secret", f"has 8 to {MAX_SECRET} characters")
    return Secret(str(uow.clock.uuid7()), name, value, uow.now)
