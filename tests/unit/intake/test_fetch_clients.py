"""The clients of the senders: what they ask, what they make of the answers and of the errors, and how a sweep goes on."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import httpx
import pytest

from services.intake.clients.addresses import Address
from services.intake.clients.credentials import Credentials
from services.intake.clients.errors import Denied, Gone, Throttled, Unset
from services.intake.clients.pace import Pace
from services.intake.clients.registry import CLIENTS, NEEDS, settings_of
from services.intake.clients.shape import Cursor, Found
from services.intake.clients.web import Web
from services.intake.domain.senders.shape import Fetch, SentLead
from services.intake.handlers.fetching import LONGEST, TRIES, NotNow, describe, next_try
from shared.errors import Permanent, Transient, unavailable

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TOKEN = "EAAB-invented-token"

Respond = Callable[[httpx.Request], httpx.Response]


async def find(_: str) -> list[Address]:
    return [("203.0.114.7", 443)]


class Sender:
    """A sender that answers by path (host and path, or the path's end), and keeps what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []
        self.web = Web(transport=httpx.MockTransport(self._answer), find=find)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        assert TOKEN not in str(request.url), "a token is no part of an address"
        answer = next(answer for path, answer in self.answers.items() if request.url.path.endswith(path))
        if isinstance(answer, list):
            answer = answer.pop(0)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def query(self, n: int = -1) -> dict[str, str]:
        return dict(parse_qsl(self.asked[n].url.query.decode(), keep_blank_values=True))

    def said(self, n: int = -1) -> Any:
        return json.loads(self.asked[n].content)


def credentials(**settings: Any) -> Credentials:
    return Credentials({"access_token": TOKEN}, settings)


async def fetch(kind: str, sender: Sender, wanted: Fetch, given: Credentials | None = None) -> SentLead:
    client = CLIENTS[kind]
    return client.parse(await client.fetch(sender.web, wanted, given or credentials()))


async def sweep(kind: str, sender: Sender, given: Credentials, cursor: Cursor | None = None, now: datetime = NOW) -> list[Found]:
    """All steps of a sweep."""
    steps: list[Found] = []
    while not steps or steps[-1].again is not None:
        found = await CLIENTS[kind].recent(sender.web, given, steps[-1].cursor if steps else cursor or {}, now)
        json.dumps(found.cursor)  # it is kept as JSON
        steps.append(found)
        assert len(steps) < 50
    return steps


def ids(steps: list[Found]) -> list[str]:
    return [fetch.external_id for step in steps for fetch in step.fetches]


def since(hours: float) -> Cursor:
    return {"since": (NOW - timedelta(hours=hours)).timestamp()}


# -- Meta --------------------------------------------------------------------------------------------------------------------------

META_LEAD = {
    "id": "66861076766100001",
    "created_time": "2026-11-22T09:58:51+0000",
    "ad_id": "23849853425890001",
    "form_id": "447333180250001",
    "is_organic": False,
    "field_data": [
        {"name": "email", "values": ["ada@example.com"]},
        {"name": "phone_number", "values": ["+12025550101"]},
        {"name": "full_name", "values": ["Ada Example"]},
    ],
}


def graph_error(code: int, status: int = 400, **more: Any) -> httpx.Response:
    error = {"message": f"Something about {TOKEN}", "type": "OAuthException", "code": code, **more}
    return httpx.Response(status, json={"error": error})


async def test_meta_is_asked_for_a_lead_with_the_token_in_a_header_and_its_proof() -> None:
    sender = Sender({"/v24.0/66861076766100001": META_LEAD})
    given = Credentials({"access_token": TOKEN, "app_secret": "app-secret"}, {})
    lead = await fetch("meta", sender, Fetch("66861076766100001", "lead"), given)
    assert lead.answers["email"] == "ada@example.com"
    assert lead.external_id == "66861076766100001"
    assert sender.asked[0].headers["host"] == "graph.facebook.com"
    assert sender.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert "field_data" in sender.query()["fields"]
    assert sender.query()["appsecret_proof"] == hmac.new(b"app-secret", TOKEN.encode(), sha256).hexdigest()


async def test_metas_proof_is_left_out_without_the_apps_secret() -> None:
    sender = Sender({"/v25.0/1": META_LEAD})
    await fetch("meta", sender, Fetch("1", "lead"), credentials(api_version="v25.0"))
    assert "appsecret_proof" not in sender.query()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (graph_error(190), Denied),
        (graph_error(10), Denied),
        (graph_error(200, 403), Denied),
        (graph_error(100, error_subcode=33), Gone),
        (httpx.Response(400, json={"error": {"code": 100, "message": "Invalid appsecret_proof provided"}}), Denied),
        (graph_error(100), Permanent),
        (graph_error(4), Throttled),
        (graph_error(80005), Throttled),
        (graph_error(2, 500), Transient),
        (graph_error(368, is_transient=True), Transient),
        (httpx.Response(503, text="<html>"), Transient),
        (httpx.Response(400, json={"error": "odd"}), Permanent),
        (httpx.Response(400, json=[]), Permanent),
        (httpx.Response(404, json={}), Gone),
        (httpx.Response(200, json=[]), Permanent),
    ],
)
async def test_metas_own_code_says_whose_fault_it_is(answer: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        await fetch("meta", Sender({"/1": answer}), Fetch("1", "lead"))
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)


