"""One run of the load generator: connections, what is in flight on them, and a record of every request."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.bench.schedule import ClosedLoop, OpenLoop

UNANSWERED = 0
"""The status of a request that got no answer."""

_RECONNECT_AFTER = 0.05
_CHECK_EVERY = 0.05


@dataclass(frozen=True)
class Target:
    """Where the requests go and what each looks like; `request(n)` is the n-th as bytes on the wire."""

    host: str
    port: int
    head: bytes
    body: Callable[[int], bytes]

    @classmethod
    def at(cls, url: str, headers: dict[str, str], body: Callable[[int], bytes]) -> Target:
        parts = urlsplit(url)
        lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "Content-Length: "]).encode("latin-1")
        return cls(parts.hostname or "127.0.0.1", parts.port or 80, head, body)

    def request(self, sequence: int) -> bytes:
        body = self.body(sequence)
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)


@dataclass
class Records:
    """One entry a request in columns, monotonic seconds; status 0 means that no answer came."""

    scheduled: array[float] = field(default_factory=lambda: array("d"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    answered: array[float] = field(default_factory=lambda: array("d"))
    status: array[int] = field(default_factory=lambda: array("h"))
    answers: dict[int, bytes] = field(default_factory=dict)
    wall_offset: float = field(default_factory=lambda: time.time() - time.monotonic())

    def open(self, scheduled: float, sent: float) -> int:
        self.scheduled.append(scheduled)
        self.sent.append(sent)
        self.answered.append(0.0)
        self.status.append(UNANSWERED)
        return len(self.status) - 1

    def accepted(self) -> Iterator[int]:
        return (index for index, status in enumerate(self.status) if 200 <= status < 300)


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight (`index`)."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.index: int | None = None
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.load.on_idle(self)

    def send(self, index: int, request: bytes) -> None:
        self.index = index
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        end_of_head = data.find(b"\r\n\r\n")
        if end_of_head < 0:
            self.buffer = data
            return
        length = content_length(data[:end_of_head])
        if length is None or self.index is None:
            self._give_up("unreadable answer")
        elif len(data) < end_of_head + 4 + length:
            self.buffer = data
        else:
            index, self.index, self.buffer = self.index, None, b""
            self.load.on_answer(self, index, int(data[9:12]), data[end_of_head + 4 :])

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("connection lost")
        self.load.on_lost(self)

    def _give_up(self, reason: str) -> None:
        self._fail(reason)
        self.transport.abort()

    def _fail(self, reason: str) -> None:
        if self.index is not None:
            self.index = None
            self.load.on_failure(reason)


def content_length(head: bytes) -> int | None:
    """The Content-Length of an answer's head; None when there is none (a chunked answer, say)."""
    lowered = head.lower()
    start = lowered.find(b"\r\ncontent-length:")
    if start < 0:
        return None
    end = lowered.find(b"\r\n", start + 17)
    return int(lowered[start + 17 : end if end > 0 else len(lowered)])


class Load:
    """One run: hands due requests to idle connections and books what became of each."""

    def __init__(
        self, target: Target, schedule: ClosedLoop | OpenLoop, *, first_sequence: int = 0, keep_answers: bool = False
    ) -> None:
        self.target, self.schedule = target, schedule
        self.first_sequence, self.keep_answers = first_sequence, keep_answers
        self.records = Records()
        self.failures: Counter[str] = Counter()
        self.idle: list[Connection] = []
        self.connections: set[Connection] = set()
        self.in_flight = 0
        self.closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    async def run(self, connections: int, limit: float) -> None:
        """Sends all that is scheduled and waits for the answers, at most `limit` seconds in all."""
        self.schedule.start = time.monotonic()
        for _ in range(connections):
            self._connect_soon(0.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled(), limit)
        self._close()

    def on_idle(self, connection: Connection) -> None:
        self.connections.add(connection)
        self.idle.append(connection)
        self._pump()

    def on_answer(self, connection: Connection, index: int, status: int, body: bytes) -> None:
        self.records.answered[index] = time.monotonic()
        self.records.status[index] = status
        if self.keep_answers:
            self.records.answers[index] = body
        self.in_flight -= 1
        self.on_idle(connection)

    def on_failure(self, reason: str) -> None:
        self.in_flight -= 1
        self.failures[reason] += 1

    def on_lost(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        if not self.closing:
            self._connect_soon(_RECONNECT_AFTER)

    def _pump(self) -> None:
        now = time.monotonic()
        while self.idle and (due := self.schedule.take(now)) is not None:
            index = self.records.open(due, now)
            self.in_flight += 1
            self.idle.pop().send(index, self.target.request(self.first_sequence + index))
            now = time.monotonic()
        if self.idle and self._timer is None and (due := self.schedule.next_due()) is not None:
            # Never under a millisecond: the loop would round it to nought and spin.
            self._timer = asyncio.get_running_loop().call_later(max(0.001, due - now), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._pump()

    async def _settled(self) -> None:
        # Looked at now and then rather than after each answer: the answers are what is timed.
        while self.in_flight or not self.schedule.finished(time.monotonic()):  # noqa: ASYNC110
            await asyncio.sleep(_CHECK_EVERY)

    def _connect_soon(self, delay: float) -> None:
        task = asyncio.create_task(self._connect(delay))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, delay: float) -> None:
        await asyncio.sleep(delay)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Connection(self), self.target.host, self.target.port)
        except OSError:
            self.failures["connection refused"] += 1
            self._connect_soon(_RECONNECT_AFTER)

    def _close(self) -> None:
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._connecting:
            task.cancel()
        self.failures["unanswered"] += self.in_flight
        if not self.schedule.finished(time.monotonic()):
            self.failures["unsent"] += self.schedule.unsent()
        for connection in list(self.connections):
            connection.index = None
            connection.transport.abort()
