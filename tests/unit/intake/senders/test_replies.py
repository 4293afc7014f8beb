"""What senders are answered: plainly, or in the platform's words, so that none repeats what will never be accepted."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from services.intake.domain.senders.replies import answer_nothing, answer_plainly, answer_without_retry
from services.intake.domain.senders.shape import Reply, Result, Status
from tests.unit.intake.senders.signed import connection, delivery

LEAD = UUID("01a200ac-9e30-7a8b-a64c-6349d920be8d")
TAKEN = Result(Status.ACCEPTED, LEAD)
REJECTED = Result(Status.REJECTED, slug="unreachable", detail="It needs an e-mail address or a phone number.", pointer="/email")
LATER = Result(Status.REJECTED, slug="rate-limited", detail="Too many a minute.", http=429)


def plainly(*results: Result) -> Reply:
    return answer_plainly(results, delivery(), connection())


def test_one_result_is_one_object() -> None:
    reply = plainly(TAKEN)
    assert (reply.status, reply.content_type) == (202, "application/json")
    assert json.loads(reply.body) == {"lead_id": str(LEAD), "status": "accepted"}
    assert json.loads(plainly(Result(Status.QUEUED)).body) == {"status": "queued"}


def test_one_rejection_is_a_problem_document_that_names_the_field() -> None:
    reply = plainly(REJECTED)
    assert (reply.status, reply.content_type) == (422, "application/problem+json")
    document = json.loads(reply.body)
    assert document["type"] == "urn:handoff:problem:unreachable"
    assert document["status"] == 422
    assert document["errors"] == [{"field": "/email", "message": "It needs an e-mail address or a phone number."}]


def test_several_results_are_a_list_in_which_a_rejection_says_why() -> None:
    reply = plainly(TAKEN, REJECTED)
    assert reply.status == 202
    [taken, rejected] = json.loads(reply.body)["results"]
    assert taken == {"lead_id": str(LEAD), "status": "accepted"}
    assert (rejected["status"], rejected["reason"], rejected["field"]) == ("rejected", "unreachable", "/email")


def test_no_results_are_an_empty_list() -> None:
    assert json.loads(plainly().body) == {"results": []}


def test_spam_is_answered_as_if_it_had_worked() -> None:
    assert json.loads(plainly(Result(Status.SPAM)).body) == {"status": "accepted"}


def test_a_platform_is_thanked_for_what_we_reject_and_told_of_what_to_send_again() -> None:
    for results in ([], [TAKEN], [REJECTED], [TAKEN, REJECTED]):
        reply = answer_nothing(results, delivery(), connection())
        assert (reply.status, reply.body) == (200, b"")
    assert answer_nothing([TAKEN, LATER], delivery(), connection()).status == 429
    assert answer_nothing([LATER], delivery(), connection()).headers["Retry-After"] == "60"


def test_who_reads_answers_and_repeats_errors_reads_the_rejection_in_a_202() -> None:
    reply = answer_without_retry([REJECTED], delivery(), connection())
    assert reply.status == 202
    assert json.loads(reply.body)["detail"] == "It needs an e-mail address or a phone number."
    assert answer_without_retry([LATER], delivery(), connection()).status == 429


@pytest.mark.parametrize(
    ("results", "status"), [([LATER], 429), ([LATER, LATER], 429), ([LATER, TAKEN], 202), ([REJECTED, REJECTED], 202)]
)
def test_a_batch_is_to_be_sent_again_only_where_all_of_it_was_put_off(results: list[Result], status: int) -> None:
    assert plainly(*results).status == status


def test_text_that_cannot_be_encoded_is_replaced() -> None:
    assert b"?" in plainly(Result(Status.REJECTED, detail="half \ud800")).body
