"""Signed, self-contained tokens: checked offline by every service, issued by a command, ended by expiry or key rotation.

A token is a JWT (HS256) with `sub`, `role`, `exp`, and `agent_id` for an agent or a partner. Keys live in one file,
readable by its owner only, as a JWK set: the first key signs, every key verifies, so a key is rotated by putting a new one first.
"""

from __future__ import annotations

import json
import os
import stat
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from shared.errors import ConfigurationError, Refused

ISSUER = "handoff"
REMEMBERED = 1024


class Role(StrEnum):
    """What a caller may do. A closed list: services name the roles a route is for."""

    ADMIN = "admin"  # everything
    MARKETING = "marketing"  # sources, scorecards, leads
    SALES_MANAGER = "sales_manager"  # agents, pools, policies, every lead
    AGENT = "agent"  # their own leads
    PARTNER = "partner"  # their own leads
    SERVICE = "service"  # machines: post leads, read events; no contact data
    VIEWER = "viewer"  # read reports and leads; no contact data


@dataclass(frozen=True)
class Caller:
    """Who is asking. `agent_id` is set exactly for agents and partners."""

    subject: str
    role: Role
    agent_id: UUID | None = None

    @property
    def sees_contacts(self) -> bool:
        return self.role not in (Role.SERVICE, Role.VIEWER)

    @property
    def only_own_leads(self) -> bool:
        return self.role in (Role.AGENT, Role.PARTNER)


class Tokens:
    """Issues and checks tokens with the keys of one key file."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        self._seen: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    @classmethod
    def from_file(cls, path: Path) -> Tokens:
        """Reads a JWK set. Raises ConfigurationError when it is missing, open to others, or not a key set."""
        try:
            mode = path.stat().st_mode
            text = path.read_text()
        except OSError as error:
            raise ConfigurationError(
                f"HANDOFF_TOKEN_KEYS: cannot read {path} ({error.strerror}). Make one with: python -m services keys new PATH"
            ) from error
        if mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise ConfigurationError(f"HANDOFF_TOKEN_KEYS: {path} is open to other users; run: chmod 600 {path}")
        try:
            keys = KeySet.import_key_set(json.loads(text))
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise ConfigurationError(f"HANDOFF_TOKEN_KEYS: {path} holds no JWK set") from error
        if not keys.keys:
            raise ConfigurationError(f"HANDOFF_TOKEN_KEYS: {path} holds no key")
        return cls(keys)

    def raw_keys(self) -> list[bytes]:
        """The keys themselves, the newest first: for deriving others from them (shared/sealing.py)."""
        return [key.raw_value for key in self._keys.keys if isinstance(key, OctKey)]

    def issue(self, caller: Caller, *, now: datetime, lifetime: timedelta) -> str:
        """A token for that caller, from now on for that long."""
        key = self._keys.keys[0]
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": caller.subject,
            "role": caller.role.value,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        if caller.agent_id:
            claims["agent_id"] = str(caller.agent_id)
        return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, key)

    def check(self, token: str, *, now: datetime) -> Caller:
        """Who holds this token. Raises Refused (401) for one that is forged, malformed or expired."""
        digest = sha256(token.encode()).digest()
        known = self._seen.get(digest)
        if known is None:
            known = self._verify(token)
            self._remember(digest, known)
        caller, expires = known
        if now.timestamp() >= expires:
            raise unauthorized("The token has expired; ask for a new one.")
        return caller

    def _verify(self, token: str) -> tuple[Caller, float]:
        try:
            claims = jwt.decode(token, self._keys, algorithms=["HS256"]).claims
            agent = claims.get("agent_id")
            caller = Caller(str(claims["sub"]), Role(claims["role"]), UUID(agent) if agent else None)
            expires = float(claims["exp"])
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise unauthorized("The token is not one of ours.") from error
        if claims.get("iss") != ISSUER or caller.only_own_leads != (caller.agent_id is not None):
            raise unauthorized("The token is not one of ours.")
        return caller, expires

    def _remember(self, digest: bytes, known: tuple[Caller, float]) -> None:
        # Verification costs as much as parsing a lead; the hot route sees the same few tokens again and again.
        self._seen[digest] = known
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def write_new_keys(path: Path) -> None:
    """Puts a fresh signing key first in a key file, keeping the older keys for verification. The file is made 0600."""
    older = json.loads(path.read_text())["keys"] if path.exists() else []
    fresh = OctKey.generate_key(256, auto_kid=True).as_dict(private=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"keys": [fresh, *older]}, file)
    temporary.replace(path)


def unauthorized(detail: str) -> Refused:
    return Refused(401, "unauthorized", detail=detail, headers={"WWW-Authenticate": 'Bearer realm="handoff"'})
