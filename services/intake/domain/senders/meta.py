"""Meta Lead Ads (Facebook, Instagram): a thin notification, and the lead that is fetched from the Graph API by its id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
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
    ids,
    once,
    put,
    read_object,
)
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import (
    Connection,
    Consent,
    Delivery,
    Fetch,
    Forged,
    Ignored,
    Malformed,
    Notice,
    Reply,
    Sender,
    SentLead,
    Setting,
)
from services.intake.domain.senders.signing import PROFILES, same_text, verify_signature

HINTS = ("form_id", "page_id", "ad_id", "adgroup_id", "created_time")
AD_IDS = ("form_id", "ad_id", "adset_id", "campaign_id", "retailer_item_id")
AD = ("ad_name", "adset_name", "campaign_name", "platform", "is_organic", "partner_name", "vehicle", "home_listing")
TEST_VALUE = "<test lead:"  # what Meta's testing tool answers each question with


def answer_challenge(delivery: Delivery, connection: Connection) -> Reply | None:
    """The challenge, where the verify token is ours; None for a GET that is no handshake. Raises Forged (403)."""
    if "hub.mode" not in delivery.query:
        return None
    ours = as_text(connection.settings.get("verify_token"))
    given = delivery.query.get("hub.verify_token", "")
    if ours is None or delivery.query["hub.mode"] != "subscribe" or not same_text(given, ours):
        raise Forged("The verify token is not the one of this source.", 403)
    challenge = delivery.query.get("hub.challenge", "").encode("utf-8", "replace")
    return Reply(200, challenge, "text/plain; charset=utf-8", {"X-Content-Type-Options": "nosniff"})


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """A fetch for each lead that the delivery names. Raises Malformed."""
    body = read_object(delivery.body)
    if not isinstance(body.get("entry"), list):
        raise Malformed("The body has no list `entry`.")
    return once(_notices(body["entry"]))


def _notices(entries: list[Any]) -> Iterator[Notice]:
    for entry in as_objects(entries):
        for change in as_objects(entry.get("changes")):
            yield _notice(entry, change)


def _notice(entry: dict[str, Any], change: dict[str, Any]) -> Notice:
    if (field := as_name(change.get("field"))) != "leadgen":
        return Ignored(f"the change {field}, which is no lead")
    value = as_object(change.get("value"))
    if (lead := as_id(value.get("leadgen_id"))) is None:
        return Ignored("a lead without leadgen_id")
    return Fetch(lead, "lead", ids({"page_id": entry.get("id"), **value}, HINTS))


def parse_lead(answer: Any) -> SentLead:
    """The Graph API's answer about one lead, each answer under its question's name, the ad under `meta`. Raises Malformed."""
    lead = as_object(answer)
    if (external_id := as_id(lead.get("id"))) is None:
        raise Malformed("The Graph API's answer is no lead: it has no id.")
    submitted_at = as_moment(lead.get("created_time"))
    answers = _answers(lead)
    test = any(str(value).lower().startswith(TEST_VALUE) for value in answers.values())
    if about := {**filled({name: lead.get(name) for name in AD}), **ids(lead, AD_IDS)}:
        answers["meta"] = about
    return SentLead(answers, external_id, test=test, submitted_at=submitted_at, consents=_consents(lead, submitted_at))


def _answers(lead: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for field in as_objects(lead.get("field_data")):
        values = field.get("values", field.get("value"))
        for value in values if isinstance(values, list) else [values]:
            put(answers, as_text(field.get("name")) or "unnamed", value)
    return answers


def _consents(lead: dict[str, Any], at: datetime | None) -> tuple[Consent, ...]:
    """The boxes of the form's custom disclaimer, ticked or not. Their texts are with the form, not with the lead."""
    boxes = as_objects(lead.get("custom_disclaimer_responses"))
    return tuple(
        Consent(key, as_flag(box.get("is_checked")) is True, at=at)
        for box in boxes
        if (key := as_text(box.get("checkbox_key"))) is not None
    )


SENDER: Sender = Sender(
    kind="meta",
    title="Meta Lead Ads",
    help=(
        "In the Meta app, subscribe the Page's `leadgen` field to this hook with the verify token that is set here. The lead is then "
        "fetched with a long-lived Page token that has `leads_retrieval`."
    ),
    parse=parse,
    verify=partial(verify_signature, PROFILES["meta"]),
    mapping={
        "full_name": "name",
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "email",
        "work_email": "email",
        "phone_number": "phone",
        "work_phone_number": "phone",
        "street_address": "street",
        "city": "city",
        "state": "region",
        "province": "region",
        "zip_code": "postcode",
        "post_code": "postcode",
        "country": "country",
        "company_name": "company",
        "job_title": "job_title",
        "meta.campaign_name": "campaign",
        "meta.campaign_id": "campaign_id",
        "meta.adset_id": "adset_id",
        "meta.ad_id": "ad_id",
        "meta.form_id": "form_id",
    },
    secret="The app secret: App settings, Basic, in the Meta developer console.",
    settings=(
        Setting("verify_token", "Any text of yours; the same as in the webhook's settings in the Meta app.", required=True),
    ),
    handshake=answer_challenge,
    acknowledge=answer_nothing,
    fetches=True,
)
