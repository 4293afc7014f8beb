"""Territories: places that an agent covers, and who covers a place, found without a look at each agent.

A territory is a country (DE), a region (US-CA), a postcode (DE:10115), a range of them (US:94000-94199), all that begin alike (GB:SW1*)
or a cell of the H3 grid (851fb467fffffff; https://h3geo.org).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import h3  # type: ignore[import-untyped]

_COUNTRY = re.compile(r"[A-Z]{2}")
_REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_POSTCODES = re.compile(r"([A-Z]{2}):([A-Z0-9 ]{1,12}(?:-[A-Z0-9]{1,12})?)(\*?)")
_CELL = re.compile(r"[0-9a-f]{15}")
_BETWEEN = re.compile(r"[\s-]+")


class Place(NamedTuple):
    """Where a lead is, as far as it is known. `cell` is an H3 cell of any resolution."""

    country: str | None = None
    region: str | None = None
    postcode: str | None = None
    cell: str | None = None


def place_of(facts: Mapping[str, Any]) -> Place:
    """The place that a lead's facts name: `country`, `region`, `postcode`, `h3`. What is no text is not there."""
    get = facts.get
    cell = _text(get("h3"))
    return Place(_text(get("country")), _text(get("region")), _text(get("postcode")), cell if cell and _is_cell(cell) else None)


@dataclass(frozen=True, slots=True)
class _Postcodes:
    """Postcodes of a country from `first` to `last`, both of one length; or all that begin with `first`, where `last` is None."""

    country: str
    first: str
    last: str | None


def read_territory(text: str) -> str:
    """A territory as it is written here. Raises ValueError for what is none."""
    wanted = text.strip()
    if _is_cell(wanted.lower()):
        return wanted.lower()
    wanted = wanted.upper()
    if _COUNTRY.fullmatch(wanted) or _REGION.fullmatch(wanted):
        return wanted
    _postcodes(wanted)
    return wanted


class Territories:
    """Who covers a place, for a set of agents. Their lists of territories are those that `read_territory` made."""

    def __init__(self, agents: Mapping[UUID, Iterable[str]]) -> None:
        names: dict[str, set[UUID]] = defaultdict(set)
        ranges: dict[tuple[str, int], list[tuple[str, str, UUID]]] = defaultdict(list)
        for agent_id, territories in agents.items():
            for territory in territories:
                postcodes = _postcodes(territory) if ":" in territory else None
                if postcodes and postcodes.last is not None and postcodes.last != postcodes.first:
                    ranges[postcodes.country, len(postcodes.first)].append((postcodes.first, postcodes.last, agent_id))
                else:
                    names[_key(postcodes) if postcodes else territory].add(agent_id)
        self._names = {name: frozenset(found) for name, found in names.items()}
        self._ranges = {key: _Ranges(found) for key, found in ranges.items()}
        self._coded = {name[:2] for name in self._names if ":" in name} | {country for country, _ in self._ranges}
        self._lengths: dict[str, tuple[int, ...]] = defaultdict(tuple)
        for country, length in sorted(self._ranges):
            self._lengths[country] += (length,)
        self._resolutions = sorted({h3.get_resolution(name) for name in self._names if _CELL.fullmatch(name)})
        self._unions: dict[tuple[frozenset[UUID], ...], frozenset[UUID]] = {}

    def covering(self, place: Place) -> frozenset[UUID]:
        """The agents who cover the place. Equal answers are one object, so that they can be told apart cheaply."""
        parts = tuple(dict.fromkeys(self._parts(place)))
        if len(parts) == 1:
            return parts[0]
        if parts not in self._unions:
            self._unions[parts] = frozenset().union(*parts)
        return self._unions[parts]

    def _parts(self, place: Place) -> Iterator[frozenset[UUID]]:
        names = self._names
        for name in (place.country, place.region):
            if name in names:
                yield names[name]
        if place.country in self._coded and place.country and place.postcode:
            code = _normal(place.postcode)
            for key in _keys(place.country, code):
                if key in names:
                    yield names[key]
            for length in self._lengths.get(place.country, ()):
                if length <= len(code) and (agents := self._ranges[place.country, length].at(code[:length])):
                    yield agents
        if place.cell:
            resolution = h3.get_resolution(place.cell)
            for one in self._resolutions:
                if one <= resolution and (parent := h3.cell_to_parent(place.cell, one)) in names:
                    yield names[parent]


