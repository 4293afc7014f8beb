"""HMAC signatures: one table of how each sender signs, and one function that verifies by it.

A profile says where the signature is, what it is over and with which key. Verified over the raw bytes, before anything is parsed, with
each secret that is valid now, in constant time.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from hashlib import sha256
from types import MappingProxyType

from services.intake.domain.senders.shape import Connection, Delivery, Forged, Setting


class Part(Enum):
    """What a message is made of, beside texts that are always the same."""

    METHOD = "method"
    URL = "url"  # HubSpot's: some characters are decoded
    TIMESTAMP = "timestamp"  # as it was sent, digit for digit
    ID = "id"
    BODY = "body"


class Encoding(StrEnum):
    HEX = "hex"
    BASE64 = "base64"


class Key(StrEnum):
    """How the key is made of the secret."""

    UTF8 = "utf8"
    WHSEC = "whsec"  # base64 of what follows `whsec_`


@dataclass(frozen=True)
class Timestamp:
    """When a delivery was signed: in a header of its own, or in the signature's header behind `item`. `unit` is its length."""

    header: str | None = None
    item: str | None = None
    unit: timedelta = timedelta(seconds=1)
    tolerance: timedelta = timedelta(minutes=5)


@dataclass(frozen=True)
class Profile:
    """How one sender signs.

    `prefix` stands before each signature, unless it `may_be_bare`; what has another prefix is another scheme's and is not looked at.
    `separator` is between several items of the header; None: the header is one signature. Header names are lower case.
    """

    header: str
    message: tuple[Part | str, ...] = (Part.BODY,)
    prefix: str = ""
    may_be_bare: bool = False
    separator: str | None = None
    encoding: Encoding = Encoding.HEX
    timestamp: Timestamp | None = None
    id_header: str | None = None
    key: Key = Key.UTF8


def _stamped(header: str) -> Profile:
    """Standard Webhooks, under whichever names its three headers have."""
    return Profile(
        f"{header}-signature",
        message=(Part.ID, ".", Part.TIMESTAMP, ".", Part.BODY),
        prefix="v1,",
        separator=" ",
        encoding=Encoding.BASE64,
        timestamp=Timestamp(header=f"{header}-timestamp"),
        id_header=f"{header}-id",
        key=Key.WHSEC,
    )


MILLISECONDS = timedelta(milliseconds=1)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "meta": Profile("x-hub-signature-256", prefix="sha256="),
        # Two readings of one sentence of LinkedIn's: the prefix belongs to the message, or to the header only.
        "linkedin": Profile("x-li-signature", ("hmacsha256=", Part.BODY), prefix="hmacsha256=", may_be_bare=True),
        "linkedin_body": Profile("x-li-signature", prefix="hmacsha256=", may_be_bare=True),
        "tiktok": Profile(
            "tiktok-signature",
            (Part.TIMESTAMP, ".", Part.BODY),
            prefix="s=",
            separator=",",
            timestamp=Timestamp(item="t="),
        ),
        "typeform": Profile("typeform-signature", prefix="sha256=", encoding=Encoding.BASE64),
        "hubspot": Profile(
            "x-hubspot-signature-v3",
            (Part.METHOD, Part.URL, Part.BODY, Part.TIMESTAMP),
            encoding=Encoding.BASE64,
            timestamp=Timestamp(header="x-hubspot-request-timestamp", unit=MILLISECONDS),
        ),
        "calendly": Profile(
            "calendly-webhook-signature",
            (Part.TIMESTAMP, ".", Part.BODY),
            prefix="v1=",
            separator=",",
            timestamp=Timestamp(item="t=", tolerance=timedelta(minutes=3)),
        ),
        "webflow": Profile(
            "x-webflow-signature",
            (Part.TIMESTAMP, ":", Part.BODY),
            timestamp=Timestamp(header="x-webflow-timestamp", unit=MILLISECONDS),
        ),
        "standard_webhooks": _stamped("webhook"),
        "svix": _stamped("svix"),
    }
)

ACCEPT_UNSIGNED = Setting(
    "accept_unsigned",
    "Take deliveries without any signature. The secrecy of the hook's address is then the only proof of where they come from.",
    kind="boolean",
    default=False,
)


