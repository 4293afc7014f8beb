"""A policy document as a request's body: JSON or YAML, by its content type."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from services.router.domain import Unreadable, read_json, read_yaml
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


async def _read(request: Request) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if not is_json and kind not in YAML:
        message = "must be application/json or application/yaml"
        errors = [FieldError("Content-Type", message)]
        raise Refused(415, "unsupported-media-type", detail=f"Content-Type: {message}", errors=errors)
    body = await request.body()
    try:
        return read_json(body) if is_json else read_yaml(body)
    except Unreadable as error:
        place = f" at line {error.line}, column {error.column}" if error.line else ""
        slug, name = ("malformed-json", "JSON") if is_json else ("malformed-yaml", "YAML")
        detail = f"The body is not {name} that is read here: {error.message}{place}"
        raise Refused(400, slug, detail=detail, errors=[FieldError("/", error.message + place)]) from error


Document = Annotated[Any, Depends(_read)]
