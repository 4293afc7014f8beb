"""E-mail that a mail provider posts to us: ADF in it or attached, or a portal's notification in plain words.

Who wrote the mail is the portal, not the person: the person is in the text, in the subject, or in Reply-To.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.adf import ZONE, read_prospects
from services.intake.domain.senders.bodies import FORMS, read_form
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key
from services.intake.domain.senders.mail_posts import read_post
from services.intake.domain.senders.mime import Mail, addresses, mailbox
from services.intake.domain.senders.moments import read_zone
from services.intake.domain.senders.plain_text import html_to_text
from services.intake.domain.senders.portal_text import KNOWN, name_in_subject, read_portal_text
from services.intake.domain.senders.reading import as_id, as_text
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import (
    Connection,
    Delivery,
    Forged,
    Ignored,
    Malformed,
    Notice,
    Sender,
    SentLead,
    Setting,
)
from services.intake.domain.senders.signing import same_text
from services.intake.domain.senders.xml_repair import cut_adf, decode_xml

FROM_IS_PERSON = Setting(
    "from_is_person",
    "People write to this address themselves: where the text names nobody, the lead is who the mail is from.",
    kind="boolean",
    default=False,
)
# Mailgun posts again for eight hours what was not answered with 200, and does not say whether it signs anew.
TOLERANCE = timedelta(hours=9)
MAX_MESSAGE = 20_000


def verify(delivery: Delivery, connection: Connection) -> None:
    """A key in a header, or Mailgun's signature in the form. Without a secret the secrecy of the hook's address is the only proof."""
    if not connection.secrets:
        return
    try:
        verify_key(delivery, connection)
    except Forged as missing:
        if missing.status != 401 or delivery.content_type not in FORMS:
            raise
        _verify_mailgun(delivery, connection, missing)


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """The prospects of the first ADF document in the mail, or one lead of its text. Raises Malformed."""
    mail = read_post(delivery)
    if mail.headers.get("auto-submitted", "").lower().startswith("auto-replied"):
        return [Ignored("an automatic reply")]
    for text in _documents(mail):
        if document := cut_adf(text):
            return [*read_prospects(document, read_zone(connection.settings.get(ZONE.name)))]
    return [_lead(mail, from_is_person=connection.settings.get(FROM_IS_PERSON.name) is True)]


def _verify_mailgun(delivery: Delivery, connection: Connection, missing: Forged) -> None:
    """Mailgun signs its timestamp and token, in hex, with the account's signing key. Raises Forged."""
    try:
        form = read_form(delivery.body, delivery.headers.get("content-type", "")).fields
    except Malformed:
        raise missing from None
    timestamp, token, signature = (as_text(form.get(name)) or "" for name in ("timestamp", "token", "signature"))
    if not (timestamp and token and signature):
        raise missing
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise Forged("The timestamp of Mailgun's signature cannot be read.")
    if abs(delivery.received_at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise Forged("Mailgun's signature is stale, or from the future.")
    signed = f"{timestamp}{token}".encode("utf-8", "surrogatepass")
    keys = [secret.encode("utf-8", "surrogatepass") for secret in connection.secrets if secret]
    if not any([same_text(signature.lower(), hmac.new(key, signed, sha256).hexdigest()) for key in keys]):
        raise Forged("Mailgun's signature is wrong.", 403)


def _documents(mail: Mail) -> Iterator[str]:
    """Where ADF may be. Some mailers put it into HTML, escaped."""
    yield mail.text
    for attached in mail.attachments:
        if b"<" in attached.data or attached.data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            yield decode_xml(attached.data)
    if mail.html:
        yield mail.html
        yield html_to_text(mail.html)


def _lead(mail: Mail, *, from_is_person: bool) -> SentLead:
    text, answers = _best_reading(mail)
    warnings: list[str] = []
    sender_name, sender = mailbox(mail.headers.get("from", ""))
    if from_is_person and not (answers.get("email") or answers.get("phone")):
        answers = {"name": sender_name, "email": sender, **answers, "message": answers.get("message") or text[:MAX_MESSAGE]}
    if not (answers.get("email") or answers.get("phone")) and (found := _likely_address(mail, text, sender)):
        answers["email"] = found
        warnings.append("email: no line says which it is; it is the only one that is not the portal's")
    if not any(answers.get(name) for name in ("name", "first_name", "last_name")) and (name := name_in_subject(mail.subject)):
        answers["name"] = name
    if "message" not in answers and text:
        answers["message"] = text[:MAX_MESSAGE]
    answers = {name: value for name, value in answers.items() if value}
    if mail.subject:
        answers["email_subject"] = mail.subject
    if sender and not from_is_person:
        answers["portal"] = sender.rpartition("@")[2].lower()
    external_id = as_id(mail.message_id)
    return SentLead(
        answers,
        external_id or fingerprint(answers),
        None if external_id else REPEATS,
        submitted_at=mail.sent_at,
        warnings=tuple(warnings),
    )


def _best_reading(mail: Mail) -> tuple[str, dict[str, Any]]:
    """The text and what its lines say. The HTML is read where the plain part says less: some portals leave that nearly empty."""
    readings = [(text, read_portal_text(text)) for text in (mail.text.strip(), html_to_text(mail.html)) if text]
    return max(readings, key=lambda reading: len(reading[1].keys() & set(KNOWN.values())), default=("", {}))


def _likely_address(mail: Mail, text: str, sender: str) -> str | None:
    """Whom an answer goes to, if that is not the portal; else the only address in the text that is neither the portal's nor ours."""
    portal = sender.rpartition("@")[2].lower()
    ours = {address.lower() for name in ("to", "cc", "delivered-to") for address in addresses(mail.headers.get(name, ""))}
    _, reply_to = mailbox(mail.headers.get("reply-to", ""))
    if reply_to and not _belongs(reply_to, portal) and reply_to.lower() not in ours:
        return reply_to
    strangers = [address for address in addresses(text) if not _belongs(address, portal) and address.lower() not in ours]
    return strangers[0] if len(strangers) == 1 else None


def _belongs(address: str, portal: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return bool(portal) and (domain == portal or domain.endswith(f".{portal}") or portal.endswith(f".{domain}"))


SENDER: Sender = Sender(
    kind="inbound_email",
    title="Inbound e-mail",
    help=(
        "Let your mail provider (Mailgun, SendGrid, Postmark, CloudMailin and others) post the mails of one address to the hook's "
        "address, parsed or as raw MIME, and give that mail address to your portals. As secret, set Mailgun's signing key, or the "
        "password of Basic credentials in the address that you give the provider."
    ),
    parse=parse,
    verify=verify,
    mapping=MappingProxyType({**{field: field for field in KNOWN.values()}, "vehicle_price": "budget"}),
    facts=("portal", "lead_type", "vehicle_interest", "vehicle_status", "vehicle_make", "vehicle_model"),
    secret="Optional: Mailgun's signing key, or the key or password that the provider sends in a header.",
    settings=(KEY_HEADER, FROM_IS_PERSON, ZONE),
    acknowledge=answer_nothing,
)