async def test_metas_forms_are_looked_through_page_by_page() -> None:
    more = {"cursors": {"before": "B", "after": "A1"}, "next": f"https://graph.facebook.com/next?access_token={TOKEN}"}
    sender = Sender(
        {
            "/11/leads": [
                {"data": [{"id": "1"}, {"id": "2"}], "paging": more},
                {"data": [{"id": "3"}, {"no": "id"}, "odd", {"id": "../4"}], "paging": {"cursors": {"after": "A2"}}},
            ],
            "/22/leads": {"data": [{"id": "5"}]},
        }
    )
    steps = await sweep("meta", sender, credentials(form_ids=["11", "22"]), since(5))
    assert ids(steps) == ["1", "2", "3", "5"]
    assert steps[0].fetches[0] == Fetch("1", "lead", {"form_id": "11"})
    assert "after" not in sender.query(0)
    assert sender.query(1)["after"] == "A1"
    start = int((NOW - timedelta(hours=5)).timestamp()) - 1
    assert json.loads(sender.query(0)["filtering"]) == [{"field": "time_created", "operator": "GREATER_THAN", "value": start}]
    assert sender.query(0)["fields"] == "id,created_time"
    assert steps[-1].cursor == since(1)


async def test_a_form_that_is_gone_does_not_hold_up_the_others() -> None:
    sender = Sender({"/11/leads": graph_error(100, error_subcode=33), "/22/leads": {"data": [{"id": "5"}]}})
    steps = await sweep("meta", sender, credentials(form_ids=["11", "22"]))
    assert ids(steps) == ["5"]
    assert str(steps[0].trouble).startswith("form 11: graph.facebook.com answered 400: (100/33)")


async def test_the_first_sweep_looks_back_as_far_as_is_set() -> None:
    for settings, days in (({}, 2), ({"backfill_days": 30}, 30), ({"backfill_days": "x"}, 2), ({"backfill_days": 9999}, 365)):
        sender = Sender({"/11/leads": {"data": []}})
        await sweep("meta", sender, credentials(form_ids=["11"], **settings))
        [newer] = json.loads(sender.query()["filtering"])
        assert newer["value"] == int((NOW - timedelta(days=days)).timestamp()) - 1


# -- LinkedIn ----------------------------------------------------------------------------------------------------------------------

RESPONSE_ID = "249592fc-d272-44ba-a7db-c2bdce570001-6"
RESPONSE = {
    "id": RESPONSE_ID,
    "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234001,1)",
    "submittedAt": 1795341531000,
    "testLead": False,
    "formResponse": {
        "answers": [
            {"answerDetails": {"textQuestionAnswer": {"answer": "Ada"}}, "questionId": 1},
            {"answerDetails": {"textQuestionAnswer": {"answer": "ada@example.com"}}, "questionId": 2},
        ],
        "consentResponses": [],
    },
}
FORM = {
    "id": 7234001,
    "versionId": 1,
    "name": "Invented form",
    "content": {
        "questions": [
            {"questionId": 1, "predefinedField": "FIRST_NAME", "question": {"localized": {"en_US": "First name"}}},
            {"questionId": 2, "predefinedField": "EMAIL", "question": {"localized": {"en_US": "Email"}}},
        ]
    },
}


