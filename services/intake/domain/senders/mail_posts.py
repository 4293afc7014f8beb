"""E-mails as mail providers post them: Mailgun, SendGrid, Postmark, CloudMailin and whoever names fields alike, or the mail itself.

Each has names of its own for the same few things, so that names are compared without case and punctuation.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from services.intake.domain.senders.bodies import FORMS, Part, is_json, read_form, read_parts
from services.intake.domain.senders.mime import Attached, Mail, read_headers, read_message
from services.intake.domain.senders.plain_text import decode_text, unify_newlines
from services.intake.domain.senders.reading import as_object, as_objects, as_text, read_json, read_object
from services.intake.domain.senders.shape import Delivery, Malformed

# Providers' names for one thing, best first.
TEXT = ("textbody", "bodyplain", "plain", "text")
HTML = ("htmlbody", "bodyhtml", "html")
WHOLE = ("bodymime", "email", "rawemail", "mime", "raw")
ENVELOPES = {"headers", "messageheaders"}
HEADERS = {
    "subject": "subject",
    "from": "from",
    "replyto": "reply-to",
    "messageid": "message-id",
    "date": "date",
    "autosubmitted": "auto-submitted",
}
MAX_ATTACHMENTS = 20

_HEADER_LINE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}:")
_NOISE = re.compile(r"[^a-z0-9]+")


def read_post(delivery: Delivery) -> Mail:
    """The e-mail in a delivery. Raises Malformed: 415 for a kind that no provider posts, 422 where there is no e-mail in it."""
    kind = delivery.content_type
    if kind == "message/rfc822" or (kind in ("text/plain", "") and _HEADER_LINE.match(decode_text(delivery.body[:100]))):
        return read_message(delivery.body)
    if is_json(kind):
        return _from_object(read_object(delivery.body))
    if kind in FORMS:
        return _from_form(delivery)
    raise Malformed("Content-Type must be application/json, multipart/form-data or message/rfc822.", 415)


def _from_object(body: dict[str, Any]) -> Mail:
    fields: dict[str, str] = {}
    for name, value in body.items():
        text = as_text(value)
        if text is not None:
            fields.setdefault(_plain(name), text)
        elif _plain(name) in ENVELOPES:
            fields.update(_headers(value))
    records = as_objects(body.get("Attachments") or body.get("attachments"))[:MAX_ATTACHMENTS]
    return _mail(fields, [found for record in records if (found := _attached(record))])


def _from_form(delivery: Delivery) -> Mail:
    header = delivery.headers.get("content-type", "")
    if delivery.content_type != "multipart/form-data":
        pairs = {name: value for name, value in read_form(delivery.body, header).fields.items() if isinstance(value, str)}
        return _mail(_unfolded(pairs), [])
    parts = read_parts(delivery.body, header)
    charsets = _charsets(parts)
    pairs = {}
    for part in parts:
        if part.filename is None:
            pairs.setdefault(part.name, unify_newlines(decode_text(part.data, charsets.get(part.name))))
    attached = [Attached(part.filename, part.content_type, part.data) for part in parts if part.filename is not None]
    return _mail(_unfolded(pairs), attached[:MAX_ATTACHMENTS])


def _mail(fields: dict[str, str], attached: list[Attached]) -> Mail:
    whole = next((fields[name] for name in WHOLE if _HEADER_LINE.match(fields.get(name, ""))), None)
    if whole is not None:
        return read_message(whole.encode("utf-8", "surrogatepass"))
    headers = {ours: fields[name] for name, ours in _header_names() if name in fields}
    text, html = (unify_newlines(next((fields[name] for name in names if fields.get(name)), "")) for names in (TEXT, HTML))
    if not (text or html or attached):
        raise Malformed("There is no e-mail in the body: neither its text, nor its HTML, nor an attachment.")
    return Mail(text, html, read_headers(headers.items()), tuple(attached))


def _header_names() -> Iterator[tuple[str, str]]:
    """Fields that hold a header, worst first, so that the mail's own header wins: Postmark's MessageID is not the Message-ID."""
    for prefix in ("", "headers"):
        yield from ((f"{prefix}{name}", ours) for name, ours in HEADERS.items())


def _unfolded(pairs: dict[str, str]) -> dict[str, str]:
    """A form's fields. Headers are lines in one (SendGrid), JSON in one (Mailgun), or each in its own (CloudMailin)."""
    fields: dict[str, str] = {}
    for name, value in pairs.items():
        if _plain(name) not in ENVELOPES:
            fields.setdefault(_plain(name), value)
        elif value.lstrip().startswith(("[", "{")):
            fields.update(_headers(_json_or_none(value)))
        else:
            lines = read_message(value.encode("utf-8", "surrogatepass")).headers
            fields.update(_headers(dict(lines)))
    return fields


def _headers(value: Any) -> dict[str, str]:
    """Headers as an object, as pairs, or as objects with a Name and a Value."""
    pairs: list[tuple[Any, Any]] = list(as_object(value).items())
    for item in value if isinstance(value, list) else ():
        if isinstance(item, list) and len(item) == 2:
            pairs.append((item[0], item[1]))
        elif isinstance(item, dict):
            pairs.append((item.get("Name") or item.get("name"), item.get("Value") or item.get("value")))
    found: dict[str, str] = {}
    for name, content in pairs:
        text = as_text(content[0] if isinstance(content, list) and content else content)
        if isinstance(name, str) and text is not None:
            found.setdefault(f"headers{_plain(name)}", text)
    return found


def _attached(record: dict[str, Any]) -> Attached | None:
    """Postmark's and CloudMailin's: the content in base64, beside its name and type."""
    found = {_plain(name): text for name, value in record.items() if (text := as_text(value))}
    try:
        data = b64decode(found.get("content", ""), validate=False)
    except (binascii.Error, ValueError):
        return None
    name = found.get("name") or found.get("filename") or ""
    return Attached(name, found.get("contenttype", ""), data) if data else None


def _charsets(parts: list[Part]) -> dict[str, str]:
    """SendGrid leaves each field in the charset of the mail, and says in a field of its own which that is."""
    stated = next((part.data for part in parts if part.name == "charsets"), b"{}")
    return {name: charset for name, charset in as_object(_json_or_none(stated)).items() if isinstance(charset, str)}


def _json_or_none(value: bytes | str) -> Any:
    try:
        return read_json(value)
    except Malformed:
        return None


def _plain(name: str) -> str:
    return _NOISE.sub("", name.lower())
