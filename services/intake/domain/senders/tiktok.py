"""TikTok Lead Generation: leads in full, in one of two wrappings, and the answer of `lead/get`, which proves an unsigned one."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.intake.domain.senders.reading import (
    as_id,
    as_moment,
    as_name,
    as_object,
    as_objects,
    as_text,
    filled,
    ids,
    put,
    read_object,
)
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Fetch, Ignored, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.signing import ACCEPT_UNSIGNED, PROFILES, verify_signed_unless_accepted

ABOUT = ("page_id", "campaign_id", "adgroup_id", "ad_id", "advertiser_id", "lead_source")
NAMES = ("campaign_name", "adgroup_name", "ad_name", "page_name")


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """A lead for each entry, a fetch for one that is only named. Raises Malformed."""
    body = read_object(delivery.body)
    if isinstance(body.get("entry"), list):
        return [_lead(entry) for entry in as_objects(body["entry"])]
    if "content" not in body:
        raise Malformed("The body has neither a list `entry` nor a `content`.")
    # Other webhooks of TikTok's, and some leads, are wrapped once more: JSON as text inside the JSON.
    content = body["content"]
    inner = read_object(content) if isinstance(content, str) else as_object(content)
    if isinstance(inner.get("entry"), list):
        return [_lead(entry) for entry in as_objects(inner["entry"])]
    if "changes" in inner or "lead_data" in inner:
        return [_lead({"create_time": body.get("create_time"), **inner})]
    if lead := as_id(inner.get("lead_id")):
        return [Fetch(lead, "lead", ids(inner, ABOUT))]
    return [Ignored(f"the event {as_name(body.get('event'))}, which is no lead")]


def parse_lead(answer: Any) -> SentLead:
    """The answer of `lead/get`, or what is under its `data`. Raises Malformed, also for an error, which comes with HTTP 200 and a code."""
    answer = as_object(answer)
    if (code := as_text(answer.get("code")) or "0") != "0":
        raise Malformed(f"TikTok answered with code {code}.")
    lead = as_object(answer.get("data", answer))
    if not as_object(lead.get("meta_data")) and not as_object(lead.get("lead_data")):
        raise Malformed("TikTok's answer has no lead in it.")
    return _lead(lead)


def _lead(entry: dict[str, Any]) -> SentLead:
    """Answers under the questions' names, what it says of the ad under `tiktok`."""
    about = {**entry, **as_object(entry.get("meta_data"))}
    answers: dict[str, Any] = {}
    for change in as_objects(entry.get("changes")):
        put(answers, as_text(change.get("field")) or "unnamed", change.get("value"))
    for question, answer in as_object(entry.get("lead_data")).items():
        put(answers, question, answer)
    if ad := {**ids(about, ABOUT), **filled({name: about.get(name) for name in NAMES})}:
        answers["tiktok"] = ad
    return SentLead(
        answers, as_id(about.get("lead_id")) or as_id(about.get("id")), submitted_at=as_moment(about.get("create_time"))
    )


SENDER: Sender = Sender(
    kind="tiktok",
    title="TikTok Lead Generation",
    help="Subscribe this hook to the entity LEAD with TikTok's business API, and set the app's secret as the secret here.",
    parse=parse,
    verify=partial(verify_signed_unless_accepted, PROFILES["tiktok"]),
    mapping={
        "name": "name",
        "full_name": "name",
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "email",
        "phone_number": "phone",
        "address": "street",
        "city": "city",
        "state": "region",
        "province": "region",
        "country": "country",
        "zip_code": "postcode",
        "company_name": "company",
        "job_title": "job_title",
        "tiktok.page_id": "form_id",
        "tiktok.campaign_id": "campaign_id",
        "tiktok.campaign_name": "campaign",
        "tiktok.adgroup_id": "adset_id",
        "tiktok.ad_id": "ad_id",
    },
    secret="The app's secret: TikTok API for Business, My Apps.",
    settings=(ACCEPT_UNSIGNED,),
    acknowledge=answer_nothing,
    fetches=True,
)
