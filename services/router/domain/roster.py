"""Agents as people write them: settings checked field by field, and lists of agents to be taken over."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from services.router.domain.agent import CAPS, DAYS, Settings
from services.router.domain.availability import is_calendar
from services.router.domain.availability.hours import read_block
from services.router.domain.period import is_zone
from services.router.domain.territory import read_territory
from shared.rules import Problem

MAX_CAP = 100_000
MAX_WEIGHT = 1_000
MAX_LEVEL = 100
MAX_TEXTS = 200  # skills, languages, tags
MAX_TERRITORIES = 5_000
MAX_BLOCKS = 12  # a day
MAX_ROWS = 10_000
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class InvalidSettings(ValueError):
    """What somebody wants an agent to be cannot be; `problems` names each field by a JSON Pointer (RFC 6901)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{one.path}: {one.message}" for one in self.problems))


def change_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with these changes: what is left out stays, null is the default again; `caps` and `open_weights` are
    changed name by name (RFC 7396), all else as a whole. `daily_cap` and `open_cap` are short for two of the caps.

    Raises InvalidSettings with every problem found.
    """
    reader = _Reader()
    document = {**settings.to_document()}
    for name, value in _with_caps(changes).items():
        if name in ("caps", "open_weights") and isinstance(value, Mapping):
            value = {key: one for key, one in {**document.get(name, {}), **value}.items() if one is not None}
        if name not in _READERS:
            reader.problem(f"/{name}", "is no field of an agent")
        elif value is None:
            document.pop(name, None)
        else:
            document[name] = _READERS[name](reader, value, f"/{name}")
    if not document.get("name") and not any(one.path == "/name" for one in reader.problems):
        reader.problem("/name", "must not be empty")
    if reader.problems:
        raise InvalidSettings(reader.problems)
    return Settings.from_document(document)


def _with_caps(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with `daily_cap` and `open_cap` among the caps."""
    short = {cap: changes[name] for name, cap in (("daily_cap", "day"), ("open_cap", "open")) if name in changes}
    others = {name: value for name, value in changes.items() if name not in ("daily_cap", "open_cap")}
    if short and isinstance(others.get("caps") or {}, Mapping):
        others["caps"] = {**short, **(others.get("caps") or {})}
    return others


