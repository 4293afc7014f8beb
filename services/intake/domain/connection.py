"""What a source of some kind may be told: its settings, checked against what its sender knows, and its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.domain.senders.shape import Connection, Setting

SIGNING = "signing"
PER_NAME = 2  # secrets of one name that are valid at once: the new one, and the old one until every sender has the new one
MAX_SECRET = 4096


class SettingError(ValueError):
    """A setting that cannot be saved. `field` is a JSON pointer into the settings."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Secret:
    """One secret of a source. `signing` is what deliveries are verified with; others, such as `access_token`, are what we fetch with."""

    id: str
    name: str
    value: str
    created_at: datetime


def check_settings(kind: str, settings: Sequence[Setting], document: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are kept. Raises SettingError for one that this kind of source does not have, or that has a wrong value."""
    known = {setting.name: setting for setting in settings}
    for name, value in document.items():
        if name not in known:
            choices = ", ".join(known) or "it has none"
            raise SettingError(f"/{name}", f"is no setting of a {kind} source; settings: {choices}")
        _check(known[name], value)
    for setting in settings:
        if setting.required and document.get(setting.name) in (None, "", []):
            raise SettingError(f"/{setting.name}", f"is required: {setting.help}")
    return {name: value for name, value in document.items() if value is not None}


FITS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text", lambda value: isinstance(value, str) and len(value) <= 4000),
    "integer": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "list": (
        "a list of texts",
        lambda value: isinstance(value, list) and len(value) <= 200 and all(isinstance(v, str) and len(v) <= 2000 for v in value),
    ),
}


def _check(setting: Setting, value: Any) -> None:
    words, fits = FITS[setting.kind]
    if value is not None and not fits(value):
        raise SettingError(f"/{setting.name}", f"is {words}: {setting.help}")


def connection_of(settings: Mapping[str, Any], secrets: tuple[Secret, ...]) -> Connection:
    """What a sender needs to know of the source."""
    signing = sorted((s for s in secrets if s.name == SIGNING), key=lambda s: s.created_at, reverse=True)
    return Connection(tuple(secret.value for secret in signing), settings)