async def test_linkedin_is_asked_for_the_response_and_once_for_its_form() -> None:
    sender = Sender({f"/rest/leadFormResponses/{RESPONSE_ID}": RESPONSE, "/rest/leadForms/7234001": FORM})
    for _ in range(2):
        lead = await fetch("linkedin", sender, Fetch(RESPONSE_ID, "leadFormResponse"))
        assert lead.answers["EMAIL"] == "ada@example.com"
        assert lead.external_id == RESPONSE_ID
    assert [request.url.path.split("/")[2] for request in sender.asked] == [
        "leadFormResponses",
        "leadForms",
        "leadFormResponses",
    ]
    headers = sender.asked[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert (headers["linkedin-version"], headers["x-restli-protocol-version"]) == ("202606", "2.0.0")


async def test_a_new_version_of_a_form_is_read_again() -> None:
    newer = {**RESPONSE, "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:7234001,2)"}
    sender = Sender({f"/{RESPONSE_ID}": [RESPONSE, newer], "/7234001": [FORM, FORM]})
    for _ in range(2):
        await fetch("linkedin", sender, Fetch(RESPONSE_ID, "leadFormResponse"))
    assert len(sender.asked) == 4


async def test_where_the_form_is_gone_the_answers_are_kept() -> None:
    sender = Sender({f"/{RESPONSE_ID}": RESPONSE, "/7234001": httpx.Response(404, json={"message": "gone"})})
    lead = await fetch("linkedin", sender, Fetch(f"urn:li:leadGenFormResponse:{RESPONSE_ID}", "leadFormResponse"))
    assert lead.answers["2"] == "ada@example.com"


async def test_where_the_form_may_not_be_read_the_lead_waits() -> None:
    refused = httpx.Response(403, json={"message": f"Not for {TOKEN}", "serviceErrorCode": 100, "status": 403})
    with pytest.raises(Denied, match=r"\(100\) Not for …"):
        await fetch(
            "linkedin", Sender({f"/{RESPONSE_ID}": RESPONSE, "/7234001": refused}), Fetch(RESPONSE_ID, "leadFormResponse")
        )


async def test_linkedins_responses_are_looked_through_type_by_type() -> None:
    full = {"elements": [{"id": f"a-{n}"} for n in range(100)]}
    sender = Sender({"/rest/leadFormResponses": [full, {"elements": [{"id": "b-1"}, {}]}, {"elements": [{"id": "c-1"}]}]})
    given = credentials(owner="urn:li:organization:42", lead_types=["COMPANY", "EVENT"])
    steps = await sweep("linkedin", sender, given, since(3))
    assert ids(steps) == [*(f"a-{n}" for n in range(100)), "b-1", "c-1"]
    start, end = ((NOW - timedelta(hours=hours)).timestamp() * 1000 for hours in (3, 0))
    assert sender.asked[0].url.query.decode() == (
        "q=owner&owner=(organization:urn%3Ali%3Aorganization%3A42)&leadType=(leadType:COMPANY)&limitedToTestLeads=false"
        f"&submittedAtTimeRange=(start:{int(start)},end:{int(end)})&fields=id,submittedAt&count=100&start=0"
    )
    assert "start=100" in str(sender.asked[1].url)
    assert "leadType:EVENT" in str(sender.asked[2].url)
    assert steps[-1].cursor == since(1)


# -- HubSpot -----------------------------------------------------------------------------------------------------------------------


def contact(id: str, at: datetime = NOW) -> dict[str, Any]:
    return {"id": id, "properties": {"createdate": at.isoformat().replace("+00:00", "Z")}}


async def test_hubspot_is_asked_for_the_contact_with_what_is_mapped() -> None:
    answer = {"id": "123", "properties": {"email": "ada@example.com", "firstname": "Ada"}, "createdAt": "2026-11-22T09:00:00Z"}
    sender = Sender({"/crm/v3/objects/contacts/123": answer})
    lead = await fetch("hubspot", sender, Fetch("123", "contact"), credentials(properties=["plan", "email"]))
    assert lead.answers["email"] == "ada@example.com"
    names = sender.query()["properties"].split(",")
    assert {"email", "firstname", "hs_email_optout", "plan"} <= set(names)
    assert len(names) == len(set(names))
    assert sender.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_hubspots_new_contacts_are_searched_page_by_page() -> None:
    pages = [
        {"total": 2, "results": [contact("1"), contact("2")], "paging": {"next": {"after": "2"}}},
        {"total": 2, "results": [contact("3")]},
    ]
    sender = Sender({"/crm/v3/objects/contacts/search": pages})
    steps = await sweep("hubspot", sender, credentials(), since(2))
    assert ids(steps) == ["1", "2", "3"]
    first, second = sender.said(0), sender.said(1)
    assert first["filterGroups"][0]["filters"] == [
        {"propertyName": "createdate", "operator": "GTE", "value": str(int((NOW - timedelta(hours=2)).timestamp() * 1000))},
        {"propertyName": "createdate", "operator": "LT", "value": str(int(NOW.timestamp() * 1000))},
    ]
    assert "after" not in first
    assert second["after"] == "2"
    assert steps[-1].cursor == since(1)


@pytest.mark.parametrize(("last", "begins"), [(NOW - timedelta(minutes=9), NOW - timedelta(minutes=9)), (None, None)])
async def test_a_search_that_hubspot_would_not_go_on_with_begins_anew(last: datetime | None, begins: datetime | None) -> None:
    """At the last contact's time; a millisecond on where that is no later, for a mass of contacts of one moment."""
    start = NOW - timedelta(hours=2)
    pages = [
        {"results": [contact("1", last or start)], "paging": {"next": {"after": "9950"}}},
        {"results": [contact("2")]},
    ]
    sender = Sender({"/search": pages})
    assert ids(await sweep("hubspot", sender, credentials(), since(2))) == ["1", "2"]
    assert "after" not in sender.said(1)
    expected = begins or start + timedelta(milliseconds=1)
    assert sender.said(1)["filterGroups"][0]["filters"][0]["value"] == str(int(expected.timestamp() * 1000))


async def test_hubspots_words_are_kept_without_the_token() -> None:
    refused = httpx.Response(403, json={"category": "MISSING_SCOPES", "message": f"{TOKEN}\nmay not\u0000"})
    with pytest.raises(Denied) as caught:
        await fetch("hubspot", Sender({"/123": refused}), Fetch("123", "contact"))
    assert describe(caught.value) == "denied: api.hubapi.com answered 403: (MISSING_SCOPES) … may not "


# -- TikTok ------------------------------------------------------------------------------------------------------------------------

TIKTOK_LEAD = {
    "lead_data": {"name": "Ada Example", "email": "ada@example.com"},
    "meta_data": {"lead_id": "7012345678901230001", "page_id": "1700000000000001", "create_time": "2026-11-22 09:00:00"},
}
EXPORT = (
    "\ufefflead_id,created_time,ad_id,form_id,Name,Phone number,Email,Which service?,Lead ID\r\n"
    '\'7012345678901230001,2026-11-22 09:30:00(UTC+00:00),9012,1700,Ada Example,12025550101,ada@example.com,"Roofing, please",x\r\n'
    "7012345678901230002,2026-11-20 09:00:00,9012,1700,Bo Example,12025550102,bo@example.com,Siding,y\r\n"
    ",2026-11-22 09:30:00,,,,,,,\r\n"
)


def envelope(data: Any = None, code: int = 0) -> dict[str, Any]:
    return {"code": code, "message": f"about {TOKEN}", "request_id": "1", "data": data}


async def test_tiktok_is_asked_for_the_lead_and_believed_if_it_is_that_one() -> None:
    sender = Sender({"/open_api/v1.3/lead/get/": [envelope(TIKTOK_LEAD), envelope(TIKTOK_LEAD)]})
    given = credentials(advertiser_id="7000")
    lead = await fetch("tiktok", sender, Fetch("7012345678901230001", "lead", {"page_id": "1700000000000001"}), given)
    assert lead.answers["email"] == "ada@example.com"
    assert sender.asked[0].headers["access-token"] == TOKEN
    assert sender.query()["advertiser_id"] == "7000"
    with pytest.raises(Gone):
        await fetch("tiktok", sender, Fetch("7012345678901239999", "lead"), given)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40001, Denied),
        (40105, Denied),
        (40100, Throttled),
        (40002, Permanent),
        (40007, Gone),
        (50000, Transient),
        ("x", Permanent),
    ],
)
async def test_tiktok_answers_errors_with_status_200(code: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        await fetch("tiktok", Sender({"/lead/get/": envelope({}, code)}), Fetch("1", "lead"), credentials(library_id="7"))
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)