class _Reader:
    """Reads field by field, and keeps what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def text(self, value: object, path: str) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > 200:
            self.problem(path, "must be text of 1 to 200 characters")
            return ""
        return value.strip()

    def truth(self, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            self.problem(path, "must be true or false")
        return bool(value)

    def kind(self, value: object, path: str) -> str:
        if value not in ("agent", "partner"):
            self.problem(path, "must be agent or partner")
        return str(value)

    def zone(self, value: object, path: str) -> str:
        zone = self.text(value, path)
        if zone and not is_zone(zone):
            self.problem(path, f"{zone} is no IANA time zone, such as Europe/Paris")
        return zone

    def number(self, value: object, path: str, least: int, most: int) -> int:
        if type(value) is not int or not least <= value <= most:
            self.problem(path, f"must be a whole number from {least} to {most}")
            return least
        return value

    def weight(self, value: object, path: str) -> int:
        return self.number(value, path, 1, MAX_WEIGHT)

    def level(self, value: object, path: str) -> int:
        return self.number(value, path, 1, MAX_LEVEL)

    def caps(self, value: object, path: str) -> dict[str, int]:
        if unknown := self.mapping(value, path).keys() - set(CAPS):
            self.problem(f"{path}/{min(unknown)}", f"is none of {', '.join(CAPS)}")
        caps = self.mapping(value, path)
        return {name: self.number(caps[name], f"{path}/{name}", 0, MAX_CAP) for name in CAPS if name in caps}

    def open_weights(self, value: object, path: str) -> dict[str, int]:
        return {str(name): self.number(one, f"{path}/{name}", 0, 100) for name, one in self.mapping(value, path).items()}

    def agent_id(self, value: object, path: str) -> str:
        try:
            return str(UUID(str(value)))
        except ValueError:
            self.problem(path, "must be an agent's id (a UUID)")
            return ""

    def texts(self, value: object, path: str) -> list[str]:
        return self.each(value, path, MAX_TEXTS, self.text)

    def languages(self, value: object, path: str) -> list[str]:
        return self.each(value, path, MAX_TEXTS, self.language)

    def language(self, value: object, path: str) -> str:
        if not isinstance(value, str) or not _LANGUAGE.fullmatch(value.strip()):
            self.problem(path, "must be a language's tag, such as de or pt-BR")
        return str(value).strip()

    def territories(self, value: object, path: str) -> list[str]:
        return self.each(value, path, MAX_TERRITORIES, self.territory)

    def territory(self, value: object, path: str) -> str:
        try:
            return read_territory(self.text(value, path))
        except ValueError as error:
            self.problem(path, str(error))
            return ""

    def holidays(self, value: object, path: str) -> list[str]:
        return self.each(value, path, MAX_TEXTS, self.holiday)

    def holiday(self, value: object, path: str) -> str:
        name = self.text(value, path)
        if name and not is_calendar(name) and not _DATE.fullmatch(name):
            self.problem(path, f"there is no calendar {name}; one is DE, DE-BY or US-CA, or give a date such as 2026-12-24")
        return name

    def hours(self, value: object, path: str) -> dict[str, list[str]]:
        if unknown := self.mapping(value, path).keys() - set(DAYS):
            self.problem(f"{path}/{min(unknown)}", f"is none of {', '.join(DAYS)}")
        hours = self.mapping(value, path)
        return {day: self.each(hours[day], f"{path}/{day}", MAX_BLOCKS, self.block) for day in DAYS if day in hours}

    def block(self, value: object, path: str) -> str:
        block = self.text(value, path).replace(" ", "")
        try:
            read_block(block)
        except ValueError as error:
            self.problem(path, str(error))
        return block

    def each(self, value: object, path: str, most: int, read: Callable[[object, str], str]) -> list[str]:
        """A list of different texts, in its own order."""
        if not isinstance(value, (list, tuple)) or len(value) > most:
            self.problem(path, f"must be a list of at most {most}")
            return []
        return list(dict.fromkeys(read(one, f"{path}/{number}") for number, one in enumerate(value)))

    def mapping(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or len(value) > MAX_TEXTS:
            if not any(one.path == path for one in self.problems):
                self.problem(path, "must be an object")
            return {}
        return value


_READERS: dict[str, Callable[[_Reader, Any, str], Any]] = {
    "name": _Reader.text,
    "kind": _Reader.kind,
    "active": _Reader.truth,
    "zone": _Reader.zone,
    "weight": _Reader.weight,
    "level": _Reader.level,
    "manager_id": _Reader.agent_id,
    "external_ref": _Reader.text,
    "skills": _Reader.texts,
    "languages": _Reader.languages,
    "tags": _Reader.texts,
    "territories": _Reader.territories,
    "hours": _Reader.hours,
    "holidays": _Reader.holidays,
    "caps": _Reader.caps,
    "open_weights": _Reader.open_weights,
    "needs_presence": _Reader.truth,
}


# -- Lists -----------------------------------------------------------------------------------------------------------------------

_LISTS = frozenset(("skills", "languages", "tags", "territories", "holidays"))
_NUMBERS = frozenset(("weight", "level"))
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_COLUMNS = frozenset(_READERS) - {"caps", "hours", "open_weights"}
_CAP_COLUMNS = {f"{cap}_cap": cap for cap in CAPS} | {"daily_cap": "day"}


class UnreadableRoster(ValueError):
    """The list as a whole cannot be read; the message says why."""


def read_csv(text: str) -> list[dict[str, Any]]:
    """Rows of a CSV (comma, semicolon or tab) as documents for `change_settings`; an empty cell says nothing.

    Columns are fields of an agent; lists within a cell are parted by | and caps are hour_cap, day_cap, week_cap, month_cap and open_cap.
    Hours are a column a day (mon … sun) with blocks parted by |. Raises UnreadableRoster.
    """
    header, _, _ = text.lstrip("\ufeff").partition("\n")
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        _check_columns(columns)
        rows = [_document(row) for row, _ in zip(reader, range(MAX_ROWS + 1), strict=False)]
    except csv.Error as error:
        raise UnreadableRoster(f"is no CSV: {error}") from error
    if len(rows) > MAX_ROWS:
        raise UnreadableRoster(f"has more than {MAX_ROWS} rows; send it in parts")
    return rows


def _check_columns(columns: list[str]) -> None:
    known = _COLUMNS | _CAP_COLUMNS.keys() | set(DAYS)
    if unknown := [name for name in columns if name not in known]:
        raise UnreadableRoster(f"has a column {unknown[0]!r}, which is none of {', '.join(sorted(known))}")
    if not {"name", "external_ref"} & set(columns):
        raise UnreadableRoster("needs a column name or external_ref, by which an agent is known")
    if len(set(columns)) < len(columns):
        raise UnreadableRoster("names a column twice")


def _document(row: Mapping[str | None, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if row.get(None):  # more cells than columns
        document["more cells than columns"] = row[None]
    cells = {name: cell.strip() for name, cell in row.items() if name and cell and cell.strip()}
    for name, cell in cells.items():
        if name in _CAP_COLUMNS:
            document.setdefault("caps", {})[_CAP_COLUMNS[name]] = _number(cell)
        elif name in DAYS:
            document.setdefault("hours", {})[name] = _parts(cell)
        elif name in _LISTS:
            document[name] = _parts(cell)
        else:
            document[name] = _value(name, cell)
    return document


def _value(name: str, cell: str) -> object:
    if name in _NUMBERS:
        return _number(cell)
    return _TRUTHS.get(cell.lower(), cell) if name in ("active", "needs_presence") else cell


def _number(cell: str) -> object:
    return int(cell) if re.fullmatch(r"\d{1,9}", cell) else cell


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|") if part.strip()]
