"""Bad input: a problem document that names the field, never a 500, never a partial write, and the next good request is served."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain import CONTACT_FIELDS, FACT_FIELDS
from shared.auth import Caller, Role
from shared.clock import SystemClock
from tests.support.installation import Installation, make_tokens, serving
from tests.support.market import lead
from tests.support.waiting import eventually

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
SCHEMAS = ("intake", "scoring", "router", "tracker")
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Bad:
    """A request that must be refused with this status and, where one is to blame, this field."""

    name: str
    path: str
    status: int
    blames: str | None = None
    content: Any = b"{}"
    method: str = "POST"
    headers: dict[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """A running installation with a source, an agent and a lead that is assigned."""

    installation: Installation
    client: httpx.AsyncClient
    hook: str
    source: UUID
    agent: UUID
    lead: UUID

    async def counts(self) -> dict[str, int]:
        """Rows of every table of every service."""
        connection = await asyncpg.connect(self.installation.admin_dsn)
        try:
            names = await connection.fetch("SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables")
            tables = sorted(row["name"] for row in names if row["name"].startswith(SCHEMAS))
            return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        finally:
            await connection.close()

    async def refused(self, *cases: Bad) -> None:
        """Sends all of them; each must be refused as it says, and nothing may be written."""
        before = await self.counts()
        wrong = [f"{case.name}: {fault}" for case in cases if (fault := await self._fault(case))]
        assert wrong == []
        assert await self.counts() == before

    async def _fault(self, case: Bad) -> str | None:
        request = self.client.build_request(case.method, case.path, content=case.content, headers={**JSON, **case.headers})
        if request.headers["Authorization"] == "":
            del request.headers["Authorization"]
        answer = await self.client.send(request)
        if answer.status_code != case.status:
            return f"answered {answer.status_code}: {answer.text[:300]}"
        return not_a_problem(answer) or self._misses(case, answer.json())

    def _misses(self, case: Bad, problem: dict[str, Any]) -> str | None:
        fields = [error["field"] for error in problem.get("errors", [])]
        return None if case.blames is None or case.blames in fields else f"blames {fields}: {problem['detail']}"

    async def accepts(self) -> None:
        """A good request right after is served."""
        assert (await self.client.post("/v1/leads", json=lead(1))).status_code == 202
        assert (await self.client.post(self.hook, json={"email": "ada@example.com"})).status_code == 202
        assert (await self.client.post(f"/v1/leads/{self.lead}/status", json={"status": "contacted"})).status_code == 200


def not_a_problem(answer: httpx.Response) -> str | None:
    if answer.headers["content-type"] != "application/problem+json":
        return f"is no problem document: {answer.text[:300]}"
    problem = answer.json()
    if problem["status"] != answer.status_code or not problem["type"].startswith("urn:handoff:problem:"):
        return f"is an odd problem document: {problem}"
    return None if problem["detail"] and answer.headers["x-request-id"] else "has no detail or no request id"


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    async with installation.running() as client:
        source = (await client.post("/v1/sources", json={"name": "website"})).json()
        agent = (await client.post("/v1/agents", json={"name": "ann"})).json()["id"]
        await client.put("/v1/pools/default", json={"members": [{"agent_id": agent}]})
        lead_id = (await client.post("/v1/leads", json=lead(0))).json()["lead_id"]
        shown = await client.get(f"/v1/leads/{lead_id}", params={"wait": 10, "until": "assigned"})
        assert shown.json()["routing"] == "assigned"
        made = World(installation, client, source["hook"], UUID(source["id"]), UUID(agent), UUID(lead_id))
        await eventually(lambda: quiet(made))
        yield made


async def quiet(world: World) -> bool:
    """Nothing is under way that would change the counts."""
    counts = await world.counts()
    return not any(counts[f"{name}.outbox"] for name in SCHEMAS) and counts["tracker.timeline"] == 3


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


async def chunked(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield b" " * 65536


def of_any_json_route(method: str, path: str, good: dict[str, Any], text: str | None) -> list[Bad]:
    """What every route that reads JSON must refuse. `text` names a field of the body that takes text."""

    def bad(name: str, status: int, content: Any, at: str | None = None, **headers: str) -> Bad:
        return Bad(f"{method} {path}: {name}", path, status, at, content, method, headers)

    cases = [
        bad("malformed", 400, b'{"name": ', "/"),
        bad("trailing garbage", 400, dumped(good) + b"}", "/"),
        bad("a raw NUL", 400, b'{"\0": 1}'),
        bad("invalid UTF-8", 400, b'{"\xff": 1}'),
        bad("a list", 422, b"[]", "/"),
        bad("text", 422, b'"hello"', "/"),
        bad("null", 422, b"null", "/"),
        bad("unknown field", 422, dumped({**good, "surprise": 1}), "/surprise"),
        bad("wrong content type", 415, dumped(good), "Content-Type", **{"Content-Type": "text/plain"}),
        bad("content encoding", 415, b"\x1f\x8b", "Content-Encoding", **{"Content-Encoding": "gzip"}),
        bad("2 MiB", 413, b" " * 2 * MIB),
        bad("2 MiB, chunked", 413, chunked(2 * MIB)),
        bad("deep nesting", 400, b'{"a":' * 5000 + b"1" + b"}" * 5000),
        bad("deep lists", 400, b"[" * 100_000),
        bad("no token", 401, dumped(good), Authorization=""),
        bad("no bearer", 401, dumped(good), Authorization="Basic YTpi"),
        bad("not a token", 401, dumped(good), Authorization="Bearer abc"),
        bad("NUL in the path", 400, dumped(good)),
    ]
    cases[-1] = Bad(cases[-1].name, f"{path}%00", 400, None, dumped(good), method)
    if text:
        cases += [
            bad("a number for text", 422, dumped({**good, text: 5}), f"/{text}"),
            bad("an object for text", 422, dumped({**good, text: {}}), f"/{text}"),
            bad("an escaped NUL", 422, dumped({**good, text: "a\0b"}), f"/{text}"),
            bad("NaN", 422, dumped({**good, text: float("nan")})),
            bad("a huge number", 422, dumped(good)[:-1] + b', "x": ' + b"9" * 4000 + b"}"),
        ]
    return cases


def of_pydantic_route(method: str, path: str, good: dict[str, Any], text: str) -> list[Bad]:
    """These parse JSON with Python's own parser, which takes more than JSON."""
    return [
        Bad(f"{method} {path}: half a surrogate pair", path, 422, f"/{text}", dumped({**good, text: "\ud800"}), method),
        Bad(f"{method} {path}: a field named by half a pair", path, 422, None, dumped({**good, "\udc00": 1}), method),
    ]


