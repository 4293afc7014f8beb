"""Senders that follow Standard Webhooks (standardwebhooks.com), under its header names or under those of Svix."""

from __future__ import annotations

from typing import Any

from services.intake.domain.senders.reading import as_id, as_moment, as_name, as_text, filled, read_object
from services.intake.domain.senders.replies import answer_without_retry
from services.intake.domain.senders.shape import (
    Connection,
    Delivery,
    Ignored,
    Malformed,
    Notice,
    Sender,
    SentLead,
    Setting,
)
from services.intake.domain.senders.signing import PROFILES, Profile, verify_signature
from services.intake.domain.senders.tracking import TRACKING

TYPES = Setting(
    "event_types",
    "Which event types are leads, such as lead.created; a trailing * stands for any ending. Empty: all are.",
    kind="list",
    default=(),
)


def verify(delivery: Delivery, connection: Connection) -> None:
    """Raises Forged."""
    verify_signature(_profile(delivery), delivery, connection)


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """One lead: the answers are what is under `data`, or the whole body where there is no `data`. Raises Malformed."""
    body = read_object(delivery.body)
    event = as_text(body.get("type"))
    if not _is_lead(event, connection):
        return [Ignored(f"the event {as_name(event)}")]
    data = body.get("data", body)
    if not isinstance(data, dict):
        raise Malformed("`data` must be an object.")
    answers: dict[str, Any] = filled(data)
    if event is not None:
        answers.setdefault("event_type", event)
    # The id of the message: a message that is sent again has the same, and it is part of what is signed.
    message = as_id(delivery.headers.get(_profile(delivery).id_header or ""))
    return [SentLead(answers, message, submitted_at=as_moment(body.get("timestamp")))]


def _profile(delivery: Delivery) -> Profile:
    """By the id's header, since it decides which id counts: a header that somebody adds to a signed delivery must not change that."""
    svix = PROFILES["svix"]
    return svix if svix.id_header in delivery.headers else PROFILES["standard_webhooks"]


def _is_lead(event: str | None, connection: Connection) -> bool:
    wanted = connection.settings.get(TYPES.name)
    if not isinstance(wanted, list | tuple) or not wanted:
        return True
    return any(_matches(event or "", str(pattern)) for pattern in wanted)


def _matches(event: str, pattern: str) -> bool:
    return event.startswith(pattern[:-1]) if pattern.endswith("*") else event == pattern


SENDER: Sender = Sender(
    kind="standard_webhooks",
    title="Standard Webhooks",
    help="For any sender that follows Standard Webhooks, Svix among them: give it this hook's address, and set its signing secret here.",
    parse=parse,
    verify=verify,
    mapping=dict(TRACKING),
    secret="The endpoint's signing secret; it begins with whsec_.",
    settings=(TYPES,),
    acknowledge=answer_without_retry,
)
