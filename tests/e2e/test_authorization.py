"""Who may do what: every route of the interface for every role and for nobody, held against authorization.json.

A line names whom the route lets in, whatever it then answers; `nobody` is a caller without a token. Everybody else must be refused: with
401 without a token, with 403 otherwise. A new route fails here until its line is written.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from shared.auth import Role
from tests.support.installation import Installation

TABLE = Path(__file__).with_name("authorization.json")
IDS = dict.fromkeys(
    ("id", "lead_id", "contact_id", "source_id", "delivery_id", "secret_id", "job_id", "leave_id", "agent_id"), str(UUID(int=7))
)
SAMPLES = {"name": "nowhere", "token": "nothing", "version": "999999", "key": "7" * 32, **IDS}
NOBODY = "nobody"


async def test_every_route_lets_in_whom_the_table_names(installation: Installation) -> None:
    async with installation.running() as client:
        found = {route: await who_may(client, installation, route) for route in await routes(client)}
    assert found == json.loads(TABLE.read_text())


async def routes(client: httpx.AsyncClient) -> list[str]:
    paths: dict[str, dict[str, Any]] = (await client.get("/openapi.json")).json()["paths"]
    return sorted(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods)


async def who_may(client: httpx.AsyncClient, installation: Installation, route: str) -> list[str]:
    """The callers whom the route lets in, `nobody` among them where it asks for no token. Fails where one is refused oddly."""
    allowed = []
    callers = (NOBODY, *Role)
    answers = await asyncio.gather(*(asked(client, installation, route, caller) for caller in callers))
    for caller, answer in zip(callers, answers, strict=True):
        if answer.status_code in (401, 403) and answer.json()["type"].endswith((":unauthorized", ":forbidden")):
            assert answer.status_code == (401 if caller == NOBODY else 403), f"{route} as {caller}: {answer.status_code}"
        else:
            assert answer.status_code < 500, f"{route} as {caller}: {answer.text}"
            allowed.append(str(caller))
    return allowed


async def asked(client: httpx.AsyncClient, installation: Installation, route: str, caller: str) -> httpx.Response:
    method, path = route.split(" ")
    address = re.sub(r"\{(\w+)\}", lambda found: SAMPLES[found[1]], path)
    if "/deadletters/" in address:
        address = address.replace(SAMPLES["id"], "7")
    body = None if method in ("GET", "DELETE") else {"nothing": "that any route takes"}
    request = client.build_request(method, address, json=body)
    if caller == NOBODY:
        del request.headers["Authorization"]
    else:
        role = Role(caller)
        own = UUID(int=9) if role in (Role.AGENT, Role.PARTNER) else None
        request.headers.update(installation.headers(role, agent_id=own))
    return await client.send(request)
