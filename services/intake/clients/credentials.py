"""What a call to a sender needs of its source: the secrets by name, opened by whoever keeps them, and the source's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.intake.clients.errors import Unset


@dataclass(frozen=True)
class Credentials:
    """Of one source. Which names a sender needs is in NEEDS (registry.py)."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def secret(self, name: str) -> str:
        """Raises Unset where it is missing, or could not be sent in a header."""
        value = self.secrets.get(name, "").strip()
        if not value:
            raise Unset(f"the source has no secret {name}")
        if not (value.isascii() and value.isprintable()):
            raise Unset(f"the secret {name} holds characters that no token has")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A setting that must be there, unless there is a default. Raises Unset."""
        value = self.settings.get(name)
        if value in (None, ""):
            value = default
        if value is None:
            raise Unset(f"the source needs the setting {name}")
        return str(value)

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty where it is not set."""
        value = self.settings.get(name) or []
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]

    def number(self, name: str, default: float, *, most: float) -> float:
        """A number from 0 to `most`; the default where it is not set, or is none."""
        value = self.settings.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            return default
        return min(float(value), most)

    def scrub(self, words: str) -> str:
        """A sender's own words, fit to be shown: short, on one line, and without our secrets where it quotes them."""
        for value in self.secrets.values():
            if value.strip():
                words = words.replace(value.strip(), "…")
        return " ".join(words.split())[:200]
