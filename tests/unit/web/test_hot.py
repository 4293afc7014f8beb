"""Hot routes are answered as the guard answers them over ASGI, line for line, and only sooner."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import FastAPI

from shared.clock import SystemClock
from shared.db.answers import Answer
from shared.errors import Transient, invalid, unavailable
from shared.web.guard import Asked, Guard
from shared.web.hot import protocol_for
from tests.support.waiting import eventually

ID = b"request-0001"
JSON = b'{"source": "website"}'


async def take(asked: Asked) -> Answer:
    """Answers with what it was asked, or fails as it is told to."""
    if asked.body == b'"refuse"':
        raise invalid("/source", "is required")
    if asked.body == b'"busy"':
        raise unavailable("busy", "Send the request again.", retry_after=5)
    if asked.body == b'"lost"':
        raise Transient("no database")
    if asked.body == b'"crash"':
        raise ZeroDivisionError
    if asked.body == b'"wait"':
        asked.state.reached.set()
        await asked.state.go.wait()
    return Answer(202, b"%d bytes for %s" % (len(asked.body), asked.cause.id.encode()), "text/plain", {"X-Own": "kept"})


def guard() -> Guard:
    app = FastAPI(openapi_url=None)
    app.state.reached, app.state.go = asyncio.Event(), asyncio.Event()

    @app.get("/v1/other")
    def other() -> str:
        return "other"

    return Guard(app, service="intake", clock=SystemClock(), hot={("POST", "/v1/leads"): take})


@contextlib.asynccontextmanager
async def served(*, hot: bool, guarded: Guard | None = None) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    guarded = guarded or guard()
    protocol = protocol_for(guarded.hot_routes()) if hot else "httptools"
    server = uvicorn.Server(uvicorn.Config(guarded, http=protocol, lifespan="off", log_config=None, server_header=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        port = listening.getsockname()[1]
        try:
            yield server, port
        finally:
            server.should_exit = True
            await serving


async def talk(port: int, *parts: bytes) -> list[bytes]:
    """Sends these bytes and gives the lines of each answer until the server closes, without what differs from one time to the next."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    fixed = re.sub(rb"date: [^\r]+\r\n|[0-9a-f]{32}", b"", answer)
    return [line for one in fixed.split(b"HTTP/1.1 ")[1:] for line in sorted(one.split(b"\r\n"))]


def post(body: bytes, *headers: bytes, last: bool = True, path: bytes = b"/v1/leads", version: bytes = b"1.1") -> bytes:
    lines = [b"POST %s HTTP/%s" % (path, version), b"Host: here", b"X-Request-Id: " + ID, *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    if not any(line.lower().startswith(b"content-type") for line in headers):
        lines.append(b"Content-Type: application/json")
    return b"\r\n".join([*lines, *([b"Connection: close"] if last else []), b"", body])


GET = b"GET /v1/other HTTP/1.1\r\nHost: here\r\nX-Request-Id: " + ID + b"\r\nConnection: close\r\n\r\n"
CASES = {
    "plain": [post(JSON)],
    "in pieces": [post(JSON)[:40], post(JSON)[40:-5], post(JSON)[-5:]],
    "kept alive": [post(JSON, last=False), post(JSON)],
    "pipelined": [post(JSON, last=False) + post(b'"refuse"', last=False) + post(JSON, last=False) + GET],
    "behind an ordinary one": [GET.replace(b"Connection: close\r\n", b"") + post(JSON)],
    "an id of its own": [post(JSON).replace(b"X-Request-Id: " + ID, b"X-Request-Id: !")],
    "refused": [post(b'"refuse"')],
    "busy": [post(b'"busy"')],
    "lost": [post(b'"lost"')],
    "crashed": [post(b'"crash"')],
    "empty": [post(b"")],
    "chunked": [post(b"15\r\n" + JSON + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")],
    "expecting": [post(JSON, b"Expect: 100-continue")],
    "compressed": [post(JSON, b"Content-Encoding: gzip")],
    "no JSON": [post(JSON, b"Content-Type: text/plain")],
    "too deep": [post(b"[" * 40 + b"]" * 40)],
    "large": [post(b'"' + b"x" * 100_000 + b'"')],
    "a length that is none": [post(JSON, b"Content-Length: -3")],
    "an upgrade": [post(JSON, b"Upgrade: websocket")],
    "an old client": [post(JSON, version=b"1.0")],
    "another method": [post(JSON).replace(b"POST", b"PUT", 1)],
    "another address": [post(JSON, path=b"/v1/leads?x=1")],
    "garbage behind": [post(JSON, last=False) + b"\0\0\0\r\n\r\n"],
}


@pytest.mark.parametrize("case", CASES)
async def test_a_hot_route_is_answered_as_over_asgi(case: str) -> None:
    answers = []
    for hot in (False, True):
        async with served(hot=hot) as (_, port):
            answers.append(await talk(port, *CASES[case]))
    assert answers[0] == answers[1]
    assert answers[0]


async def test_a_plain_request_of_a_hot_route_is_not_taken_through_asgi() -> None:
    guarded = guard()
    async with served(hot=True, guarded=guarded) as (_, port):
        guarded._hot.clear()  # the guard knows of no such address any more
        assert b"202 Accepted" in await talk(port, post(JSON, last=False), post(JSON))
        assert b"404 Not Found" in await talk(port, post(JSON, path=b"/v1/leads?x=1"))


async def test_who_does_not_read_their_answers_gets_no_more_of_them() -> None:
    guarded = guard()
    async with served(hot=True, guarded=guarded) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(JSON, last=False))
        assert b"202 Accepted" in await reader.readuntil(b"request-0001\r\n")
        [connection] = server.server_state.connections
        connection.pause_writing()
        writer.write(post(b'"wait"'))
        await guarded._app.state.reached.wait()
        guarded._app.state.go.set()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"202 Accepted"), 0.1)
        connection.resume_writing()
        assert b"202 Accepted" in await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_what_is_under_way_is_answered_before_the_server_stops() -> None:
    guarded = guard()
    async with served(hot=True, guarded=guarded) as (server, port):
        talking = asyncio.create_task(talk(port, post(b'"wait"', last=False)))
        await guarded._app.state.reached.wait()
        for connection in server.server_state.connections:
            connection.shutdown()  # as the server tells each when it stops
        guarded._app.state.go.set()
        assert {b"202 Accepted", b"connection: close"} <= set(await talking)


async def test_a_client_that_went_away_is_no_fault() -> None:
    guarded = guard()
    async with served(hot=True, guarded=guarded) as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b'"wait"'))
        await guarded._app.state.reached.wait()
        writer.transport.abort()

        async def gone() -> bool:
            return not server.server_state.connections

        await eventually(gone)
        guarded._app.state.go.set()
        assert b"202 Accepted" in await talk(port, post(JSON))
