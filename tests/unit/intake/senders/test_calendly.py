"""Calendly: bookings, reschedules in either order, cancellations, no-shows and routing forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.calendly import SENDER
from services.intake.domain.senders.shape import Happening, Ignored, Malformed, SentLead
from tests.unit.intake.senders.signed import (
    SECRET,
    STAMP,
    any_json,
    connection,
    delivery,
    hex_of,
    normal_fields,
    notices,
    refused,
    samples,
    survives,
)

EVENT = "https://api.calendly.com/scheduled_events/E1"
OLD, NEW = f"{EVENT}/invitees/OLD", f"{EVENT}/invitees/NEW"
FORM = "https://api.calendly.com/routing_form_submissions/R1"


def invitee(uri: str = NEW, **more: Any) -> dict[str, Any]:
    return {
        "uri": uri,
        "name": "Ada Example",
        "email": "ada@example.com",
        "text_reminder_number": "+1 202-555-0101",
        "timezone": "America/Chicago",
        "created_at": "2026-11-22T09:00:00.000000Z",
        "questions_and_answers": [
            {"question": "Company", "answer": "Example Ltd", "position": 0},
            {"question": "Anything else?", "answer": "", "position": 1},
        ],
        "tracking": {"utm_source": "portal", "utm_campaign": "autumn", "utm_term": None},
        "scheduled_event": {
            "name": "Intro with Robin",
            "start_time": "2026-11-24T15:00:00Z",
            "event_memberships": [{"user_email": "robin@example.org"}, {"user_email": "robin@example.org"}],
        },
        **more,
    }


def body(event: str, payload: Any) -> dict[str, Any]:
    return {"event": event, "created_at": "2026-11-22T09:00:01.000000Z", "payload": payload}


def lead(event: str, payload: Any) -> SentLead:
    [notice] = notices(SENDER, body(event, payload))
    assert isinstance(notice, SentLead)
    return notice


def test_a_signed_delivery_is_accepted_within_three_minutes() -> None:
    raw = json.dumps(body("invitee.created", invitee())).encode()

    def signed(stamp: int) -> dict[str, str]:
        return {"calendly-webhook-signature": f"t={stamp},v1={hex_of(f'{stamp}.'.encode() + raw, SECRET)}"}

    SENDER.verify(delivery(raw, signed(STAMP - 180)), connection())
    assert refused(SENDER, delivery(raw, signed(STAMP - 181))) == 401
    assert refused(SENDER, delivery(raw, signed(STAMP)), "another") == 403
    assert refused(SENDER, delivery(raw)) == 401


def test_a_booking_is_a_lead_with_its_host_questions_and_tracking() -> None:
    booked = lead("invitee.created", invitee())
    assert booked.external_id == NEW
    assert booked.also == ()
    assert booked.answers == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "text_reminder_number": "+1 202-555-0101",
        "timezone": "America/Chicago",
        "host": "robin@example.org",
        "meeting": {"topic": "Intro with Robin", "starts_at": "2026-11-24T15:00:00Z"},
        "questions": {"Company": "Example Ltd"},
        "tracking": {"utm_source": "portal", "utm_campaign": "autumn"},
    }
    assert booked.submitted_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, lead("invitee.created", invitee())) == {
        "name": "Ada Example",
        "email": "ada@example.com",
        "phone": "+1 202-555-0101",
        "timezone": "America/Chicago",
        "company": "Example Ltd",
        "utm_source": "portal",
        "campaign": "autumn",
    }


def test_several_hosts_are_a_list() -> None:
    hosts = {"event_memberships": [{"user_email": "robin@example.org"}, {"user_email": "kim@example.org"}]}
    assert lead("invitee.created", invitee(scheduled_event=hosts)).answers["host"] == ["robin@example.org", "kim@example.org"]


def test_a_reschedule_is_the_interest_it_replaces_and_its_cancellation_says_nothing() -> None:
    created = lead("invitee.created", invitee(NEW, old_invitee=OLD))
    assert (created.external_id, created.also) == (NEW, (OLD,))
    for mark in ({"rescheduled": True}, {"rescheduled": True, "new_invitee": NEW}, {"new_invitee": NEW}):
        [notice] = notices(SENDER, body("invitee.canceled", invitee(OLD, **mark)))
        assert isinstance(notice, Ignored)


def test_a_cancellation_is_a_happening_without_contact_data() -> None:
    cancellation = {
        "canceled_by": "Ada Example",
        "canceler_type": "invitee",
        "reason": "I am ill",
        "created_at": "2026-11-22T09:20:00Z",
    }
    [notice] = notices(SENDER, body("invitee.canceled", invitee(rescheduled=False, new_invitee=None, cancellation=cancellation)))
    data = {"by": "invitee", "starts_at": "2026-11-24T15:00:00Z"}
    assert notice == Happening(NEW, "meeting_canceled", datetime(2026, 11, 22, 9, 20, tzinfo=UTC), data)


@pytest.mark.parametrize(
    "payload",
    [
        invitee(no_show={"uri": "https://api.calendly.com/invitee_no_shows/N1", "created_at": "2026-11-22T09:25:00Z"}),
        {"uri": "https://api.calendly.com/invitee_no_shows/N1", "invitee": NEW},
        {"uri": "https://api.calendly.com/invitee_no_shows/N1", "invitee": {"uri": NEW}},
    ],
)
def test_a_no_show_is_a_happening_of_the_invitee(payload: dict[str, Any]) -> None:
    [notice] = notices(SENDER, body("invitee_no_show.created", payload))
    assert isinstance(notice, Happening)
    assert (notice.external_id, notice.kind) == (NEW, "meeting_missed")
    assert notice.at is not None


def test_a_routing_form_is_a_lead_and_one_interest_with_its_booking() -> None:
    questions = [{"question_uuid": "q", "question": "Email", "answer": "ada@example.com"}]
    payload = {"uri": FORM, "questions_and_answers": questions, "submitter": NEW, "submitter_type": "Invitee"}
    routed = lead("routing_form_submission.created", payload)
    assert (routed.external_id, routed.also) == (FORM, (NEW,))
    assert routed.answers["questions"] == {"Email": "ada@example.com"}
    assert lead("routing_form_submission.created", {**payload, "submitter": None}).also == ()
    assert lead("invitee.created", invitee(routing_form_submission=FORM)).also == (FORM,)


def test_other_events_are_ignored() -> None:
    for event in ("invitee_no_show.deleted", "event_type.created", "", None, 5):
        [notice] = notices(SENDER, {"event": event})
        assert isinstance(notice, Ignored)


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"event":"invitee.created"}', b'{"event":"invitee.created","payload":{}}'])
def test_what_names_nobody_is_malformed(sent: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, sent)


@given(any_json("uri", "name", "email", "questions_and_answers", "question", "answer", "scheduled_event", "event_memberships"))
@settings(max_examples=60, deadline=None)
def test_any_json_is_read_or_malformed(sent: Any) -> None:
    survives(SENDER, sent)
    for event in ("invitee.created", "invitee.canceled", "invitee_no_show.created", "routing_form_submission.created"):
        survives(SENDER, body(event, sent))
        survives(
            SENDER, body(event, {**(sent if isinstance(sent, dict) else {"tracking": sent, "cancellation": sent}), "uri": NEW})
        )
        survives(SENDER, body(event, invitee(questions_and_answers=[sent, {"question": sent, "answer": sent}], invitee=sent)))


def test_the_captures_are_read() -> None:
    for _, raw in samples("calendly"):
        [notice] = notices(SENDER, raw)
        assert isinstance(notice, SentLead)
        assert notice.external_id is not None
        assert "/invitees/" in notice.external_id
        assert notice.answers["host"] == "yannick@example.test"
        assert notice.answers["questions"]["Athlete name"] == "Lena Novak"
