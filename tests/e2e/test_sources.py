"""Every kind of source over HTTP: what is authentic is taken and answered in the sender's own words, what is not leaves a tally only.

One intake serves the whole module; each test has a source and people of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.intake.domain.senders.registry import SENDERS
from services.intake.loops import fetcher
from shared.auth import Tokens
from shared.db.embedded import Server
from tests.support.intake import Intake, Posted, running_intake
from tests.support.senders import CASES, Case, Person
from tests.support.senders.internet import SNS_HOST, down
from tests.support.senders.platforms import invitee, says_calendly, says_hubspot, says_linkedin
from tests.support.senders.portals import ORIGIN, THANKS, adf, form
from tests.support.senders.proofs import CERTIFICATE, TOPIC, enveloped, hexed
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
FETCHED = pytest.mark.parametrize("case", [case for case in CASES.values() if case.fetched], ids=lambda case: case.name)
TESTED = [case for case in CASES.values() if case.says_test]
CONFIRM = f"https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=invented"
HOSTS = {"meta": "graph.facebook.com", "linkedin": "api.linkedin.com", "hubspot": "api.hubapi.com"}


@pytest.fixture(scope="module", autouse=True)
def brisk() -> Iterator[None]:
    """The loops look for what is due without long pauses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetcher, "EVERY", 0.1)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake(brisk: None, server: Server, template: str, tokens: Tokens) -> AsyncIterator[Intake]:
    async with running_intake(server, template, tokens) as running:
        yield running


async def test_every_kind_of_source_has_a_case() -> None:
    assert {case.kind for case in CASES.values()} == set(SENDERS)
    assert {case.kind for case in CASES.values() if case.fetched} == {"meta", "linkedin", "hubspot"}


# -- For each sender -----------------------------------------------------------------------------------------------------------------


