"""How senders prove who they are, by their published rules and not by the code under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.senders.case import Proof, Sent

Prove = Callable[[Sent, Proof], Sent]


def hexed(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def based(message: bytes, key: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


def milliseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


# -- Signatures over the body --------------------------------------------------------------------------------------------------------


def as_meta(sent: Sent, proof: Proof) -> Sent:
    return sent.headed(x_hub_signature_256="sha256=" + hexed(sent.body, proof.secret))


def as_linkedin(sent: Sent, proof: Proof) -> Sent:
    return sent.headed(x_li_signature=hexed(b"hmacsha256=" + sent.body, proof.secret))


def as_typeform(sent: Sent, proof: Proof) -> Sent:
    return sent.headed(typeform_signature="sha256=" + based(sent.body, proof.secret.encode()))


def as_tiktok(sent: Sent, proof: Proof) -> Sent:
    signature = hexed(seconds(proof.at).encode() + b"." + sent.body, proof.secret)
    return sent.headed(tiktok_signature=f"t={seconds(proof.says)},s={signature}")


def as_calendly(sent: Sent, proof: Proof) -> Sent:
    signature = hexed(seconds(proof.at).encode() + b"." + sent.body, proof.secret)
    return sent.headed(calendly_webhook_signature=f"t={seconds(proof.says)},v1={signature}")


def as_webflow(sent: Sent, proof: Proof) -> Sent:
    signature = hexed(milliseconds(proof.at).encode() + b":" + sent.body, proof.secret)
    return sent.headed(x_webflow_signature=signature, x_webflow_timestamp=milliseconds(proof.says))


def as_hubspot(sent: Sent, proof: Proof) -> Sent:
    message = b"POST" + proof.url.encode() + sent.body + milliseconds(proof.at).encode()
    signature = based(message, proof.secret.encode())
    return sent.headed(x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=milliseconds(proof.says))


def as_standard(name: str) -> Prove:
    """Standard Webhooks, with the message's id in the header already."""

    def prove(sent: Sent, proof: Proof) -> Sent:
        key = base64.b64decode(proof.secret.removeprefix("whsec_"))
        message = f"{sent.headers[f'{name}-id']}.{seconds(proof.at)}.".encode() + sent.body
        signature = f"v1,{based(message, key)}"
        return sent.headed(**{f"{name}_timestamp": seconds(proof.says), f"{name}_signature": signature})

    return prove


def whsec(seed: str) -> str:
    return "whsec_" + base64.b64encode(hashlib.sha256(seed.encode()).digest()).decode()


# -- Keys, and what is signed within the body ----------------------------------------------------------------------------------------


def as_google(sent: Sent, proof: Proof) -> Sent:
    return sent.said(json.dumps({**json.loads(sent.body), "google_key": proof.secret}).encode())


def with_key(header: str, form: str = "{}") -> Prove:
    """The secret itself, in a header."""
    return lambda sent, proof: sent.headed(**{header: form.format(proof.secret)})


def with_password(sent: Sent, proof: Proof) -> Sent:
    """The secret as the password of Basic credentials."""
    return sent.headed(authorization="Basic " + base64.b64encode(f"portal:{proof.secret}".encode()).decode())


def as_form(sent: Sent, proof: Proof) -> Sent:
    """The time at which the page was made, signed by its server; a while ago, for people take their time."""
    made, says = int(proof.at.timestamp()) - 30, int(proof.says.timestamp()) - 30
    return sent.said(sent.body + f"&_ts={says}.{hexed(str(made).encode(), proof.secret)}".encode())


def as_mailgun(sent: Sent, proof: Proof) -> Sent:
    token = hashlib.sha256(sent.body).hexdigest()[:50]
    signature = hexed(f"{seconds(proof.at)}{token}".encode(), proof.secret)
    return sent.said(
        sent.body + b"&" + urlencode({"timestamp": seconds(proof.says), "token": token, "signature": signature}).encode()
    )


# -- AWS SNS -------------------------------------------------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:us-east-1:111122223333:invented-leads"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
NOTIFIED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


@lru_cache(maxsize=4)
def sns_key(secret: str) -> rsa.RSAPrivateKey:
    """The private key of whoever has this secret."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def through_sns(sent: Sent, proof: Proof) -> Sent:
    return enveloped(
        proof,
        Type="Notification",
        MessageId=hashlib.sha256(sent.body).hexdigest()[:32],
        Message=sent.body.decode(),
    )


def enveloped(proof: Proof, **fields: str) -> Sent:
    """A signed SNS message. SNS says that its JSON is plain text."""
    fields = {"Timestamp": _stamp(proof.at), "TopicArn": TOPIC, "SigningCertURL": CERTIFICATE, **fields}
    names = NOTIFIED if fields["Type"] == "Notification" else CONFIRMED
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    signature = sns_key(proof.secret).sign(text.encode(), PKCS1v15(), SHA256())
    signed = {**fields, "SignatureVersion": "2", "Signature": base64.b64encode(signature).decode()}
    body = json.dumps({**signed, "Timestamp": _stamp(proof.says) if proof.claimed else fields["Timestamp"]})
    headers = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": fields["Type"]}
    return Sent(body.encode(), headers)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
