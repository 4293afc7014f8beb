"""Conditions as data, `{"field", "op", "value"}` joined by "and", as documents of the first form had them, brought into CEL.

Three things have no counterpart and no longer match: a fact whose name no rule can say (`Team Size`), whose rule becomes `false` and so
stays in sight; a path into nested facts; a list in a fact that is no list by the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.rules.vocabulary import Kind, Vocabulary, name_fault

NEVER = "false"

Condition = Mapping[str, Any]


def facts_asked(conditions: Iterable[Sequence[Condition]], vocabulary: Vocabulary) -> dict[str, Kind]:
    """The facts that only this document asks for, by the kind of what they are compared with first."""
    own: dict[str, Kind] = {}
    for condition in (one for when in conditions for one in when):
        name = condition["field"]
        if name not in vocabulary and name not in own and not name_fault(name):
            own[name] = _kind_of(condition["value"])
    return own


def _kind_of(value: object) -> Kind:
    if isinstance(value, (list, tuple)):
        return _kind_of(value[0]) if value else Kind.TEXT
    if isinstance(value, bool):
        return Kind.TRUTH
    return Kind.NUMBER if isinstance(value, (int, float)) else Kind.TEXT


def to_cel(when: Sequence[Condition], vocabulary: Vocabulary) -> str:
    """One rule for conditions that must all hold. One that can never match, or says what no rule can say, makes it `false`."""
    asks = [_condition(one, vocabulary) for one in when]
    return NEVER if NEVER in asks else " && ".join(asks) or "true"


def _condition(condition: Condition, vocabulary: Vocabulary) -> str:
    name, op, given = condition["field"], condition["op"], condition["value"]
    kind = vocabulary.names.get(name)
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if kind is None:
        return NEVER
    if kind is Kind.TEXTS:
        return _of_list(name, op, [value for value in values if isinstance(value, str)])
    values = [value for value in values if _kind_of(value) is kind]
    if not values:
        return NEVER
    if kind is Kind.TRUTH:
        return _of_truth(name, op, values)
    if op == "in" and len(values) > 1:
        return f"{name} in [{', '.join(map(_literal, values))}]"
    return f"{name} {'==' if op == 'in' else op} {_literal(values[0])}"


def _of_list(name: str, op: str, values: Sequence[str]) -> str:
    """Of a list, `==` and `in` asked whether it holds one of the values, `!=` whether it holds none."""
    if op in (">=", "<="):
        return NEVER
    if not values:
        return f"known({name})" if op == "!=" else NEVER
    if op == "!=":
        return f"!({_literal(values[0])} in {name})"
    if len(values) == 1:
        return f"{_literal(values[0])} in {name}"
    return f"{name}.exists(one, one in [{', '.join(map(_literal, values))}])"


def _of_truth(name: str, op: str, values: Sequence[object]) -> str:
    if op in (">=", "<="):
        return NEVER
    wanted = {value is True for value in values} if op != "!=" else {values[0] is not True}
    if len(wanted) == 2:
        return f"known({name})"
    return name if True in wanted else f"!{name}"


def _literal(value: object) -> str:
    if isinstance(value, str):
        plain = value.isprintable() and "'" not in value and "\\" not in value
        return f"'{value}'" if plain else json.dumps(value, ensure_ascii=False)
    return repr(value)