async def test_tiktoks_leads_come_as_an_export_of_each_form_and_region() -> None:
    sender = Sender(
        {
            "/page/lead/task/": [
                envelope({"task_id": "t-1", "status": "RUNNING"}),
                envelope({"task_id": "t-1", "status": "SUCCEED"}),
                envelope({"task_id": "t-2", "status": "SUCCEED"}),
            ],
            "/page/lead/task/download/": [httpx.Response(200, text=EXPORT), httpx.Response(200, text="")],
        }
    )
    given = credentials(advertiser_id="7000", page_ids=["1700"], regions=["us", "other"])
    steps = await sweep("tiktok", sender, given, since(24))
    assert [step.again for step in steps] == [10, 0, None]
    [(id, answer)] = steps[1].answers.items()
    assert id == "7012345678901230001", "the other is older than the sweep"
    lead = CLIENTS["tiktok"].parse(answer)
    assert lead.external_id == id
    assert lead.answers["name"] == "Ada Example"
    assert lead.answers["phone_number"] == "12025550101"
    assert lead.answers["Which service?"] == "Roofing, please"
    assert sender.said(0) == {"advertiser_id": "7000", "page_id": "1700"}
    assert sender.said(1) == {"advertiser_id": "7000", "page_id": "1700", "task_id": "t-1"}
    assert [request.headers.get("x-lead-region") for request in sender.asked] == [None, None, None, "us", "us"]
    assert steps[-1].cursor == since(1)


