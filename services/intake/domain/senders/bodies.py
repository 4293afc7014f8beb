"""Reading bodies that may be a form, JSON or XML: from bytes to plain values, in bounded time, memory and depth.

Raises Malformed and nothing else. The limits are here too, not only at the edge, since documents come inside documents: JSON in a form's
field, a message in a notification, a lead in an e-mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.intake.domain.senders.plain_text import decode_text, unify_newlines
from services.intake.domain.senders.reading import MAX_DEPTH, read_object
from services.intake.domain.senders.shape import Delivery, Malformed

MAX_FIELDS = 1000
MAX_PARTS = 200
MAX_ELEMENTS = 20_000
MAX_ATTRIBUTES = 40

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORMS = (URLENCODED, MULTIPART)
# What senders say who leave the kind open; the body's first character tells.
_VAGUE = ("", "text/plain", "application/octet-stream")


@dataclass(frozen=True)
class Part:
    """One part of a multipart form. `content_type` has its parameters; a file has a filename."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str = ""


@dataclass(frozen=True)
class Form:
    """A form's fields, with a list where a name came several times, and the names of files that were not kept."""

    fields: dict[str, Any]
    files: tuple[str, ...] = ()


# -- Forms -------------------------------------------------------------------------------------------------------------------------


def is_json(content_type: str) -> bool:
    return content_type == "application/json" or content_type.endswith("+json")


def read_answers(delivery: Delivery) -> dict[str, Any]:
    """What a delivery says, whether it is a JSON object or a form. Raises Malformed 415 for another kind."""
    kind = delivery.content_type
    if is_json(kind) or (kind in _VAGUE and delivery.body.lstrip()[:1] in (b"{", b"[")):
        return read_object(delivery.body)
    header = URLENCODED if kind in _VAGUE else delivery.headers.get("content-type", "")
    return read_form(delivery.body, header).fields


def read_form(body: bytes, content_type: str) -> Form:
    """An urlencoded or multipart form. `content_type` is the whole header, since it names the boundary."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == URLENCODED:
        return Form(collect(_urlencoded(body)))
    parts = read_parts(body, content_type)
    pairs = [(part.name, decode_text(part.data, charset_of(part.content_type))) for part in parts if part.filename is None]
    return Form(collect(pairs), tuple(part.name for part in parts if part.filename is not None))


def read_parts(body: bytes, content_type: str) -> list[Part]:
    """The parts of a multipart form, files included. Raises Malformed 415 for another kind."""
    kind, options = _options(content_type)
    if kind != MULTIPART.encode():
        raise Malformed(f"Content-Type must be application/json, {URLENCODED} or {MULTIPART}.", 415)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 256:
        raise Malformed("The multipart form has no boundary.", 400)
    reader = _PartReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Malformed(f"The multipart form cannot be read: {error}", 400) from None
    if not reader.complete:
        raise Malformed("The multipart form is cut off.", 400)
    return reader.parts


def charset_of(content_type: str) -> str | None:
    _, options = _options(content_type)
    return options[b"charset"].decode("latin-1") if b"charset" in options else None


def _options(header: str) -> tuple[bytes, dict[bytes, bytes]]:
    # Cut, since the time that the parser takes grows with the square of the length.
    return parse_options_header(header[:1000].encode("latin-1", "replace"))


def collect(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pairs as an object. A name that comes several times has a list, so that no answer is dropped."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(unify_newlines(value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        # Latin-1 maps bytes to characters one to one, so that the real charset can be found for each value by itself.
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed(f"The form has more than {MAX_FIELDS} fields.", 422) from None
    return [(_latin_to_text(name), _latin_to_text(value)) for name, value in pairs]


def _latin_to_text(text: str) -> str:
    return text if text.isascii() else decode_text(text.encode("latin-1"))


class _PartReader:
    """Collects what the multipart parser calls back with."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._data = bytearray()
        self._name = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise Malformed(f"The form has more than {MAX_PARTS} parts.", 422)
        self._data, self._headers = bytearray(), {}

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        filename = decode_text(options[b"filename"]) if b"filename" in options else None
        kind = self._headers.get(b"content-type", b"").decode("latin-1")
        self.parts.append(Part(decode_text(options.get(b"name", b"")), bytes(self._data), filename, kind))

    def _end(self) -> None:
        self.complete = True


# -- XML ---------------------------------------------------------------------------------------------------------------------------


def read_xml(text: str) -> Element:
    """An element tree. No DTD, no entities of its own, and bounded in depth, elements and attributes: Malformed 400 for all of those."""
    parser = DefusedXMLParser(target=_BoundedBuilder(), forbid_dtd=True)
    try:
        parser.feed(text)
        root = parser.close()
    except DefusedXmlException:
        raise Malformed("The XML declares a document type or entities; these are not read.", 400) from None
    except (ParseError, ValueError) as error:
        raise Malformed(f"The XML cannot be read: {error}", 400) from None
    if not isinstance(root, Element):
        raise Malformed("The XML has no root element.", 400)
    return root


class _BoundedBuilder(TreeBuilder):
    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self._elements = 0

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS or len(attrs) > MAX_ATTRIBUTES:
            raise Malformed("The XML has too many levels, elements or attributes.", 400)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
