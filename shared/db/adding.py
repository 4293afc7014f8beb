"""New rows of several tables in one statement: one way to the server and back for all that a unit of work adds.

    WITH a0 AS (INSERT INTO intake.contacts (…) SELECT … FROM unnest($1::uuid[], …) …) INSERT INTO intake.leads (…) SELECT …

For the rows of a few hundred leads. COPY costs less a row, but two ways a table, and nothing else is done on the connection meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, JSON, Table
from sqlalchemy.dialects.postgresql.base import PGDialect

Kind: TypeAlias = tuple[Table, tuple[str, ...]]
"""A table and the columns that rows of it come with."""

_DIALECT = PGDialect()  # type: ignore[no-untyped-call]
_WRITTEN = _DIALECT.identifier_preparer  # quotes the names that need it


@lru_cache(maxsize=256)
def statement(kinds: tuple[Kind, ...]) -> str:
    """Adds rows of all these kinds, each column an array (`arrays`). Whether keys exist is asked once all rows are there."""
    places = count(1)
    *others, last = [_insert(table, columns, places) for table, columns in kinds]
    before = ", ".join(f"a{n} AS ({one})" for n, one in enumerate(others))
    return f"WITH {before} {last}" if before else last


def arrays(added: Mapping[Kind, Sequence[Sequence[Any]]]) -> list[list[Any]]:
    """The rows as the statement of their kinds takes them. JSON goes as text (`to_json`), an array as ids or numbers."""
    return [
        [_literal(value) for value in column] if isinstance(table.c[name].type, ARRAY) else list(column)
        for (table, columns), rows in added.items()
        for name, column in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _insert(table: Table, columns: tuple[str, ...], places: Iterator[int]) -> str:
    names = [_WRITTEN.quote(name) for name in columns]
    types = [table.c[name].type for name in columns]
    # An array of arrays would be taken apart, and a JSON text in an array is quoted once more: both go as text.
    texts = [isinstance(one, ARRAY | JSON) for one in types]
    said = [one.compile(dialect=_DIALECT) for one in types]
    stored = ", ".join(f"{name}::{type_}" if text else name for name, type_, text in zip(names, said, texts, strict=True))
    taken = ", ".join(f"${next(places)}::{'text' if text else type_}[]" for type_, text in zip(said, texts, strict=True))
    listed = ", ".join(names)
    return f"INSERT INTO {_WRITTEN.format_table(table)} ({listed}) SELECT {stored} FROM unnest({taken}) AS r({listed})"


def _literal(values: Sequence[Any] | None) -> str | None:
    return None if values is None else "{" + ",".join(map(str, values)) + "}"
