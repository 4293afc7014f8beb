"""Calls to senders: to their hosts only, at public addresses only, and bounded in time, size and depth."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.intake.clients import sns
from services.intake.clients.addresses import Address, is_public
from services.intake.clients.errors import Denied, Gone, Throttled
from services.intake.clients.web import DEPTH, SIZE, Answer, Web, checked, segment
from shared.errors import Permanent, Transient

HOST = "graph.facebook.com"
PUBLIC = "203.0.114.7"

Respond = Callable[[httpx.Request], httpx.Response]


def finds(*addresses: str) -> Callable[[str], Awaitable[list[Address]]]:
    async def find(_: str) -> list[Address]:
        return [(address, 443) for address in addresses]

    return find


class Sender:
    """Answers in the network's place and keeps what it was asked."""

    def __init__(self, respond: Respond = lambda _: httpx.Response(200, json={"id": "1"})) -> None:
        self.asked: list[httpx.Request] = []
        self._respond = respond

    def web(self, *addresses: str, total: float = 5.0) -> Web:
        return Web(transport=httpx.MockTransport(self._answer), find=finds(*(addresses or (PUBLIC,))), total=total)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._respond(request)


# -- Where it goes -----------------------------------------------------------------------------------------------------------------


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    sender = Sender()
    answer = await sender.web().get(HOST, "/v24.0/1", query={"fields": "id,created_time"}, headers={"authorization": "Bearer t"})
    [request] = sender.asked
    assert answer.json() == {"id": "1"}
    assert str(request.url) == f"https://{PUBLIC}/v24.0/1?fields=id%2Ccreated_time"
    assert request.headers["host"] == HOST
    assert request.extensions["sni_hostname"] == HOST
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "graph.facebook.com.example.com",
        "graph.facebook.com@example.com",
        "example.com#graph.facebook.com",
        "graph.facebook.com:8443",
        "GRAPH.facebook.com\n",
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "localhost",
        "",
        "sns.us-east-1.amazonaws.com.example.com",
        "sns.us-east-1.amazonaws.com.cn.example.com",
        "evil.sns.us-east-1.amazonaws.com",
        "sns.a.b.amazonaws.com",
        "s3.us-east-1.amazonaws.com",
    ],
)
async def test_no_other_host_is_asked(host: str) -> None:
    sender = Sender()
    with pytest.raises(Permanent, match="no host of a sender"):
        await sender.web().get(host, "/")
    assert sender.asked == []


@pytest.mark.parametrize("path", ["//example.com/", "@example.com/", "v24.0", "/a b", "/\r\nHost: example.com", "/é", "/#x", ""])
async def test_a_path_cannot_become_anything_else(path: str) -> None:
    sender = Sender()
    with pytest.raises(Permanent, match="no path"):
        await sender.web().get(HOST, path)
    assert sender.asked == []


@pytest.mark.parametrize("id", ["..", ".", "a/b", "a?b", "%2e%2e", "a#b", "", "1\n", "é", "x" * 201])
def test_what_is_no_id_stays_out_of_a_path(id: str) -> None:
    with pytest.raises(Permanent, match="no id has"):
        segment(id)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
async def test_no_address_inside_is_connected_to(address: str) -> None:
    sender = Sender()
    with pytest.raises(Permanent, match="not public"):
        await sender.web(PUBLIC, address).get(HOST, "/")
    assert sender.asked == []


@pytest.mark.parametrize("address", ["8.8.8.8", "2a03:2880:f003::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_will_do(address: str) -> None:
    assert is_public(address)


async def test_where_the_first_address_does_not_answer_the_next_is_tried() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.host == "2a03:2880:f003::1":
            raise httpx.ConnectError("no route")
        return httpx.Response(200, json=[])

    sender = Sender(respond)
    assert (await sender.web("2a03:2880:f003::1", PUBLIC).get(HOST, "/")).json() == []
    assert [request.url.host for request in sender.asked] == ["2a03:2880:f003::1", PUBLIC]


async def test_a_redirect_is_not_followed() -> None:
    sender = Sender(lambda _: httpx.Response(302, headers={"location": "http://169.254.169.254/latest/meta-data"}))
    answer = await sender.web().get(HOST, "/")
    with pytest.raises(Permanent, match="redirects are not followed"):
        checked(answer)
    assert len(sender.asked) == 1


async def test_no_cookie_is_sent_back() -> None:
    sender = Sender(lambda _: httpx.Response(200, headers={"set-cookie": "session=1"}, json={}))
    web = sender.web()
    await web.get(HOST, "/a")
    await web.get(HOST, "/b")
    assert "cookie" not in sender.asked[1].headers


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    async with https_server() as web:
        assert (await web.get(HOST, "/")).status == 200


# -- What it takes -----------------------------------------------------------------------------------------------------------------


async def test_an_answer_that_is_too_large_is_refused() -> None:
    async def much() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536

    sent = 0
    sender = Sender(lambda _: httpx.Response(200, content=much()))
    with pytest.raises(Permanent, match="more than"):
        await sender.web().get(HOST, "/")
    assert sent <= SIZE + 2 * 65536


async def test_a_compressed_answer_is_refused_before_it_is_read() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    raw = httpx.ByteStream(bomb)
    sender = Sender(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=raw))
    with pytest.raises(Permanent, match="compressed"):
        await sender.web().get(HOST, "/")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff", b"NaN", b'{"a": Infinity}', b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_may_be_read_another_time(body: bytes) -> None:
    with pytest.raises(Transient, match="no JSON"):
        Answer(HOST, 200, {}, body).json()


def test_json_is_read_exactly_and_not_deeply() -> None:
    assert Answer(HOST, 200, {}, b'{"id": 9007199254740993}').json() == {"id": 9007199254740993}
    assert Answer(HOST, 200, {}, b"[" * DEPTH + b"]" * DEPTH).json()
    with pytest.raises(Permanent, match="deeper"):
        Answer(HOST, 200, {}, b'{"a":' * (DEPTH + 1) + b"[]" + b"}" * (DEPTH + 1)).json()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Denied),
        (403, Denied),
        (404, Gone),
        (410, Gone),
        (400, Permanent),
        (408, Transient),
        (500, Transient),
        (503, Transient),
    ],
)
def test_the_status_says_whose_fault_it_is(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        checked(Answer(HOST, status))
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "99999999999"}, 86_400),
        ({"retry-after": "Sun, 22 Nov 2026 10:02:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 120),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:00 GMT", "date": "Sun, 22 Nov 2026 10:02:00 GMT"}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "-5"}, 60),
        ({"retry-after": "²"}, 60),
        ({}, 60),
    ],
)
def test_too_many_calls_wait_as_long_as_is_asked(headers: dict[str, str], seconds: int) -> None:
    with pytest.raises(Throttled) as caught:
        checked(Answer(HOST, 429, headers))
    assert caught.value.retry_after == seconds


