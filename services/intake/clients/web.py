"""HTTPS to the senders and to nobody else (SSRF: OWASP's Server-Side Request Forgery Prevention, the allow-list case).

A caller names a host of the list below and a path, never a URL. The name is resolved here, every address must be a public one, and the
connection goes to that very address, so that a name cannot change between the look and the call; the certificate is still checked
against the name. No redirect is followed, no proxy or cookie is used, nothing compressed is taken, and time and size are bounded.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from services.intake.clients.addresses import Address, is_public, resolve
from services.intake.clients.errors import Denied, Gone, Throttled
from shared.errors import HandoffError, Permanent, Transient

HOSTS = frozenset({"graph.facebook.com", "api.linkedin.com", "api.hubapi.com", "business-api.tiktok.com"})
SNS_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")

CONNECT = 5.0  # seconds
TOTAL = 20.0  # seconds for one call, from the name's resolution to the answer's last byte
SIZE = 1024 * 1024  # bytes of an answer
DEPTH = 32  # levels of JSON
LONGEST = 86_400  # seconds: a longer Retry-After is not believed
KEPT = 256  # answers that never change
TRIES = 3  # addresses of one host
ID = re.compile(r"[A-Za-z0-9_-]{1,200}")

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a sender answered, whatever its status. Header names are lower case."""

    host: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """The body parsed: whole numbers exact, at most DEPTH levels. Raises Transient for what is no JSON (an error page, mostly)."""
        try:
            value = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Transient(f"{self.host} answered {self.status} with what is no JSON") from error
        level, depth = [value], 0
        while level:
            if depth > DEPTH:
                raise Permanent(f"{self.host} answered with JSON nested deeper than {DEPTH} levels")
            level, depth = [item for outer in level for item in _items(outer)], depth + 1
        return value

    @property
    def retry_after(self) -> int | None:
        """Seconds that the sender asks us to wait (RFC 9110 §10.2.3: a number, or a date, here against the answer's own Date)."""
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return min(int(asked[:9]), LONGEST)
        try:
            gap = parsedate_to_datetime(asked) - parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError):
            return None
        return min(max(int(gap.total_seconds()), 0), LONGEST)


def checked(answer: Answer, words: str = "") -> Answer:
    """The answer, if it is a success. Raises what `fault` makes of any other; `words` are for a person."""
    if 200 <= answer.status < 300:
        return answer
    raise fault(answer, words)


def fault(answer: Answer, words: str = "") -> HandoffError:
    """What an answer that is no success means: Throttled, Denied, Gone, Transient or Permanent, by its status."""
    message = f"{answer.host} answered {answer.status}" + (f": {words}" if words else "")
    if answer.status == 429:
        return Throttled(message, answer.retry_after or 60)
    if answer.status in (401, 403):
        return Denied(message)
    if answer.status in (404, 410):
        return Gone(message)
    if answer.status >= 500 or answer.status in (408, 425):
        return Transient(message, answer.retry_after or 1)
    return Permanent(f"{message} (redirects are not followed)" if 300 <= answer.status < 400 else message)


def segment(text: str) -> str:
    """An id as one part of a path. Raises Permanent for what is none: it came from outside and must not change the path."""
    if not ID.fullmatch(text):
        raise Permanent("the sender's id holds characters that no id has")
    return text


