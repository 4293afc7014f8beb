"""Problem documents (RFC 9457): every error that this project answers with, and what becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared.db.answers import Answer
from shared.errors import FieldError, Refused, Transient
from shared.telemetry import logger
from shared.web.responses import encode_json

PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:handoff:problem:"

log = logger(__name__)


def problem(status: int, slug: str, detail: str, errors: Sequence[FieldError] = ()) -> bytes:
    """A problem document. `errors` names each wrong field by JSON pointer, parameter or header."""
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + slug,
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    if errors:
        document["errors"] = [{"field": error.field, "message": error.message} for error in errors]
    return encode_json(document)


def refused(error: Refused) -> Answer:
    content = problem(error.status, error.slug, error.detail, error.errors)
    return Answer(error.status, content, PROBLEM, error.headers)


def refusal(error: Refused) -> Response:
    answer = refused(error)
    return Response(answer.content, answer.status, headers=answer.headers, media_type=PROBLEM)


async def on_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error)


async def on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if fault := next((e for e in error.errors() if e["type"] == "json_invalid"), None):
        message = f"{fault['ctx']['error']} at character {fault['loc'][-1]}"
        return refusal(
            Refused(400, "malformed-json", detail=f"The body is not JSON: {message}", errors=[FieldError("/", message)])
        )
    errors = [FieldError(pointer(e["loc"]), e["msg"].removeprefix("Value error, ")) for e in error.errors()]
    detail = "; ".join(f"{e.field}: {e.message}" for e in errors)
    return refusal(Refused(422, "invalid", detail=detail, errors=errors))


async def on_transient(_: Request, error: Exception) -> Response:
    assert isinstance(error, Transient)
    return refusal(unavailable_now(error))


def unavailable_now(error: Transient) -> Refused:
    log.warning("request.unavailable", error=str(error))
    headers = {"Retry-After": str(error.retry_after)}
    detail = "The service cannot store or read anything right now. Send the request again."
    return Refused(503, "unavailable", detail=detail, headers=headers)


async def on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = {404: "no-such-route", 405: "method-not-allowed", 413: "too-large"}.get(error.status_code, "refused")
    return refusal(Refused(error.status_code, slug, detail=str(error.detail), headers=error.headers))


async def on_crash(_: Request, __: Exception) -> Response:
    """Whoever stands outside logs it: the error is raised on once this is sent."""
    return refusal(crashed())


def crashed() -> Refused:
    return Refused(500, "internal", detail="This is our fault, and it was logged under the request id.")


def pointer(location: Sequence[int | str]) -> str:
    """Pydantic's location as a person's: a JSON pointer into the body, else the parameter's or header's name."""
    where, *path = location
    if where != "body":
        return str(path[-1] if path else where)
    return "".join(f"/{step}" for step in path) or "/"


HANDLERS: dict[int | type[Exception], Any] = {
    Refused: on_refused,
    RequestValidationError: on_invalid,
    HTTPException: on_http,
    Transient: on_transient,
    Exception: on_crash,
}
