"""The guard: limits before reading, reads before parsing, and gives every request an id and a trace.

A pure ASGI middleware: BaseHTTPMiddleware costs five times the route.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

from fastapi import FastAPI
from prometheus_client import Counter
from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from shared.clock import Clock
from shared.contracts.envelope import Cause
from shared.db.answers import Answer
from shared.errors import FieldError, Refused, Transient
from shared.telemetry import accept_traceparent, current_trace, http_requests, http_seconds, logger, trace_id
from shared.web.hot import Headers, HotRoutes
from shared.web.problems import crashed, refusal, refused, unavailable_now

MAX_BODY = 1024 * 1024
MAX_DISCARD = 16 * MAX_BODY
MAX_DEPTH = 32
HOT = "(hot)"  # what metrics and logs call the hot routes
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')

log = logger(__name__)


class Asked(NamedTuple):
    """A request as a hot route sees it. Header names are in small letters; `state` is the app's."""

    path: str
    headers: Headers
    body: bytes
    cause: Cause
    state: State


Endpoint = Callable[[Asked], Awaitable[Answer]]


class Guard:
    """The outermost layer of a service's app.

    `forms` are path prefixes that decide for themselves which content types they read. `streams` are exact paths whose POST reads its own
    body, of whatever type: it authorises first, and limits while it reads. `hot` are routes, by method and path, that are
    answered here instead of in the app: the framework's own layers, its requests and responses among them, cost several times what such a
    route does. The app has them too, for the interface description and for whoever mounts it alone.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        service: str,
        clock: Clock,
        forms: tuple[str, ...] = (),
        streams: tuple[str, ...] = (),
        hot: Mapping[tuple[str, str], Endpoint] | None = None,
    ) -> None:
        self._app = app
        self._service = service
        self._clock = clock
        self._forms = forms
        self._streams = frozenset(streams)
        self._hot = dict(hot or {})
        self._seconds = http_seconds.labels(service)
        self._counted: dict[tuple[str, str, int], Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock.monotonic()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id, scope["handoff.cause"] = self._identify(headers)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._answer(scope, headers, receive, send_with_id)
        except ClientGone:
            status = 499
        except Exception as error:
            log.error("request.crashed", route=_route(scope), request_id=request_id.decode(), exc_info=error)
            if not status:
                await refusal(crashed())(scope, receive, send_with_id)
        finally:
            self._count(_route(scope), scope["method"], status)
            self._seconds.observe(self._clock.monotonic() - started)

    def _count(self, route: str, method: str, status: int) -> None:
        kind = (route, method, status)
        counter = self._counted.get(kind)
        if counter is None:  # finding it by its labels costs more than counting
            counter = self._counted[kind] = http_requests.labels(self._service, *kind)
        counter.inc()

    def hot_routes(self) -> HotRoutes:
        """The hot routes for those who need no ASGI to ask them."""
        return {(m.encode(), path.encode()): partial(self._take, m, path, endpoint) for (m, path), endpoint in self._hot.items()}

    async def _take(self, method: str, path: str, endpoint: Endpoint, headers: Headers, body: bytes) -> tuple[Answer, bytes]:
        """Answers a request of a hot route that is read already; with the answer goes the request's id."""
        started = self._clock.monotonic()
        request_id, cause = self._identify(headers)
        try:
            self._check(path, headers, body)
            answer = await endpoint(Asked(path, headers, body, cause, self._app.state))
        except Refused as error:
            answer = refused(error)
        except Transient as error:
            answer = refused(unavailable_now(error))
        except Exception as error:
            log.error("request.crashed", route=HOT, request_id=request_id.decode(), exc_info=error)
            answer = refused(crashed())
        self._count(HOT, method, answer.status)
        self._seconds.observe(self._clock.monotonic() - started)
        return answer, request_id

    def _identify(self, headers: Headers) -> tuple[bytes, Cause]:
        """Gives the request an id and a trace: the sender's, where they are well formed. A trace that begins here gives its id to both."""
        sent_id, sent_trace = headers.get(b"x-request-id"), headers.get(b"traceparent")
        traceparent = accept_traceparent(sent_trace.decode("latin-1") if sent_trace else None)
        current_trace.set(traceparent)
        if sent_id and REQUEST_ID.fullmatch(sent_id):
            request_id = sent_id
        else:
            request_id = self._clock.uuid7().hex.encode() if sent_trace else trace_id(traceparent).encode()
        return request_id, Cause(request_id.decode(), traceparent)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        try:
            _check_address(scope)
            if scope["method"] == "POST" and scope["path"] in self._streams:
                _check_coding(headers)
                await self._app(scope, receive, send)
                return
            scope["handoff.body"] = body = await self._admit(scope, headers, receive)
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is None:
                await self._app(scope, _replay(body, receive), send)
                return
            scope["app"] = self._app
            answer = await hot(Asked(scope["path"], headers, body, scope["handoff.cause"], self._app.state))
            await _send(answer, send)
            return
        except Refused as error:
            response = refusal(error)
        except Transient as error:
            response = refusal(unavailable_now(error))
        await response(scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers, receive: Receive) -> bytes:
        body = await _read(receive, headers.get(b"content-length"))
        if body:
            self._check(scope["path"], headers, body)
        return body

    def _check(self, path: str, headers: Headers, body: bytes) -> None:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        _check_coding(headers)
        is_json = kind == b"application/json" or kind.endswith(b"+json")
        if not is_json and not path.startswith(self._forms or ("\0",)):
            raise _unsupported("Content-Type", "must be application/json")
        if is_json and too_deep(body):
            raise Refused(400, "too-deep", detail=f"The body is nested more than {MAX_DEPTH} levels deep.")


