"""LinkedIn Lead Sync: a challenge every two hours, a thin notification, and the answers that only the form can explain."""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from hashlib import sha256
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
    put,
    read_object,
)
from services.intake.domain.senders.replies import answer_nothing, json_reply
from services.intake.domain.senders.shape import (
    Connection,
    Consent,
    Delivery,
    Erasure,
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
from services.intake.domain.senders.signing import PROFILES, verify_signature
from services.intake.domain.senders.tracking import TRACKING

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORM = re.compile(r"urn:li:leadGenForm:([0-9]+)(?:,([0-9]+))?")


def answer_challenge(delivery: Delivery, connection: Connection) -> Reply | None:
    """The code signed with the client secret; None for a GET without one. Raises Forged.

    Only a UUID is signed: else whoever knows the address could have the body of a delivery signed here, and send it.
    """
    if (code := delivery.query.get("challengeCode")) is None:
        return None
    if not connection.secrets:
        raise Forged("The source has no client secret to answer the challenge with.")
    if not _UUID.fullmatch(code):
        raise Forged("The challenge code is not one of LinkedIn's: they are UUIDs.", 403)
    response = hmac.new(connection.secrets[0].encode("utf-8"), code.encode("ascii"), sha256).hexdigest()
    return json_reply(200, {"challengeCode": code, "challengeResponse": response})


def verify(delivery: Delivery, connection: Connection) -> None:
    """By either reading of LinkedIn's rule where the source says so, else by the first. Raises Forged."""
    try:
        verify_signature(PROFILES["linkedin"], delivery, connection)
    except Forged as error:
        if error.status != 403 or connection.settings.get("signature_over_body") is not True:
            raise
        verify_signature(PROFILES["linkedin_body"], delivery, connection)


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """A fetch for a lead that was created, an erasure for one that was deleted. Raises Malformed."""
    body = read_object(delivery.body)
    response = as_text(body.get("leadGenFormResponse"))
    if response is None or (external_id := as_id(response.rpartition(":")[2])) is None:
        raise Malformed("The body has no leadGenFormResponse.")
    match action := as_name(body.get("leadAction")):
        case "CREATED":
            return [Fetch(external_id, "leadFormResponse", _hints(body))]
        case "DELETED":
            return [Erasure(external_id)]
        case _:
            return [Ignored(f"the action {action}, which says nothing of a lead")]


def _hints(body: dict[str, Any]) -> dict[str, Any]:
    return {**_form_of(body.get("leadGenForm")), **ids(body, ("leadType", "occurredAt"))}


def _form_of(urn: Any) -> dict[str, str]:
    """The form's id and version out of `urn:li:versionedLeadGenForm:(urn:li:leadGenForm:123,1)`."""
    found = _FORM.search(as_text(urn) or "")
    return {} if found is None else filled({"form_id": found[1], "form_version": found[2]})


# -- The fetched lead ----------------------------------------------------------------------------------------------------------------


def parse_response(response: Any, form: Any) -> SentLead:
    """A leadFormResponse and its leadForm as a lead. Raises Malformed.

    An answer is under its question's predefined field (`EMAIL`), else under the question's text; an option is given by its label.
    """
    lead, form = as_object(response), as_object(form)
    if (external_id := as_id(lead.get("id"))) is None:
        raise Malformed("The response is no lead: it has no id.")
    submitted_at = as_moment(lead.get("submittedAt"))
    answers, unknown = _answers(lead, form)
    if hidden := {
        name: field.get("value") for field in as_objects(form.get("hiddenFields")) if (name := as_text(field.get("name")))
    }:
        answers["hidden"] = hidden
    answers["linkedin"] = _about(lead, form)
    return SentLead(
        filled(answers),
        external_id,
        test=as_flag(lead.get("testLead")) is True,
        submitted_at=submitted_at,
        consents=_consents(lead, form, submitted_at),
        warnings=tuple(f"question {question} is not in the form, so its answer is kept under the number" for question in unknown),
    )


def _answers(lead: dict[str, Any], form: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    questions = {
        as_id(question.get("questionId")): question for question in as_objects(as_object(form.get("content")).get("questions"))
    }
    answers: dict[str, Any] = {}
    unknown = []
    for answer in as_objects(as_object(lead.get("formResponse")).get("answers")):
        if (number := as_id(answer.get("questionId"))) is None:
            continue
        question = questions.get(number, {})
        if not question:
            unknown.append(number)
        put(answers, _title(question) or number, _value(as_object(answer.get("answerDetails")), question))
    return answers, unknown


def _title(question: dict[str, Any]) -> str | None:
    return as_text(question.get("predefinedField")) or _localized(question.get("question")) or as_text(question.get("name"))


def _value(details: dict[str, Any], question: dict[str, Any]) -> Any:
    if choice := as_object(details.get("multipleChoiceAnswer")):
        return _labels(choice, question)
    return as_text(as_object(details.get("textQuestionAnswer")).get("answer"))


def _labels(choice: dict[str, Any], question: dict[str, Any]) -> Any:
    rules = as_object(as_object(question.get("questionDetails")).get("multipleChoiceQuestionDetails"))
    labels = {as_text(option.get("id")): _localized(option.get("text")) for option in as_objects(rules.get("options"))}
    chosen = choice.get("options")
    keys = [key for option in (chosen if isinstance(chosen, list) else [chosen]) if (key := as_text(option)) is not None]
    named = [labels.get(key) or key for key in keys]
    return named[0] if len(named) == 1 else named


def _localized(value: Any) -> str | None:
    """A text in whichever language it is there; a form has one."""
    texts = as_object(as_object(value).get("localized"))
    return next((found for text in (value, *texts.values()) if (found := as_text(text))), None)


def _about(lead: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    sponsored = as_object(as_object(lead.get("leadMetadata")).get("sponsoredLeadMetadata"))
    creative = as_object(lead.get("associatedEntity"))
    return filled(
        {
            **_form_of(lead.get("versionedLeadGenFormUrn")),
            "form_name": as_text(form.get("name")),
            "campaign_id": _tail(sponsored.get("campaign")),
            "creative_id": _tail(creative.get("associatedCreative") or creative.get("sponsoredCreative")),
            "lead_type": as_text(lead.get("leadType")),
        }
    )


def _tail(urn: Any) -> str | None:
    return as_id((as_text(urn) or "").rpartition(":")[2])


def _consents(lead: dict[str, Any], form: dict[str, Any], at: datetime | None) -> tuple[Consent, ...]:
    legal = as_object(as_object(form.get("content")).get("legalInfo"))
    texts = {as_text(box.get("id")): _localized(box.get("consent")) for box in as_objects(legal.get("consents"))}
    return tuple(
        Consent(f"consent {number}", as_flag(box.get("accepted")) is True, texts.get(number), at)
        for box in as_objects(as_object(lead.get("formResponse")).get("consentResponses"))
        if (number := as_text(box.get("consentId"))) is not None
    )


SENDER: Sender = Sender(
    kind="linkedin",
    title="LinkedIn Lead Gen Forms",
    help=(
        "Register this hook with `POST /rest/leadNotifications` for the owner of the forms. LinkedIn asks a challenge at once and then "
        "every two hours; each lead is fetched with a token that has `r_marketing_leadgen_automation`."
    ),
    parse=parse,
    verify=verify,
    mapping={
        "FIRST_NAME": "first_name",
        "LAST_NAME": "last_name",
        "EMAIL": "email",
        "WORK_EMAIL": "email",
        "PHONE_NUMBER": "phone",
        "WORK_PHONE_NUMBER": "phone",
        "COMPANY_NAME": "company",
        "COMPANY_SIZE": "company_size",
        "JOB_TITLE": "job_title",
        "CITY": "city",
        "STATE": "region",
        "STATE_PROVINCE": "region",
        "COUNTRY": "country",
        "COUNTRY_REGION": "country",
        "ZIP_CODE": "postcode",
        "POSTAL_CODE": "postcode",
        "linkedin.form_id": "form_id",
        "linkedin.campaign_id": "campaign_id",
        "linkedin.creative_id": "ad_id",
        **{f"hidden.{name}": field for name, field in TRACKING.items()},
    },
    secret="The app's client secret: LinkedIn developer portal, your app, Auth.",
    settings=(
        Setting(
            "signature_over_body",
            "Also accept a signature over the body alone. LinkedIn's rule can be read both ways; turn it on if all deliveries are refused.",
            kind="boolean",
            default=False,
        ),
    ),
    handshake=answer_challenge,
    acknowledge=answer_nothing,
    fetches=True,
)
