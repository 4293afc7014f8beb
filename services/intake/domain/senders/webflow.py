"""Webflow forms: answers under the fields' labels. Hooks made by an app or by the API are signed, those of the dashboard are not."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.intake.domain.senders.reading import as_id, as_moment, as_name, as_object, as_text, filled, read_object
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Ignored, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.signing import ACCEPT_UNSIGNED, PROFILES, verify_signed_unless_accepted
from services.intake.domain.senders.tracking import TRACKING


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead, out of the envelope of version 2 or the bare body of version 1. Raises Malformed."""
    body = read_object(delivery.body)
    if (trigger := as_name(body.get("triggerType", "form_submission"))) != "form_submission":
        return [Ignored(f"the trigger {trigger}, which is no form")]
    submission = as_object(body.get("payload")) or body
    if not isinstance(submission.get("data"), dict):
        raise Malformed("The submission has no object `data`.")
    answers = filled(submission["data"])
    if about := _about(submission):
        answers["webflow"] = about
    external_id = as_id(submission.get("id")) or as_id(submission.get("_id"))
    submitted_at = as_moment(submission.get("submittedAt")) or as_moment(submission.get("d"))
    return [SentLead(answers, external_id, submitted_at=submitted_at)]


def _about(submission: dict[str, Any]) -> dict[str, Any]:
    return filled(
        {
            "form": as_text(submission.get("name")),
            "form_id": as_id(submission.get("formId")) or as_id(submission.get("formElementId")),
            "page_id": as_id(submission.get("pageId")),
            "site_id": as_id(submission.get("siteId")) or as_id(submission.get("site")),
            "page_url": as_text(submission.get("pageUrl")) or as_text(submission.get("publishedPath")),
        }
    )


SENDER: Sender = Sender(
    kind="webflow",
    title="Webflow",
    help=(
        "Create a webhook for form submissions with this hook's address. One that is made by an app or by the API is signed: set its "
        "secret here. One that is made in the dashboard is not: it needs accept_unsigned."
    ),
    parse=parse,
    verify=partial(verify_signed_unless_accepted, PROFILES["webflow"]),
    mapping={"webflow.form_id": "form_id", "webflow.page_url": "landing_page", **TRACKING},
    secret="The client secret of the app that made the webhook, or the secretKey that the API answered with.",
    settings=(ACCEPT_UNSIGNED,),
    acknowledge=answer_nothing,
)