async def _send(answer: Answer, send: Send) -> None:
    sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    about = (b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % len(answer.content))
    await send({"type": "http.response.start", "status": answer.status, "headers": [*about, *sent]})
    await send({"type": "http.response.body", "body": answer.content})


class ClientGone(Exception):
    """The client went away before its request was whole."""


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", None) or (HOT if "app" in scope else "(none)")


def _check_address(scope: Scope) -> None:
    if b"%00" in scope.get("raw_path", b"") or b"%00" in scope["query_string"]:
        raise Refused(400, "bad-address", detail="The address holds a NUL character.")


def _check_coding(headers: Headers) -> None:
    if encoding := headers.get(b"content-encoding"):
        raise _unsupported("Content-Encoding", f"{encoding.decode('latin-1')} is not read here; send the body as it is")


def _unsupported(header: str, message: str) -> Refused:
    return Refused(415, "unsupported-media-type", detail=f"{header}: {message}", errors=[FieldError(header, message)])


def _too_large(limit: int = MAX_BODY) -> Refused:
    return Refused(413, "too-large", detail=f"The body is larger than {limit} bytes.", headers={"Connection": "close"})


async def _read(receive: Receive, length: bytes | None) -> bytes:
    """The whole body. Raises Refused for one over the limit."""
    if length and (not length.isdigit() or int(length[:12]) > MAX_BODY):
        await _discard(receive)
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")  # the usual case: all in one piece
        if len(body) > MAX_BODY:
            raise _too_large()
        return body
    parts, size = [], 0
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            await _discard(receive)
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


async def _discard(receive: Receive) -> None:
    """Reads on for a while and keeps nothing: closed with unread bytes, the connection is reset, and the sender never sees why."""
    size = 0
    while size < MAX_DISCARD:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = True

    async def replayed() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


def too_deep(body: bytes, limit: int = MAX_DEPTH) -> bool:
    """Is this JSON nested deeper than the limit? Looks at brackets outside strings, without parsing."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    depth = 0
    for byte in re.finditer(rb"[\[\]{}]", _STRINGS.sub(b"", body)):
        depth += 1 if byte[0] in b"[{" else -1
        if depth > limit:
            return True
    return False