@EVERY
async def test_a_valid_delivery_is_a_lead_and_acknowledged_as_its_sender_expects(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    case.acknowledged(await source.deliver(person), "accepted")
    lead = await source.lead()
    assert (lead["contact"]["email"], lead["contact"]["phone"]) == (person.email, person.phone)
    assert person.last in lead["contact"]["name"]
    [(type, data)] = await intake.events(lead["id"])
    assert (type, data["source"], data["contact"]["email"]) == ("LeadReceived", source.name, person.email)
    [kept] = await source.deliveries()
    assert kept["state"] == ("queued" if case.fetched else "accepted")
    assert kept["id"] == lead["delivery_id"]


@EVERY
async def test_a_forged_delivery_leaves_nothing_but_a_tally(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    forgeries = case.forgeries(person, source.proof())
    answers = {name: await source.post(sent) for name, (sent, _) in forgeries.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == {name: code for name, (_, code) in forgeries.items()}
    assert await source.leads() == []
    assert await source.deliveries() == []
    assert await source.tallies() == {("rejected", "forged"): len(forgeries)}
    assert intake.internet.asked_of(person) == []
    assert (await source.deliver(person)).status_code < 400
    assert (await source.lead())["contact"]["email"] == person.email


@EVERY
async def test_the_same_delivery_ten_times_at_once_is_one_lead_of_which_nothing_is_said_twice(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    sent = source.delivery(person)
    for answer in await asyncio.gather(*[source.post(sent) for _ in range(10)]):
        case.acknowledged(answer, answer.json()["status"] if answer.status_code == 202 else "")
    lead = await source.lead()
    assert await intake.said(lead["id"]) == ["LeadReceived"]
    states = Counter(kept["state"] for kept in await source.deliveries())
    assert states == {"queued" if case.fetched else "accepted": 1, "duplicate": 9}
    assert len(intake.internet.asked_of(person)) == (1 if case.fetched else 0)


@pytest.mark.parametrize("case", [case for case in CASES.values() if not case.own], ids=lambda case: case.name)
async def test_two_secrets_are_valid_until_the_old_one_is_taken_away(intake: Intake, case: Case) -> None:
    source, fresh = await intake.source(case), case.secret_of("fresh")
    [old] = [one for one in (await intake.ask("GET", f"/v1/sources/{source.id}"))["secrets"] if one["name"] == "signing"]
    await intake.ask("POST", f"/v1/sources/{source.id}/secrets", value=fresh)
    sent = [source.delivery(intake.person(), secret=secret) for secret in (source.secret, fresh)]
    assert [(await source.post(one)).status_code < 400 for one in sent] == [True, True]
    await intake.ask("DELETE", f"/v1/sources/{source.id}/secrets/{old['id']}")
    sent = [source.delivery(intake.person(), secret=secret) for secret in (source.secret, fresh)]
    assert [(await source.post(one)).status_code < 400 for one in sent] == [False, True]
    await source.lead(3)


@pytest.mark.parametrize("case", TESTED, ids=lambda case: case.name)
async def test_a_test_lead_is_kept_apart(intake: Intake, case: Case) -> None:
    assert case.says_test is not None
    source, person = await intake.source(case), intake.person()
    case.acknowledged(await source.post(source.proven(case.says_test(person, intake.now()))), "test")
    await stays_apart(intake, source, person)


@pytest.mark.parametrize("kind", ["meta", "linkedin"])
async def test_a_fetched_test_lead_is_kept_apart(intake: Intake, kind: str) -> None:
    source, person = await intake.source(CASES[kind]), intake.person()
    intake.internet.tests.add(person)
    await source.deliver(person)
    await source.lead()
    await stays_apart(intake, source, person)


async def stays_apart(intake: Intake, source: Posted, person: Person) -> None:
    lead = await source.lead()
    assert lead["test"]
    assert await intake.said(lead["id"]) == []
    assert (await source.health())["outcomes"].get("test") == 1
    found = await intake.api.get("/v1/contacts", params={"email": person.email})
    assert found.json()["items"] == []


@EVERY
async def test_a_renewed_hook_address_ends_the_old_one(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    renewed = replace(source, hook=(await intake.ask("POST", f"/v1/sources/{source.id}/token"))["hook"])
    assert (await source.deliver(intake.person())).status_code == 401
    assert (await renewed.deliver(intake.person())).status_code < 400
    await renewed.lead()


# -- Handshakes ----------------------------------------------------------------------------------------------------------------------


async def test_metas_challenge_is_answered_to_who_knows_the_verify_token(intake: Intake) -> None:
    source = await intake.source(CASES["meta"])
    asked = {"hub.mode": "subscribe", "hub.verify_token": "invented-verify-token", "hub.challenge": "1158201444"}
    answer = await intake.sender.get(source.hook, params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "another"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        assert (await intake.sender.get(source.hook, params={**asked, **wrong})).status_code == 403


async def test_linkedins_challenge_is_signed_with_the_client_secret(intake: Intake) -> None:
    source = await intake.source(CASES["linkedin"])
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
    answer = await intake.sender.get(source.hook, params={"challengeCode": code, "applicationId": "123"})
    assert answer.json() == {"challengeCode": code, "challengeResponse": hexed(code.encode(), source.secret)}
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    # What is signed must never be the body of a delivery.
    body = source.case.says(intake.person(), intake.now()).body.decode()
    assert (await intake.sender.get(source.hook, params={"challengeCode": f"hmacsha256={body}"})).status_code == 403


@EVERY
async def test_whoever_has_no_handshake_says_so(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    answer = await intake.sender.get(source.hook)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await intake.sender.get("/hooks/nobodys")).status_code == 401


async def test_a_form_is_preflighted_for_its_own_page(intake: Intake) -> None:
    source = await intake.source(CASES["html_form"])
    asked = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    answer = await intake.sender.options(source.hook, headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert (await intake.sender.options(source.hook, headers={**asked, "origin": "https://evil.example"})).status_code == 403
    other = await intake.source(CASES["generic"])
    assert (await intake.sender.options(other.hook, headers=asked)).status_code == 405


# -- Senders that are asked ----------------------------------------------------------------------------------------------------------


@FETCHED
async def test_a_notification_is_acknowledged_before_its_sender_is_asked(intake: Intake, case: Case) -> None:
    """And while the sender is down, its lead waits; it is not lost."""
    source, person = await intake.source(case), intake.person()
    with_trouble(intake, case, person, down)
    case.acknowledged(await source.deliver(person), "queued")

    async def failed() -> bool:
        return (await source.health())["fetching"]["error"] is not None

    await eventually(failed)
    state = (await source.health())["fetching"]
    assert (state["waiting"], state["failed"], state["denied"]) == (1, 0, False)
    assert state["error"].startswith("unreachable")
    assert await source.leads() == []
    intake.internet.trouble.clear()
    assert (await source.lead())["contact"]["email"] == person.email


def with_trouble(intake: Intake, case: Case, person: Person, trouble: Any) -> None:
    """Whatever is asked of this person is answered so."""
    intake.internet.trouble[HOSTS[case.kind]] = lambda request: trouble(request) if person.id in str(request.url) else None


@FETCHED
async def test_a_refused_token_is_shown_and_what_waits_is_fetched_when_it_is_renewed(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    with_trouble(intake, case, person, lambda _: httpx.Response(401, json={"message": "expired"}))
    await source.deliver(person)

    async def denied() -> bool:
        return bool((await source.health())["fetching"]["denied"])

    await eventually(denied)
    intake.internet.trouble.clear()
    assert await intake.ask("POST", f"/v1/sources/{source.id}/fetches/retry") == {"waiting": 1}
    assert (await source.lead())["contact"]["email"] == person.email
    assert not (await source.health())["fetching"]["denied"]


@FETCHED
async def test_what_was_fetched_is_not_fetched_again(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    case.acknowledged(await source.deliver(person), "duplicate")
    # Somebody repeats the fetch itself, as after a crash between taking the lead and saying so.
    await intake.rows.execute("UPDATE intake.fetches SET state = 'waiting' WHERE source_id = $1", source.id)
    await intake.ask("POST", f"/v1/sources/{source.id}/fetches/retry")

    async def twice() -> bool:
        return len(intake.internet.asked_of(person)) == 2

    await eventually(twice)
    await eventually(lambda: quiet(source))
    assert await intake.said(lead["id"]) == ["LeadReceived"]
    await source.lead()


async def quiet(source: Posted) -> bool:
    return (await source.health())["fetching"]["waiting"] == 0


@pytest.mark.parametrize(
    ("kind", "settings"), [("meta", {"form_ids": ["2222"], "verify_token": "invented-verify-token"}), ("hubspot", {})]
)
async def test_a_lead_of_which_no_notification_came_is_found(intake: Intake, kind: str, settings: dict[str, Any]) -> None:
    person = intake.person()
    intake.internet.listed[kind] = [person]
    try:
        source = await intake.source(CASES[kind], settings=settings)
        lead = await source.lead()
    finally:
        intake.internet.listed[kind] = []
    assert lead["contact"]["email"] == person.email
    assert await source.deliveries() == []
    assert (await source.health())["fetching"]["poll_found"] == 1
    CASES[kind].acknowledged(await source.deliver(person), "duplicate")
    await eventually(lambda: quiet(source))
    assert await intake.said(lead["id"]) == ["LeadReceived"]


ERASES = pytest.mark.parametrize("kind", ["linkedin", "hubspot"])


async def ask_to_erase(intake: Intake, source: Posted, person: Person) -> None:
    says = {
        "linkedin": lambda: says_linkedin(person, intake.now(), "DELETED"),
        "hubspot": lambda: says_hubspot(person, intake.now(), "contact.privacyDeletion"),
    }
    source.case.acknowledged(await source.post(source.proven(says[source.case.kind]())), "done")


@ERASES
async def test_what_its_sender_deletes_is_erased_and_stays_so(intake: Intake, kind: str) -> None:
    source, person = await intake.source(CASES[kind]), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    await ask_to_erase(intake, source, person)
    assert await intake.said(lead["id"]) == ["LeadReceived", "LeadErased"]
    erased = await source.lead()
    assert (erased["contact"], erased["facts"]) == ({}, {})
    assert erased["erased_at"]
    await source.deliver(person)
    await eventually(lambda: quiet(source))
    assert len(await source.leads()) == 1
    assert await intake.said(lead["id"]) == ["LeadReceived", "LeadErased"]


@ERASES
async def test_what_its_sender_deletes_before_it_was_fetched_is_never_a_lead(intake: Intake, kind: str) -> None:
    source, person = await intake.source(CASES[kind]), intake.person()
    with_trouble(intake, CASES[kind], person, down)
    await source.deliver(person)

    async def failed() -> bool:
        return (await source.health())["fetching"]["error"] is not None

    await eventually(failed)
    await ask_to_erase(intake, source, person)
    intake.internet.trouble.clear()
    await intake.ask("POST", f"/v1/sources/{source.id}/fetches/retry")
    await eventually(lambda: quiet(source))
    await source.deliver(person)
    await eventually(lambda: quiet(source))
    assert await source.leads() == []


@ERASES
async def test_a_deletion_that_comes_before_its_lead_is_heard(intake: Intake, kind: str) -> None:
    source, person = await intake.source(CASES[kind]), intake.person()
    await ask_to_erase(intake, source, person)
    await source.deliver(person)
    await eventually(lambda: quiet(source))
    assert await source.leads() == []


# -- Calendly ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["canceled", "created"])
async def test_a_rescheduled_meeting_is_one_lead_in_either_order(intake: Intake, first: str) -> None:
    source, person = await intake.source(CASES["calendly"]), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    canceled = says_calendly(
        person, intake.now(), "invitee.canceled", rescheduled=True, new_invitee=invitee(person, 1), cancellation={}
    )
    created = says_calendly(person, intake.now(), uri=invitee(person, 1), old_invitee=invitee(person))
    for said in (canceled, created) if first == "canceled" else (created, canceled):
        source.case.acknowledged(await source.post(source.proven(said)), "")
    assert (await source.lead())["id"] == lead["id"]
    assert await intake.said(lead["id"]) == ["LeadReceived", "LeadTouched"]


async def test_the_new_booking_before_the_old_one_is_one_lead_too(intake: Intake) -> None:
    source, person = await intake.source(CASES["calendly"], recognition={"repeat": "lead"}), intake.person()
    created = says_calendly(person, intake.now(), uri=invitee(person, 1), old_invitee=invitee(person))
    await source.post(source.proven(created))
    await source.deliver(person)
    assert await intake.said((await source.lead())["id"]) == ["LeadReceived"]


async def test_a_meeting_that_is_called_off_is_an_activity_of_its_lead(intake: Intake) -> None:
    source, person = await intake.source(CASES["calendly"]), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    canceled = says_calendly(person, intake.now(), "invitee.canceled", cancellation={"canceler_type": "invitee"})
    sent = source.proven(canceled)
    for _ in range(3):
        source.case.acknowledged(await source.post(sent), "")
    types = await intake.events(lead["id"])
    assert [type for type, _ in types] == ["LeadReceived", "ActivityRecorded"]
    assert types[1][1]["kind"] == "meeting_canceled"
    assert person.email not in str(types[1][1])


# -- AWS SNS -------------------------------------------------------------------------------------------------------------------------


async def test_the_certificate_is_read_once_and_from_sns_only(intake: Intake) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    before = len(intake.internet.asked)
    for url in (
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "https://127.0.0.1/a.pem",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=.pem",
    ):
        said = source.case.says(intake.person(), intake.now()).body.decode()
        forged = enveloped(source.proof(), Type="Notification", MessageId="1", Message=said, SigningCertURL=url)
        assert (await source.post(forged)).status_code == 403, url
    assert len(intake.internet.asked) == before
    await source.deliver(intake.person())
    await source.deliver(intake.person())
    assert len(await source.leads()) == 2
    read = [one for one in intake.internet.asked if one.url.path == CERTIFICATE.removeprefix(f"https://{SNS_HOST}")]
    assert len(read) == 1


async def test_a_certificate_that_sns_does_not_have_proves_nothing(intake: Intake) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    said = source.case.says(intake.person(), intake.now()).body.decode()
    missing = enveloped(
        source.proof(), Type="Notification", MessageId="1", Message=said, SigningCertURL=f"https://{SNS_HOST}/nothing.pem"
    )
    assert (await source.post(missing)).status_code == 403
    assert await source.tallies() == {("rejected", "forged"): 1}


async def test_a_message_of_another_topic_is_refused(intake: Intake) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    said = source.case.says(intake.person(), intake.now()).body.decode()
    other = enveloped(source.proof(), Type="Notification", MessageId="1", Message=said, TopicArn=f"{TOPIC}-of-others")
    assert (await source.post(other)).status_code == 403
    assert await source.leads() == []


def subscription(source: Posted, url: str) -> Any:
    return enveloped(
        source.proof(), Type="SubscriptionConfirmation", MessageId="1", Message="confirm", Token="invented", SubscribeURL=url
    )


@pytest.mark.parametrize("paused", [False, True])
async def test_a_subscription_is_confirmed_at_snss_address(intake: Intake, paused: bool) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    await source.change(paused=paused)
    await source.deliver(intake.person())  # so that the certificate is known
    before = len(intake.internet.asked)
    source.case.acknowledged(await source.post(subscription(source, CONFIRM)), "")
    [asked] = intake.internet.asked[before:]
    assert (asked.headers["host"], asked.url.raw_path.decode()) == (SNS_HOST, CONFIRM.removeprefix(f"https://{SNS_HOST}"))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription",
        "http://169.254.169.254/latest/meta-data",
        f"https://{SNS_HOST}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"https://{SNS_HOST}/?Action=ConfirmSubscription&Action=DeleteTopic",
        f"https://{SNS_HOST}/?Action=Confirm%53ubscription",
    ],
)
async def test_no_other_address_is_called_to_confirm(intake: Intake, url: str) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    await source.deliver(intake.person())
    before = len(intake.internet.asked)
    source.case.acknowledged(await source.post(subscription(source, url)), "")
    assert len(intake.internet.asked) == before
    assert [kept["state"] for kept in await source.deliveries()] == ["accepted", "rejected"]


async def test_a_confirmation_that_sns_refuses_is_rejected_and_kept(intake: Intake) -> None:
    source = await intake.source(CASES["zillow_premier_agent, SNS"])
    intake.internet.trouble[SNS_HOST] = lambda request: httpx.Response(403) if "Action" in request.url.params else None
    try:
        source.case.acknowledged(await source.post(subscription(source, CONFIRM)), "")
    finally:
        intake.internet.trouble.clear()
    assert [kept["state"] for kept in await source.deliveries()] == ["rejected"]


# -- What differs from one source to the next ----------------------------------------------------------------------------------------


async def test_a_generic_sender_without_ids_touches_the_lead_of_the_same_person(intake: Intake) -> None:
    source, person = await intake.source(CASES["generic"], settings={}), intake.person()
    answers = await asyncio.gather(*[source.deliver(person) for _ in range(10)])
    assert Counter(answer.json()["status"] for answer in answers) == {"accepted": 1, "touched": 9}
    assert await intake.said((await source.lead())["id"]) == ["LeadReceived", *["LeadTouched"] * 9]


async def test_a_document_of_several_prospects_is_as_many_leads_however_often_it_comes(intake: Intake) -> None:
    source, people = await intake.source(CASES["adf"]), [intake.person() for _ in range(3)]
    at = intake.now()
    sent = source.proven(replace(source.case.says(people[0], at), body=adf(*people, at=at).encode()))
    answers = await asyncio.gather(*[source.post(sent) for _ in range(5)])
    assert {answer.status_code for answer in answers} == {202}
    await source.lead(3)
    assert {lead["contact"]["email"] for lead in await source.leads()} == {person.email for person in people}


async def test_an_idempotency_key_is_answered_as_the_first_time(intake: Intake) -> None:
    source, person = await intake.source(CASES["generic"], settings={}), intake.person()
    sent = source.delivery(person).headed(idempotency_key="invented-key")
    answers = [await source.post(sent) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    other = await source.post(source.delivery(intake.person()).headed(idempotency_key="invented-key"))
    assert other.status_code == 422
    assert await intake.said((await source.lead())["id"]) == ["LeadReceived"]


async def test_a_senders_ids_are_its_own(intake: Intake) -> None:
    """The same id of another source is another lead, of the same person."""
    person, case = intake.person(), CASES["typeform"]
    one = await intake.source(case, recognition={"repeat": "lead"})
    other = await intake.source(case, recognition={"repeat": "lead"})
    await one.deliver(person)
    await other.deliver(person)
    first, second = await one.lead(), await other.lead()
    assert first["id"] != second["id"]
    assert first["contact_id"] == second["contact_id"]


@pytest.mark.parametrize("case", [CASES["webflow"], CASES["tiktok"]], ids=lambda case: case.name)
async def test_unsigned_deliveries_are_taken_only_where_the_source_says_so(intake: Intake, case: Case) -> None:
    source = await intake.source(case, settings={"accept_unsigned": True})
    sent = case.says(intake.person(), intake.now())
    assert (await source.post(sent)).status_code == 200
    assert (await source.post(case.prove(sent, source.proof(secret="another-secret")))).status_code == 403
    await source.lead()


@pytest.mark.parametrize("kind", ["generic", "unbounce", "gravity_forms", "zillow_rentals", "realtor", "adf"])
async def test_without_a_secret_the_hooks_address_is_the_proof(intake: Intake, kind: str) -> None:
    case = replace(CASES[kind], own=True)
    source = await intake.source(case)
    case.acknowledged(await source.post(case.says(intake.person(), intake.now())), "accepted")
    await source.lead()


@pytest.mark.parametrize(
    "kind", ["meta", "linkedin", "tiktok", "typeform", "hubspot", "calendly", "webflow", "google_ads", "zoopla"]
)
async def test_who_signs_is_refused_where_the_source_has_no_secret(intake: Intake, kind: str) -> None:
    case = replace(CASES[kind], own=True)
    source = await intake.source(case)
    assert (await source.deliver(intake.person())).status_code == 401
    assert await source.leads() == []


# -- Forms ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoilt", "later"),
    [
        ({"website": "https://spam.example"}, 0),
        ({"message": " ".join(f"https://spam{n}.example" for n in range(9))}, 0),
        ({}, 90),  # the page was made in a minute, by a clock that is ahead: nobody writes that fast
    ],
    ids=["honeypot", "links", "too fast"],
)
async def test_spam_is_thanked_like_a_lead_and_is_none(intake: Intake, spoilt: dict[str, str], later: int) -> None:
    source, person = await intake.source(CASES["html_form"]), intake.person()
    said = form(name=person.name, email=person.email, **spoilt).headed(origin=ORIGIN, accept="text/html")
    sent = source.case.prove(said, source.proof(intake.now() + timedelta(seconds=later)))
    source.case.acknowledged(await source.post(sent), "")
    assert await source.leads() == []
    [(outcome, _)] = await source.tallies()
    assert outcome == "spam"


async def test_a_form_leads_only_to_a_listed_page(intake: Intake) -> None:
    case = replace(CASES["html_form"], own=True)
    source = await intake.source(case)
    sent = form(email=intake.person().email, _redirect="https://evil.example/").headed(origin=ORIGIN, accept="text/html")
    answer = await source.post(sent)
    assert (answer.status_code, answer.headers["location"]) == (303, THANKS)


async def test_a_form_on_another_page_is_refused_in_words_for_people(intake: Intake) -> None:
    source = await intake.source(CASES["html_form"])
    sent = source.delivery(intake.person())
    stranger = await source.post(sent.headed(origin="https://evil.example"))
    assert stranger.status_code == 403
    assert stranger.headers["content-type"].startswith("text/html")
    assert "<script" not in stranger.text
    nowhere = await source.post(replace(sent, headers={k: v for k, v in sent.headers.items() if k not in ("origin", "referer")}))
    assert nowhere.status_code == 401


async def test_a_form_posted_by_a_script_is_answered_in_json(intake: Intake) -> None:
    source = await intake.source(CASES["html_form"])
    answer = await source.post(source.delivery(intake.person()).headed(accept="application/json"))
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    stale = await source.post(source.case.says(intake.person(), intake.now()).headed(accept="application/json"))
    assert (stale.status_code, stale.headers["content-type"]) == (401, "application/problem+json")
    assert stale.headers["access-control-allow-origin"] == ORIGIN


async def test_google_is_told_of_what_it_should_send_again_with_a_5xx(intake: Intake) -> None:
    source = await intake.source(CASES["google_ads"], per_minute=1)
    await source.deliver(intake.person())
    later = await source.deliver(intake.person())
    assert (later.status_code, list(later.json())) == (503, ["message"])
    assert int(later.headers["retry-after"]) > 0
    other = await intake.source(CASES["google_ads"])
    refused = await other.post(other.delivery(intake.person(), secret="another-secret"))
    assert (refused.status_code, list(refused.json())) == (403, ["message"])


async def test_a_switched_off_source_takes_nothing(intake: Intake) -> None:
    source = await intake.source(CASES["typeform"])
    await source.change(active=False)
    assert (await source.deliver(intake.person())).status_code == 403
    assert await source.deliveries() == []