async def test_a_network_that_fails_is_the_worlds_fault() -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset")

    with pytest.raises(Transient, match="cannot be reached"):
        await Sender(respond).web().get(HOST, "/")


async def test_a_name_that_is_not_found_is_the_worlds_fault() -> None:
    async def find(_: str) -> list[Address]:
        raise OSError("Name or service not known")

    with pytest.raises(Transient, match="cannot be reached"):
        await Web(transport=httpx.MockTransport(lambda _: httpx.Response(200)), find=find).get(HOST, "/")
    with pytest.raises(Transient, match="cannot be reached"):
        await Web(find=finds()).get(HOST, "/")


# -- On a real connection ----------------------------------------------------------------------------------------------------------


async def test_an_answer_that_drips_ends_in_time() -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        gone.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        web = Web(base=f"http://127.0.0.1:{port}", total=0.2)
        with pytest.raises(Transient, match="did not answer within"):
            await asyncio.wait_for(web.get(HOST, "/"), 5)
        await asyncio.wait_for(gone.wait(), 5)  # and the connection is closed
        await web.close()


async def test_the_certificate_is_checked_against_the_name_and_the_connection_is_used_again() -> None:
    async with https_server() as web:
        assert (await web.get(HOST, "/v24.0/1")).json() == {"path": "/v24.0/1", "host": HOST, "connection": 1}
        assert (await web.get(HOST, "/v24.0/2")).json()["connection"] == 1
        with pytest.raises(Transient, match="cannot be reached"):
            await web.get("api.linkedin.com", "/")  # the same address, and a certificate for another name


@contextlib.asynccontextmanager
async def https_server() -> AsyncIterator[Web]:
    """A server that has a certificate for HOST, and a client that believes it and is led there by every name."""
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())  # type: ignore[arg-type]
        number = len(served)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                host = next(line[6:] for line in lines if line.lower().startswith("host: "))
                body = f'{{"path": "{lines[0].split()[1]}", "host": "{host}", "connection": {number}}}'
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
        writer.close()

    async def find(_: str) -> list[Address]:
        return [("127.0.0.1", server.sockets[0].getsockname()[1])]

    context, trusted = _certified(HOST)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        web = Web(find=find, allowed=lambda _: True, tls=trusted)
        yield web
        await web.close()
        await asyncio.gather(*served)


def _certified(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pem + secret)
        file.flush()
        serving.load_cert_chain(file.name)
    return serving, ssl.create_default_context(cadata=pem)


# -- SNS ---------------------------------------------------------------------------------------------------------------------------

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
AT_SNS = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


async def test_a_certificate_is_read_once_for_all_who_ask() -> None:
    sender = Sender(lambda _: httpx.Response(200, text=PEM))
    web = sender.web()
    assert await asyncio.gather(*(sns.certificate(web, AT_SNS) for _ in range(5))) == [PEM] * 5
    assert len(sender.asked) == 1
    assert sender.asked[0].headers["host"] == "sns.us-east-1.amazonaws.com"


async def test_a_certificate_that_could_not_be_read_is_read_again() -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, text="<html>"), httpx.Response(200, text=PEM)])
    web = Sender(lambda _: next(answers)).web()
    with pytest.raises(Transient):
        await sns.certificate(web, AT_SNS)
    with pytest.raises(Permanent, match="no certificate"):
        await sns.certificate(web, AT_SNS)
    assert await sns.certificate(web, AT_SNS) == PEM


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com.example.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@example.com/a.pem",
        "https://example.com/sns.us-east-1.amazonaws.com/a.pem",
        "https://example.com?https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com:444/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=1",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem\n",
        "https://127.0.0.1/a.pem",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_read(url: str) -> None:
    sender = Sender()
    with pytest.raises(Permanent, match="none of SNS"):
        await sns.certificate(sender.web(), url)
    assert sender.asked == []


async def test_a_subscription_is_confirmed_at_sns_only() -> None:
    sender = Sender(lambda _: httpx.Response(200, text="<ConfirmSubscriptionResponse/>"))
    query = "Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:leads&Token=2336412f37"
    await sns.confirm(sender.web(), f"https://sns.us-east-1.amazonaws.com/?{query}")
    assert sender.asked[0].url.query.decode() == query
    for url in (
        f"https://sns.us-east-1.amazonaws.com.example.com/?{query}",
        f"http://sns.us-east-1.amazonaws.com/?{query}",
        "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn=a",
    ):
        with pytest.raises(Permanent, match="none of SNS"):
            await sns.confirm(sender.web(), url)
    assert len(sender.asked) == 1
