"""Google Ads lead forms: the whole lead in one JSON, with the key that proves it inside.

Google does not send again what was answered with a 4xx, and sends again what was answered with a 5xx.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.intake.domain.senders.reading import as_flag, as_id, as_moment, as_objects, as_text, ids, put, read_object
from services.intake.domain.senders.replies import first_later, is_later, json_reply
from services.intake.domain.senders.shape import (
    Connection,
    Delivery,
    Forged,
    Malformed,
    Notice,
    Reply,
    Result,
    Sender,
    SentLead,
    Status,
)
from services.intake.domain.senders.signing import is_secret

# In a test delivery the ids are 0.
ABOUT = ("form_id", "campaign_id", "adgroup_id", "creative_id", "asset_group_id", "gcl_id", "lead_stage", "lead_source")


def verify(delivery: Delivery, connection: Connection) -> None:
    """Compares the key inside the JSON. Google's own test delivery spells it `Google_key`. Raises Forged."""
    try:
        body = read_object(delivery.body)
    except Malformed:
        raise Forged("The body is no JSON object with a google_key in it.") from None
    given = [key for name, value in body.items() if name.lower() == "google_key" and (key := as_text(value))]
    if not given:
        raise Forged("The google_key is missing.")
    if not connection.secrets:
        raise Forged("The source has no key that the google_key could be compared with.")
    if not any([is_secret(key, connection) for key in given]):
        raise Forged("The google_key is not the one of this source.", 403)


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead, its answers under their `column_id`, what it says of the ad under `google`. Raises Malformed."""
    body = read_object(delivery.body)
    if not isinstance(body.get("user_column_data"), list):
        raise Malformed("The body has no list `user_column_data`.")
    return [
        SentLead(
            _answers(body),
            as_id(body.get("lead_id")),
            test=as_flag(body.get("is_test")) is True,
            submitted_at=as_moment(body.get("lead_submit_time")),
        )
    ]


def _answers(body: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for column in as_objects(body["user_column_data"]):
        if key := as_text(column.get("column_id")) or as_text(column.get("column_name")):
            put(answers, key, column.get("string_value"))
    if about := ids(body, ABOUT):
        answers["google"] = about
    return answers


def acknowledge(results: Sequence[Result], delivery: Delivery, connection: Connection) -> Reply:
    """`{}`, for a duplicate or a test too. A rejection is a 4xx, after which Google shows the reason and does not try again."""
    rejected = first_later(results) or next((result for result in results if result.status is Status.REJECTED), None)
    if rejected is None:
        return json_reply(200, {})
    return refuse(
        503 if is_later(rejected) else rejected.http, rejected.detail or "This lead cannot be taken.", delivery, connection
    )


def refuse(status: int, detail: str, _: Delivery, __: Connection) -> Reply:
    """An error in the form that Google shows to the advertiser. It sends again only after a 5xx, so what is for later is said so."""
    return json_reply(503 if status == 429 else status, {"message": detail})


SENDER: Sender = Sender(
    kind="google_ads",
    title="Google Ads lead form",
    help="In the lead form, under lead delivery, webhook: paste this hook's address and the key, then send test data.",
    parse=parse,
    verify=verify,
    mapping={
        "FULL_NAME": "name",
        "FIRST_NAME": "first_name",
        "LAST_NAME": "last_name",
        "EMAIL": "email",
        "WORK_EMAIL": "email",
        "PHONE_NUMBER": "phone",
        "WORK_PHONE": "phone",
        "STREET_ADDRESS": "street",
        "POSTAL_CODE": "postcode",
        "CITY": "city",
        "REGION": "region",
        "COUNTRY": "country",
        "COMPANY_NAME": "company",
        "JOB_TITLE": "job_title",
        "google.gcl_id": "gclid",
        "google.form_id": "form_id",
        "google.campaign_id": "campaign_id",
        "google.adgroup_id": "adset_id",
        "google.creative_id": "ad_id",
    },
    secret="The key that is typed in beside the webhook's address: any text of yours.",
    acknowledge=acknowledge,
    refuse=refuse,
)
