"""New rows of several tables, and changes beside them, in one statement: one way to the server and back for all that a unit of work writes.

    WITH s0 AS (INSERT INTO intake.contacts (…) SELECT … FROM unnest($1::uuid[], …) …),
         s1 AS (UPDATE intake.leads …) INSERT INTO intake.leads (…) SELECT …

For the rows of a few hundred leads. COPY costs less a row, but two ways a table, and nothing else is done on the connection meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, JSON, Table
from sqlalchemy.dialects.postgresql.base import PGDialect

Kind: TypeAlias = tuple[Table, tuple[str, ...]]
"""A table and the columns that rows of it come with."""

Rows: TypeAlias = Sequence[Sequence[Any]]
Said: TypeAlias = tuple[str, Sequence[Any]]
"""A statement with parameters $1, $2, … and its arguments."""

_DIALECT = PGDialect()  # type: ignore[no-untyped-call]
_WRITTEN = _DIALECT.identifier_preparer  # quotes the names that need it
_PARAMETER = re.compile(r"\$(\d+)")


class Inserts:
    """Makes the statements that add rows of some kinds.

    A column that says the same in all rows goes as one value, since each element of an array costs the driver. One that did not once is an
    array ever after: else each mixture of equal columns would be a statement of its own, which the server has to plan.
    """

    def __init__(self) -> None:
        self._varying: dict[Kind, frozenset[str]] = {}

    def of(self, added: Mapping[Kind, Rows]) -> list[Said]:
        """A statement for each kind, none of them without rows. JSON goes as text (`to_json`), an array as ids or numbers."""
        return [self._insert(kind, rows) for kind, rows in added.items()]

    def _insert(self, kind: Kind, rows: Rows) -> Said:
        table, names = kind
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        varying = self._varying.get(kind, frozenset(names[:1]))  # one array at least, which tells how many rows there are
        if new := {name for name, values in columns.items() if name not in varying and not _says_one_thing(values)}:
            varying |= new
        self._varying[kind] = varying
        sent = {name: _literals(values) if _is_array(table, name) else list(values) for name, values in columns.items()}
        return insert(table, names, varying), [values if name in varying else values[0] for name, values in sent.items()]


@lru_cache(maxsize=256)
def insert(table: Table, names: tuple[str, ...], varying: frozenset[str]) -> str:
    """Adds rows: a parameter for each column, an array where it is one of the `varying`."""
    stored, taken, unpacked = [], [], []
    for place, column in enumerate(names, 1):
        type_ = table.c[column].type
        # An array of arrays would be taken apart, and a JSON text in an array is quoted once more: both go as text.
        name, said, text = _WRITTEN.quote(column), type_.compile(dialect=_DIALECT), isinstance(type_, ARRAY | JSON)
        sent = f"${place}::{'text' if text else said}"
        value = name if column in varying else sent
        stored.append(f"{value}::{said}" if text else value)
        if column in varying:
            taken.append(f"{sent}[]")
            unpacked.append(name)
    listed = ", ".join(map(_WRITTEN.quote, names))
    rows = f"unnest({', '.join(taken)}) AS r({', '.join(unpacked)})"
    return f"INSERT INTO {_WRITTEN.format_table(table)} ({listed}) SELECT {', '.join(stored)} FROM {rows}"


def one_of(statements: Sequence[Said]) -> Said:
    """One statement that does what all of these do. Whether keys exist is asked once all is done."""
    return _joined(tuple(sql for sql, _ in statements)), [value for _, arguments in statements for value in arguments]


@lru_cache(maxsize=256)
def _joined(statements: tuple[str, ...]) -> str:
    taken, numbered = 0, []
    for sql in statements:
        numbered.append(_numbered_from(taken, sql))
        taken += max((int(n) for n in _PARAMETER.findall(sql)), default=0)
    *others, last = numbered
    before = ", ".join(f"s{n} AS ({one})" for n, one in enumerate(others))
    return f"WITH {before} {last}" if before else last


def _numbered_from(taken: int, sql: str) -> str:
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + taken}", sql)


def _says_one_thing(values: Sequence[Any]) -> bool:
    return values[0] == values[-1] and values.count(values[0]) == len(values)


def _is_array(table: Table, name: str) -> bool:
    return isinstance(table.c[name].type, ARRAY)


def _literals(column: Sequence[Sequence[Any] | None]) -> list[str | None]:
    return [None if values is None else "{" + ",".join(map(str, values)) + "}" for values in column]
