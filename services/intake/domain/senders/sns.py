"""AWS SNS: messages in a signed envelope. Any sender may come through a topic; Zillow does.

The signature is by a certificate that the envelope names by address. That address is trusted only if it is SNS's own, and the certificate
is fetched by the edge: `verify_envelope` raises NeedsCertificate where it is not among the connection's settings, under `certificates`.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import NameOID

from services.intake.domain.senders.moments import read_moment
from services.intake.domain.senders.reading import read_object
from services.intake.domain.senders.shape import Confirmation, Connection, Delivery, Forged, Ignored, Malformed, Notice, Setting

TOPIC = Setting(
    "topic_arn",
    "The ARN of the SNS topic that deliveries come from. With it, what does not come from that topic is refused.",
)
CERTIFICATES = "certificates"  # address → PEM; put among the settings by the edge, not by people
TOLERANCE = timedelta(hours=1)  # SNS tries again for about as long

NOTIFICATION = "Notification"
SUBSCRIBE = "SubscriptionConfirmation"
UNSUBSCRIBE = "UnsubscribeConfirmation"

# What is signed, in this order; a subject that is missing is left out.
_SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: Mapping[str, type[SHA1] | type[SHA256]] = {"1": SHA1, "2": SHA256}

# Whole addresses, not parsed parts: what a pattern does not allow, no other reader of addresses can be made to see differently.
_HOST = r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE_URL = re.compile(rf"{_HOST}/[A-Za-z0-9_-]{{1,120}}\.pem", re.ASCII)
_SUBSCRIBE_URL = re.compile(rf"{_HOST}/\?([A-Za-z0-9=&%:._~+-]{{1,2000}})", re.ASCII)
_SUBJECT = re.compile(r"sns(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?", re.ASCII)


class NeedsCertificate(Exception):
    """The certificate at `url` is needed. The address is checked already: it is one of SNS's own."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(frozen=True)
class Envelope:
    """One SNS message: its fields as they came, the signed ones all texts."""

    fields: Mapping[str, str]

    @property
    def type(self) -> str:
        return self.fields["Type"]

    @property
    def message(self) -> str:
        return self.fields["Message"]


def open_envelope(delivery: Delivery) -> Envelope | None:
    """The envelope, not verified yet; None where the delivery is in none."""
    if b'"SigningCertURL"' not in delivery.body and "x-amz-sns-message-type" not in delivery.headers:
        return None
    try:
        body = read_object(delivery.body)
    except Malformed:
        return None
    fields = {name: value for name, value in body.items() if isinstance(value, str)}
    return Envelope(fields) if fields.get("Type") in _SIGNED and "TopicArn" in fields else None


def verify_envelope(envelope: Envelope, delivery: Delivery, connection: Connection) -> None:
    """Raises Forged (401 missing or stale, 403 wrong), or NeedsCertificate where it must be fetched first."""
    fields = envelope.fields
    needed = {*_SIGNED[envelope.type], "Signature", "SignatureVersion", "SigningCertURL"} - {"Subject"}
    missing = sorted(needed - fields.keys())
    if missing:
        raise Forged(f"The SNS message lacks {', '.join(missing)}.")
    _verify_topic(fields["TopicArn"], connection)
    _verify_age(fields["Timestamp"], delivery.received_at)
    if not _CERTIFICATE_URL.fullmatch(url := fields["SigningCertURL"]):
        raise Forged("The SNS message names a certificate that is not on a host of SNS.", 403)
    if (hash_of := _HASHES.get(fields["SignatureVersion"])) is None:
        raise Forged("The SNS message has a signature version that is not known here.")
    key = _public_key(url, delivery.received_at, connection)
    try:
        key.verify(b64decode(fields["Signature"], validate=True), canonical(fields), PKCS1v15(), hash_of())
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError):
        raise Forged("The signature of the SNS message is wrong.", 403) from None


def canonical(fields: Mapping[str, str]) -> bytes:
    """What SNS signs: the names and values of some fields, each on a line of its own."""
    lines = [f"{name}\n{fields[name]}\n" for name in _SIGNED[fields["Type"]] if name in fields]
    return "".join(lines).encode("utf-8", "surrogatepass")


def read_control(envelope: Envelope) -> list[Notice] | None:
    """What a message about the subscription itself says; None for a notification. Raises Malformed."""
    if envelope.type == NOTIFICATION:
        return None
    if envelope.type == UNSUBSCRIBE:
        return [Ignored("unsubscribed from the SNS topic")]
    match = _SUBSCRIBE_URL.fullmatch(url := envelope.fields.get("SubscribeURL", ""))
    if match is None or parse_qs(match[1]).get("Action") != ["ConfirmSubscription"]:
        raise Malformed("SubscribeURL is not an address at which SNS confirms subscriptions.")
    return [Confirmation(url)]


def _verify_topic(arn: str, connection: Connection) -> None:
    expected = connection.settings.get(TOPIC.name)
    if expected and arn != expected:
        raise Forged("The SNS message comes from another topic.", 403)


def _verify_age(timestamp: str, received_at: datetime) -> None:
    sent_at = read_moment(timestamp)
    if sent_at is None:
        raise Forged("The timestamp of the SNS message cannot be read.")
    if abs(received_at - sent_at) > TOLERANCE:
        raise Forged("The SNS message is stale: it is more than an hour old, or from the future.")


def _public_key(url: str, at: datetime, connection: Connection) -> RSAPublicKey:
    certificates: Any = connection.settings.get(CERTIFICATES)
    pem = certificates.get(url) if isinstance(certificates, Mapping) else None
    if not isinstance(pem, str):
        raise NeedsCertificate(url)
    if (found := _read_certificate(pem)) is None:
        raise Forged("The certificate of the SNS message cannot be read, or is not one of SNS.", 403)
    certificate, key = found
    if not certificate.not_valid_before_utc <= at.astimezone(UTC) <= certificate.not_valid_after_utc:
        raise Forged("The certificate of the SNS message is not valid at this time.", 403)
    return key


@lru_cache(maxsize=16)
def _read_certificate(pem: str) -> tuple[x509.Certificate, RSAPublicKey] | None:
    """The certificate and its key, if it is made out to SNS."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii", "replace"))
        names = [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPublicKey) or not any(isinstance(name, str) and _SUBJECT.fullmatch(name) for name in names):
        return None
    return certificate, key
