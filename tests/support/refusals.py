"""Requests that must be refused: what to send, what must come back, and that nothing was written."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from tests.support.installation import Installation
from tests.support.market import lead
from tests.support.waiting import eventually

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
SCHEMAS = ("intake", "scoring", "router", "tracker")
OF_REFUSALS = ("intake.tallies", "intake.deliveries")  # how many and why; and what could not be read, to be read again
BY_ITSELF = ("intake.unweighed", "intake.blocks")  # what goes on after a lead was taken


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
class Running:
    """A running installation with a source, an agent and a lead that is assigned."""

    installation: Installation
    client: httpx.AsyncClient
    hook: str
    source: UUID
    agent: UUID
    lead: UUID

    async def counts(self) -> dict[str, int]:
        """Rows of every table of every service, but for what is kept of refusals themselves."""
        connection = await asyncpg.connect(self.installation.admin_dsn)
        try:
            names = await connection.fetch("SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables")
            tables = sorted(
                row["name"] for row in names if row["name"].startswith(SCHEMAS) and row["name"] not in OF_REFUSALS + BY_ITSELF
            )
            return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
        finally:
            await connection.close()

    async def refused(self, *cases: Bad) -> None:
        """Sends all of them; each must be refused as it says, and nothing may be written."""
        before = await self.counts()
        wrong = [f"{case.name}: {fault}" for case in cases if (fault := await self._fault(case))]
        assert wrong == []
        after = await self.counts()
        assert {table: (before[table], after[table]) for table in before if before[table] != after[table]} == {}

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


def keys(path: str, content: bytes) -> list[Bad]:
    at = "Idempotency-Key"
    return [
        Bad("an empty key", path, 400, at, content, headers={at: ""}),
        Bad("an overlong key", path, 400, at, content, headers={at: "k" * 256}),
        Bad("a key of blanks and tabs", path, 400, at, content, headers={at: "a\tb"}),
    ]


@contextlib.asynccontextmanager
async def open_world(installation: Installation) -> AsyncIterator[Running]:
    async with installation.running() as client:
        source = (await client.post("/v1/sources", json={"name": "website"})).json()
        agent = (await client.post("/v1/agents", json={"name": "ann"})).json()["id"]
        await client.put("/v1/pools/default", json={"members": [{"agent_id": agent}]})
        lead_id = (await client.post("/v1/leads", json=lead(0))).json()["lead_id"]
        shown = await client.get(f"/v1/leads/{lead_id}", params={"wait": 10, "until": "assigned"})
        assert shown.json()["routing"] == "assigned"
        made = Running(installation, client, source["hook"], UUID(source["id"]), UUID(agent), UUID(lead_id))
        await eventually(lambda: quiet(made))
        yield made


async def quiet(world: Running) -> bool:
    """Nothing is under way that would change the counts."""
    counts = await world.counts()
    return not any(counts[f"{name}.outbox"] for name in SCHEMAS) and counts["tracker.timeline"] == 3
