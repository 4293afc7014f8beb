"""Whatever authentic or forged bodies hold: no answer is our fault, none takes long, nothing is expanded, and no line is logged of anybody.

The bodies are signed as the sender would, so that the parsers are reached and not only the door.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.loops import fetcher
from shared.auth import Tokens
from shared.db.embedded import Server
from tests.support.intake import Intake, Lines, Posted, all_logs, running_intake
from tests.support.senders import CASES, Case, Person, Sent
from tests.support.senders.case import FORM, JSON
from tests.support.senders.hostile import BOMBS, CORPUS, MAIL, MARK, MIB, MULTIPART, TYPES, XML, as_type, deep, mutated
from tests.support.senders.platforms import dumped
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
FUZZ = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
SECONDS = 5.0  # of the processor, for all requests of one test


@pytest.fixture(scope="module", autouse=True)
def logs() -> Iterator[Lines]:
    with all_logs() as lines, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetcher, "EVERY", 0.1)
        yield lines


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake(logs: Lines, server: Server, template: str, tokens: Tokens) -> AsyncIterator[Intake]:
    async with running_intake(server, template, tokens) as running:
        yield running


def proven(source: Posted, sent: Sent) -> Sent:
    """With the sender's proof, if such a body can bear it."""
    try:
        return source.proven(sent)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return sent


async def withstands(source: Posted, sent: Sent) -> httpx.Response:
    """Posts it: the answer is a good one, or says what is wrong with it."""
    answer = await source.post(sent)
    assert answer.status_code < 500, f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= 400:
        kind = answer.headers["content-type"]
        assert kind.startswith(("application/problem+json", "text/html")) or list(answer.json()) == ["message"], answer.text[:300]
    return answer


async def all_withstood(posts: Iterable[tuple[Posted, Sent]]) -> None:
    """Posts all of them, a few at a time, with their senders' proofs; none may take long."""
    before, some = time.process_time(), asyncio.Semaphore(8)

    async def post(source: Posted, sent: Sent) -> None:
        async with some:
            await withstands(source, proven(source, sent))

    await asyncio.gather(*[post(source, sent) for source, sent in posts])
    assert time.process_time() - before < SECONDS


async def still_works(source: Posted) -> None:
    person = source.intake.person()
    assert (await source.deliver(person)).status_code < 400

    async def there() -> bool:
        return any(lead["contact"].get("email") == person.email for lead in await source.leads())

    await eventually(there)


# -- Every sender --------------------------------------------------------------------------------------------------------------------


