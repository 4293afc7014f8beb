"""What senders are answered: plainly for whoever reads answers, and in the few words that each platform expects.

A platform that is told of an error sends the same again for hours, and at last switches the hook off. A lead that we reject is not
going to be accepted the tenth time, so the platform is thanked for it and the rejection is kept with us. It is told only of what it
should send again: that the source is paused or over its rate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.shape import Connection, Delivery, Reply, Result, Status

PROBLEM = "application/problem+json"
RETRY_AFTER = "60"  # seconds; rates are by the minute
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def answer_plainly(results: Sequence[Result], _: Delivery, __: Connection) -> Reply:
    """202 with what became of each; a problem document where the only one was rejected, or all are to be sent again."""
    if results and (len(results) == 1 or all(is_later(result) for result in results)) and results[0].status is Status.REJECTED:
        return problem(results[0])
    return _accepted(results)


def answer_without_retry(results: Sequence[Result], _: Delivery, __: Connection) -> Reply:
    """202 with what became of each, a rejection too: for senders that show the answer to a person, and would send an error again."""
    later = first_later(results)
    return _accepted(results) if later is None else problem(later)


def answer_nothing(results: Sequence[Result], _: Delivery, __: Connection) -> Reply:
    """200 without a body, whatever became of it."""
    later = first_later(results)
    return Reply(200, content_type="text/plain; charset=utf-8") if later is None else problem(later)


def is_later(result: Result) -> bool:
    """Whether the same is accepted at another time: the fault is neither the lead's nor the sender's."""
    return result.status is Status.REJECTED and (result.http == 429 or result.http >= 500)


def first_later(results: Sequence[Result]) -> Result | None:
    return next((result for result in results if is_later(result)), None)


def problem(result: Result) -> Reply:
    """A problem document (RFC 9457) on a rejected notice."""
    slug = result.slug or "invalid"
    detail = result.detail or "This lead cannot be taken."
    document: dict[str, Any] = {
        "type": f"urn:handoff:problem:{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": result.http,
        "detail": detail,
    }
    if result.pointer is not None:
        document["errors"] = [{"field": result.pointer, "message": detail}]
    return json_reply(result.http, document, PROBLEM, {"Retry-After": RETRY_AFTER} if is_later(result) else {})


def json_reply(
    status: int, document: Any, content_type: str = "application/json", headers: Mapping[str, str] = NO_HEADERS
) -> Reply:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Reply(status, body, content_type, headers)


def _accepted(results: Sequence[Result]) -> Reply:
    outcomes = [_outcome(result) for result in results]
    return json_reply(202, outcomes[0] if len(outcomes) == 1 else {"results": outcomes})


def _outcome(result: Result) -> dict[str, Any]:
    # Whoever sends spam is not told that it was noticed.
    status = Status.ACCEPTED if result.status is Status.SPAM else result.status
    outcome: dict[str, Any] = {"status": status.value}
    if result.lead_id is not None:
        outcome = {"lead_id": str(result.lead_id), **outcome}
    if result.status is Status.REJECTED:
        outcome["reason"] = result.slug or "invalid"
        if result.detail is not None:
            outcome["detail"] = result.detail
        if result.pointer is not None:
            outcome["field"] = result.pointer
    return outcome
