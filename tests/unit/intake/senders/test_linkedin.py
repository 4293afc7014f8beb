"""LinkedIn Lead Sync: the challenge, two readings of its signature, deletion as erasure, and answers joined to their form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.linkedin import SENDER, parse_response
from services.intake.domain.senders.shape import Connection, Consent, Erasure, Fetch, Forged, Ignored, Malformed, Reply
from tests.unit.intake.senders.signed import (
    SECRET,
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

CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
ID = "249592fc-d272-44ba-a7db-c2bdce579507-6"
EVENT: dict[str, Any] = {
    "type": "LEAD_ACTION",
    "leadGenFormResponse": f"urn:li:leadGenFormResponse:{ID}",
    "leadGenForm": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234246,3)",
    "leadType": "SPONSORED",
    "leadAction": "CREATED",
    "occurredAt": 1689894599288,
}
RESPONSE: dict[str, Any] = {
    "id": ID,
    "leadType": "SPONSORED",
    "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234246,3)",
    "leadMetadata": {"sponsoredLeadMetadata": {"campaign": "urn:li:sponsoredCampaign:198356826"}},
    "associatedEntity": {"associatedCreative": "urn:li:sponsoredCreative:241257736"},
    "submittedAt": 1689894599288,
    "testLead": False,
    "formResponse": {
        "consentResponses": [{"accepted": True, "consentId": 0}, {"accepted": False, "consentId": 7}],
        "answers": [
            {"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": "ada@example.com"}}},
            {"questionId": 2, "answerDetails": {"multipleChoiceAnswer": {"options": [1]}}},
            {"questionId": 3, "answerDetails": {"multipleChoiceAnswer": {"options": [0, 1, 9]}}},
            {"questionId": 4, "answerDetails": {"textQuestionAnswer": {"answer": "Lisbon"}}},
            {"questionId": 99, "answerDetails": {"textQuestionAnswer": {"answer": "lost"}}},
        ],
    },
}


def choice(*labels: str) -> dict[str, Any]:
    options = [{"id": n, "text": {"localized": {"sv_SE": label}}} for n, label in enumerate(labels)]
    return {"multipleChoiceQuestionDetails": {"options": options}}


FORM: dict[str, Any] = {
    "id": 7234246,
    "name": "Autumn form",
    "hiddenFields": [{"name": "utm_source", "value": "linkedin"}],
    "content": {
        "questions": [
            {"questionId": 1, "predefinedField": "EMAIL", "question": {"localized": {"sv_SE": "E-postadress"}}},
            {"questionId": 2, "question": {"localized": {"sv_SE": "Favorite color?"}}, "questionDetails": choice("red", "blue")},
            {"questionId": 3, "question": {"localized": {"sv_SE": "Which?"}}, "questionDetails": choice("one", "two")},
            {"questionId": 4, "name": "Custom question 1"},
        ],
        "legalInfo": {"consents": [{"id": 0, "consent": {"localized": {"sv_SE": "You may call me."}}}]},
    },
}


def shake(code: str, *secrets: str) -> Reply | None:
    assert SENDER.handshake is not None
    return SENDER.handshake(delivery(method="GET", query={"challengeCode": code}), Connection(secrets))


def test_the_challenge_is_answered_with_its_code_signed() -> None:
    reply = shake(CODE, "client-secret", "the one before")
    assert reply is not None
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {
        "challengeCode": CODE,
        "challengeResponse": "8ab4bbad570533d66462deba280bde93c1cad8b543e7f526d3e962acaf6c391a",
    }


def test_a_get_without_a_challenge_is_no_handshake() -> None:
    assert SENDER.handshake is not None
    assert SENDER.handshake(delivery(method="GET"), connection()) is None


@pytest.mark.parametrize("code", ["", "x", "hmacsha256=" + json.dumps(EVENT), json.dumps(EVENT), CODE + "\n", CODE + "0"])
def test_the_challenge_does_not_sign_what_could_be_a_delivery(code: str) -> None:
    with pytest.raises(Forged) as caught:
        shake(code, SECRET)
    assert caught.value.status == 403


def test_without_a_secret_no_challenge_is_answered() -> None:
    with pytest.raises(Forged) as caught:
        shake(CODE)
    assert caught.value.status == 401


def test_the_second_reading_of_the_signature_counts_only_where_the_source_says_so() -> None:
    body = json.dumps(EVENT).encode()
    first = delivery(body, {"x-li-signature": hex_of(b"hmacsha256=" + body, SECRET)})
    second = delivery(body, {"x-li-signature": "hmacsha256=" + hex_of(body, SECRET)})
    SENDER.verify(first, connection())
    SENDER.verify(first, connection(signature_over_body=True))
    SENDER.verify(second, connection(signature_over_body=True))
    assert refused(SENDER, second) == 403
    assert refused(SENDER, second, "another", signature_over_body=True) == 403
    assert refused(SENDER, delivery(body), signature_over_body=True) == 401


def test_a_created_lead_is_fetched_and_a_deleted_one_erased() -> None:
    hints = {"form_id": "7234246", "form_version": "3", "leadType": "SPONSORED", "occurredAt": "1689894599288"}
    assert notices(SENDER, EVENT) == [Fetch(ID, "leadFormResponse", hints)]
    assert notices(SENDER, {**EVENT, "leadAction": "DELETED"}) == [Erasure(ID)]
    [other] = notices(SENDER, {**EVENT, "leadAction": "VIEWED"})
    assert isinstance(other, Ignored)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"leadGenFormResponse":"urn:li:leadGenFormResponse:"}', b'{"leadGenFormResponse":{}}']
)
def test_what_names_no_lead_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


def test_answers_are_joined_to_their_questions_and_options_to_their_labels() -> None:
    lead = parse_response(RESPONSE, FORM)
    assert lead.external_id == ID
    assert lead.answers == {
        "EMAIL": "ada@example.com",
        "Favorite color?": "blue",
        "Which?": ["one", "two", "9"],
        "Custom question 1": "Lisbon",
        "99": "lost",
        "hidden": {"utm_source": "linkedin"},
        "linkedin": {
            "form_id": "7234246",
            "form_version": "3",
            "form_name": "Autumn form",
            "campaign_id": "198356826",
            "creative_id": "241257736",
            "lead_type": "SPONSORED",
        },
    }
    assert [warning for warning in lead.warnings if "99" in warning]
    assert lead.submitted_at is not None
    assert lead.submitted_at.timestamp() == pytest.approx(1689894599.288)
    assert not lead.test
    assert parse_response({**RESPONSE, "testLead": True}, FORM).test


def test_the_answers_arrive_in_normal_fields() -> None:
    assert normal_fields(SENDER, parse_response(RESPONSE, FORM)) == {
        "email": "ada@example.com",
        "utm_source": "linkedin",
        "form_id": "7234246",
        "campaign_id": "198356826",
        "ad_id": "241257736",
    }


def test_consents_have_the_words_of_the_form() -> None:
    lead = parse_response(RESPONSE, FORM)
    at = lead.submitted_at
    assert lead.consents == (Consent("consent 0", True, "You may call me.", at), Consent("consent 7", False, None, at))


def test_without_the_form_the_answers_are_kept_under_their_numbers() -> None:
    lead = parse_response(RESPONSE, None)
    assert lead.answers["1"] == "ada@example.com"
    assert len(lead.warnings) == 5


def test_a_response_without_an_id_is_no_lead() -> None:
    for answer in ({}, None, [], {"status": 404}):
        with pytest.raises(Malformed):
            parse_response(answer, FORM)


@given(any_json("leadGenFormResponse", "leadAction", "leadGenForm", "formResponse", "answers", "questionId", "answerDetails"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, {**EVENT, "leadGenForm": body, "occurredAt": body, "leadAction": body})
    parse_response(
        {"id": ID, "formResponse": body, "leadMetadata": body, "submittedAt": body}, {"content": body, "hiddenFields": body}
    )
    parse_response(
        {"id": ID, "formResponse": {"answers": [body], "consentResponses": [body]}}, {"content": {"questions": [body]}}
    )


def test_the_captures_are_read() -> None:
    captures = dict(samples("linkedin"))
    if not captures:
        return
    assert isinstance(notices(SENDER, captures["webhook_lead_action.json"])[0], Fetch)
    response = json.loads(captures["lead_form_response.json"])
    forms = {form["id"]: form for form in json.loads(captures["lead_forms.json"])["elements"]}
    lead = parse_response(response, forms[7234246])
    assert lead.test
    assert lead.answers["FIRST_NAME"] == "Kevin"
    assert lead.answers["EMAIL"]
    assert lead.answers["Cuál es tu color favorito"] == "Rojo"
    assert lead.consents[0].text
    assert lead.warnings == ()