def verify_signature(profile: Profile, delivery: Delivery, connection: Connection) -> None:
    """Raises Forged: 401 where a proof is missing, stale or from the future, or no secret is known to check it by; 403 for a wrong one."""
    header = delivery.headers.get(profile.header, "").strip()
    if not header:
        raise Forged(f"The signature is missing: there is no header {profile.header}.")
    items = [item.strip() for item in header.split(profile.separator)] if profile.separator else [header]
    stamp = _timestamp(profile, delivery, items)
    message = _message(profile, delivery, stamp)
    ours = [sign(profile, key, message) for key in _keys(profile, connection)]
    # No early end: how long it takes says nothing of which secret or which signature was right.
    if not any([hmac.compare_digest(given, expected) for given in _signatures(profile, items) for expected in ours]):
        raise Forged("The signature is wrong: it was not made of this body with a secret of this source.", 403)


def verify_signed_unless_accepted(profile: Profile, delivery: Delivery, connection: Connection) -> None:
    """As `verify_signature`, but what bears no signature at all passes where the source says that it accepts that."""
    if connection.settings.get(ACCEPT_UNSIGNED.name) is True and profile.header not in delivery.headers:
        return
    verify_signature(profile, delivery, connection)


def is_secret(given: str, connection: Connection) -> bool:
    """Whether this text is one of the source's secrets."""
    return any([same_text(given, secret) for secret in connection.secrets])


def same_text(given: str, ours: str) -> bool:
    """In constant time for texts of one length."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), ours.encode("utf-8", "surrogatepass"))


def sign(profile: Profile, key: bytes, message: bytes) -> bytes:
    """The signature in the profile's encoding, as ASCII."""
    digest = hmac.digest(key, message, sha256)
    return binascii.hexlify(digest) if profile.encoding is Encoding.HEX else b64encode(digest)


def _keys(profile: Profile, connection: Connection) -> list[bytes]:
    keys = [key for secret in connection.secrets if (key := KEYS[profile.key](secret))]
    if not keys:
        raise Forged("The source has no secret that a signature could be checked with.")
    return keys


def _utf8(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _whsec(secret: str) -> bytes:
    encoded = secret.rpartition("whsec_")[2].strip()
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return b""


KEYS: Mapping[Key, Callable[[str], bytes]] = MappingProxyType({Key.UTF8: _utf8, Key.WHSEC: _whsec})


def _signatures(profile: Profile, items: list[str]) -> list[bytes]:
    found = [item.removeprefix(profile.prefix) for item in items if profile.may_be_bare or item.startswith(profile.prefix)]
    if profile.encoding is Encoding.HEX:
        found = [signature.lower() for signature in found]
    return [signature.encode("utf-8", "surrogatepass") for signature in found]


def _timestamp(profile: Profile, delivery: Delivery, items: list[str]) -> str:
    """The time of signing as it was sent; empty where the sender sends none. Raises Forged for one outside the tolerance, either way."""
    if (rule := profile.timestamp) is None:
        return ""
    if rule.header is not None:
        stamp = delivery.headers.get(rule.header, "").strip()
    else:
        stamp = next((item.removeprefix(rule.item or "") for item in items if item.startswith(rule.item or "")), "")
    if not stamp:
        raise Forged("The signature is missing: it has no timestamp.")
    if not _DIGITS.fullmatch(stamp):
        raise Forged("The signature's timestamp cannot be read.")
    age = (delivery.received_at - EPOCH) - int(stamp) * rule.unit
    if age > rule.tolerance:
        raise Forged(f"The signature is stale: it is more than {rule.tolerance.total_seconds():.0f} seconds old.")
    if age < -rule.tolerance:
        raise Forged("The signature is from the future: compare the sender's clock with ours.")
    return stamp


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Thirteen digits are milliseconds until the year 2286, and as seconds still fit a timedelta.
_DIGITS = re.compile(r"[0-9]{1,13}")


def _message(profile: Profile, delivery: Delivery, stamp: str) -> bytes:
    parts: dict[Part, bytes] = {
        Part.METHOD: delivery.method.upper().encode("ascii", "replace"),
        Part.URL: decode_some(delivery.url).encode("utf-8", "surrogatepass"),
        Part.TIMESTAMP: stamp.encode("ascii"),
        Part.ID: _id(profile, delivery).encode("utf-8", "surrogatepass"),
        Part.BODY: delivery.body,
    }
    return b"".join(part.encode() if isinstance(part, str) else parts[part] for part in profile.message)


def _id(profile: Profile, delivery: Delivery) -> str:
    if profile.id_header is None:
        return ""
    if not (given := delivery.headers.get(profile.id_header, "").strip()):
        raise Forged(f"The signature is missing: there is no header {profile.id_header}.")
    return given


def decode_some(url: str) -> str:
    """The address as HubSpot signs it: these twelve characters are decoded, and no others."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), url)


_ENCODED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
