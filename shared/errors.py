"""Errors that answer two questions: whose fault is it, and should it be tried again?

HandoffError
├── Transient              the world: a lost connection, a lock not had in time. Try again, for ever, with backoff.
├── Permanent              the record or the request: trying again changes nothing.
│   └── Refused            a request that is answered with a problem document (RFC 9457)
└── ConfigurationError     the operator: the message says which setting and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class HandoffError(Exception):
    """Root of every error that this project raises on purpose."""


class Transient(HandoffError):
    """The world failed, not the work. The same work may succeed later."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(Transient):
    """The connection was lost while COMMIT was under way: it may have happened. Whoever repeats must be idempotent."""


class Permanent(HandoffError):
    """The work itself is wrong. The same work fails again."""


class ConfigurationError(HandoffError):
    """A setting is missing or wrong. The message names it and says what to do."""


@dataclass(frozen=True)
class FieldError:
    """One field that is wrong. `field` is a JSON pointer into the body, or the name of a parameter or header."""

    field: str
    message: str


class Refused(Permanent):
    """A request that cannot be served, answered as application/problem+json.

    `slug` is the last part of the problem's type and never changes once published; `detail` is for a person.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        *,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def invalid(field: str, message: str) -> Refused:
    """422: one field of an otherwise readable body is wrong."""
    return Refused(422, "invalid", detail=f"{field}: {message}", errors=[FieldError(field, message)])


def not_found(what: str, name: object) -> Refused:
    return Refused(404, "not-found", detail=f"There is no {what} {name}.")


def conflict(slug: str, detail: str) -> Refused:
    return Refused(409, slug, detail=detail)


def unavailable(slug: str, detail: str, retry_after: int = 1) -> Refused:
    """503: nothing was written, or it is unknown whether it was; the sender should send again."""
    return Refused(503, slug, detail=detail, headers={"Retry-After": str(retry_after)})
