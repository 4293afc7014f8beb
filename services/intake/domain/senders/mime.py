"""Whole e-mails (RFC 5322 and MIME): their text, their HTML and what is attached, whoever wrote them.

The standard library's parser is used under its old policy, which reads headers only when asked. It can be made to work in the square of a
message's size, and raises much; hence the limits, and one kind of error for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from email.utils import parsedate_to_datetime
from itertools import islice

from services.intake.domain.senders.plain_text import decode_text, unify_newlines
from services.intake.domain.senders.shape import Malformed

MAX_HEADER = 2000
MAX_NESTED = 30
MAX_PARTS = 100
MAX_LINES = 50_000

_PARSER_ERRORS = (MessageError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)


@dataclass(frozen=True)
class Attached:
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True)
class Mail:
    """One e-mail, from whichever form it came in. `headers` has lower-case names and each name's first value, decoded."""

    text: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attached, ...] = ()

    @property
    def subject(self) -> str:
        return self.headers.get("subject", "").strip()

    @property
    def message_id(self) -> str:
        return self.headers.get("message-id", "").strip().strip("<>").strip()

    @property
    def sent_at(self) -> datetime | None:
        try:
            moment = parsedate_to_datetime(self.headers.get("date", "")[:100])
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (*_PARSER_ERRORS, OverflowError):
            return None


class _Bounded(Compat32):
    """Cuts headers before anything reads them."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_HEADER]


def read_message(raw: bytes) -> Mail:
    """The mail in these bytes. Raises Malformed 400 for what is too intricate to be one."""
    if len(_NESTING.findall(raw)) > MAX_NESTED or raw.count(b"\n") + raw.count(b"\r") > 2 * MAX_LINES:
        raise Malformed("The e-mail has too many parts or lines.", 400)
    try:
        message = message_from_bytes(raw.lstrip(b"\r\n"), policy=_Bounded())
        parts = [part for part in islice(message.walk(), MAX_PARTS) if not part.is_multipart()]
        return _mail(parts, read_headers(message.items()))
    except _PARSER_ERRORS as error:
        raise Malformed(f"The e-mail cannot be read: {type(error).__name__}.", 400) from None


def read_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Decoded headers by lower-case name. The first of a name counts, which is the one added last."""
    found: dict[str, str] = {}
    for name, value in islice(items, 500):
        found.setdefault(name.strip().lower(), _decoded(value))
    return found


def mailbox(header: str) -> tuple[str, str]:
    """The name and the address in a header such as From; empty where there is none."""
    match = _ADDRESS.search(header[:MAX_HEADER])
    if match is None:
        return "", ""
    return header[: match.start()].strip(" <\"'\t"), match[0]


def addresses(text: str) -> list[str]:
    """Every address in a text, in order, each once."""
    return list(dict.fromkeys(match[0].strip(".") for match in _ADDRESS.finditer(text)))


def _mail(parts: list[Message], headers: dict[str, str]) -> Mail:
    bodies: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    attached: list[Attached] = []
    for part in parts:
        kind, filename = part.get_content_type(), part.get_filename()
        data = part.get_payload(decode=True)
        content = data if isinstance(data, bytes) else b""
        if kind in bodies and filename is None and part.get_content_disposition() != "attachment":
            bodies[kind].append(unify_newlines(decode_text(content, part.get_content_charset())))
        else:
            attached.append(Attached(_decoded(filename or ""), kind, content))
    return Mail("\n".join(bodies["text/plain"]), "\n".join(bodies["text/html"]), headers, tuple(attached))


def _decoded(value: object) -> str:
    """A header without RFC 2047's encoding, on one line."""
    text = str(value)[:MAX_HEADER]
    try:
        pieces = decode_header(text)
    except _PARSER_ERRORS:
        pieces = [(text, None)]
    whole = "".join(piece if isinstance(piece, str) else decode_text(piece, charset) for piece, charset in pieces)
    return " ".join(whole.split())
