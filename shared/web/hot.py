"""Hot routes without ASGI: a request is answered where uvicorn's parser has read it.

ASGI makes of each request a scope, a queue of messages and two more for the answer, which together cost more than all that a hot route
does before it waits for its commit. Only the plain request is taken here: the exact address, a short body of known length, nothing to
negotiate. Any other, on the same connection or not, goes uvicorn's way to the guard, and is answered there just so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from shared.db.answers import Answer

# Method and address → what takes the headers and the body, and gives the answer with the request's id. It never raises.
Headers = Mapping[bytes, bytes]
HotRoutes = Mapping[tuple[bytes, bytes], Callable[[Headers, bytes], Awaitable[tuple[Answer, bytes]]]]

NOT_PLAIN = frozenset((b"expect", b"transfer-encoding", b"upgrade"))


class Exchange(RequestResponseCycle):
    """A request that is taken here. Of uvicorn's cycle it has only what the protocol asks of the request under way."""

    message_event = asyncio.Event()  # nobody waits for it: the body is read to its end before anything is done

    def __init__(self, headers: Headers, *, keep_alive: bool) -> None:
        self.headers = headers
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.disconnected = False
        self.response_complete = False


class HotProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with `routes` that are answered without ASGI."""

    routes: ClassVar[HotRoutes] = {}

    def on_headers_complete(self) -> None:
        if (self.parser.get_method(), self.url) in self.routes and self._is_idle():
            headers = dict(self.headers)
            if is_plain(headers) and self.parser.get_http_version() == "1.1":
                self.cycle = Exchange(headers, keep_alive=self.parser.should_keep_alive())
                return
        super().on_headers_complete()

    def _is_idle(self) -> bool:
        """Is no request under way, and are the answers read? One that must wait for either waits as uvicorn has it."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def on_message_complete(self) -> None:
        if not isinstance(self.cycle, Exchange):
            super().on_message_complete()
            return
        task = self.loop.create_task(self._answer(self.cycle, self.routes[self.parser.get_method(), self.url]))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, exchange: Exchange, take: Callable[[Headers, bytes], Awaitable[tuple[Answer, bytes]]]) -> None:
        try:
            answer, request_id = await take(exchange.headers, bytes(exchange.body))
        except BaseException:  # the server stops and waits no longer
            self.transport.close()
            raise
        exchange.response_complete = True
        if not exchange.disconnected:
            self.transport.write(self._written(answer, request_id, exchange.keep_alive))
            if not exchange.keep_alive:
                self.transport.close()
        self.on_response_complete()

    def _written(self, answer: Answer, request_id: bytes, keep_alive: bool) -> bytes:
        about = (b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % len(answer.content))
        own = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        closing = [] if keep_alive else [(b"connection", b"close")]
        lines = (*self.server_state.default_headers, *about, *own, (b"x-request-id", request_id), *closing)
        head = b"".join([b"%s: %s\r\n" % line for line in lines])
        return b"".join((STATUS_LINE[answer.status], head, b"\r\n", answer.content))


def is_plain(headers: Headers) -> bool:
    """Is the body announced, short enough to be taken as it comes, and does nothing else need an answer of the protocol's own?"""
    length = headers.get(b"content-length", b"")
    return length.isdigit() and 0 < int(length[:12]) < HIGH_WATER_LIMIT and NOT_PLAIN.isdisjoint(headers)


def protocol_for(routes: HotRoutes) -> type[HotProtocol]:
    """The protocol that answers these routes by itself."""
    return type("HotProtocol", (HotProtocol,), {"routes": routes})
