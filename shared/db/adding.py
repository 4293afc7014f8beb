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

Shape: TypeAlias = tuple[Table, tuple[tuple[str, bool], ...]]
"""A kind of which some columns (True) say the same in all rows: they go as one value, since each element of an array costs the driver."""

_DIALECT = PGDialect()  # type: ignore[no-untyped-call]
_WRITTEN = _DIALECT.identifier_preparer  # quotes the names that need it


def asked(added: Mapping[Kind, Sequence[Sequence[Any]]]) -> tuple[str, list[Any]]:
    """The statement that adds these rows, and its arguments. JSON goes as text (`to_json`), an array as ids or numbers."""
    shapes: list[Shape] = []
    arguments: list[Any] = []
    for (table, names), rows in added.items():
        columns = [
            [_literal(value) for value in column] if isinstance(table.c[name].type, ARRAY) else list(column)
            for name, column in zip(names, zip(*rows, strict=True), strict=True)
        ]
        shared = [False, *map(_says_one_thing, columns[1:])]  # one array at least, which tells how many rows there are
        shapes.append((table, tuple(zip(names, shared, strict=True))))
        arguments += [column[0] if one else column for column, one in zip(columns, shared, strict=True)]
    return statement(tuple(shapes)), arguments


@lru_cache(maxsize=256)
def statement(shapes: tuple[Shape, ...]) -> str:
    """Adds rows of all these shapes. Whether keys exist is asked once all rows are there."""
    places = count(1)
    *others, last = [_insert(table, columns, places) for table, columns in shapes]
    before = ", ".join(f"a{n} AS ({one})" for n, one in enumerate(others))
    return f"WITH {before} {last}" if before else last


def _insert(table: Table, columns: Sequence[tuple[str, bool]], places: Iterator[int]) -> str:
    stored, taken, unpacked = [], [], []
    for column, shared in columns:
        type_ = table.c[column].type
        # An array of arrays would be taken apart, and a JSON text in an array is quoted once more: both go as text.
        name, said, text = _WRITTEN.quote(column), type_.compile(dialect=_DIALECT), isinstance(type_, ARRAY | JSON)
        sent = f"${next(places)}::{'text' if text else said}"
        value = sent if shared else name
        stored.append(f"{value}::{said}" if text else value)
        if not shared:
            taken.append(f"{sent}[]")
            unpacked.append(name)
    listed = ", ".join(_WRITTEN.quote(column) for column, _ in columns)
    rows = f"unnest({', '.join(taken)}) AS r({', '.join(unpacked)})"
    return f"INSERT INTO {_WRITTEN.format_table(table)} ({listed}) SELECT {', '.join(stored)} FROM {rows}"


def _says_one_thing(column: list[Any]) -> bool:
    return column[0] == column[-1] and column.count(column[0]) == len(column)


def _literal(values: Sequence[Any] | None) -> str | None:
    return None if values is None else "{" + ",".join(map(str, values)) + "}"