@EVERY
async def test_no_body_of_the_corpus_is_our_fault(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    usual = case.says(intake.person(), intake.now()).headers
    await all_withstood((source, Sent(body, usual)) for body in CORPUS.values())
    assert MARK not in json.dumps([lead["contact"] for lead in await source.leads()]).lower()
    await still_works(source)


@EVERY
async def test_no_content_type_makes_a_body_our_fault(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    honest = case.says(intake.person(), intake.now())
    bodies = (honest.body, CORPUS["many parts"], CORPUS["billion laughs"])
    await all_withstood((source, honest.said(body).headed(content_type=kind)) for body in bodies for kind in TYPES)


@EVERY
async def test_no_mutation_of_an_honest_delivery_is_our_fault(intake: Intake, case: Case) -> None:
    source, person, at = await intake.source(case), intake.person(), intake.now()
    found: list[Sent] = []

    @FUZZ
    @given(sent=mutated(case, person, at))
    def collect(sent: Sent) -> None:
        found.append(sent)

    collect()
    await all_withstood((source, sent) for sent in found)
    await still_works(source)


@FUZZ
@given(body=st.binary(max_size=300), kind=st.sampled_from(TYPES), name=st.sampled_from(sorted(CASES)))
async def test_no_bytes_are_our_fault(intake: Intake, body: bytes, kind: str, name: str) -> None:
    source = await intake.source(CASES[name])
    await withstands(source, proven(source, as_type(kind, body)))


# -- Limits, before anything is read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.partition(";")[0] or "none")
async def test_a_body_over_the_limit_is_refused_before_it_is_verified(intake: Intake, kind: str) -> None:
    for case in (CASES["generic"], CASES["adf"], CASES["inbound_email, ADF"], CASES["typeform"]):
        source = await intake.source(case)
        large = proven(source, as_type(kind, b"a" * (MIB + 1)))
        assert (await withstands(source, large)).status_code == 413
        assert (await source.tallies(), await source.deliveries()) == ({}, [])


async def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(intake: Intake) -> None:
    source = await intake.source(CASES["generic"])

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    answer = await intake.sender.post(source.hook, content=endless(), headers={"content-type": JSON})
    assert answer.status_code == 413
    assert await source.tallies() == {}


@EVERY
async def test_json_that_is_too_deep_is_refused_before_it_is_verified(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    for levels in (33, 5000):
        assert (await withstands(source, as_type(JSON, deep(levels)))).status_code == 400
    assert (await source.tallies(), await source.deliveries()) == ({}, [])


async def test_json_that_is_too_deep_within_something_else_is_rejected(intake: Intake) -> None:
    """What the door cannot see: text, a field of a form, a message in a message."""
    hidden = deep(40)
    cases: dict[str, Callable[[], Sent]] = {
        "zillow_premier_agent": lambda: as_type("text/plain; charset=UTF-8", hidden),
        "unbounce": lambda: Sent(b"data.json=" + hidden, {"content-type": FORM}),
        "zillow_premier_agent, SNS": lambda: as_type(JSON, hidden),
        "tiktok": lambda: dumped({"event": "lead", "content": hidden.decode()}),
        "generic, XML": lambda: as_type(XML, b"<a>" * 40 + b"</a>" * 40),
    }
    for name, said in cases.items():
        source = await intake.source(CASES[name])
        await withstands(source, proven(source, said()))
        assert [(kept["state"], kept["reason"]) for kept in await source.deliveries()] == [("rejected", "malformed")], name


async def test_compressed_bodies_are_not_unpacked(intake: Intake) -> None:
    for case in (CASES["generic"], CASES["inbound_email, ADF"], CASES["adf"]):
        source = await intake.source(case)
        packed = source.proven(as_type(JSON, b"\x1f\x8b\x08" + b"\0" * 1000)).headed(content_encoding="gzip")
        assert (await withstands(source, packed)).status_code == 415


# -- XML, multipart and mail ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", ["adf", "generic, XML", "inbound_email, ADF"])
async def test_no_entity_is_expanded_and_nothing_is_asked_for(intake: Intake, name: str, bomb: str) -> None:
    source, asked = await intake.source(CASES[name]), len(intake.internet.asked)
    sent = (
        dumped({"From": "a@portal.example", "TextBody": BOMBS[bomb].decode()}) if "email" in name else as_type(XML, BOMBS[bomb])
    )
    await withstands(source, source.proven(sent))
    held = json.dumps([[lead["contact"], lead["facts"]] for lead in await source.leads()]).lower()
    assert MARK not in held
    assert "root:" not in held
    assert len(intake.internet.asked) == asked


def multipart(*parts: bytes) -> Sent:
    return as_type(MULTIPART, b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n")


def part(name: str, content: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s' % (name.encode(), more, content)


async def test_a_form_of_too_many_parts_or_fields_is_rejected(intake: Intake) -> None:
    for name in ("generic", "inbound_email, ADF", "adf"):
        source = await intake.source(CASES[name])
        for sent in (
            multipart(*[part(f"n{n}", b"v") for n in range(2000)]),
            as_type(FORM, b"&".join(b"n%d=v" % n for n in range(20_000))),
        ):
            await withstands(source, source.proven(sent))
        assert {kept["state"] for kept in await source.deliveries()} == {"rejected"}
        assert await source.leads() == []


async def test_files_in_a_form_are_left_unread(intake: Intake) -> None:
    source, person = await intake.source(CASES["generic"], settings={}), intake.person()
    archive = part("file", b"PK\x03\x04" + b"\0" * 50_000, b'; filename="leads.zip"\r\nContent-Type: application/zip')
    answer = await withstands(source, source.proven(multipart(part("email", person.email.encode()), archive)))
    assert answer.json().get("status") == "accepted", answer.text
    assert (await source.lead())["contact"].get("extra", {}).keys() <= {"file"}


async def test_a_mail_in_a_mail_in_a_mail_ends_somewhere(intake: Intake) -> None:
    source = await intake.source(CASES["inbound_email, ADF"])
    nested = b"".join(
        b'Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(5000)
    )
    for body in (nested[: MIB - 10], b"Content-Type: text/plain; charset=" + b"a" * 100_000 + b"\r\n\r\ntext"):
        await withstands(source, source.proven(as_type(MAIL, body)))
    assert await source.leads() == []


# -- Characters that cannot be stored ------------------------------------------------------------------------------------------------

SPOILT = {JSON: (rb"\u0000", rb"\ud800"), FORM: (b"%00",), XML: (b"&#0;", b"&#xD800;")}
STRICT = ("generic, XML",)  # such a reference is no XML
WRAPPED = {"unbounce": (rb"%5Cu0000", rb"%5Cud800")}  # JSON in a form


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if not case.fetched and case.name not in STRICT], ids=lambda case: case.name
)
async def test_what_cannot_be_stored_is_replaced_and_marked(intake: Intake, case: Case) -> None:
    source = await intake.source(case)
    for odd in WRAPPED.get(case.name) or SPOILT[case.says(Person(0), intake.now()).headers["content-type"]]:
        person = intake.person()
        said = case.says(person, intake.now())
        sent = source.proven(said.said(said.body.replace(person.last.encode(), odd + person.last.encode())))
        assert (await withstands(source, sent)).status_code < 400
        [lead] = [lead for lead in await source.leads() if lead["contact"]["email"] == person.email]
        assert "\ufffd" in lead["contact"]["name"]
        assert [warning for warning in lead["warnings"] if "replaced" in warning], lead["warnings"]
        [kept] = [kept for kept in await source.deliveries() if kept["id"] == lead["delivery_id"]]
        assert kept["body"] == sent.body


# -- Senders that are asked, and answer oddly ----------------------------------------------------------------------------------------

ODD: dict[str, Callable[[], httpx.Response]] = {
    "a way elsewhere": lambda: httpx.Response(302, headers={"location": "http://169.254.169.254/latest/meta-data"}),
    "no JSON": lambda: httpx.Response(200, text="<html>maintenance</html>"),
    "a list": lambda: httpx.Response(200, json=[1]),
    "nothing": lambda: httpx.Response(200, json={}),
    "too deep": lambda: httpx.Response(200, content=deep(5000)),
    "too large": lambda: httpx.Response(200, content=b" " * (2 * MIB)),
    "packed": lambda: httpx.Response(200, content=b"\x1f\x8b", headers={"content-encoding": "br"}),
    "wrong shapes": lambda: httpx.Response(
        200, content=b'{"id": {"a": 1}, "field_data": "x", "properties": [1], "formResponse": 7, "created_time": []}'
    ),
    "endless numbers": lambda: httpx.Response(200, content=b'{"id": ' + b"9" * 10_000 + b', "properties": {"email": 1e999}}'),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", ["meta", "linkedin", "hubspot"])
async def test_an_odd_answer_of_a_sender_is_its_sources_trouble_only(intake: Intake, kind: str, odd: str) -> None:
    source, person = await intake.source(CASES[kind]), intake.person()
    hosts = intake.internet.hosts() | {"graph.facebook.com", "api.linkedin.com", "api.hubapi.com"}
    trouble: dict[str, Any] = {host: lambda request: ODD[odd]() if person.id in str(request.url) else None for host in hosts}
    intake.internet.trouble.update(trouble)
    try:
        source.case.acknowledged(await source.deliver(person), "")
        await eventually(lambda: shown(source))
    finally:
        intake.internet.trouble.clear()
    assert await source.leads() == []
    assert intake.internet.hosts() <= hosts
    assert (await intake.sender.get("/readyz")).status_code == 200


async def shown(source: Posted) -> bool:
    return bool((await source.health())["fetching"]["error"])


@pytest.mark.parametrize("kind", ["meta", "linkedin", "hubspot"])
@pytest.mark.parametrize("id", ["../../me", "1/../2", "a?b=c", "1%2f2", "\u0661", "x" * 400, "1 2", "1#2"])
async def test_an_id_that_is_none_leads_nowhere(intake: Intake, kind: str, id: str) -> None:
    source, person, asked = await intake.source(CASES[kind]), intake.person(), len(intake.internet.asked)
    honest = source.case.says(person, intake.now()).body.decode()
    quoted = json.dumps(id)[1:-1]
    body = honest.replace(f'"{person.id}"', f'"{quoted}"').replace(f": {person.id}", f': "{quoted}"').replace(person.id, quoted)
    await withstands(source, source.proven(dumped(None).said(body.encode())))

    async def settled() -> bool:
        return (await source.health())["fetching"]["waiting"] == 0

    await eventually(settled)
    assert [str(one.url) for one in intake.internet.asked[asked:] if quoted in str(one.url)] == []
    assert await source.leads() == []


# -- Logs ----------------------------------------------------------------------------------------------------------------------------


OF_SOMEBODY = re.compile(r"sample[a-j]|@example\.com|1202555", re.IGNORECASE)


async def test_nothing_of_anybody_is_logged(intake: Intake, logs: Lines) -> None:
    """Of what this module has sent, and of a few things more that go wrong late."""
    person, hidden = intake.person(), ["invented-access-token", "invented-verify-token"]
    for case in CASES.values():
        source = await intake.source(case)
        odd = case.says(person, intake.now()).said(b"{" + person.email.encode())
        forged = [sent for sent, _ in case.forgeries(person, source.proof()).values()]
        unread = replace(source.delivery(person), headers={"content-type": "image/png"})
        await asyncio.gather(*[source.post(sent) for sent in (source.delivery(person), *forged, proven(source, odd), unread)])
        hidden += [source.hook.rpartition("/")[2], source.secret]
    api = {"source": "nowhere", "email": person.email, "phone": person.phone, "surprise": person.last}
    await intake.api.post("/v1/leads", json=api)
    await intake.api.get("/v1/contacts", params={"email": person.email, "limit": "many"})
    assert logs.lines, "nothing was listened to"
    assert [line for line in logs.lines if OF_SOMEBODY.search(line)] == []
    assert logs.telling(*hidden) == []
