"""Making XML of what dealers' systems send as XML: bare ampersands, two declarations, HTML's entities, control characters.

Nothing here interprets; the result is text for a strict parser. Each step is linear in the length of the text.
"""

from __future__ import annotations

import re
from html.entities import html5
from xml.sax.saxutils import escape

from services.intake.domain.senders.plain_text import decode_text

_OPENING = re.compile(r"<adf(?![A-Za-z0-9_.:-])", re.IGNORECASE)
_CLOSING = re.compile(r"</adf\s{0,20}>", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^<>]{0,200}encoding\s{0,5}=\s{0,5}[\"']([A-Za-z0-9_.:-]{1,40})[\"']", re.IGNORECASE)
_INSTRUCTION = re.compile(r"<\?[^<>]*>")
_AMPERSAND = re.compile(r"&(?:(amp|lt|gt|quot|apos);|#([0-9]{1,7});|#[xX]([0-9A-Fa-f]{1,6});|([A-Za-z][A-Za-z0-9]{1,31});)?")
_LESS_THAN = re.compile(r"<(?![A-Za-z_/!?])")
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SECTION = "<![CDATA["


def decode_xml(raw: bytes) -> str:
    """The text of an XML document: by its byte order mark, by the encoding that it declares, or as it seems to be."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decode_text(raw, "utf-16")
    match = _DECLARED.search(raw[:2000])
    return decode_text(raw, match[1].decode("ascii") if match else None)


def cut_adf(text: str) -> str | None:
    """From the first `<adf` to the last `</adf>`: without mail headers, declarations and whatever else stands around it."""
    opening = _OPENING.search(text)
    ends = [closing.end() for closing in _CLOSING.finditer(text)]
    if opening is None or not ends or ends[-1] < opening.end():
        return None
    return text[opening.start() : ends[-1]]


def repair_xml(text: str) -> str:
    """The same with everything escaped that must be, outside CDATA sections, and without processing instructions."""
    clean = _FORBIDDEN.sub("\ufffd", text)
    first, *rest = clean.split(_SECTION)
    repaired = [_repair_markup(first)]
    for piece in rest:
        section, closed, markup = piece.partition("]]>")
        repaired.append(f"{_SECTION}{section}]]>{_repair_markup(markup)}" if closed else _repair_markup(piece))
    return "".join(repaired)


def _repair_markup(markup: str) -> str:
    without = _INSTRUCTION.sub("", markup)
    return _LESS_THAN.sub("&lt;", _AMPERSAND.sub(_escape, without))


def _escape(match: re.Match[str]) -> str:
    named, decimal, hexadecimal, html_name = match.groups()
    if named:
        return match[0]
    if decimal or hexadecimal:
        character = _character(int(decimal) if decimal else int(hexadecimal, 16))
        return f"&#{ord(character)};"
    if html_name and (character := html5.get(f"{html_name};", "")):
        return escape(character)
    return f"&amp;{match[0][1:]}"


def _character(code: int) -> str:
    """XML has no such thing as a reference to a control character."""
    return "\ufffd" if code > 0x10FFFF or _FORBIDDEN.match(chr(code)) else chr(code)
