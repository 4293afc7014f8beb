"""SNS messages, signed here with a certificate made for the tests."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from services.intake.domain.senders.shape import Connection, Delivery
from tests.unit.intake.senders.posted import AT, post

TOPIC = "arn:aws:sns:us-east-1:111122223333:leads"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
CONFIRM = f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
SUBSCRIPTION = {"Type": "SubscriptionConfirmation", "Token": "2336412f37", "SubscribeURL": CONFIRM, "Message": "You have chosen"}

# The order in which the fields are signed, as AWS writes it.
NOTIFIED = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
CONFIRMED = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]


@lru_cache(maxsize=1)
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=8)
def certificate(name: str = "sns.amazonaws.com", start: datetime = AT - timedelta(days=30), days: int = 365) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key().public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key(), SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def message(**changes: Any) -> dict[str, Any]:
    """An SNS message without its signature."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": "2026-06-01T09:00:00.000Z",
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE,
        **changes,
    }


def signed(**changes: Any) -> dict[str, Any]:
    fields = message(**changes)
    names = NOTIFIED if fields["Type"] == "Notification" else CONFIRMED
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    hashed = SHA1() if fields["SignatureVersion"] == "1" else SHA256()
    signature = key().sign(text.encode(), PKCS1v15(), hashed)
    return {**fields, "Signature": base64.b64encode(signature).decode()}


def deliver(fields: dict[str, Any]) -> Delivery:
    """SNS says that its JSON is plain text."""
    return post(json.dumps(fields), "text/plain; charset=UTF-8", x_amz_sns_message_type=str(fields.get("Type")))


def trusting(pem: str | None = None, *secrets: str, url: str = CERTIFICATE, **settings: Any) -> Connection:
    return Connection(secrets, {"certificates": {url: pem or certificate()}, **settings})
