"""Ad platforms and tools that sign what they send: their deliveries about an invented person."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tests.support.senders.case import JSON, Case, Person, Sent, empty_object, nothing, outcome
from tests.support.senders.proofs import (
    as_calendly,
    as_google,
    as_hubspot,
    as_linkedin,
    as_meta,
    as_standard,
    as_tiktok,
    as_typeform,
    as_webflow,
    milliseconds,
    seconds,
    whsec,
)

FIVE = timedelta(minutes=5)
TOKEN = {"access_token": "invented-access-token"}


def dumped(value: Any) -> Sent:
    return Sent(json.dumps(value).encode(), {"content-type": JSON})


def says_meta(person: Person, at: datetime, **about: Any) -> Sent:
    value = {"leadgen_id": person.id, "page_id": "1111", "form_id": "2222", "created_time": int(at.timestamp()), **about}
    entry = {"id": "1111", "time": int(at.timestamp()), "changes": [{"field": "leadgen", "value": value}]}
    return dumped({"object": "page", "entry": [entry]})


def says_google(person: Person, _: datetime, **about: Any) -> Sent:
    answers = {"FULL_NAME": person.name, "EMAIL": person.email, "PHONE_NUMBER": person.phone}
    columns = [{"column_id": id, "column_name": id, "string_value": value} for id, value in answers.items()]
    return dumped(
        {"lead_id": f"lead-{person.id}", "user_column_data": columns, "api_version": "1.0", "form_id": 40000000000, **about}
    )


def says_google_test(person: Person, at: datetime) -> Sent:
    return says_google(person, at, is_test=True)


def says_linkedin(person: Person, at: datetime, action: str = "CREATED") -> Sent:
    return dumped(
        {
            "type": "LEAD_ACTION",
            "leadGenFormResponse": f"urn:li:leadGenFormResponse:{person.id}",
            "leadGenForm": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:3333,1)",
            "owner": {"sponsoredAccount": "urn:li:sponsoredAccount:4444"},
            "leadType": "SPONSORED",
            "leadAction": action,
            "occurredAt": int(milliseconds(at)),
        }
    )


def says_tiktok(person: Person, at: datetime) -> Sent:
    answers = {"name": person.name, "email": person.email, "phone_number": person.phone}
    changes = [{"field": name, "value": value} for name, value in answers.items()]
    entry = {"id": int(person.id), "page_id": 7000000000000000001, "create_time": int(seconds(at)), "changes": changes}
    return dumped({"object": 1, "time": int(seconds(at)), "request_id": "invented", "entry": [entry]})


def says_typeform(person: Person, at: datetime) -> Sent:
    asked = {"name": ("short_text", "text"), "email": ("email", "email"), "phone": ("phone_number", "phone_number")}
    said = {"name": person.name, "email": person.email, "phone": person.phone}
    fields = [{"id": f"id-{ref}", "ref": ref, "type": kind, "title": f"Your {ref}?"} for ref, (kind, _) in asked.items()]
    answers = [
        {"type": answer, answer: said[ref], "field": {"id": f"id-{ref}", "ref": ref, "type": kind}}
        for ref, (kind, answer) in asked.items()
    ]
    response = {
        "form_id": "form1",
        "token": f"token-{person.id}",
        "submitted_at": at.isoformat(),
        "hidden": {"utm_source": "newsletter"},
        "definition": {"id": "form1", "title": "Invented form", "fields": fields},
        "answers": answers,
    }
    return dumped({"event_id": f"event-{person.id}", "event_type": "form_response", "form_response": response})


def says_hubspot(person: Person, at: datetime, kind: str = "contact.creation") -> Sent:
    event = {"eventId": 1, "subscriptionId": 2, "portalId": 3, "appId": 4, "occurredAt": int(milliseconds(at))}
    return dumped([{**event, "subscriptionType": kind, "attemptNumber": 0, "objectId": int(person.id)}])


def says_calendly(person: Person, at: datetime, event: str = "invitee.created", **more: Any) -> Sent:
    payload = {
        "uri": invitee(person),
        "name": person.name,
        "email": person.email,
        "text_reminder_number": person.phone,
        "timezone": "Europe/Paris",
        "questions_and_answers": [{"question": "What is it about?", "answer": "A demonstration", "position": 0}],
        "tracking": {"utm_campaign": "spring"},
        "scheduled_event": {
            "name": "Demonstration",
            "start_time": (at + timedelta(days=1)).isoformat(),
            "event_memberships": [{"user_email": "host@example.org"}],
        },
        "old_invitee": None,
        "rescheduled": False,
        **more,
    }
    return dumped({"event": event, "created_at": at.isoformat(), "payload": payload})


def invitee(person: Person, n: int = 0) -> str:
    """The address by which Calendly calls a booking; the n-th of this person."""
    return f"https://api.calendly.com/scheduled_events/E{n}/invitees/{person.id}-{n}"


def says_webflow(person: Person, at: datetime) -> Sent:
    payload = {
        "name": "Contact",
        "siteId": "site1",
        "data": {"Name": person.name, "Email": person.email, "Phone Number": person.phone},
        "submittedAt": at.isoformat(),
        "id": f"submission-{person.id}",
        "formId": "form1",
    }
    return dumped({"triggerType": "form_submission", "payload": payload})


def says_standard(name: str) -> Any:
    def says(person: Person, at: datetime) -> Sent:
        data = {"name": person.name, "email": person.email, "phone": person.phone}
        body = dumped({"type": "lead.created", "timestamp": at.isoformat(), "data": data})
        return body.headed(**{f"{name}_id": f"msg_{person.id}"})

    return says


def standard(name: str) -> Case:
    return Case(
        f"standard_webhooks, {name}-…",
        "standard_webhooks",
        says_standard(name),
        as_standard(name),
        outcome,
        secret_of=whsec,
        tolerance=FIVE,
        ahead=FIVE,
        covers=True,
    )


CASES = (
    Case("meta", "meta", says_meta, as_meta, nothing, {"verify_token": "invented-verify-token"}, TOKEN, covers=True, fetched=True),
    Case("google_ads", "google_ads", says_google, as_google, empty_object, says_test=says_google_test),
    Case("linkedin", "linkedin", says_linkedin, as_linkedin, nothing, secrets=TOKEN, covers=True, fetched=True),
    Case("tiktok", "tiktok", says_tiktok, as_tiktok, nothing, tolerance=FIVE, ahead=FIVE, covers=True),
    Case("typeform", "typeform", says_typeform, as_typeform, nothing, covers=True),
    Case(
        "hubspot", "hubspot", says_hubspot, as_hubspot, nothing,
        secrets=TOKEN, tolerance=FIVE, ahead=FIVE, covers=True, fetched=True,
    ),
    Case(
        "calendly", "calendly", says_calendly, as_calendly, nothing,
        tolerance=timedelta(minutes=3), ahead=timedelta(minutes=3), covers=True,
    ),
    Case("webflow", "webflow", says_webflow, as_webflow, nothing, tolerance=FIVE, ahead=FIVE, covers=True),
    standard("webhook"),
    standard("svix"),
)  # fmt: skip
