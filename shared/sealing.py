"""Sealing secrets that have to be kept: encrypted and authenticated at rest (Fernet: AES-128-CBC and HMAC-SHA256).

The keys are derived (HKDF, RFC 5869) from those of the installation's key file, each for one purpose. The first key seals, every key
opens, so a key is rotated as a token's key is; `stale` tells what is still sealed with an older one.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import ConfigurationError


class Sealer:
    """Seals and opens for one purpose. `keys` are at least 32 random bytes each, the newest first."""

    def __init__(self, keys: Sequence[bytes], *, purpose: str) -> None:
        self._newest, *older = [Fernet(_derived(key, purpose)) for key in keys]
        self._all = MultiFernet([self._newest, *older])

    def seal(self, content: bytes) -> bytes:
        return self._newest.encrypt(content)

    def open(self, sealed: bytes) -> bytes:
        """Raises ConfigurationError where no key opens it: the key that sealed it was taken out of the key file too early."""
        try:
            return self._all.decrypt(sealed)
        except InvalidToken:
            raise ConfigurationError(
                "HANDOFF_TOKEN_KEYS: no key of the file opens a sealed secret; put the older key back"
            ) from None

    def stale(self, sealed: bytes) -> bool:
        """Was this sealed with an older key?"""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return True
        return False


def _derived(key: bytes, purpose: str) -> bytes:
    return urlsafe_b64encode(HKDF(SHA256(), length=32, salt=None, info=f"handoff {purpose}".encode()).derive(key))
