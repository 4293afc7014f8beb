"""The generator counts every end a request can come to, and does not let a slow server slow its clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.bench.body import SIZE, lead
from tests.bench.generator import summary
from tests.bench.load import Load, Target
from tests.bench.people import PEOPLE, person
from tests.bench.schedule import ClosedLoop, OpenLoop

Answer = Callable[[int], Awaitable[bytes | None]]
"""The bytes to answer the n-th request with; None closes the connection instead."""


@asynccontextmanager
async def server(answer: Answer, bodies: list[bytes]) -> AsyncIterator[Target]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                bodies.append(await reader.readexactly(int(head.rpartition(b":")[2])))
                reply = await answer(len(bodies))
                if reply is None:
                    break
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield Target.at(f"http://127.0.0.1:{port}/v1/leads", {"Content-Type": "application/json"}, lead)
    finally:
        listening.close()


def reply(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok" % status


async def accept(number: int) -> bytes:
    return reply(202)


async def test_each_request_carries_a_lead_of_its_own() -> None:
    bodies: list[bytes] = []
    async with server(accept, bodies) as target:
        load = Load(target, ClosedLoop(total=40, seconds=None), first_sequence=7, keep_answers=True)
        await load.run(connections=4, limit=5)
    assert {json.loads(body)["email"] for body in bodies} == {person(n).email for n in range(7, 47)}
    assert list(load.records.accepted()) == list(range(40))
    assert set(load.records.answers.values()) == {b"ok"}


async def test_refusals_and_broken_connections_are_counted() -> None:
    async def answer(number: int) -> bytes | None:
        return {3: reply(503), 5: None, 7: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}.get(number, reply(202))

    async with server(answer, []) as target:
        load = Load(target, ClosedLoop(total=10, seconds=None))
        await load.run(connections=1, limit=5)
    report = summary(load, 0.0)
    assert report["statuses"] == {"202": 7, "503": 1}
    assert report["failures"] == {"connection lost": 1, "unreadable answer": 1}
    assert report["accepted"] == 7


async def test_the_limit_ends_a_run_that_gets_no_answer() -> None:
    async def answer(number: int) -> bytes | None:
        await asyncio.Event().wait()
        return None

    async with server(answer, []) as target:
        load = Load(target, ClosedLoop(total=10, seconds=None))
        async with asyncio.timeout(5):
            await load.run(connections=2, limit=0.2)
        report = summary(load, 0.0)
        assert report["failures"] == {"unanswered": 2, "unsent": 8}
        assert report["accepted"] == 0


async def test_an_absent_server_is_reported() -> None:
    async with server(accept, []) as target:
        pass
    load = Load(target, ClosedLoop(total=1, seconds=None))
    await load.run(connections=1, limit=0.2)
    assert load.failures["connection refused"] >= 1
    assert load.failures["unsent"] == 1


async def test_an_open_loop_counts_the_wait_for_a_stalled_server() -> None:
    async def answer(number: int) -> bytes:
        if number == 10:
            await asyncio.sleep(0.3)
        return reply(202)

    async with server(answer, []) as target:
        load = Load(target, OpenLoop(rate=100, seconds=0.5))
        await load.run(connections=1, limit=5)
    report = summary(load, 0.0)
    waits = [answered - due for answered, due in zip(load.records.answered, load.records.scheduled, strict=True)]
    assert report["accepted"] == 50
    # One request stalls for 0.3 s; at 100 a second about thirty wait behind it, and about half of those over 0.15 s.
    assert sum(wait > 0.15 for wait in waits) >= 10


@pytest.mark.parametrize("sequence", [0, 123, PEOPLE - 1])
def test_leads_have_one_size(sequence: int) -> None:
    assert len(lead(sequence)) == SIZE
