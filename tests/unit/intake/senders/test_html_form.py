"""Web forms: what is spam, what is proof, and what a browser and a script are answered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.senders.html_form import SENDER, stamp
from services.intake.domain.senders.html_replies import prefers_json, preflight, refuse
from services.intake.domain.senders.shape import (
    Connection,
    Consent,
    Delivery,
    Ignored,
    Reply,
    Result,
    Status,
)
from tests.unit.intake.senders.posted import AT, FORM, form, lead, multipart, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples

NOW = int(AT.timestamp())
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PERSON = {"first_name": "Grace", "email": "grace@example.com", "message": "Hello\r\nthere", "interest": ["buy", "sell"]}
THANKS = "https://www.example.com/thanks"
ACCEPTED = Result(Status.ACCEPTED, UUID(int=7))


def sent(*, headers: dict[str, str] | None = None, **answers: Any) -> Delivery:
    return post(urlencode({**PERSON, **answers}, doseq=True), FORM, accept=BROWSER, **(headers or {}))


def spam(delivery: Delivery, **settings: Any) -> str | None:
    [notice] = read(SENDER, delivery, **settings)
    return notice.reason if isinstance(notice, Ignored) and notice.spam else None


def answered(delivery: Delivery, *results: Result, **settings: Any) -> Reply:
    assert SENDER.acknowledge is not None
    return SENDER.acknowledge(results or (ACCEPTED,), delivery, Connection((), settings))


# -- What is read ------------------------------------------------------------------------------------------------------------------


def test_a_form_of_each_kind_says_the_same() -> None:
    parts = [(name, value, None) for name, given in PERSON.items() for value in ([given] if isinstance(given, str) else given)]
    flat = {**PERSON, "message": "Hello\nthere"}
    found = [lead(SENDER, delivery) for delivery in (sent(), multipart(*parts), post(json.dumps(flat)))]
    assert [one.answers for one in found] == [flat] * 3
    assert len({one.external_id for one in found}) == 1
    assert found[0].window == timedelta(minutes=10)


def test_our_own_fields_are_no_answers() -> None:
    answers = lead(SENDER, sent(_ts=str(NOW - 60), _redirect=THANKS, website="", consent="on")).answers
    assert answers.keys() == PERSON.keys()


def test_the_visit_is_read_from_the_page_and_hidden_fields_come_first() -> None:
    page = "https://www.example.com/quote?utm_source=news&gclid=G-1&utm_campaign=x#top"
    found = lead(SENDER, sent(headers={"referer": page}, utm_source="typed"))
    fields = normal(SENDER, found)
    assert {name: fields[name] for name in ("utm_source", "gclid", "campaign", "landing_page")} == {
        "utm_source": "typed",
        "gclid": "G-1",
        "campaign": "x",
        "landing_page": page,
    }
    assert found.external_id == lead(SENDER, sent(utm_source="typed")).external_id


@pytest.mark.parametrize(
    ("value", "granted"),
    [("on", True), ("yes", True), ("I agree to be called", True), ("0", False), ("off", False), (["0", "1"], True)],
)
def test_the_checkbox_is_evidence_with_the_words_beside_it(value: Any, granted: bool) -> None:
    found = lead(SENDER, sent(consent=value), consent_text="You may call me.", consent_purpose="phone")
    assert found.consents == (Consent("phone", granted, "You may call me."),)


def test_a_box_that_was_not_ticked_says_nothing() -> None:
    assert lead(SENDER, sent()).consents == ()
    assert lead(SENDER, sent(newsletter="on"), consent_field="newsletter").consents[0].granted


@pytest.mark.parametrize("body", ["", "website=", "_ts=1780304400", "a=&b="])
def test_an_empty_form_is_refused(body: str) -> None:
    assert refusal(SENDER, post(body, FORM)) == 422


# -- What is spam ------------------------------------------------------------------------------------------------------------------


def test_whoever_fills_in_the_hidden_field_is_a_robot() -> None:
    assert spam(sent(website="http://spam.example"))
    assert spam(sent(website=["", "x"]))
    assert spam(sent(fax="1"), honeypot="fax")
    assert not spam(sent(website="https://my.example"), honeypot="fax")
    assert not spam(sent(website=" "))


@pytest.mark.parametrize(
    ("age", "expected"), [(0, True), (1, True), (2, False), (60, False), (90 * 24 * 3600, False), (-60, False)]
)
def test_nobody_writes_in_less_than_two_seconds(age: int, expected: bool) -> None:
    assert bool(spam(sent(_ts=str(NOW - age)))) is expected
    assert bool(spam(sent(_ts=str((NOW - age) * 1000)))) is expected


@pytest.mark.parametrize("stamped", ["", "soon", "1e9", "-5", "9" * 30, "١٢٣٤٥٦٧٨٩٠"])
def test_a_time_that_cannot_be_read_is_nothing(stamped: str) -> None:
    assert not spam(sent(_ts=stamped))


def test_more_links_than_the_source_allows_are_spam() -> None:
    links = "see http://a.example and https://b.example, www.c.example [url=http://d.example] "
    assert spam(sent(message=links + links))
    assert not spam(sent(message=links))
    assert spam(sent(message="http://a.example"), max_links=0)


def test_spam_is_answered_as_a_lead_is() -> None:
    delivery = sent(_redirect=THANKS)
    script = post(json.dumps(PERSON), accept="application/json")
    for one in (delivery, sent(), script):
        assert answered(one, Result(Status.SPAM), redirects=[THANKS]) == answered(one, ACCEPTED, redirects=[THANKS])


# -- What is proof -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (stamp(NOW - 60, "s1"), 0),
        (stamp(NOW - 60, "old"), 0),
        (stamp(NOW - 60, "s1").upper(), 0),
        (stamp(NOW - 24 * 3600, "s1"), 0),
        (stamp(NOW - 24 * 3600 - 1, "s1"), 401),
        (stamp(NOW + 301, "s1"), 401),
        (stamp(NOW - 60, "other"), 403),
        (f"{NOW - 61}.{stamp(NOW - 60, 's1').partition('.')[2]}", 403),
        (str(NOW - 60), 401),
        ("", 401),
        ("x", 401),
    ],
)
def test_with_a_secret_the_time_must_be_signed_and_fresh(given: str, status: int) -> None:
    assert refusal(SENDER, sent(_ts=given), "s1", "old") == status


def test_a_signed_time_is_a_time_trap_too() -> None:
    [notice] = read(SENDER, sent(_ts=stamp(NOW - 1, "s1")), "s1")
    assert isinstance(notice, Ignored)


def test_a_form_that_cannot_be_read_has_no_proof() -> None:
    assert refusal(SENDER, post("{"), "s1") == 401
    assert refusal(SENDER, post("{")) == 400


ORIGIN = "https://www.example.com"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 0),
        ({"origin": f"{ORIGIN.upper()}:443"}, 0),
        ({"referer": f"{ORIGIN}/a?b"}, 0),
        ({}, 401),
        ({"origin": "null"}, 401),
        ({"origin": "http://www.example.com"}, 403),
        ({"origin": "https://www.example.com.evil.example"}, 403),
        ({"origin": "https://evil.example", "referer": f"{ORIGIN}/"}, 403),
        ({"referer": "https://evil.example/?https://www.example.com"}, 403),
        ({"origin": "https://www.example.com@evil.example"}, 401),
    ],
)
def test_where_origins_are_listed_the_page_must_be_on_one(headers: dict[str, str], status: int) -> None:
    assert refusal(SENDER, sent(headers=headers), origins=[f"{ORIGIN}/", "nonsense", 7]) == status


# -- What is answered --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        (THANKS, THANKS),
        ("https://www.example.com/de/danke", "https://www.example.com/de/danke"),
        ("https://evil.example/", THANKS),
        (f"{THANKS}.evil.example", THANKS),
        (f"{THANKS}?x", THANKS),
        ("//evil.example", THANKS),
        (None, THANKS),
    ],
)
def test_a_browser_is_led_to_listed_pages_only(asked: str | None, location: str) -> None:
    delivery = sent(**({"_redirect": asked} if asked else {}))
    reply = answered(delivery, redirects=[THANKS, "https://www.example.com/de/danke"])
    assert (reply.status, reply.headers["location"]) == (303, location)


@pytest.mark.parametrize("page", ["javascript:alert(1)", "ftp://x", "", None, 7])
def test_a_listed_page_that_is_no_page_leads_nowhere(page: Any) -> None:
    assert answered(sent(), redirects=[page]).status == 200


def test_an_address_cannot_break_out_of_its_header() -> None:
    location = answered(sent(), redirects=["https://www.example.com/é\r\nSet-Cookie: a=1"]).headers["location"]
    assert location == "https://www.example.com/%C3%A9%0D%0ASet-Cookie:%20a=1"


def test_without_a_listed_page_there_is_one_of_thanks() -> None:
    reply = answered(sent(_redirect="https://evil.example/"))
    assert reply.status == 200
    assert reply.content_type == "text/html; charset=utf-8"
    assert b"Thank you" in reply.body
    assert b"http" not in reply.body


def test_a_script_gets_json_and_no_redirect() -> None:
    reply = answered(post(json.dumps(PERSON), accept="*/*"), redirects=[THANKS])
    assert (reply.status, json.loads(reply.body)) == (202, {"status": "accepted"})


def test_a_rejection_is_explained_to_a_person_and_escaped() -> None:
    result = Result(Status.REJECTED, slug="unreachable", detail="<script>alert(1)</script> needs an email", pointer="/email")
    page = answered(sent(), result, redirects=[THANKS])
    assert page.status == 422
    assert b"<script>" not in page.body
    assert b"&lt;script&gt;" in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    document = json.loads(answered(post(json.dumps(PERSON), accept="application/json"), result).body)
    assert document["errors"][0]["field"] == "/email"


def test_a_rejection_for_now_says_when_to_come_back() -> None:
    result = Result(Status.REJECTED, slug="rate-limited", detail="Too many.", http=429)
    for delivery in (sent(), post(json.dumps(PERSON))):
        reply = answered(delivery, result)
        assert reply.status == 429
        assert {name.lower() for name in reply.headers} >= {"retry-after"}


@pytest.mark.parametrize(
    ("status", "detail"), [(401, "The page was open <for> too long."), (403, "No."), (422, "Empty."), (503, "Later.")]
)
def test_an_error_is_a_page_for_a_person_and_a_problem_for_a_script(status: int, detail: str) -> None:
    page = refuse(status, detail, sent(), Connection())
    problem = refuse(status, detail, post("{}", accept="application/json"), Connection())
    assert page.status == problem.status == status
    assert b"<for>" not in page.body
    assert json.loads(problem.body)["detail"] == detail


@pytest.mark.parametrize(
    ("accept", "kind", "json_wanted"),
    [
        (BROWSER, FORM, False),
        ("application/json", FORM, True),
        ("application/json, text/plain, */*", FORM, True),
        ("text/html;q=0.5, application/json;q=0.9", FORM, True),
        ("text/html, application/json;q=0.9", FORM, False),
        ("application/problem+json", FORM, True),
        ("*/*", FORM, False),
        ("", FORM, False),
        ("*/*", "application/json", True),
        ("text/html", "application/json", False),
        ("text/html;q=nan,application/json;q=x", FORM, False),
        ("," * 5000, FORM, False),
    ],
)
def test_who_wants_json(accept: str, kind: str, json_wanted: bool) -> None:
    assert prefers_json(post("{}", kind, accept=accept)) is json_wanted


def test_scripts_of_listed_origins_may_read_the_answer() -> None:
    allowed, other = (sent(headers={"origin": origin}) for origin in (ORIGIN, "https://evil.example"))
    assert answered(allowed, origins=[ORIGIN]).headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-origin" not in answered(other, origins=[ORIGIN]).headers
    assert answered(other, origins=[ORIGIN]).headers["vary"] == "Origin"
    assert answered(other).headers["access-control-allow-origin"] == "*"


def test_a_preflight_is_answered_by_the_same_list() -> None:
    connection = Connection((), {"origins": [ORIGIN]})
    asked = [replace(post(b"", origin=origin), method="OPTIONS") for origin in (ORIGIN, "https://evil.example", "null")]
    assert [preflight(one, connection).status for one in asked] == [204, 403, 403]
    assert "POST" in preflight(asked[0], connection).headers["access-control-allow-methods"]
    assert preflight(asked[1], Connection()).status == 204


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.fixed_dictionaries({}, optional={name: st.text(max_size=60) for name in ("accept", "origin", "referer", "content-type")}),
    st.dictionaries(st.sampled_from(["_ts", "_redirect", "website", "consent", "email"]), st.text(max_size=40), max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=9))
            for name in ("origins", "redirects", "honeypot", "max_links", "consent_field")
        },
    ),
)
def test_odd_headers_fields_and_settings_never_break_it(
    headers: dict[str, str], answers: dict[str, str], settings: dict[str, Any]
) -> None:
    body = urlencode({name: value.encode("utf-8", "surrogatepass") for name, value in answers.items()})
    delivery = replace(form(), headers={"content-type": FORM, **headers}, body=body.encode())
    assert refusal(SENDER, delivery, **settings) in (0, 400, 401, 403, 415, 422)
    for reply in (
        answered(delivery, **settings),
        preflight(delivery, Connection((), settings)),
        refuse(401, "x", delivery, Connection((), settings)),
    ):
        assert 200 <= reply.status < 500
        for value in reply.headers.values():
            assert value.isascii()
            assert value.isprintable()


def test_captures_are_read() -> None:
    for name, body in samples("html_form", ".urlencoded"):
        [notice] = read(SENDER, post(body, FORM))
        assert isinstance(notice, Ignored) is ("spam" in name), name
