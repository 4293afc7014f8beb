"""Rows of a list as leads: how its columns, its dates and its source say them. No transaction, so it may run in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from services.intake import domain
from services.intake.domain import lists
from services.intake.domain.identity import digest
from services.intake.domain.senders.moments import read_zone
from services.intake.handlers.drafts import Item
from services.intake.store.imports import Import
from services.intake.store.sources import Source

UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Reading:
    """All that turns a list's cells into leads."""

    source: Source
    said: domain.Mapping
    columns: list[lists.Column]
    mapping: domain.Mapping
    dates: lists.Dates
    file: str  # digest of the list's bytes

    def item(self, n: int, cells: Sequence[str]) -> Item:
        """The row as a lead to be received. A row without an id of its own is known by its place in the file."""
        row = lists.read_answers(cells, self.columns, self.dates)
        mapped = domain.map_payload(row.answers, self.mapping)
        return Item(
            fields=mapped.fields,
            custom=mapped.custom,
            source=self.source,
            warnings=[*row.warnings, *mapped.warnings],
            external_id=row.external_id or digest("list", self.file, str(n)).hex(),
            submitted_at=row.submitted_at,
        )

    def normal(self, item: Item) -> domain.NormalLead:
        """What would become of it. Raises Unreachable."""
        return domain.normalise(
            item.fields,
            item.custom,
            source=self.source.name,
            region=self.source.region,
            defaults=self.said.defaults,
            fact_keys=self.said.facts,
        )


def reading_of(source: Source, import_: Import, *, day_first: bool | None) -> Reading:
    """How an import's rows are read, by what was found."""
    said = domain.parse_mapping(source.mapping)
    columns = [lists.Column(**column) for column in import_.found["columns"]]
    zone = read_zone(import_.options.get("zone") or "UTC") or UTC
    dates = lists.Dates(frozenset(import_.found["dates"]["columns"]), day_first, zone)
    return Reading(source, said, columns, lists.mapping_of(columns, said.facts), dates, import_.found["sha256"])


def settled_order(import_: Import) -> bool | None:
    """Whether the day comes first in this list's dates: as it was said, else as it was found; None where it is open."""
    said: bool | None = import_.options.get("day_first")
    found: bool | None = import_.found["dates"]["day_first"]
    return said if said is not None else found


def found_columns(source: Source, layout: lists.Layout, data: Sequence[lists.Row], options: lists.Options) -> dict[str, Any]:
    """What a list turned out to be, to be kept and shown."""
    sample = [row.cells for row in data]
    columns = lists.propose_columns(
        layout.names,
        asked=options.mapping,
        source=domain.parse_mapping(source.mapping),
        sample=sample,
        headed=layout.header > 0,
    )
    return {
        "kind": layout.kind,
        "encoding": layout.encoding,
        "delimiter": layout.delimiter,
        "sheet": layout.sheet,
        "sheets": layout.sheets,
        "header": layout.header,
        "columns": [{"name": column.name, "field": column.field, "why": column.why} for column in columns],
        "dates": {"columns": sorted(lists.date_columns(sample, len(columns))), "day_first": None, "undecided": False},
    }


def notes_on(found: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What the person should look at before the list is taken."""
    columns = [lists.Column(**column) for column in found["columns"]]
    notes = []
    if not lists.reachable(columns):
        notes.append("No column is taken for an e-mail address or a phone number. Say which is one: PATCH mapping.")
    if found["dates"]["undecided"] and options.get("day_first") is None:
        names = ", ".join(columns[n].name for n in found["dates"]["columns"])
        notes.append(f"Dates could be day first or month first ({names}), and are kept as they are. Say which: PATCH day_first.")
    if found["header"] == 0:
        notes.append("The list has no row that names its columns. If it has one, say which: PATCH header.")
    if guessed := [column for column in columns if column.why in ("similar", "content")]:
        names = ", ".join(f"{column.name} as {column.field}" for column in guessed)
        notes.append(f"Taken for what it seems to be: {names}. If that is wrong: PATCH mapping.")
    return notes
