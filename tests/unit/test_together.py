"""Statements that go together: what rows have in common goes once, and the statements are few."""

from __future__ import annotations

from itertools import product
from random import Random

from sqlalchemy import ARRAY, JSON, Column, Integer, MetaData, Table, Text

from shared.db.together import Inserts, one_of

TABLE = Table(
    "t",
    MetaData(schema="s"),
    Column("a", Integer),
    Column("b", Text),
    Column("order", JSON),
    Column("d", ARRAY(Integer)),
)
KIND = (TABLE, ("a", "b", "order", "d"))


def test_what_all_rows_have_in_common_goes_as_one_value() -> None:
    [(sql, arguments)] = Inserts().of({KIND: [(1, "x", "{}", [1]), (2, "x", "[]", [1])]})
    assert sql == (
        'INSERT INTO s.t (a, b, "order", d) SELECT a, $2::TEXT, "order"::JSON, $4::text::INTEGER[] '
        'FROM unnest($1::INTEGER[], $3::text[]) AS r(a, "order")'
    )
    assert arguments == [[1, 2], "x", ["{}", "[]"], "{1}"]


def test_a_column_that_varied_once_is_an_array_ever_after() -> None:
    inserts = Inserts()
    for b in ("x", "y"):
        [(sql, arguments)] = inserts.of({KIND: [(1, b, None, None)]})
        assert arguments == [[1], b, None, None]  # equal within its rows is enough
    inserts.of({KIND: [(1, "x", None, None), (1, "y", None, None)]})
    [(sql, arguments)] = inserts.of({KIND: [(1, "x", None, None)]})
    assert "unnest($1::INTEGER[], $2::TEXT[])" in sql
    assert arguments == [[1], ["x"], None, None]


def test_however_rows_are_mixed_the_statements_are_few() -> None:
    inserts, random = Inserts(), Random(1)
    drawn = [
        [(n, *rest) for n, rest in enumerate(random.choices(list(product("xy", "{[", [[1], None])), k=3))] for _ in range(200)
    ]
    said = {inserts.of({KIND: rows})[0][0] for rows in drawn}
    assert len(said) <= len(KIND[1])


def test_parameters_are_numbered_through() -> None:
    changes = [
        ("UPDATE s.t SET a = $2, b = $2 WHERE a = $1", [1, 2]),
        ("DELETE FROM s.t", []),
        ("DELETE FROM s.t WHERE a = ANY($1)", [[3]]),
    ]
    sql, arguments = one_of([*changes, ("INSERT INTO s.t (a) VALUES ($1), ($10)", list(range(10)))])
    assert sql == (
        "WITH s0 AS (UPDATE s.t SET a = $2, b = $2 WHERE a = $1), s1 AS (DELETE FROM s.t), "
        "s2 AS (DELETE FROM s.t WHERE a = ANY($3)) INSERT INTO s.t (a) VALUES ($4), ($13)"
    )
    assert arguments == [1, 2, [3], *range(10)]


def test_one_statement_alone_stays_as_it_is() -> None:
    assert one_of([("DELETE FROM s.t WHERE a = $1", [1])]) == ("DELETE FROM s.t WHERE a = $1", [1])
