"""A proxy in front of a PostgreSQL server's unix socket, for cutting connections at a chosen moment."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"
CHUNK = 64 * 1024


@dataclass
class Proxy:
    """Passes bytes on until told otherwise.

    `drop_reply_to`: the first request that holds these bytes reaches the server, but the connection is cut before its answer
    gets through. `drop_request`: it does not even reach the server. While `flowing` is not set, requests pile up unanswered.
    """

    dsn: str
    drop_reply_to: bytes | None = None
    drop_request: bytes | None = None
    dropped: int = 0
    away: bool = False
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def go_away(self) -> None:
        """Cuts every connection and refuses new ones until `come_back`."""
        self.away = True
        for writer in self._open:
            writer.transport.abort()

    def come_back(self) -> None:
        self.away = False

    async def serve(self, upstream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_unix_connection(upstream)
        self._open |= {writer, server_writer}
        try:
            back = asyncio.create_task(_copy(server_reader, writer))
            await self._forward(reader, server_writer, back)
        finally:
            back.cancel()
            for each in (writer, server_writer):
                each.transport.abort()
                self._open.discard(each)

    async def _forward(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, back: asyncio.Task[None]) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self.flowing.wait()
                if self.drop_request and self.drop_request in chunk:
                    self.dropped, self.drop_request = self.dropped + 1, None
                    return
                if self.drop_reply_to and self.drop_reply_to in chunk:
                    self.dropped, self.drop_reply_to = self.dropped + 1, None
                    back.cancel()
                    server.write(chunk)
                    server.write_eof()  # what was sent is executed; nobody hears of it
                    return
                server.write(chunk)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxied(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy before the server of this URI; `proxy.dsn` goes through it."""
    upstream = parse_qs(urlsplit(dsn).query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="handoff-proxy-") as folder:
        proxy = Proxy(dsn.replace(quote(upstream, safe="/"), folder))
        proxy.flowing.set()
        server = await asyncio.start_unix_server(lambda r, w: proxy.serve(f"{upstream}/{SOCKET}", r, w), Path(folder, SOCKET))
        try:
            yield proxy
        finally:
            server.close()
            proxy.go_away()
