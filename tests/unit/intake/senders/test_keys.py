"""Keys in headers: where they are looked for, and that the wrong one never opens."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from services.intake.domain.senders.keys import verify_key, verify_key_if_any
from services.intake.domain.senders.shape import Connection, Forged
from tests.unit.intake.senders.posted import post

KEY = "k-née-7f3a"


def status(headers: dict[str, str], *secrets: str, **settings: Any) -> int:
    try:
        verify_key(post("{}", **headers), Connection(secrets or (KEY,), settings))
    except Forged as error:
        return error.status
    return 0


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer   {KEY} "},
        {"authorization": basic(f"zillow:{KEY}")},
        {"authorization": basic(f"{KEY}:")},
        {"x-api-key": KEY},
        {"authorization": "Bearer something-of-a-proxy", "x-api-key": KEY},
    ],
)
def test_the_key_opens_wherever_senders_put_it(headers: dict[str, str]) -> None:
    assert status(headers) == 0


def test_a_secret_may_be_a_whole_pair_of_credentials() -> None:
    assert status({"authorization": basic("user:pass")}, "user:pass") == 0
    assert status({"authorization": basic("user:other")}, "user:pass") == 403


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"x-api-key": "  "}, {"x-other": KEY}])
def test_a_missing_key_is_401(headers: dict[str, str]) -> None:
    assert status(headers) == 401


@pytest.mark.parametrize(
    "value",
    [
        KEY + "x",
        KEY[:-1],
        KEY.upper(),
        f"Digest {KEY}",
        "Basic !!!",
        "Basic ",
        basic(f"{KEY}x:"),
        basic(f"{KEY}:x"),
        "\ud800",
        "Bearer",
    ],
)
def test_a_wrong_key_is_403(value: str) -> None:
    assert status({"authorization": value}) == 403


def test_two_secrets_are_valid_during_a_rotation() -> None:
    assert [status({"x-api-key": key}, "new", "old") for key in ("new", "old", "older")] == [0, 0, 403]


def test_where_the_source_names_a_header_only_that_counts() -> None:
    assert status({"x-partner-token": KEY}, key_header="X-Partner-Token") == 0
    assert status({"x-api-key": KEY}, key_header="X-Partner-Token") == 401


@pytest.mark.parametrize("value", ["", " ", "Bearer ", basic(":")])
def test_an_empty_secret_opens_to_nobody(value: str) -> None:
    assert status({"authorization": value}, "") in (401, 403)
    assert status({"authorization": value or "x"}, "") in (401, 403)


def test_without_a_secret_a_key_is_demanded_only_by_senders_that_always_have_one() -> None:
    delivery = post("{}", **{"x-api-key": "anything"})
    verify_key_if_any(delivery, Connection())
    with pytest.raises(Forged) as caught:
        verify_key(delivery, Connection())
    assert caught.value.status == 401
