"""Running sources: pauses, limits, mappings that are mended, health, activities, consent, retention, and forgetting.

One intake serves the whole module; each test has a source and people of its own.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.intake.domain.identity import Identifier, Kind
from services.intake.loops import fetcher
from shared.auth import Role, Tokens
from shared.db.embedded import Server
from tests.support.intake import Intake, Posted, all_logs, running_intake
from tests.support.senders import CASES, Case, Person
from tests.support.senders.platforms import dumped, invitee, says_calendly
from tests.support.senders.portals import ORIGIN, form
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = pytest.mark.parametrize("case", [case for case in CASES.values() if not case.fetched], ids=lambda case: case.name)


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


async def replayed(source: Posted, *states: str) -> Any:
    """The source's deliveries in these states, read again."""
    made = await source.intake.ask("POST", f"/v1/sources/{source.id}/replays", **({"states": states} if states else {}))

    async def done() -> Any:
        job = await source.intake.ask("GET", f"/v1/sources/{source.id}/replays/{made['id']}")
        return job if job["state"] in ("done", "failed") else None

    job = await eventually(done)
    assert job["state"] == "done", job["error"]
    return job["became"]


def plain(source: Posted, **answers: Any) -> Any:
    """A delivery of a generic sender, with its key."""
    return source.proven(dumped(answers))


async def generic(intake: Intake, **more: Any) -> Posted:
    return await intake.source(CASES["generic"], **{"settings": {}, **more})


# -- Pause and limits ----------------------------------------------------------------------------------------------------------------


@WHOLE
async def test_a_paused_source_keeps_what_it_is_sent_and_reads_it_when_it_goes_on(intake: Intake, case: Case) -> None:
    source, people = await intake.source(case), [intake.person() for _ in range(3)]
    await source.change(paused=True)
    for person in people:
        case.acknowledged(await without_lead_id(source.deliver(person)), "held")
    assert [kept["state"] for kept in await source.deliveries()] == ["held"] * 3
    assert (await source.health())["held"] == 3
    assert await source.leads() == []
    await source.change(paused=False)
    await source.lead(3)
    assert {lead["contact"]["email"] for lead in await source.leads()} == {person.email for person in people}
    assert [kept["state"] for kept in await source.deliveries()] == ["accepted"] * 3


async def without_lead_id(answering: Any) -> httpx.Response:
    """The answer; where it tells what became of the lead, there is no id as yet."""
    answer: httpx.Response = await answering
    if answer.status_code != 202:
        return answer
    told = answer.json()
    assert "lead_id" not in told
    return httpx.Response(202, json={"lead_id": str(UUID(int=7)), **told})


async def test_a_paused_source_asks_its_sender_nothing(intake: Intake) -> None:
    source, person = await intake.source(CASES["meta"]), intake.person()
    await source.change(paused=True)
    source.case.acknowledged(await source.deliver(person), "held")
    assert intake.internet.asked_of(person) == []
    await source.change(paused=False)
    assert (await source.lead())["contact"]["email"] == person.email


async def test_what_is_held_twice_is_one_lead(intake: Intake) -> None:
    source, person = await intake.source(CASES["typeform"]), intake.person()
    await source.change(paused=True)
    await source.deliver(person)
    await source.deliver(person)
    await source.change(paused=False)
    assert await intake.said((await source.lead())["id"]) == ["LeadReceived"]
    await eventually(lambda: nothing_held(source))


async def nothing_held(source: Posted) -> bool:
    return (await source.health())["held"] == 0


