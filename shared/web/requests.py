"""What routes ask for: the caller, a unit of work, a body that can be stored, and to do a thing once only."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, field_validator
from starlette.datastructures import State

from shared.auth import Caller, Role, Tokens, unauthorized
from shared.contracts.envelope import Cause
from shared.db import answers
from shared.db.uow import Database, UnitOfWork
from shared.errors import Refused
from shared.web.responses import json_response, on_calendar

T = TypeVar("T")


class Body(BaseModel):
    """Base of every request body read by pydantic: unknown fields are refused, and so is what PostgreSQL cannot store."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if fault := unstorable(value):
            raise ValueError(fault)
        return value


def _on_calendar(at: datetime) -> datetime:
    if not on_calendar(at):
        raise ValueError("lies beyond the calendar")
    return at


Moment = Annotated[AwareDatetime, AfterValidator(_on_calendar)]


def unstorable(value: object) -> str | None:
    """Why PostgreSQL could not store this (a NUL, a lone surrogate, NaN in JSON), however deep it lies; None if it could."""
    if isinstance(value, str):
        if "\0" in value:
            return "holds a NUL character"
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            return "holds half a surrogate pair, which is no character"
    elif isinstance(value, float):
        return None if math.isfinite(value) else "is no finite number"
    elif isinstance(value, dict):
        return next((fault for item in (*value, *value.values()) if (fault := unstorable(item))), None)
    elif isinstance(value, list):
        return next((fault for item in value if (fault := unstorable(item))), None)
    return None


def cause_of(request: Request) -> Cause:
    """What to name as the cause of the events that this request makes."""
    cause: Cause = request.scope["handoff.cause"]
    return cause


def caller_of(request: Request) -> Caller:
    """Who asks, by the bearer token. Raises Refused (401)."""
    return caller_by(request.headers.get("authorization", ""), request.app.state)


def caller_by(authorization: str, state: State) -> Caller:
    """Who asks with that Authorization header; `state` is the app's. Raises Refused (401)."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("Send a token: Authorization: Bearer … (python -m services token makes one).")
    tokens: Tokens = state.tokens
    return tokens.check(token.strip(), now=state.database.clock.now())


def permit(caller: Caller, allowed: frozenset[Role]) -> Caller:
    """The caller, if their role is one of these. Raises Refused (403)."""
    if caller.role not in allowed:
        names = ", ".join(sorted(allowed))
        raise Refused(403, "forbidden", detail=f"Your role is {caller.role}; this needs one of: {names}.")
    return caller


def allow(*roles: Role) -> Any:
    """A dependency: the caller, if their role is one of these (an admin may do everything). Raises Refused (401, 403)."""
    allowed = frozenset((Role.ADMIN, *roles))

    async def check(request: Request) -> Caller:
        caller = permit(caller_of(request), allowed)
        request.state.caller = caller
        return caller

    return Depends(check)


async def unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    database: Database = request.app.state.database
    async with database.begin() as uow:
        yield uow


# Function scope: the commit comes before the answer, and a failed one is a 503 instead of a 200.
Uow = Annotated[UnitOfWork, Depends(unit_of_work, scope="function")]


class Once:
    """Answers a request that carries a known Idempotency-Key as the first time, instead of doing its work again."""

    def __init__(self, request: Request, uow: Uow) -> None:
        self._request = request
        self._uow = uow

    async def __call__(
        self, work: Callable[[], Awaitable[T]], *, status: int = 200, kept: Callable[[T], object] | None = None
    ) -> Response:
        """Does the work and answers with its result as JSON. Raises Refused (422) for a key used with another body.

        `kept` says what is stored for a repetition, where the result holds a secret that is shown once.
        """
        key = self._key()
        if key is None:
            return json_response(await work(), status)
        known = (await answers.claim(self._uow, [key])).get(key.scope)
        if known:
            body_hash, answer = known
            if body_hash != key.body_hash:
                raise answers.reused()
            return Response(answer.content, answer.status, media_type="application/json")
        result = await work()
        response = json_response(result, status)
        stored = json_response(kept(result), status) if kept else response
        answers.store(self._uow, [(key.scope, answers.Answer(status, bytes(stored.body)))])
        return response

    def _key(self) -> answers.Key | None:
        sent = self._request.headers.get("idempotency-key")
        if sent is None:
            return None
        return answers.scoped_key(
            sent,
            self._request.scope["handoff.body"],
            client=self._request.state.caller.subject,
            method=self._request.method,
            path=self._request.url.path,
        )


OnceOnly = Annotated[Once, Depends(Once, scope="function")]
