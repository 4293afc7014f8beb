"""Policy documents and scenarios as a request's body: JSON or YAML, by its content type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from services.router.domain import Unreadable, read_json, read_yaml
from services.router.domain.policy import read_documents
from shared.errors import FieldError, Refused

YAML = frozenset(("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml"))
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A policy as GET /v1/policies/schema describes it.",
        "content": {
            kind: {
                "schema": {"type": "object"},
                "example": {
                    "pools": {"emea": {"members": [{"agent": "Robin Hazel", "weight": 2}]}, "global": {"members": []}},
                    "rules": [{"name": "german", "when": "country in ['DE', 'AT', 'CH']", "pool": "emea"}],
                    "default": "global",
                },
            }
            for kind in ("application/json", "application/yaml")
        },
    }
}


SCENARIOS: dict[str, Any] = {
    "requestBody": {
        "required": False,
        "description": "Scenarios, as GET /v1/policies/tests/schema describes them; YAML may hold several documents.",
        "content": {
            kind: {
                "schema": {"type": ["object", "array"]},
                "example": {
                    "name": "a German lead goes to emea",
                    "when": [{"lead": {"name": "A", "country": "DE"}}],
                    "then": {"decisions": {"A": {"pool": "emea", "rule": "german"}}},
                },
            }
            for kind in ("application/json", "application/yaml")
        },
    }
}


async def _read(request: Request) -> Any:
    return _parsed(await request.body(), is_json=_is_json(request), read=read_yaml)


async def _read_scenarios(request: Request) -> list[tuple[str, object]] | None:
    """Documents, each with the pointer to it in the body; None where there is no body."""
    body = await request.body()
    if not body.strip():
        return None
    is_json = _is_json(request)
    found = _parsed(body, is_json=is_json, read=lambda text: read_documents(text)[0])
    if is_json or len(found) == 1:
        return [("", found if is_json else found[0])]
    return [(f"/{index}", one) for index, one in enumerate(found)]


def _is_json(request: Request) -> bool:
    """False for YAML. Raises Refused (415) for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if not is_json and kind not in YAML:
        message = "must be application/json or application/yaml"
        errors = [FieldError("Content-Type", message)]
        raise Refused(415, "unsupported-media-type", detail=f"Content-Type: {message}", errors=errors)
    return is_json


def _parsed(body: bytes, *, is_json: bool, read: Callable[[bytes], Any]) -> Any:
    try:
        return read_json(body) if is_json else read(body)
    except Unreadable as error:
        place = f" at line {error.line}, column {error.column}" if error.line else ""
        slug, name = ("malformed-json", "JSON") if is_json else ("malformed-yaml", "YAML")
        detail = f"The body is not {name} that is read here: {error.message}{place}"
        raise Refused(400, slug, detail=detail, errors=[FieldError("/", error.message + place)]) from error


Document = Annotated[Any, Depends(_read)]
Scenarios = Annotated[list[tuple[str, object]] | None, Depends(_read_scenarios)]