class Web:
    """Calls to the senders. Close it when done.

    For tests and stand-ins: `transport` is used instead of the network, `base` (such as http://127.0.0.1:8099) is called instead of
    every sender, with the sender's name as Host, and `find` and `allowed` are how names are resolved and which addresses will do.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        base: str | None = None,
        find: Callable[[str], Awaitable[Sequence[Address]]] = resolve,
        allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        connect: float = CONNECT,
        total: float = TOTAL,
    ) -> None:
        self._transport = transport
        self._base = httpx.URL(base) if base else None
        self._find = find
        self._allowed = allowed
        self._tls = tls
        self._connect = connect
        self._total = total
        # One a host: connections are pooled by address, and two hosts may share one without sharing a certificate.
        self._transports: dict[str, httpx.AsyncBaseTransport] = {}
        self._kept: dict[tuple[str, ...], Any] = {}
        self._locks: dict[tuple[str, ...], asyncio.Lock] = {}

    async def get(
        self,
        host: str,
        path: str,
        *,
        query: Mapping[str, str] | str = "",
        headers: Mapping[str, str] | None = None,
        limit: int = SIZE,
    ) -> Answer:
        """The answer, whatever its status. `query` as text is sent as it is. Raises Transient (no answer) or Permanent (not allowed)."""
        return await self._ask("GET", host, _target(path, query), headers or {}, b"", limit)

    async def post(self, host: str, path: str, *, content: object, headers: Mapping[str, str] | None = None) -> Answer:
        """As `get`, with a body of JSON."""
        body = json.dumps(content).encode()
        return await self._ask("POST", host, path, {"content-type": "application/json", **(headers or {})}, body, SIZE)

    async def keep(self, key: tuple[str, ...], make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gives, asked once for many callers; for answers that never change. What fails is not kept."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._kept:
                try:
                    self._kept[key] = await make()
                finally:
                    self._locks.pop(key, None)
                while len(self._kept) > KEPT:
                    del self._kept[next(iter(self._kept))]
            found: T = self._kept[key]
            return found

    async def close(self) -> None:
        for transport in (*self._transports.values(), *([self._transport] if self._transport else [])):
            await transport.aclose()

    async def _ask(self, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer:
        if host not in HOSTS and not SNS_HOST.fullmatch(host):
            raise Permanent(f"{host[:80]} is no host of a sender")
        if not re.fullmatch(r"/[!-~]*", target) or target.startswith("//") or "#" in target:
            raise Permanent("that is no path at a sender")
        fields = {"accept": "*/*", **headers, "host": host, "accept-encoding": "identity", "user-agent": "handoff-intake"}
        try:
            async with asyncio.timeout(self._total):
                response = await self._send(method, host, target, fields, body)
                try:
                    return Answer(host, response.status_code, dict(response.headers), await _read(host, response, limit))
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise Transient(f"{host} did not answer within {self._total:g} s") from error
        except (httpx.TransportError, OSError) as error:
            raise Transient(f"{host} cannot be reached ({type(error).__name__})") from error

    async def _send(self, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        timeout = httpx.Timeout(self._total, connect=self._connect).as_dict()
        extensions = {"timeout": timeout, "sni_hostname": host}
        places = [self._base] if self._base else [_place(address) for address in await self._public(host)]
        for left, place in zip(reversed(range(len(places))), places, strict=True):
            request = httpx.Request(
                method, place.copy_with(raw_path=target.encode()), headers=headers, content=body, extensions=extensions
            )
            try:
                return await self._to(host).handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if not left:
                    raise
        raise AssertionError("a host has at least one address")

    async def _public(self, host: str) -> list[Address]:
        """Where the host is. Raises Permanent where even one of its addresses is none of the public Internet."""
        found = list(dict.fromkeys(await self._find(host)))
        if not all(self._allowed(address) for address, _ in found):
            raise Permanent(f"{host} leads to an address that is not public")
        if not found:
            raise OSError("no address")
        return found[:TRIES]

    def _to(self, host: str) -> httpx.AsyncBaseTransport:
        if self._transport:
            return self._transport
        if host not in self._transports:
            self._tls = self._tls or httpx.create_ssl_context(trust_env=False)
            self._transports[host] = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        return self._transports[host]


async def _read(host: str, response: httpx.Response, limit: int) -> bytes:
    """The body as it came, and no more than the limit of it."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Permanent(f"{host} answered with a compressed body, which was not asked for")
    parts, size = [], 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for part in response.stream:
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Permanent(f"{host} answered with more than {limit} bytes")
    return b"".join(parts)


def _place(address: Address) -> httpx.URL:
    return httpx.URL(scheme="https", host=address[0], port=address[1])


def _target(path: str, query: Mapping[str, str] | str) -> str:
    text = query if isinstance(query, str) else urlencode(query)
    return f"{path}?{text}" if text else path


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