async def test_leads(world: World) -> None:
    path = "/v1/leads"
    good = lead(2)

    def bad(name: str, status: int, at: str | None, **change: Any) -> Bad:
        return Bad(name, path, status, at, dumped({**good, **change}))

    nobody = {"source": "website", "first_name": "Ada"}
    at_odds = {"Content-Type": "application/x-www-form-urlencoded"}
    await world.refused(
        *[case for case in of_any_json_route("POST", path, good, "email") if case.name != "POST /v1/leads: NaN"],
        Bad("empty body", path, 400, "/", b""),
        Bad("NaN", path, 400, "/", dumped({**good, "budget": float("nan")})),
        Bad("infinity", path, 400, "/", dumped({**good, "budget": float("inf")})),
        Bad("1e999", path, 422, "/budget", b'{"source": "website", "budget": 1e999}'),
        Bad("half a surrogate pair", path, 400, "/", dumped({**good, "email": "\ud800"})),
        Bad("a form", path, 415, "Content-Type", b"source=website&email=a%40b.example", headers=at_odds),
        Bad("no source", path, 422, "/source", dumped({"email": "a@b.example"})),
        Bad("no way to answer", path, 422, "/email", dumped(nobody)),
        bad("unknown source", 422, "/source", source="elsewhere"),
        bad("empty source", 422, "/source", source=""),
        bad("too long", 422, "/email", email="a" * 301),
        bad("negative", 422, "/budget", budget=-1),
        bad("too large", 422, "/budget", budget=2**70),
        bad("text for a number", 422, "/budget", budget="lots"),
        bad("tags of numbers", 422, "/tags/0", tags=[1]),
        bad("too many tags", 422, "/tags", tags=["a"] * 51),
        bad("custom with a list", 422, None, custom={"a": [1]}),
        bad("NUL in custom", 422, "/custom", custom={"a": "\0"}),
        bad("NUL in a custom name", 422, "/custom", custom={"a\0": "b"}),
        bad("an answer of its own making", 422, "/lead_id", lead_id=str(world.lead)),
        bad("over 128 KiB", 413, None, message="a" * 140_000),
        Bad("an empty batch", path, 422, "/leads", dumped({"leads": []})),
        Bad("too many in a batch", path, 422, "/leads", dumped({"leads": [{}] * 1001})),
        Bad("a batch and more", path, 422, "/leads", dumped({"leads": [good], "source": "website"})),
        Bad("a batch that is none", path, 422, "/leads", dumped({"leads": 5})),
        *keys(path, dumped(good)),
    )
    await world.accepts()


