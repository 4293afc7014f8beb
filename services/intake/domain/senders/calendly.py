"""Calendly: somebody books a meeting. A rescheduled one comes as a cancellation and a booking, in either order, and is one interest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.reading import (
    as_flag,
    as_id,
    as_moment,
    as_name,
    as_object,
    as_objects,
    as_text,
    filled,
    put,
    read_object,
)
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Happening, Ignored, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.signing import PROFILES, verify_signature
from services.intake.domain.senders.tracking import TRACKING


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """A lead for a booking or a routing form, a happening for what becomes of the meeting. Raises Malformed."""
    body = read_object(delivery.body)
    event = as_name(body.get("event"))
    if (read := EVENTS.get(event)) is None:
        return [Ignored(f"the event {event}")]
    if not isinstance(payload := body.get("payload"), dict):
        raise Malformed("The body has no object `payload`.")
    return [read(payload, as_moment(body.get("created_at")))]


def _booked(payload: dict[str, Any], at: datetime | None) -> Notice:
    known = (payload.get("old_invitee"), payload.get("routing_form_submission"))
    return SentLead(
        filled({**_person(payload), **_meeting(payload), **_said(payload)}),
        _uri(payload),
        also=_uris(*known),
        submitted_at=as_moment(payload.get("created_at")) or at,
    )


def _canceled(payload: dict[str, Any], at: datetime | None) -> Notice:
    # The booking that takes its place may have come before or is still to come; in both cases nothing was lost.
    if as_flag(payload.get("rescheduled")) or as_id(payload.get("new_invitee")):
        return Ignored("a meeting that was rescheduled, not cancelled")
    cancellation = as_object(payload.get("cancellation"))
    when = as_moment(cancellation.get("created_at")) or as_moment(payload.get("updated_at")) or at
    by = as_text(cancellation.get("canceler_type"))
    return Happening(_uri(payload), "meeting_canceled", when, filled({"by": by, **_when(payload)}))


def _missed(payload: dict[str, Any], at: datetime | None) -> Notice:
    """The payload is the invitee, or a record of its own that names the invitee."""
    named = payload.get("invitee")
    invitee = {"uri": named} if isinstance(named, str) else as_object(named) or payload
    when = as_moment(as_object(payload.get("no_show")).get("created_at")) or at
    return Happening(_uri(invitee), "meeting_missed", when, _when(invitee))


def _routed(payload: dict[str, Any], at: datetime | None) -> Notice:
    """A routing form. If it led to a booking, the booking is the same interest."""
    answers = {
        **_said(payload),
        "routing_form": as_text(payload.get("routing_form")),
        "result": as_text(as_object(payload.get("result")).get("type")),
    }
    return SentLead(
        filled(answers),
        _uri(payload),
        also=tuple(uri for uri in _uris(payload.get("submitter")) if "/invitees/" in uri),
        submitted_at=as_moment(payload.get("created_at")) or at,
    )


EVENTS: Mapping[str, Callable[[dict[str, Any], datetime | None], Notice]] = MappingProxyType(
    {
        "invitee.created": _booked,
        "invitee.canceled": _canceled,
        "invitee_no_show.created": _missed,
        "routing_form_submission.created": _routed,
    }
)


def _person(payload: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "first_name", "last_name", "email", "text_reminder_number", "timezone")
    return {name: as_text(payload.get(name)) for name in names}


def _meeting(payload: dict[str, Any]) -> dict[str, Any]:
    """Who hosts the meeting (one address or several), and when it is."""
    event = as_object(payload.get("scheduled_event"))
    memberships = as_objects(event.get("event_memberships"))
    hosts = list(dict.fromkeys(host for member in memberships if (host := as_text(member.get("user_email")))))
    meeting = {"topic": as_text(event.get("name")), "event_type": as_text(event.get("event_type")), **_when(payload)}
    links = {name: as_text(payload.get(name)) for name in ("cancel_url", "reschedule_url")}
    return {"host": hosts[0] if len(hosts) == 1 else hosts, "meeting": filled({**meeting, **links})}


def _when(payload: dict[str, Any]) -> dict[str, Any]:
    event = as_object(payload.get("scheduled_event"))
    return filled({"starts_at": as_text(event.get("start_time")), "ends_at": as_text(event.get("end_time"))})


def _said(payload: dict[str, Any]) -> dict[str, Any]:
    questions: dict[str, Any] = {}
    for item in as_objects(payload.get("questions_and_answers")):
        key = as_text(item.get("question")) or f"question {as_text(item.get('position')) or len(questions)}"
        put(questions, key, item.get("answer") or None)
    return {"questions": questions, "tracking": filled(as_object(payload.get("tracking")))}


def _uri(payload: dict[str, Any]) -> str:
    if (uri := as_id(payload.get("uri"))) is None:
        raise Malformed("The payload has no uri.")
    return uri


def _uris(*values: Any) -> tuple[str, ...]:
    return tuple(uri for value in values if (uri := as_id(value)) is not None)


SENDER: Sender = Sender(
    kind="calendly",
    title="Calendly",
    help="Create a webhook subscription with Calendly's API for this hook's address, with a signing key that is also set here.",
    parse=parse,
    verify=partial(verify_signature, PROFILES["calendly"]),
    mapping={
        "name": "name",
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "email",
        "text_reminder_number": "phone",
        "timezone": "timezone",
        **{f"tracking.{name}": field for name, field in TRACKING.items()},
    },
    secret="The signing key of the webhook subscription.",
    acknowledge=answer_nothing,
)
