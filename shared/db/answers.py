"""Stored answers: a request that is sent again with its Idempotency-Key is answered as the first time, and does nothing.

A key's scope is client, method and path; with it goes the SHA-256 of the raw body. Answers are kept for 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from shared.db.uow import UnitOfWork, columns
from shared.errors import FieldError, Refused

KEPT = timedelta(hours=24)
MAX_KEY = 255


@dataclass(frozen=True)
class Key:
    """An Idempotency-Key in its scope, and the body that came with it."""

    scope: bytes
    body_hash: bytes


class Answer(NamedTuple):
    """An answer as it is sent. Only status and content are kept: what is given to a repeated request is JSON without headers of its own.

    A tuple: there is one a lead.
    """

    status: int
    content: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


def scoped_key(key: str, body: bytes, *, client: str, method: str, path: str) -> Key:
    """Raises Refused (400) for a key that is empty, longer than 255 characters or not printable ASCII."""
    if not key or len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
        message = f"must be 1 to {MAX_KEY} printable ASCII characters"
        raise Refused(
            400,
            "bad-idempotency-key",
            detail=f"Idempotency-Key {message}",
            errors=[FieldError("Idempotency-Key", message)],
        )
    scope = sha256("\0".join((client, method, path, key)).encode()).digest()
    return Key(scope, sha256(body).digest())


def reused() -> Refused:
    message = "was used before with another body; use a new key for a new request"
    return Refused(
        422,
        "idempotency-key-reused",
        detail=f"The Idempotency-Key {message}.",
        errors=[FieldError("Idempotency-Key", message)],
    )


async def claim(uow: UnitOfWork, keys: Iterable[Key]) -> dict[bytes, tuple[bytes, Answer] | None]:
    """For each scope: None where this transaction claimed it, else the stored body hash and answer.

    Waits for another transaction that has the same key open. Sorted, so that two groups queue up instead of deadlocking.
    """
    by_scope = {key.scope: key for key in keys}
    scopes = sorted(by_scope)
    fresh = await uow.fetch(
        f"INSERT INTO {uow.service}.answers (scope, body_hash, created_at) "
        "SELECT scope, body_hash, $3 FROM unnest($1::bytea[], $2::bytea[]) AS k(scope, body_hash) "
        "ON CONFLICT DO NOTHING RETURNING scope",
        scopes,
        [by_scope[scope].body_hash for scope in scopes],
        uow.now,
    )
    found: dict[bytes, tuple[bytes, Answer] | None] = {row["scope"]: None for row in fresh}
    if taken := [scope for scope in scopes if scope not in found]:
        for row in await uow.fetch(
            f"SELECT scope, body_hash, status, content FROM {uow.service}.answers WHERE scope = ANY($1)", taken
        ):
            found[row["scope"]] = (row["body_hash"], Answer(row["status"], row["content"]))
    return found


def store(uow: UnitOfWork, answers: Sequence[tuple[bytes, Answer]]) -> None:
    """Keeps the answers of scopes that this transaction claimed."""
    if not answers:
        return
    uow.change(
        f"UPDATE {uow.service}.answers a SET status = n.status, content = n.content "
        "FROM unnest($1::bytea[], $2::smallint[], $3::bytea[]) AS n(scope, status, content) WHERE a.scope = n.scope",
        *columns([(scope, answer.status, answer.content) for scope, answer in answers]),
    )


def release(uow: UnitOfWork, scopes: Sequence[bytes]) -> None:
    """Gives up claims of this transaction: what was refused did nothing, and its key may be used for the corrected request."""
    if scopes:
        uow.change(f"DELETE FROM {uow.service}.answers WHERE scope = ANY($1)", list(scopes))


async def purge(uow: UnitOfWork) -> None:
    await uow.execute(f"DELETE FROM {uow.service}.answers WHERE created_at < $1", uow.now - KEPT)