@pytest.mark.parametrize(
    "file", [httpx.Response(200, content=b"PK\x03\x04zip"), httpx.Response(200, text="Name,Email\r\nAda,a@example.com\r\n")]
)
async def test_an_export_that_cannot_be_read_is_said_and_looked_for_again(file: httpx.Response) -> None:
    sender = Sender(
        {
            "/page/lead/task/": [
                envelope({"task_id": "t-1", "status": "SUCCEED"}),
                envelope({"task_id": "t-2", "status": "FAILED"}),
            ],
            "/page/lead/task/download/": file,
        }
    )
    given = credentials(advertiser_id="7000", page_ids=["1700"], regions=["us", "eu"])
    steps = await sweep("tiktok", sender, given, since(24))
    assert [bool(step.trouble) for step in steps] == [True, True]
    assert steps[-1].cursor == since(24), "the next sweep begins where this one did"


async def test_an_export_that_never_ends_is_given_up() -> None:
    sender = Sender({"/page/lead/task/": envelope({"task_id": "t-1", "status": "RUNNING"})})
    given = credentials(advertiser_id="7000", page_ids=["1700"], regions=["us"])
    cursor: Cursor = since(24)
    for _ in range(100):
        found = await CLIENTS["tiktok"].recent(sender.web, given, cursor, NOW)
        if found.again is None:
            break
        cursor = found.cursor
    assert found.trouble == "form 1700, region us: it was not finished"
    assert found.cursor == since(24)


# -- All of them -------------------------------------------------------------------------------------------------------------------

WANTED = {kind: Fetch("1", "lead") for kind in CLIENTS}


@pytest.mark.parametrize("kind", CLIENTS)
async def test_without_its_secrets_a_sender_is_not_asked(kind: str) -> None:
    sender = Sender({})
    for secrets in ({}, {"access_token": " "}, {"access_token": "two\r\nlines"}, {"access_token": "clé-secrète"}):
        with pytest.raises(Unset, match="access_token"):
            await CLIENTS[kind].fetch(sender.web, WANTED[kind], Credentials(secrets, {"advertiser_id": "7"}))
    assert sender.asked == []
    assert "access_token" in NEEDS[kind]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("meta", {}),
        ("meta", {"form_ids": ["1"], "api_version": "v1/../x"}),
        ("linkedin", {}),
        ("linkedin", {"owner": "urn:li:person:1"}),
        ("linkedin", {"owner": "urn:li:organization:1", "api_version": "new"}),
        ("tiktok", {}),
        ("tiktok", {"page_ids": ["1"]}),
    ],
)
async def test_a_sweep_says_which_setting_it_lacks(kind: str, settings: dict[str, Any]) -> None:
    sender = Sender({})
    with pytest.raises(Unset) as caught:
        await CLIENTS[kind].recent(sender.web, credentials(**settings), {}, NOW)
    assert describe(caught.value).startswith("unset: ")
    assert sender.asked == []


@pytest.mark.parametrize("kind", ["meta", "linkedin", "hubspot"])
async def test_an_id_from_outside_does_not_change_the_path(kind: str) -> None:
    sender = Sender({})
    for id in ("../me/accounts", "1?fields=x", "1/leads", "%2e%2e", ""):
        with pytest.raises(Permanent, match="no id has"):
            await CLIENTS[kind].fetch(sender.web, Fetch(id, "lead"), credentials())
    assert sender.asked == []