async def test_the_api_says_that_a_source_is_paused(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.change(paused=True)
    answer = await intake.api.post("/v1/leads", json={"source": source.name, "email": person.email})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:handoff:problem:source-paused")
    assert int(answer.headers["retry-after"]) > 0


async def test_over_its_rate_a_source_is_answered_429_and_others_are_not(intake: Intake) -> None:
    source, other = await intake.source(CASES["typeform"], per_minute=2), await intake.source(CASES["typeform"])
    answers = [await source.deliver(intake.person()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(await source.deliveries()) == 2
    assert (await other.deliver(intake.person())).status_code == 200
    await source.change(per_minute=None)
    assert (await source.deliver(intake.person())).status_code == 200


async def test_the_rate_holds_for_the_api_too(intake: Intake) -> None:
    source = await generic(intake, per_minute=1)
    sent = [{"source": source.name, "email": intake.person().email} for _ in range(2)]
    answers = [await intake.api.post("/v1/leads", json=one) for one in sent]
    assert [answer.status_code for answer in answers] == [202, 429]
    assert int(answers[1].headers["retry-after"]) > 0


# -- Mappings that are mended --------------------------------------------------------------------------------------------------------


async def test_a_mended_mapping_mends_the_leads_that_were_read_by_the_old_one(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.post(plain(source, phone=person.phone, adresse_electronique_1=person.email, betrieb_x="Example Ltd"))
    lead = await source.lead()
    assert lead["contact"]["extra"] == {"adresse_electronique_1": person.email, "betrieb_x": "Example Ltd"}
    await source.change(mapping={"fields": {"adresse_electronique_1": "email", "betrieb_x": "company"}})
    assert await replayed(source, "accepted") == {"touched": 1}
    mended = await source.lead()
    assert (mended["contact"]["email"], mended["contact"]["company"]) == (person.email, "Example Ltd")
    assert "extra" not in mended["contact"]
    events = await intake.events(lead["id"])
    assert [(type, data.get("kind")) for type, data in events] == [("LeadReceived", None), ("LeadTouched", "corrected")]
    assert events[1][1]["contact"]["email"] == person.email
    again = await source.post(plain(source, email=person.email))
    assert again.json() == {"lead_id": str(lead["id"]), "status": "touched"}


async def test_a_replay_without_a_change_says_nothing_and_can_be_repeated(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.post(plain(source, phone=person.phone, mail_address_x=person.email))
    lead = await source.lead()
    assert await replayed(source, "accepted") == {"duplicate": 1}
    assert await intake.said(lead["id"]) == ["LeadReceived"]
    await source.change(mapping={"fields": {"mail_address_x": "email"}})
    assert await replayed(source, "accepted") == {"touched": 1}
    assert await replayed(source, "accepted") == {"duplicate": 1}
    [kept] = await source.deliveries()
    assert kept["state"] == "accepted"
    assert kept["body"]


async def test_rejected_deliveries_become_leads_once_they_can_be_read(intake: Intake) -> None:
    source, people = await generic(intake), [intake.person() for _ in range(3)]
    for person in people:
        answer = await source.post(plain(source, kontakt={"wert": person.email}))
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:handoff:problem:unreachable")
    broken = await source.post(source.proven(CASES["generic"].says(people[0], intake.now()).said(b'{"kontakt": ')))
    assert broken.status_code == 400
    assert [kept["state"] for kept in await source.deliveries()] == ["rejected"] * 4
    await source.change(mapping={"fields": {"kontakt.wert": "email"}})
    assert await replayed(source) == {"accepted": 3, "rejected": 1}
    await source.lead(3)
    assert [lead["contact"]["email"] for lead in await source.leads()] == [person.email for person in people]
    assert [kept["state"] for kept in await source.deliveries()] == ["accepted"] * 3 + ["rejected"]
    assert await replayed(source) == {"rejected": 1}


async def test_a_replay_of_a_document_with_several_people_mends_each_of_them(intake: Intake) -> None:
    source, people = await generic(intake), [intake.person() for _ in range(3)]
    body = json.dumps([{"phone": person.phone, "mail_address_x": person.email} for person in people]).encode()
    await source.post(source.proven(dumped([]).said(body)))
    await source.lead(3)
    await source.change(mapping={"fields": {"mail_address_x": "email"}})
    assert await replayed(source, "accepted") == {"touched": 3}
    found = {lead["contact"]["phone"]: lead["contact"]["email"] for lead in await source.leads()}
    assert found == {person.phone: person.email for person in people}


@WHOLE
async def test_a_preview_shows_the_normal_form_of_every_sender_and_stores_nothing(intake: Intake, case: Case) -> None:
    source, person = await intake.source(case), intake.person()
    sent = case.says(person, intake.now())
    asked = {"body": sent.body.decode(), "content_type": sent.headers["content-type"]}
    [notice] = (await intake.ask("POST", f"/v1/sources/{source.id}/preview", **asked))["notices"]
    assert (notice["notice"], notice["contact"]["email"], notice["rejected"]) == ("SentLead", person.email, None)
    assert notice["contact"]["phone"] == person.phone
    assert "email" in notice["mapped"]
    assert await source.deliveries() == []
    assert await source.leads() == []


async def test_a_preview_tries_a_mapping_and_names_what_it_leaves_out(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    path, payload = f"/v1/sources/{source.id}/preview", {"kontakt": {"wert": person.email}, "phone": "12", "odd": "a\0b"}
    [before] = (await intake.ask("POST", path, body=json.dumps(payload)))["notices"]
    assert before["rejected"]["field"] == "phone"
    assert "kontakt.wert" in before["unmapped"]
    mapping = {"fields": {"kontakt.wert": "email"}, "facts": ["odd"]}
    [after] = (await intake.ask("POST", path, body=json.dumps(payload), mapping=mapping))["notices"]
    assert (after["rejected"], after["contact"]["email"], after["facts"]["odd"]) == (None, person.email, "a\ufffdb")
    assert any(warning.startswith("phone") for warning in after["warnings"])
    assert any("odd" in warning for warning in after["warnings"])
    [same] = (await intake.ask("POST", path, payload={"email": person.email}))["notices"]
    assert same["contact"]["email"] == person.email


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"body": "{"}, 422), ({}, 422), ({"body": "{}", "payload": {}}, 422), ({"body": "x", "content_type": "image/png"}, 422)],
)
async def test_a_preview_of_what_cannot_be_read_says_why(intake: Intake, asked: dict[str, Any], status: int) -> None:
    source = await generic(intake)
    answer = await intake.api.post(f"/v1/sources/{source.id}/preview", json=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


# -- Health and deliveries -----------------------------------------------------------------------------------------------------------


async def test_health_says_what_came_what_was_rejected_and_how_late(intake: Intake) -> None:
    source, before = await generic(intake), intake.now()
    assert (await source.health())["last_delivery"] is None
    await source.post(plain(source, email=intake.person().email))
    await source.post(plain(source, name="Nobody"))
    await source.post(plain(source, name="Nobody else"))
    await source.post(dumped({"email": intake.person().email}))
    health = await source.health()
    assert health["outcomes"] == {"rejected": 3, "accepted": 1}
    assert {reject["reason"]: reject["count"] for reject in health["rejects"]} == {"unreachable": 2, "forged": 1}
    assert health["last_good"] >= before.isoformat()[:19]
    assert health["last_delivery"] >= health["last_good"]
    assert (health["state"], health["held"], health["lag"]) == ("on", 0, None)
    await source.change(paused=True)
    assert (await source.health())["state"] == "paused"


async def test_lag_is_the_longest_way_from_submission_to_receipt(intake: Intake) -> None:
    source = await intake.source(CASES["typeform"])
    for late in (timedelta(hours=1), timedelta(minutes=5)):
        said = source.case.says(intake.person(), intake.now() - late)
        await source.post(source.proven(said))
    assert 3600 <= (await source.health())["lag"] < 3660


async def test_health_outlives_the_folding_of_tallies(intake: Intake) -> None:
    source = await intake.source(CASES["typeform"])
    for _ in range(3):
        await source.deliver(intake.person())
    await intake.rows.execute("UPDATE intake.tallies SET at = at - interval '2 hours' WHERE source_id = $1", source.id)
    await intake.service.app.state.upkeep.keep()
    assert len(await intake.fetch("SELECT 1 FROM intake.tallies WHERE source_id = $1", source.id)) in (1, 2)
    assert (await source.health())["outcomes"] == {"accepted": 3}


async def test_deliveries_are_listed_newest_first_and_shown_byte_for_byte(intake: Intake) -> None:
    source = await generic(intake)
    sent = [plain(source, email=intake.person().email, n=n) for n in range(3)]
    for one in sent:
        await source.post(one)
    await source.post(source.proven(form(email="no address")))
    path = f"/v1/sources/{source.id}/deliveries"
    first = await intake.ask("GET", f"{path}?limit=3")
    rest = await intake.ask("GET", f"{path}?limit=3&cursor={first['next']}")
    shown = [*first["items"], *rest["items"]]
    assert [one["state"] for one in shown] == ["rejected", "accepted", "accepted", "accepted"]
    assert [len(one["lead_ids"]) for one in shown] == [0, 1, 1, 1]
    assert [one["bytes"] for one in shown[1:]] == [len(one.body) for one in reversed(sent)]
    rejected = (await intake.ask("GET", f"{path}?state=rejected"))["items"]
    assert [one["id"] for one in rejected] == [shown[0]["id"]]
    one = await intake.ask("GET", f"{path}/{shown[1]['id']}")
    assert (one["body"].encode(), one["encoding"], one["method"]) == (sent[-1].body, "utf-8", "POST")
    assert one["headers"] == {"content-type": "application/json", "user-agent": one["headers"]["user-agent"], "accept": "*/*"}
    assert source.secret not in json.dumps(one)
    assert source.hook.rpartition("/")[2] not in json.dumps(one)
    other = await generic(intake)
    assert (await intake.api.get(f"/v1/sources/{other.id}/deliveries/{shown[1]['id']}")).status_code == 404


async def test_a_delivery_that_is_no_text_is_shown_in_base64(intake: Intake) -> None:
    source = await generic(intake)
    raw = b"email=\xff\xfe%00@example.com"
    await source.post(source.proven(form().said(raw)))
    [kept] = (await intake.ask("GET", f"/v1/sources/{source.id}/deliveries"))["items"]
    one = await intake.ask("GET", f"/v1/sources/{source.id}/deliveries/{kept['id']}")
    assert (one["encoding"], b64decode(one["body"])) == ("base64", raw)


async def test_the_kinds_of_sources_tell_what_each_needs(intake: Intake) -> None:
    kinds = {one["kind"]: one for one in (await intake.ask("GET", "/v1/sources/kinds"))["items"]}
    assert kinds.keys() == {case.kind for case in CASES.values()}
    for case in CASES.values():
        assert set(case.settings) <= {setting["name"] for setting in kinds[case.kind]["settings"]}
        assert set(case.secrets) <= set(kinds[case.kind]["secrets"])


# -- Secrets -------------------------------------------------------------------------------------------------------------------------


async def test_secrets_are_sealed_at_rest_and_never_shown_or_logged(intake: Intake) -> None:
    with all_logs() as logs:
        source = await intake.source(CASES["meta"])
        path, token = f"/v1/sources/{source.id}", source.hook.rpartition("/")[2]
        fresh = "another-secret-that-nobody-may-see"
        told = [await intake.api.post(f"{path}/secrets", json={"value": fresh})]
        person = intake.person()
        await source.deliver(person)
        await source.lead()
        told += [await intake.api.get(one) for one in (path, "/v1/sources", f"{path}/health", f"{path}/deliveries")]
        told += [
            await intake.api.patch(path, json={"per_minute": 5}),
            await intake.api.post(f"{path}/secrets", json={"value": "short"}),
        ]
    hidden = [source.secret, fresh, source.case.secrets["access_token"]]
    assert not [answer.text for answer in told if any(secret in answer.text for secret in hidden)]
    assert not [answer.text for answer in told if token in answer.text]
    assert logs.telling(*hidden, token) == []
    for row in await intake.fetch("SELECT * FROM intake.sources WHERE id = $1", source.id):
        assert not [secret for secret in (*hidden, token) if secret.encode() in row["secrets"] or secret in str(row)]
    assert (await intake.api.post(f"{path}/secrets", json={"value": "a-third-secret"})).status_code == 409


# -- Activities ----------------------------------------------------------------------------------------------------------------------


async def tell(intake: Intake, *activities: dict[str, Any], role: Role = Role.SERVICE) -> list[dict[str, Any]]:
    answer = await intake.sender.post("/v1/activities", json={"activities": activities}, headers=intake.as_role(role))
    assert answer.status_code == 202, answer.text
    return list(answer.json()["results"])


async def test_activities_go_onto_the_lead_of_whoever_did_them(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    told = await tell(
        intake,
        {"kind": "page_view", "lead_id": str(lead["id"]), "data": {"path": "/pricing"}},
        {"kind": "email_open", "email": person.email.upper()},
        {"kind": "call", "phone": f"{person.phone[:2]} ({person.phone[2:5]}) {person.phone[5:]}"},
        {"kind": "download", "email": intake.person().email},
        role=Role.MARKETING,
    )
    assert [one["status"] for one in told] == ["recorded", "recorded", "recorded", "unknown"]
    assert {one["lead_id"] for one in told[:3]} == {str(lead["id"])}
    events = await intake.events(lead["id"])
    assert [data["kind"] for type, data in events if type == "ActivityRecorded"] == ["page_view", "email_open", "call"]
    assert person.email not in json.dumps([data for type, data in events if type == "ActivityRecorded"])


async def test_the_same_activity_is_recorded_once(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    same = {"kind": "meeting", "lead_id": str(lead["id"]), "id": str(intake.installation.clock.uuid7())}
    told = [*await tell(intake, same, same), *await tell(intake, same)]
    assert [one["status"] for one in told] == ["recorded", "duplicate", "duplicate"]
    assert await intake.said(lead["id"]) == ["LeadReceived", "ActivityRecorded"]


async def test_what_a_visitor_did_is_kept_and_goes_onto_the_lead_that_they_become(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    visits = [{"kind": "page_view", "visitor_id": f"browser-{person.id}", "data": {"n": n}} for n in range(3)]
    told = await tell(intake, *visits)
    assert [(one["status"], one["lead_id"]) for one in told] == [("kept", None)] * 3
    await source.post(plain(source, email=person.email, visitor_id=f"browser-{person.id}"))
    lead = await source.lead()
    events = await intake.events(lead["id"])
    assert [type for type, _ in events] == ["LeadReceived", *["ActivityRecorded"] * 3]
    assert [data["data"]["n"] for _, data in events[1:]] == [0, 1, 2]
    [later] = await tell(intake, visits[0])
    assert (later["status"], later["lead_id"]) == ("recorded", str(lead["id"]))


async def test_activities_of_a_merged_lead_go_onto_the_one_that_it_became(intake: Intake) -> None:
    source, one, other = await generic(intake), intake.person(), intake.person()
    await source.deliver(one)
    await source.deliver(other)
    first, second = await source.leads()
    path = f"/v1/contacts/{second['contact_id']}/merge"
    await intake.ask("POST", path, into=str(first["contact_id"]))
    told = await tell(intake, {"kind": "chat", "lead_id": str(second["id"])}, {"kind": "chat", "email": other.email})
    assert [(one["status"], one["lead_id"]) for one in told] == [("recorded", str(first["id"]))] * 2


@pytest.mark.parametrize(
    ("activity", "field"),
    [
        ({"kind": "call"}, "/activities/0"),
        ({"kind": "call", "visitor_id": "x", "at": "2999-01-01T00:00:00Z"}, "/activities/0/at"),
        ({"kind": "No Word", "visitor_id": "x"}, "/activities/0/kind"),
        ({"kind": "call", "visitor_id": "x", "data": {"a": "\0"}}, "/activities"),
    ],
)
async def test_an_activity_that_means_nothing_is_refused(intake: Intake, activity: dict[str, Any], field: str) -> None:
    answer = await intake.api.post("/v1/activities", json={"activities": [activity]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


# -- Consent and suppression ---------------------------------------------------------------------------------------------------------


async def test_consent_is_kept_as_evidence_with_its_words(intake: Intake) -> None:
    settings = {**CASES["html_form"].settings, "consent_purpose": "newsletter", "consent_text": "Yes, write to me."}
    source, person = await intake.source(CASES["html_form"], settings=settings), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    [row] = await intake.fetch("SELECT purpose, granted, text, at FROM intake.consents WHERE lead_id = $1", lead["id"])
    assert (row["purpose"], row["granted"], row["text"]) == ("newsletter", True, "Yes, write to me.")
    [(_, data)] = await intake.events(lead["id"])
    [said] = data["consents"]
    assert (said["purpose"], said["granted"], said["text"]) == ("newsletter", True, "Yes, write to me.")
    exported = await intake.ask("GET", f"/v1/contacts/{lead['contact_id']}/export")
    assert [one["text"] for one in exported["consents"]] == ["Yes, write to me."]


async def test_a_portals_recording_of_consent_is_kept(intake: Intake) -> None:
    source = await intake.source(CASES["realtor"])
    await source.deliver(intake.person())
    lead = await source.lead()
    [row] = await intake.fetch("SELECT purpose, text FROM intake.consents WHERE lead_id = $1", lead["id"])
    assert (row["purpose"], row["text"]) == ("phone", "Jornaya LeadiD invented-recording")


async def test_whoever_is_on_the_suppression_list_is_not_taken(intake: Intake) -> None:
    source, silent, person = await generic(intake), await intake.source(CASES["typeform"]), intake.person()
    made = await intake.ask("POST", "/v1/contacts/suppressions", email=person.email.upper(), reason="asked by telephone")
    [entry] = made["items"]
    assert (entry["kind"], entry["reason"]) == ("email", "asked by telephone")
    assert person.email not in json.dumps(made)
    refused = await source.post(plain(source, email=person.email, phone=person.phone))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:handoff:problem:suppressed")
    silent.case.acknowledged(await silent.deliver(person), "")
    by_api = await intake.api.post("/v1/leads", json={"source": source.name, "email": person.email})
    assert by_api.status_code == 409
    assert [*await source.leads(), *await silent.leads()] == []
    assert await intake.found(person) == {}
    assert {reject["reason"] for reject in (await silent.health())["rejects"]} == {"suppressed"}
    asked = await intake.api.get("/v1/contacts/suppressions", params={"email": person.email})
    assert [one["key"] for one in asked.json()["items"]] == [entry["key"]]
    await intake.ask("DELETE", f"/v1/contacts/suppressions/{entry['key']}")
    assert (await source.post(plain(source, email=person.email))).json()["status"] == "accepted"


# -- Retention, export, erasure ------------------------------------------------------------------------------------------------------


async def age(intake: Intake, source: Posted, days: int) -> None:
    for table in ("leads", "deliveries"):
        await intake.rows.execute(
            f"UPDATE intake.{table} SET received_at = received_at - make_interval(days => $2) WHERE source_id = $1",
            source.id,
            days,
        )


async def test_leads_are_erased_when_their_sources_time_is_over(intake: Intake) -> None:
    source, keeping = await intake.source(CASES["typeform"], retention_days=30), await intake.source(CASES["typeform"])
    old, fresh, other = intake.person(), intake.person(), intake.person()
    await source.deliver(old)
    await source.post(source.proven(dumped({"event_type": "form_response", "form_response": {"answers": [], "token": old.id}})))
    await keeping.deliver(other)
    await age(intake, source, 31)
    await age(intake, keeping, 31)
    await source.deliver(fresh)
    await intake.service.app.state.upkeep.keep()
    leads = await source.leads()
    assert [bool(lead["erased_at"]) for lead in leads] == [True, False]
    events = await intake.events(leads[0]["id"])
    assert [type for type, _ in events] == ["LeadReceived", "LeadErased"]
    assert events[1][1]["reason"] == "retention"
    assert await intake.found(old) == {}
    assert (await keeping.lead())["contact"]["email"] == other.email
    assert [kept["state"] for kept in await source.deliveries()] == ["accepted"]
    await intake.service.app.state.upkeep.keep()
    assert await intake.said(leads[0]["id"]) == ["LeadReceived", "LeadErased"]


async def known_everywhere(intake: Intake, person: Person, other: Person) -> tuple[UUID, list[tuple[Posted, Any]]]:
    """Makes this person known in every way there is. The contact, and deliveries by which they came that have an id."""
    calendly, site, shop = await intake.source(CASES["calendly"]), await generic(intake), await intake.source(CASES["html_form"])
    sent = [(calendly, calendly.delivery(person)), (shop, shop.delivery(person))]
    await tell(intake, {"kind": "page_view", "visitor_id": f"browser-{person.id}", "data": {"path": "/pricing"}})
    for source, one in sent * 2:
        await source.post(one)
    lead = await calendly.lead()
    canceled = says_calendly(person, intake.now(), "invitee.canceled", cancellation={"canceler_type": "invitee"})
    await calendly.post(calendly.proven(canceled))
    touch = plain(
        site, phone=person.phone, name=person.name, post=person.email, visitor_id=f"browser-{person.id}", note="call me"
    )
    await site.post(touch.headed(idempotency_key=f"key-{person.id}"))
    await site.change(mapping={"fields": {"post": "email"}})
    await replayed(site, "accepted", "touched")
    await site.post(plain(site, email=other.email, name=other.name, phone=person.phone))
    await intake.ask("POST", f"/v1/contacts/{(await site.lead())['contact_id']}/merge", into=str(lead["contact_id"]))
    await tell(intake, {"kind": "email_click", "email": person.email})
    await upload(intake, site, f"Name,Email,Phone\r\n{person.name},{person.email},{person.phone}\r\n")
    return lead["contact_id"], sent


async def upload(intake: Intake, source: Posted, text: str) -> None:
    answer = await intake.api.post(
        "/v1/imports", params={"source": source.name}, content=text.encode(), headers={"content-type": "text/csv"}
    )
    assert answer.status_code == 202, answer.text

    async def done() -> bool:
        return bool((await intake.ask("GET", f"/v1/imports/{answer.json()['id']}"))["state"] == "done")

    await eventually(done)


async def test_the_export_has_everything_that_is_held_on_a_person(intake: Intake) -> None:
    person, other = intake.person(), intake.person()
    contact_id, sent = await known_everywhere(intake, person, other)
    answer = await intake.api.get(f"/v1/contacts/{contact_id}/export")
    assert "attachment" in answer.headers["content-disposition"]
    document = answer.json()
    held = {name: len(rows) for name, rows in document.items() if isinstance(rows, list)}
    assert held.pop("elsewhere") >= 1
    assert not [name for name, count in held.items() if not count and name != "matches"]
    bodies = [delivery["body"] for delivery in document["deliveries"]]
    assert all(one.body.decode() in bodies for _, one in sent)
    assert {one["profile"]["email"] for one in document["contacts"]} == {person.email, other.email}
    assert {one["kind"] for one in document["activities"]} >= {"page_view", "meeting_canceled", "email_click"}


async def test_an_erased_person_is_nowhere_in_intake_and_does_not_come_back(intake: Intake) -> None:
    person, other = intake.person(), intake.person()
    contact_id, sent = await known_everywhere(intake, person, other)
    assert {"leads", "deliveries", "touches", "contacts", "import_rows"} <= (await intake.found(person)).keys()
    erased = await intake.api.delete(f"/v1/contacts/{contact_id}")
    assert erased.status_code == 202
    told = erased.json()
    assert told["report"] == f"/v1/reports/erasures/{contact_id}"
    assert await intake.found(person) == {}
    assert await intake.found(other) == {}
    for lead_id in told["lead_ids"]:
        assert (await intake.said(lead_id))[-1] == "LeadErased"
    for source, one in sent:
        source.case.acknowledged(await source.post(one), "")
    assert await intake.found(person) == {}
    living = await intake.fetch("SELECT id FROM intake.leads WHERE id <> ALL($1) AND contact ->> 'email' = $2", [], person.email)
    assert living == []
    await intake.service.app.state.upkeep.keep()
    keys = [Identifier(Kind.EMAIL, person.email).key.hex(), Identifier(Kind.PHONE, person.phone).key.hex()]
    assert await intake.found(person, *keys) == {}
    again = await intake.api.delete(f"/v1/contacts/{contact_id}")
    assert (again.status_code, again.json()["lead_ids"]) == (202, [])


async def test_an_erased_person_who_asked_for_it_is_not_taken_again(intake: Intake) -> None:
    source, person = await generic(intake), intake.person()
    await source.deliver(person)
    lead = await source.lead()
    await intake.ask("DELETE", f"/v1/contacts/{lead['contact_id']}?suppress=true")
    assert (await source.post(plain(source, email=person.email))).status_code == 409
    assert (await source.post(plain(source, phone=person.phone))).status_code == 409
    assert await intake.found(person) == {}


async def test_one_of_two_people_in_a_document_is_erased_and_the_other_stays(intake: Intake) -> None:
    source, person, other = await generic(intake), intake.person(), intake.person()
    body = json.dumps([{"email": one.email, "phone": one.phone, "name": one.name} for one in (person, other)]).encode()
    await source.post(source.proven(dumped([]).said(body)))
    await source.lead(2)
    [gone] = [lead for lead in await source.leads() if lead["contact"]["email"] == person.email]
    await intake.ask("DELETE", f"/v1/contacts/{gone['contact_id']}")
    assert await intake.found(person) == {}
    assert [lead["contact"].get("email") for lead in await source.leads()].count(other.email) == 1


@pytest.mark.parametrize("became", ["ignored", "rejected", "spam"])
async def test_what_was_no_lead_is_erased_with_the_person(intake: Intake, became: str) -> None:
    kind = {"ignored": "calendly", "rejected": "generic", "spam": "html_form"}[became]
    source, person = await intake.source(CASES[kind]), intake.person()
    await source.deliver(person)
    said = {
        "ignored": says_calendly(person, intake.now(), "invitee.canceled", rescheduled=True, new_invitee=invitee(person, 1)),
        "rejected": dumped({"unmapped_field": person.email}),
        "spam": form(email=person.email, website="filled in").headed(origin=ORIGIN),
    }
    await source.post(source.proven(said[became]))
    assert [kept["state"] for kept in await source.deliveries()] == ["accepted", became]
    await intake.ask("DELETE", f"/v1/contacts/{(await source.lead())['contact_id']}")
    assert await intake.found(person) == {}


async def test_a_repetition_beside_somebody_new_is_erased_with_the_person(intake: Intake) -> None:
    source, person, other = await intake.source(CASES["generic"]), intake.person(), intake.person()
    said = [json.loads(source.case.says(one, intake.now()).body) for one in (person, other)]
    await source.post(source.proven(dumped(said[:1])))
    await source.post(source.proven(dumped(said)))
    lead = await source.lead(2)
    await intake.ask("DELETE", f"/v1/contacts/{lead['contact_id']}")
    assert await intake.found(person) == {}
