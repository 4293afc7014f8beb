"""What a person says of a list: checked, and kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.domain.lists import FIELDS, Options, known_encoding
from services.intake.domain.lists.delimited import DELIMITERS
from services.intake.domain.mapping import CUSTOM
from services.intake.domain.senders.moments import read_zone
from shared.errors import invalid

NAMES = tuple(Options.__dataclass_fields__)


def check_options(said: Mapping[str, Any]) -> None:
    """Raises Refused (422) for what cannot be meant."""
    if (delimiter := said.get("delimiter")) is not None and delimiter not in DELIMITERS:
        raise invalid("delimiter", "is one of: comma, semicolon, tab, vertical bar")
    if (encoding := said.get("encoding")) is not None and not known_encoding(encoding):
        raise invalid("encoding", "is no encoding that is known here; common ones: utf-8, utf-16, cp1252, shift_jis")
    if (zone := said.get("zone")) is not None and read_zone(zone) is None:
        raise invalid("zone", "is no time zone; write it as Europe/Paris")
    for name, field in (said.get("mapping") or {}).items():
        if field is not None and field != CUSTOM and field not in FIELDS:
            raise invalid(f"mapping/{name}", f"{field} is no field; choose one of {', '.join([*sorted(FIELDS), CUSTOM])}")


def options_of(kept: Mapping[str, Any]) -> Options:
    """The options as they were kept with an import."""
    return Options(**{name: kept[name] for name in NAMES if kept.get(name) is not None})
