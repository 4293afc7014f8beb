"""Bad input on the routes of administrators, in addresses and in tokens."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.auth import Caller, Role
from shared.clock import SystemClock
from tests.support.installation import make_tokens
from tests.support.market import lead
from tests.support.refusals import (
    Bad,
    Running,
    dumped,
    of_any_json_route,
    of_pydantic_route,
)


async def test_routes_of_administrators(world: Running) -> None:
    scorecard = (await world.client.get("/v1/scorecards/active")).json()["document"]
    qualification = (await world.client.get("/v1/qualifications/active")).json()["document"]
    policy = {"pools": {"default": {"members": []}}, "default_pool": "default"}
    routes: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "/v1/sources", {"name": "other"}, "name"),
        ("POST", "/v1/agents", {"name": "bob"}, "name"),
        ("PATCH", f"/v1/agents/{world.agent}", {"name": "ann"}, "name"),
        ("POST", "/v1/policies", policy, "default_pool"),
        ("POST", "/v1/scorecards", scorecard, "name"),
        ("POST", "/v1/qualifications", qualification, "name"),
    ]
    for method, path, good, text in routes:
        await world.refused(*of_any_json_route(method, path, good, text), *of_pydantic_route(method, path, good, text))
    others: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/v1/sources/{world.source}", {"active": True}),
        ("PUT", "/v1/pools/default", {"members": []}),
        ("POST", "/v1/scorecards/preview", {"facts": {}}),
        ("POST", "/v1/scorecards/1/preview", {"last": 5}),
        ("POST", "/v1/qualifications/preview", {"facts": {}}),
        ("POST", "/v1/scores/rescores", {"dry_run": True}),
        ("PUT", f"/v1/scores/{world.lead}/override", {"grade": "A1", "reason": "x"}),
        ("PUT", f"/v1/scores/{world.lead}/evidence/budget", {"value": "x", "confidence": 1}),
        ("POST", "/intake/deadletters/redrive", {}),
    ]
    for method, path, good in others:
        await world.refused(*of_any_json_route(method, path, good, None))
    await world.accepts()


async def test_fields_of_administrators(world: Running) -> None:
    scorecard = (await world.client.get("/v1/scorecards/active")).json()["document"]
    nan, member = float("nan"), {"agent_id": str(UUID(int=7))}

    def rules(points: Any, when: str = "has_email") -> bytes:
        rule = {"name": "x", "when": when, "points": points, "reason": "x"}
        return dumped({**scorecard, "fit": {"rules": [rule]}})

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
        Bad(
            "a default that is not there",
            "/v1/policies?activate=true",
            422,
            "/default_pool",
            dumped({"pools": {}, "default_pool": "x"}),
        ),
        Bad("NaN in a scorecard", "/v1/scorecards", 422, None, rules(nan)),
        Bad("infinity in a scorecard", "/v1/scorecards", 422, None, rules(float("inf"))),
        Bad("a huge number in a scorecard", "/v1/scorecards", 422, "/fit/rules/0/points", rules(10**400)),
        Bad("text for points", "/v1/scorecards", 422, "/fit/rules/0/points", rules("1")),
        Bad("a rule without an end", "/v1/scorecards", 422, "/fit/rules/0/when", rules(1, "has_email" + " && has_email" * 5000)),
        Bad("a deep rule", "/v1/scorecards", 422, "/fit/rules/0/when", rules(1, "(" * 500 + "has_email" + ")" * 500)),
        Bad("NUL in a rule", "/v1/scorecards", 422, "/fit", rules(1, "job_title == '\0'")),
        Bad("half a surrogate pair in a rule", "/v1/scorecards", 422, "/fit", rules(1, "job_title == '\ud800'")),
        Bad("a preview of too many", "/v1/scorecards/1/preview", 422, "/last", dumped({"last": 1001})),
        Bad("a preview of nothing", "/v1/scorecards/1/preview", 422, "/", dumped({})),
        Bad("no such side", "/v1/qualifications/1/approve", 422, "/side", dumped({"side": "finance"})),
        Bad("no such grade", f"/v1/scores/{world.lead}/override", 422, "/grade", dumped({"grade": "?", "reason": "x"}), "PUT"),
        Bad("a try that is none", "/v1/scores/rescores", 422, "/dry_run", dumped({"scorecard_version": 1})),
        Bad("NaN in a preview", "/v1/scorecards/preview", 422, None, dumped({"facts": {"budget": nan}})),
        Bad("the default pool", "/v1/pools/default", 409, None, b"", "DELETE"),
    )
    await world.accepts()


async def test_addresses(world: Running) -> None:
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
        "/v1/decisions": [cursor(1)],
        "/v1/scorecards": [cursor(huge)],
        "/v1/scorecards/activations": [cursor(huge)],
        "/v1/qualifications": [cursor(huge)],
        "/v1/scores": [cursor("x"), cursor(5)],
        f"/v1/scores/{world.lead}/history": [cursor(huge), cursor("x")],
        "/v1/scores/rescores": [cursor(5)],
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
        Bad("a score of no time", f"/v1/scores/{world.lead}?at=2026-01-01T00:00:00", 422, "at", b"", "GET"),
        Bad("a score before time", f"/v1/scores/{world.lead}?at=0001-01-01T00:00:00%2B14:00", 422, "at", b"", "GET"),
        Bad("no such outcome", "/v1/scores?outcome=perhaps", 422, "outcome", b"", "GET"),
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


async def test_tokens(world: Running, tmp_path: Path) -> None:
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