def test_the_settings_of_a_kind_have_one_meaning_each() -> None:
    assert settings_of("generic") == ()
    for kind in CLIENTS:
        names = [setting.name for setting in settings_of(kind)]
        assert len(names) == len(set(names))
        assert {"poll_minutes", "fetch_per_minute", "backfill_days"} <= set(names)


def test_secrets_are_not_shown() -> None:
    assert TOKEN not in repr(credentials())


# -- How often, and when again -----------------------------------------------------------------------------------------------------

SOURCE = UUID("01a200ac-0000-7000-8000-000000000001")


def test_a_bucket_allows_its_rate_and_a_short_burst() -> None:
    pace = Pace()
    taken = 0
    for second in range(61):
        calls = pace.available(SOURCE, 60, now=float(second))
        pace.take(SOURCE, calls)
        taken += calls
        if second == 0:
            assert calls == 10
    assert taken == 70
    assert pace.available(SOURCE, 60, now=3600.0) == 10


def test_a_slow_source_may_still_be_asked() -> None:
    pace = Pace()
    assert pace.available(SOURCE, 0.5, now=0.0) == 1
    pace.take(SOURCE)
    assert pace.available(SOURCE, 0.5, now=119.0) == 0
    assert pace.available(SOURCE, 0.5, now=121.0) == 1


def test_a_source_that_is_held_is_not_asked_until_it_is_forgiven() -> None:
    pace = Pace()
    pace.hold(SOURCE, until=60.0)
    assert pace.available(SOURCE, 60, now=59.9) == 0
    assert pace.available(SOURCE, 60, now=60.0) == 10
    pace.hold(SOURCE, until=600.0)
    pace.forgive(SOURCE)
    assert pace.available(SOURCE, 60, now=61.0) == 10


def pauses(error: Exception, chance: float) -> list[float]:
    """The seconds between all tries."""
    found = []
    while (pause := next_try(error, attempts=len(found) + 1, age=timedelta(0), chance=chance)) is not None:
        found.append(pause.total_seconds())
    return found


def test_what_cannot_be_reached_is_tried_again_for_three_days() -> None:
    longest = pauses(Transient("down"), chance=1.0)
    assert longest[:4] == [2, 4, 8, 16]
    assert len(longest) == TRIES - 1
    assert max(longest) == LONGEST
    assert timedelta(days=2.5) < timedelta(seconds=sum(longest)) < timedelta(days=3.5)
    assert pauses(Transient("down"), chance=0.0) == pytest.approx([max(1, pause / 2) for pause in longest])
    assert pauses(Gone("not there"), chance=1.0) == longest
    assert pauses(TimeoutError(), chance=1.0) == longest


def test_a_senders_wish_is_the_least() -> None:
    for attempts, seconds in ((1, 3600), (20, LONGEST)):
        assert next_try(Throttled("", 3600), attempts=attempts, age=timedelta(0), chance=1.0) == timedelta(seconds=seconds)


def test_a_refused_token_is_tried_slowly_and_not_for_ever() -> None:
    for attempts in (1, 1000):
        pause = next_try(Denied("no"), attempts=attempts, age=timedelta(days=29), chance=0.5)
        assert pause is not None
        assert timedelta(minutes=30) <= pause <= timedelta(minutes=45)
    assert next_try(Denied("no"), attempts=1, age=timedelta(days=31), chance=0.5) is None


def test_what_cannot_ever_work_is_not_tried_again() -> None:
    assert next_try(Permanent("no"), attempts=1, age=timedelta(0), chance=0.5) is None
    assert next_try(KeyError("odd"), attempts=1, age=timedelta(0), chance=0.5) is None


def test_where_we_are_not_ready_it_is_no_failure_of_the_fetch() -> None:
    assert next_try(NotNow("paused"), attempts=1000, age=timedelta(days=99), chance=0.5) is not None
    assert next_try(unavailable("busy", "Later."), attempts=1, age=timedelta(0), chance=0.5) is not None


def test_an_error_is_kept_as_kind_and_words() -> None:
    assert describe(TimeoutError()) == "unreachable: no answer in time"
    assert describe(Throttled("slow down")) == "throttled: slow down"
    assert describe(KeyError("ada@example.com")) == "failed: the answer could not be read (KeyError)"
    assert describe(Permanent("a\x00b\ud800c")) == "failed: a b c"