def keys(path: str, content: bytes) -> list[Bad]:
    at = "Idempotency-Key"
    return [
        Bad("an empty key", path, 400, at, content, headers={at: ""}),
        Bad("an overlong key", path, 400, at, content, headers={at: "k" * 256}),
        Bad("a key of blanks and tabs", path, 400, at, content, headers={at: "a\tb"}),
    ]


async def test_a_source_that_is_switched_off(world: World) -> None:
    assert (await world.client.patch(f"/v1/sources/{world.source}", json={"active": False})).status_code == 200
    await world.refused(
        Bad("by name", "/v1/leads", 403, None, dumped(lead(3))),
        Bad("by hook", world.hook, 403, None, dumped({"email": "a@b.example"})),
    )
    assert (await world.client.patch(f"/v1/sources/{world.source}", json={"active": True})).status_code == 200
    await world.accepts()


async def test_hooks(world: World) -> None:
    path, form = world.hook, {"Content-Type": "application/x-www-form-urlencoded"}

    def bad(name: str, status: int, content: Any, at: str | None = None, **headers: str) -> Bad:
        return Bad(name, path, status, at, content, headers=headers)

    good = dumped({"email": "ada@example.com"})
    await world.refused(
        bad("malformed", 400, b'{"email": ', "/"),
        bad("empty", 400, b"", "/"),
        bad("NaN", 400, b'{"email": "a@b.example", "x": NaN}', "/"),
        bad("1e999", 400, b'{"email": "a@b.example", "x": 1e999}', "/"),
        bad("a raw NUL", 400, b'{"email": "\0"}', "/"),
        bad("invalid UTF-8", 400, b'{"email": "\xff"}', "/"),
        bad("half a surrogate pair", 400, b'{"email": "\\ud800"}', "/"),
        bad("a list", 422, b"[1]", "/"),
        bad("no way to answer", 422, b"{}", "/email"),
        bad("no way to answer in a form", 422, b"name=Ada", "/email", **form),
        bad("too many fields in a form", 422, b"a=b&" * 1001, "/", **form),
        bad("wrong content type", 415, good, "Content-Type", **{"Content-Type": "text/xml"}),
        bad("no content type", 415, good, "Content-Type", **{"Content-Type": ""}),
        bad("content encoding", 415, b"\x1f\x8b", "Content-Encoding", **{"Content-Encoding": "gzip"}),
        bad("deep nesting", 400, b'{"a":' * 5000 + b"1" + b"}" * 5000),
        bad("over 128 KiB", 413, b'{"email": "a@b.example", "x": "' + b"a" * 140_000 + b'"}'),
        bad("2 MiB", 413, b" " * 2 * MIB),
        bad("2 MiB, chunked", 413, chunked(2 * MIB)),
        Bad("unknown hook", "/hooks/nobody", 401, None, good),
        Bad("NUL in the hook", "/hooks/%00", 400, None, good),
        Bad("half a pair in the hook", "/hooks/%ED%A0%80", 401, None, good),
        *keys(path, good),
    )
    await world.accepts()


