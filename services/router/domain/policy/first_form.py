"""Policies of the first form, in which conditions were data, brought into the second one.

Three things have no counterpart and no longer match: a fact whose name no rule can say (`Team Size`), whose rule becomes `false` and so
stays in sight; a path into nested facts; a list in a fact that is no list by the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.router.domain.policy.schema import ROUTED
from shared.rules import Kind, Vocabulary
from shared.rules.vocabulary import name_fault

NEVER = "false"

Condition = Mapping[str, Any]


def is_first(document: object) -> bool:
    return isinstance(document, Mapping) and "default_pool" in document


def in_second_form(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The same policy in the second form; one that is in it already is given back as it is. `vocabulary` is what `when` may ask."""
    if not is_first(document):
        return dict(document)
    rules = document.get("rules", [])
    own = _declared((rule.get("when", []) for rule in rules), vocabulary)
    known = vocabulary.plus(own)
    return {
        **({"facts": {name: str(kind) for name, kind in own.items()}} if own else {}),
        "routed": list(dict.fromkeys(document.get("routed", ROUTED))),
        "pools": document["pools"],
        "rules": [{"name": rule["name"], "when": _all(rule.get("when", []), known), "pool": rule["pool"]} for rule in rules],
        "default": document["default_pool"],
    }


def _declared(conditions: Iterable[Sequence[Condition]], vocabulary: Vocabulary) -> dict[str, Kind]:
    """The facts that only this document asks for, by the kind of what they are compared with first."""
    own: dict[str, Kind] = {}
    for condition in (one for when in conditions for one in when):
        name = condition["field"]
        if name not in vocabulary and name not in own and not name_fault(name):
            own[name] = _kind_of(condition["value"])
    return own


def _kind_of(value: object) -> Kind:
    if isinstance(value, list):
        return _kind_of(value[0]) if value else Kind.TEXT
    if isinstance(value, bool):
        return Kind.TRUTH
    return Kind.NUMBER if isinstance(value, (int, float)) else Kind.TEXT


def _all(when: Sequence[Condition], vocabulary: Vocabulary) -> str:
    asks = [_condition(one, vocabulary) for one in when]
    return NEVER if NEVER in asks else " && ".join(asks) or "true"


def _condition(condition: Condition, vocabulary: Vocabulary) -> str:
    name, op, given = condition["field"], condition["op"], condition["value"]
    kind = vocabulary.names.get(name)
    values = given if isinstance(given, list) else [given]
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
