"""Bad input on the public doors: a problem document that names the field, never a 500, never a partial write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.clock import SystemClock
from tests.support.market import lead
from tests.support.refusals import (
    JSON,
    MIB,
    Bad,
    Running,
    chunked,
    dumped,
    keys,
    of_any_json_route,
    of_pydantic_route,
)


async def test_leads(world: Running) -> None:
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


async def test_a_source_that_is_switched_off(world: Running) -> None:
    assert (await world.client.patch(f"/v1/sources/{world.source}", json={"active": False})).status_code == 200
    await world.refused(
        Bad("by name", "/v1/leads", 403, None, dumped(lead(3))),
        Bad("by hook", world.hook, 403, None, dumped({"email": "a@b.example"})),
    )
    assert (await world.client.patch(f"/v1/sources/{world.source}", json={"active": True})).status_code == 200
    await world.accepts()


async def test_hooks(world: Running) -> None:
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
        bad("half a surrogate pair", 422, b'{"email": "\\ud800"}', "/email"),
        bad("a list", 422, b"[1]", "/"),
        bad("empty object", 422, b"{}", "/"),
        bad("no way to answer", 422, b'{"name": "Ada"}', "/email"),
        bad("no way to answer in a form", 422, b"name=Ada", "/email", **form),
        bad("too many fields in a form", 422, b"a=b&" * 1001, "/", **form),
        bad("wrong content type", 415, good, "Content-Type", **{"Content-Type": "image/png"}),
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


async def test_what_a_hook_cannot_store_is_replaced_and_marked(world: Running) -> None:
    sent = [
        (b'{"email": "ada@example.com", "message": "a\\u0000b", "odd\\u0000name": 1}', "application/json"),
        (b"email=bo%40example.org&message=a%00b", "application/x-www-form-urlencoded"),
    ]
    for body, kind in sent:
        answer = await world.client.post(world.hook, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 202, answer.text
        shown = await world.client.get(f"/v1/leads/{answer.json()['lead_id']}", params={"wait": 10, "until": "assigned"})
        assert shown.json()["contact"]["message"] == "a\ufffdb"
        [received] = [entry for entry in shown.json()["timeline"] if entry["type"] == "LeadReceived"]
        assert any("message" in warning for warning in received["data"]["warnings"])


async def test_numbers_that_no_column_holds_pass_a_hook_or_are_refused(world: Running) -> None:
    for number in ("1" + "0" * 30, "9" * 4000, "1e308", "-0.0", "123456789012345678901234567890.5"):
        body = b'{"email": "ada@example.com", "budget": %b, "odd": %b}' % (number.encode(), number.encode())
        answer = await world.client.post(world.hook, content=body, headers=JSON)
        assert answer.status_code in (202, 400, 422), f"{number[:40]}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code == 202:
            shown = await world.client.get(f"/v1/leads/{answer.json()['lead_id']}", params={"wait": 10, "until": "assigned"})
            assert shown.json()["routing"] == "assigned", number[:40]


async def test_a_batch_takes_the_good_and_names_the_bad(world: Running) -> None:
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


async def test_statuses(world: Running) -> None:
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