async def test_what_a_hook_cannot_store_is_replaced_and_marked(world: World) -> None:
    sent = [
        (b'{"email": "ada@example.com", "message": "a\\u0000b", "odd\\u0000name": 1}', "application/json"),
        (b"email=ada%40example.com&message=a%00b", "application/x-www-form-urlencoded"),
    ]
    for body, kind in sent:
        answer = await world.client.post(world.hook, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 202, answer.text
        shown = await world.client.get(f"/v1/leads/{answer.json()['lead_id']}", params={"wait": 10, "until": "assigned"})
        assert shown.json()["contact"]["message"] == "a\ufffdb"
        [received] = [entry for entry in shown.json()["timeline"] if entry["type"] == "LeadReceived"]
        assert any("message" in warning for warning in received["data"]["warnings"])


async def test_numbers_that_no_column_holds_pass_a_hook_or_are_refused(world: World) -> None:
    for number in ("1" + "0" * 30, "9" * 4000, "1e308", "-0.0", "123456789012345678901234567890.5"):
        body = b'{"email": "ada@example.com", "budget": %b, "odd": %b}' % (number.encode(), number.encode())
        answer = await world.client.post(world.hook, content=body, headers=JSON)
        assert answer.status_code in (202, 400, 422), f"{number[:40]}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code == 202:
            shown = await world.client.get(f"/v1/leads/{answer.json()['lead_id']}", params={"wait": 10, "until": "assigned"})
            assert shown.json()["routing"] == "assigned", number[:40]


async def test_a_batch_takes_the_good_and_names_the_bad(world: World) -> None:
    before = await world.counts()
    batch = [
        lead(1),
        {"source": "website"},
        {**lead(2), "budget": "x"},
        {**lead(3), "source": "nowhere"},
        lead(4),
        7,
        {**lead(5), "?": 1},
    ]
    answer = await world.client.post("/v1/leads", json={"leads": batch})
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", *["refused"] * 3, "accepted", *["refused"] * 2]
    blamed = [result["errors"][0]["field"] for result in results if result["status"] == "refused"]
    assert blamed == ["/leads/1/email", "/leads/2/budget", "/leads/3/source", "/leads/5", "/leads/6/?"]
    assert (await world.counts())["intake.leads"] == before["intake.leads"] + 2


async def test_statuses(world: World) -> None:
    path = f"/v1/leads/{world.lead}/status"
    good = {"status": "contacted", "note": "called"}

    def bad(name: str, code: int, blames: str | None, **change: Any) -> Bad:
        return Bad(name, path, code, blames, dumped({**good, **change}))

    old, unknown = SystemClock().uuid7(), UUID(int=7)
    await world.refused(
        *of_any_json_route("POST", path, good, "note"),
        *of_pydantic_route("POST", path, good, "note"),
        bad("unknown status", 422, "/status", status="sleeping"),
        bad("lost without a reason", 422, "/reason", status="lost"),
        bad("a value for what is not won", 422, "/value", value=5, currency="EUR"),
        bad("a value without a currency", 422, "/currency", status="won", value=5),
        bad("NaN for a value", 422, "/value", status="won", value=float("nan"), currency="EUR"),
        bad("infinity for a value", 422, "/value", status="won", value=float("inf"), currency="EUR"),
        bad("too large a value", 422, "/value", status="won", value=10**400, currency="EUR"),
        bad("a time without a zone", 422, "/at", at="2026-01-01T00:00:00"),
        bad("a time in the future", 422, "/at", at="2999-01-01T00:00:00Z"),
        bad("a time before time", 422, "/at", at="0001-01-01T00:00:00+14:00"),
        bad("a time after time", 422, "/at", at="9999-12-31T23:59:59-14:00"),
        Bad("no id", "/v1/leads/seven/status", 422, "id", dumped(good)),
        Bad("unknown lead", f"/v1/leads/{unknown}/status", 404, None, dumped(good)),
        Bad("young and unknown lead", f"/v1/leads/{old}/status", 404, None, dumped(good)),
        *keys(path, dumped(good)),
    )
    await world.accepts()


async def test_routes_of_administrators(world: World) -> None:
    scorecard = (await world.client.get("/v1/scorecards/active")).json()["document"]
    policy = {"pools": {"default": {"members": []}}, "default_pool": "default"}
    routes: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "/v1/sources", {"name": "other"}, "name"),
        ("POST", "/v1/agents", {"name": "bob"}, "name"),
        ("PATCH", f"/v1/agents/{world.agent}", {"name": "ann"}, "name"),
        ("POST", "/v1/policies", policy, "default_pool"),
        ("POST", "/v1/scorecards", scorecard, "name"),
    ]
    for method, path, good, text in routes:
        await world.refused(*of_any_json_route(method, path, good, text), *of_pydantic_route(method, path, good, text))
    others: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/v1/sources/{world.source}", {"active": True}),
        ("PUT", "/v1/pools/default", {"members": []}),
        ("POST", "/v1/scorecards/preview", {"facts": {}}),
        ("POST", "/intake/deadletters/redrive", {}),
    ]
    for method, path, good in others:
        await world.refused(*of_any_json_route(method, path, good, None))
    await world.accepts()


