"""A file as it comes in: the body itself, or the part `file` of a form, in pieces of a MiB and never more of it in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from services.intake.domain.mapping import storable_text
from shared.clock import Clock
from shared.errors import FieldError, Refused, invalid
from shared.web.guard import ClientGone

PIECE = 1024 * 1024
FORM = 64 * 1024  # bytes that a form may have beside the file
IDLE = 60.0  # seconds of silence
LONGEST = 3600.0  # seconds of one upload
KINDS = ("text/", "application/vnd.", "application/octet-stream", "application/csv", "application/x-csv", "application/zip")


@dataclass
class Upload:
    """A file that is coming in. `size`, `digest` and `name` are known once `pieces` has ended; `name` only where a form gives one."""

    request: Request
    limit: int
    clock: Clock
    size: int = 0
    name: str | None = None
    _hash: Any = field(default_factory=sha256)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return str(self._hash.hexdigest())

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file. Raises Refused for one that is too large, too slow or no form, ClientGone where the sender went away."""
        kind = self.request.headers.get("content-type", "")
        is_form = kind.partition(";")[0].strip().lower() == "multipart/form-data"
        self._check(kind, spare=FORM if is_form else 0)
        form = _Form(kind) if is_form else None
        waiting = bytearray()
        async for block in self._blocks():
            waiting += form.feed(block) if form else block
            if self.size + len(waiting) > self.limit:
                raise _too_large(self.limit)
            while len(waiting) >= PIECE:
                yield self._take(waiting, PIECE)
        if form:
            self.name = form.end()
        if waiting:
            yield self._take(waiting, len(waiting))

    def _check(self, kind: str, *, spare: int) -> None:
        """What the headers say already."""
        if not spare and kind and not kind.strip().lower().startswith(KINDS):
            message = "must be text/csv, an XLSX workbook's, application/octet-stream, or multipart/form-data with a part `file`"
            raise Refused(
                415, "unsupported-media-type", detail=f"Content-Type: {message}", errors=[FieldError("Content-Type", message)]
            )
        length = self.request.headers.get("content-length", "0")
        if not length.isdigit() or int(length[:15]) > self.limit + spare:
            raise _too_large(self.limit)

    async def _blocks(self) -> AsyncIterator[bytes]:
        until = self.clock.monotonic() + LONGEST
        total = 0
        stream = self.request.stream()
        while True:
            try:
                async with asyncio.timeout(IDLE):
                    block = await anext(stream, None)
            except TimeoutError:
                raise _too_slow(f"Nothing came for {IDLE:.0f} s.") from None
            except ClientDisconnect:
                raise ClientGone from None
            if block is None:
                return
            total += len(block)
            if total > self.limit + FORM:
                raise _too_large(self.limit)
            if self.clock.monotonic() > until:
                raise _too_slow(f"The upload took longer than {LONGEST:.0f} s.")
            yield block

    def _take(self, waiting: bytearray, count: int) -> bytes:
        piece = bytes(waiting[:count])
        del waiting[:count]
        self.size += count
        self._hash.update(piece)
        return piece


class _Form:
    """multipart/form-data, of which only the part `file` is kept."""

    def __init__(self, content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise invalid("Content-Type", "multipart/form-data needs a boundary")
        self._file = bytearray()
        self._header, self._value = b"", b""
        self._disposition: dict[bytes, bytes] = {}
        self._found = False
        self._over = False
        self._name: str | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_part_data": self._part_data,
                    "on_end": self._ends,
                },
            )
        except FormParserError as error:
            raise _no_form() from error

    def feed(self, block: bytes) -> bytes:
        """What this block holds of the file."""
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise _no_form() from error
        taken = bytes(self._file)
        self._file.clear()
        return taken

    def end(self) -> str | None:
        """The file's name. Raises Refused for a form that is cut off, or has no file."""
        if not self._over:
            raise _no_form()
        if not self._found:
            raise invalid("file", "is missing: the form needs a part named file")
        return self._name

    def _part_begins(self) -> None:
        self._disposition = {}
        self._header, self._value = b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = parse_options_header(self._value)[1]
        self._header, self._value = b"", b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._disposition.get(b"name") == b"file":
            self._file += data[start:end]
            if not self._found:
                self._found = True
                self._name = storable_text(self._disposition.get(b"filename", b"").decode("utf-8", "replace"))[:200] or None

    def _ends(self) -> None:
        self._over = True


def _too_large(limit: int) -> Refused:
    return Refused(413, "too-large", detail=f"A list has {limit} bytes at the most. Send it in parts.")


def _too_slow(detail: str) -> Refused:
    return Refused(408, "too-slow", detail=f"{detail} Send the list again.")


def _no_form() -> Refused:
    return Refused(400, "malformed-form", detail="The body is no multipart/form-data, or was cut off.")
