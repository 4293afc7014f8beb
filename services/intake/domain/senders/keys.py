"""Senders that do not sign but know a key: one of the source's secrets, in a header, compared in constant time."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator

from services.intake.domain.senders.plain_text import decode_text
from services.intake.domain.senders.shape import Connection, Delivery, Forged, Setting
from services.intake.domain.senders.signing import is_secret

KEY_HEADER = Setting(
    "key_header",
    "The header in which the secret is sent, if it is another than Authorization (as it is, behind Bearer, or as Basic "
    "credentials) or X-API-Key.",
)
USUAL_HEADERS = ("authorization", "x-api-key")


def verify_key(delivery: Delivery, connection: Connection) -> None:
    """Raises Forged: 401 where the key is missing or no secret is known to compare it with, 403 for a wrong one."""
    named = connection.settings.get(KEY_HEADER.name)
    headers = (named.strip().lower(),) if isinstance(named, str) and named.strip() else USUAL_HEADERS
    given = [key for name in headers for key in _keys(delivery.headers.get(name, ""))]
    if not given:
        raise Forged(f"The key is missing: it is expected in the header {' or '.join(headers)}.")
    if not any(connection.secrets):
        raise Forged("The source has no secret that a key could be compared with.")
    if not any([is_secret(key, connection) for key in given]):
        raise Forged("The key is wrong: it is no secret of this source.", 403)


def verify_key_if_any(delivery: Delivery, connection: Connection) -> None:
    """As `verify_key` where the source has a secret. Where it has none, the secrecy of the hook's address is the only proof."""
    if connection.secrets:
        verify_key(delivery, connection)


def _keys(header: str) -> Iterator[str]:
    """What may be the key in a header's value. Never an empty text: an empty secret would open the door to everybody."""
    value = header.strip()
    if not value:
        return
    yield value
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "basic":
        yield from _credentials(rest.strip())
    elif scheme.lower() in ("bearer", "apikey", "token") and rest.strip():
        yield rest.strip()


def _credentials(encoded: str) -> Iterator[str]:
    """Of Basic credentials: `user:password` as one, and the password, or the user where there is no password."""
    try:
        pair = decode_text(b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return
    user, _, password = pair.partition(":")
    yield from (text for text in (pair, password or user) if text)