async def test_fields_of_administrators(world: World) -> None:
    scorecard = (await world.client.get("/v1/scorecards/active")).json()["document"]
    nan, member = float("nan"), {"agent_id": str(UUID(int=7))}

    def rules(value: Any) -> bytes:
        when = [{"field": "budget", "op": ">=", "value": value}]
        return dumped({**scorecard, "rules": [{"name": "x", "when": when, "points": 1, "reason": "x"}]})

    def policy(value: Any) -> bytes:
        rule = {"name": "x", "when": [{"field": "budget", "op": ">=", "value": value}], "pool": "default"}
        return dumped({"pools": {"default": {"members": []}}, "rules": [rule], "default_pool": "default"})

    await world.refused(
        Bad("a source's name", "/v1/sources", 422, "/name", dumped({"name": "Über"})),
        Bad("a source that exists", "/v1/sources", 409, None, dumped({"name": "website"})),
        Bad(
            "a mapping to nothing",
            "/v1/sources",
            422,
            "/mapping/fields/a",
            dumped({"name": "b", "mapping": {"fields": {"a": "b"}}}),
        ),
        Bad("NUL in a mapping", "/v1/sources", 422, "/mapping", dumped({"name": "b", "mapping": {"fields": {"\0": "email"}}})),
        Bad("NaN as a default", "/v1/sources", 422, None, dumped({"name": "b", "mapping": {"defaults": {"budget": nan}}})),
        Bad("a negative cap", "/v1/agents", 422, "/open_cap", dumped({"name": "b", "open_cap": -1})),
        Bad("half a lead", "/v1/agents", 422, "/open_cap", dumped({"name": "b", "open_cap": 1.5})),
        Bad("no such zone", "/v1/agents", 422, "/zone", dumped({"name": "b", "zone": "Mars/Olympus"})),
        Bad("a zone that is a path", "/v1/agents", 422, "/zone", dumped({"name": "b", "zone": "../../etc/passwd"})),
        Bad("an unknown member", "/v1/pools/default", 422, "/members/0/agent_id", dumped({"members": [member]}), "PUT"),
        Bad("a member twice", "/v1/pools/default", 422, None, dumped({"members": [{"agent_id": str(world.agent)}] * 2}), "PUT"),
        Bad("no weight", "/v1/pools/default", 422, "/members/0/weight", dumped({"members": [{**member, "weight": 0}]}), "PUT"),
        Bad("a pool's name", "/v1/pools/a%2Fb", 404, None, dumped({"members": []}), "PUT"),
        Bad("a pool's odd name", "/v1/pools/%3F", 422, "name", dumped({"members": []}), "PUT"),
        Bad("NaN in a policy", "/v1/policies", 422, None, policy(nan)),
        Bad("an object in a policy", "/v1/policies", 422, None, policy({})),
        Bad("a default that is not there", "/v1/policies", 422, "/default_pool", dumped({"pools": {}, "default_pool": "x"})),
        Bad("NaN in a scorecard", "/v1/scorecards", 422, None, rules(nan)),
        Bad("infinity in a scorecard", "/v1/scorecards", 422, None, rules(float("inf"))),
        Bad("a huge number in a scorecard", "/v1/scorecards", 422, None, rules(10**400)),
        Bad("NaN in a preview", "/v1/scorecards/preview", 422, None, dumped({"facts": {"budget": nan}})),
        Bad("the default pool", "/v1/pools/default", 409, None, b"", "DELETE"),
    )
    await world.accepts()


