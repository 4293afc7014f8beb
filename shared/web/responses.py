"""Answers as JSON, and pages of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel

from shared.errors import invalid

T = TypeVar("T")
encode_json = msgspec.json.Encoder(decimal_format="number").encode


def json_response(content: object, status: int = 200) -> Response:
    """JSON of anything msgspec can encode, and of pydantic models."""
    return Response(encode_json(plain(content)), status, media_type="application/json")


def plain(content: object) -> object:
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    return [plain(item) for item in content] if isinstance(content, list) else content


Limit = Annotated[int, Query(ge=1, le=500, description="How many items at the most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="Where to go on: `next` of the page before.")]


def page_of(items: list[Any], *, limit: int, key: Callable[[Any], Sequence[object]]) -> dict[str, Any]:
    """A page of what was fetched as `limit + 1` items, and the cursor of the next one if there is more."""
    more = len(items) > limit
    shown = items[:limit]
    return {"items": shown, "next": encode_cursor(key(shown[-1])) if more else None}


def encode_cursor(position: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(encode_json(position)).decode().rstrip("=")


def decode_cursor(cursor: str | None, shape: type[T]) -> T | None:
    """The position in a cursor that we made. Raises Refused (422) for any other."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position = msgspec.json.decode(raw, type=shape)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        position = None
    if position is None or not all(map(_comparable, cast(Sequence[object], position))):
        raise invalid("cursor", "is not one of ours; begin without it")
    return position


def _comparable(value: object) -> bool:
    """Can a column be compared with it? PostgreSQL takes no NUL, and has an end to its numbers and its calendar."""
    if isinstance(value, datetime):
        return value.tzinfo is not None and on_calendar(value)
    return abs(value) < 2**63 if isinstance(value, int) else not (isinstance(value, str) and "\0" in value)


def on_calendar(at: datetime) -> bool:
    """Can every time zone show this moment?"""
    return 1 < at.year < 9999