class _Ranges:
    """Ranges of postcodes of one country and length, cut where one begins or ends: in each piece the agents are the same."""

    def __init__(self, ranges: Iterable[tuple[str, str, UUID]]) -> None:
        begins, ends = defaultdict(list), defaultdict(list)
        for first, last, agent_id in ranges:
            begins[first].append(agent_id)
            ends[last + "\0"].append(agent_id)  # behind `last`, and before whatever follows it
        counts: dict[UUID, int] = defaultdict(int)
        self._cuts: list[str] = []
        self._agents: list[frozenset[UUID]] = []
        for cut in sorted(begins.keys() | ends.keys()):
            for agent_id in begins.get(cut, ()):
                counts[agent_id] += 1
            for agent_id in ends.get(cut, ()):
                counts[agent_id] -= 1
                if not counts[agent_id]:
                    del counts[agent_id]
            self._cuts.append(cut)
            self._agents.append(frozenset(counts))

    def at(self, code: str) -> frozenset[UUID]:
        place = bisect_right(self._cuts, code) - 1
        return self._agents[place] if place >= 0 else frozenset()


def covers(territories: Iterable[str], place: Place) -> bool:
    """Whether these territories hold the place: the same answer as the index, for one agent."""
    return any(_holds(territory, place) for territory in territories)


def _holds(territory: str, place: Place) -> bool:
    if ":" not in territory:
        if territory in (place.country, place.region):
            return True
        return bool(place.cell and _CELL.fullmatch(territory)) and _is_within(str(place.cell), territory)
    wanted = _postcodes(territory)
    if place.country != wanted.country or not place.postcode:
        return False
    code = _normal(place.postcode)
    if wanted.last is None:
        return code.startswith(wanted.first)
    return code == wanted.first or wanted.first <= code[: len(wanted.first)] <= wanted.last != wanted.first


def _is_within(cell: str, wide: str) -> bool:
    resolution = h3.get_resolution(wide)
    return bool(resolution <= h3.get_resolution(cell) and h3.cell_to_parent(cell, resolution) == wide)


def _postcodes(territory: str) -> _Postcodes:
    """Raises ValueError for what names no postcodes."""
    found = _POSTCODES.fullmatch(territory)
    if not found:
        raise ValueError("must be a country (DE), a region (US-CA), postcodes (DE:10115, US:94000-94199, GB:SW1*) or an H3 cell")
    country, codes, star = found.groups()
    first, _, last = codes.partition("-")
    first, last = _normal(first), _normal(last)
    if not first:
        raise ValueError("names no postcode")
    if star:
        if last:
            raise ValueError("is either a range or all that begin alike, not both")
        return _Postcodes(country, first, None)
    if last and (len(first) != len(last) or first > last):
        raise ValueError("must be a range of postcodes of one length, the lower one first")
    return _Postcodes(country, first, last or first)


def _key(postcodes: _Postcodes) -> str:
    return f"{postcodes.country}:{postcodes.first}{'*' if postcodes.last is None else ''}"


def _keys(country: str, code: str) -> Iterator[str]:
    yield f"{country}:{code}"
    for length in range(1, len(code) + 1):
        yield f"{country}:{code[:length]}*"


def _normal(code: str) -> str:
    """Without spaces and dashes, so that SW1A 1AA and 94103-1234 are as SW1A1AA and 941031234."""
    return _BETWEEN.sub("", code).upper()[:20]


def _is_cell(text: str) -> bool:
    return bool(_CELL.fullmatch(text)) and h3.is_valid_cell(text)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