async def test_addresses(world: World) -> None:
    def cursor(*position: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")

    huge, naive, never = 2**70, "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"
    lists = {
        "/v1/leads": [cursor(naive, str(world.lead)), cursor(never, str(world.lead))],
        f"/v1/leads/{world.lead}/timeline": [cursor(naive, 1, 1), cursor(never, 1, 1)],
        "/v1/sources": [cursor("\0"), cursor(5)],
        "/v1/agents": [cursor("x")],
        f"/v1/agents/{world.agent}/history": [cursor(huge)],
        "/v1/policies": [cursor(huge), cursor("1")],
        "/v1/assignments": [cursor(huge)],
        "/v1/queue": [cursor(huge, naive, str(world.lead)), cursor(1, naive, str(world.lead)), cursor(1, never, str(world.lead))],
        f"/v1/decisions/{world.lead}": [cursor(1)],
        "/v1/scorecards": [cursor(huge)],
        "/router/deadletters": [cursor(huge)],
    }
    forged = ["x", "!!!!", "%F0%9F%92%A9", "a" * 501, cursor(), cursor(None), "W1tbW1tb" * 50]
    cases = [
        Bad(f"{path}?cursor={value[:60]}", f"{path}?cursor={value}", 422, "cursor", b"", "GET")
        for path, own in lists.items()
        for value in (*forged, *own)
    ]
    ids = ["/v1/leads/7", "/v1/sources/x", "/v1/agents/x", "/v1/scores/x", "/v1/decisions/%F0%9F%92%A9"]
    cases += [Bad(path, path, 422, None, b"", "GET") for path in ids]
    cases += [
        Bad("limit 0", "/v1/leads?limit=0", 422, "limit", b"", "GET"),
        Bad("limit 501", "/v1/leads?limit=501", 422, "limit", b"", "GET"),
        Bad("limit x", "/v1/leads?limit=x", 422, "limit", b"", "GET"),
        Bad("unknown stage", "/v1/leads?stage=asleep", 422, "stage", b"", "GET"),
        Bad("a time before time", "/v1/leads?received_from=0001-01-01T00:00:00%2B14:00", 422, "received_from", b"", "GET"),
        Bad("a naive time", "/v1/leads?received_to=2026-01-01T00:00:00", 422, "received_to", b"", "GET"),
        Bad("NUL in a query", "/v1/leads?source=%00", 400, None, b"", "GET"),
        Bad("NUL in a path", "/v1/pools/%00", 400, None, b"", "GET"),
        Bad("a wait that never ends", f"/v1/leads/{world.lead}?wait=inf", 422, "wait", b"", "GET"),
        Bad("a wait that is none", f"/v1/leads/{world.lead}?wait=nan", 422, "wait", b"", "GET"),
        Bad("a version that none is", "/v1/policies/0", 422, "version", b"", "GET"),
        Bad("a version beyond", f"/v1/policies/{huge}", 422, "version", b"", "GET"),
        Bad("a letter beyond", f"/router/deadletters/{huge}", 404, None, b"", "GET"),
        Bad("redrive beyond", "/router/deadletters/redrive", 422, "/id", dumped({"id": huge})),
        Bad("no such route", "/v2/leads", 404, None, b"", "GET"),
        Bad("no such method", "/v1/leads", 405, None, b"", "DELETE"),
        Bad("an odd method", "/v1/leads", 405, None, b"", "PROPFIND"),
        Bad("unknown dimension", "/v1/reports/counts?by=mood", 422, None, b"", "GET"),
    ]
    await world.refused(*cases)
    await world.accepts()


async def test_tokens(world: World, tmp_path: Path) -> None:
    now = SystemClock().now()
    foreign = make_tokens(tmp_path).issue(Caller("x", Role.ADMIN), now=now, lifetime=timedelta(hours=1))
    old = world.installation.tokens.issue(Caller("x", Role.ADMIN), now=now - timedelta(days=2), lifetime=timedelta(days=1))
    head, claims, signature = world.installation.token().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    tokens = {
        "foreign": foreign,
        "expired": old,
        "cut": f"{head}.{claims}.{signature[:-2]}",
        "of another body": f"{head}.{foreign.split('.')[1]}.{signature}",
        "alg none": f"{unsigned}.{claims}.",
        "beyond ASCII": "\u00fc" * 20,
        "a NUL": "a%00b",
        "huge": "a" * 9000,
    }
    cases = []
    for name, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}".encode()}
        cases.append(Bad(name, "/v1/leads", 401, None, dumped(lead(1)), headers=headers))
        cases.append(Bad(name, "/v1/agents", 401, None, b"", "GET", headers))
    viewer = {"Authorization": f"Bearer {world.installation.token(Role.VIEWER)}"}
    cases += [
        Bad("a viewer sends", "/v1/leads", 403, None, dumped(lead(1)), headers=viewer),
        Bad("a viewer says", f"/v1/leads/{world.lead}/status", 403, None, dumped({"status": "won"}), headers=viewer),
        Bad("a viewer administers", "/v1/agents", 403, None, dumped({"name": "x"}), headers=viewer),
    ]
    await world.refused(*cases)
    await world.accepts()


# -- Idempotency keys and clients that go away -----------------------------------------------------------------------------------


async def test_a_key_with_another_body_is_refused(world: World) -> None:
    key = {"Idempotency-Key": "once"}
    for path, body, other in (
        ("/v1/leads", lead(1), lead(2)),
        (world.hook, {"email": "a@b.example"}, {"email": "c@d.example"}),
        (f"/v1/leads/{world.lead}/status", {"status": "contacted"}, {"status": "qualified"}),
        ("/v1/agents", {"name": "bob"}, {"name": "cid"}),
        ("/v1/sources", {"name": "one"}, {"name": "two"}),
    ):
        first = await world.client.post(path, json=body, headers=key)
        assert first.is_success, first.text
        again = await world.client.post(path, json=body, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        before = await world.counts()
        answer = await world.client.post(path, json=other, headers=key)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
        after = await world.counts()
        assert all(
            after[table] == before[table] for table in ("intake.leads", "intake.sources", "router.agents", "intake.answers")
        )


async def test_a_refused_request_does_not_use_up_its_key(world: World) -> None:
    key = {"Idempotency-Key": "corrected"}
    assert (await world.client.post("/v1/leads", json={**lead(1), "source": "nowhere"}, headers=key)).status_code == 422
    assert (await world.client.post("/v1/leads", json=lead(1), headers=key)).status_code == 202


async def test_ten_equal_requests_at_once_are_one_lead_across_replicas(world: World) -> None:
    other = world.installation.platform()
    async with serving(world.installation.build(other, "intake"), other) as address:
        for n, path in enumerate(("/v1/leads", world.hook)):
            before = (await world.counts())["intake.leads"]
            body, key = lead(n), {"Idempotency-Key": f"ten-{n}", **world.installation.headers()}
            sent = [
                world.client.post(f"{host}{path}", json=body, headers=key)
                for host in (str(world.client.base_url).rstrip("/"), address) * 5
            ]
            answers = await asyncio.gather(*sent)
            assert {answer.status_code for answer in answers} == {202}
            assert len({answer.json()["lead_id"] for answer in answers}) == 1
            assert (await world.counts())["intake.leads"] == before + 1


async def test_ten_equal_admin_requests_at_once_are_one(world: World) -> None:
    sent = [world.client.post("/v1/agents", json={"name": "only"}, headers={"Idempotency-Key": "agent"}) for _ in range(10)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1


async def test_clients_that_go_away_change_nothing_for_others(world: World) -> None:
    before = (await world.counts())["intake.leads"]
    sent = [asyncio.create_task(world.client.post("/v1/leads", json=lead(n))) for n in range(40)]
    done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
    gone = [task for n, task in enumerate(sent) if n % 2 and not task.done() and task.cancel()]
    answers = await asyncio.gather(*(task for task in sent if task not in gone))
    assert {answer.status_code for answer in answers} == {202}
    assert done
    await world.accepts()
    stored = (await world.counts())["intake.leads"] - before - 2
    assert len(answers) <= stored <= len(sent)


# -- Whatever comes --------------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters() | st.sampled_from("\0\ud800\udfff\ufeff\u202e"), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
NAMES = st.sampled_from(["source", "custom", "leads", "status", "at", "note", "value", "currency", *CONTACT_FIELDS, *FACT_FIELDS])
LEADS = st.dictionaries(NAMES | TEXT, VALUES, max_size=8).map(lambda made: {"source": "website", "email": "a@b.example", **made})
BODIES = (VALUES | LEADS | st.lists(LEADS, max_size=3).map(lambda made: {"leads": made})).map(dumped) | st.binary(max_size=200)


@FUZZ
@given(body=BODIES, kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded"]))
async def test_no_body_is_our_fault(world: World, body: bytes, kind: str) -> None:
    for path in ("/v1/leads", world.hook, f"/v1/leads/{world.lead}/status"):
        answer = await world.client.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, f"{path} {body!r}: {answer.text}"
        assert answer.is_success or not_a_problem(answer) is None
