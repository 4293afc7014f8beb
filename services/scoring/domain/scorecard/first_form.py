"""Scorecards of the first form, in which conditions were data and qualifications were part of the card, brought into the second one.

Scores stay what they were: the old bounds of 0 and 100 become a group. Four things have no counterpart and no longer match: a fact whose
name no rule can say (`Team Size`), whose rule becomes `false` and so stays in sight; a path into nested facts; a fact that is asked as
text here and as a number there, of which the first says what it is; a list in a fact that is no list by the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.scoring.domain.scorecard.default import DEFAULT
from shared.rules import Kind, Vocabulary

NEVER = "false"
GROUP = "score"
MOST, LEAST = 100, 0
_OUTCOMES = frozenset({"qualified", "disqualified", "insufficient", "unqualified"})  # levels may not be called so

Condition = Mapping[str, Any]


def from_v1(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The same card in the second form; one that is in it already is given back as it is. `vocabulary` are the facts of every lead."""
    if "rules" not in document:
        return dict(document)
    rules = document["rules"]
    own = _declared([rule.get("when") or () for rule in rules], vocabulary)
    known = vocabulary.plus(own)
    groups = _bounds([rule["points"] for rule in rules])
    return {
        **({"name": document["name"]} if document.get("name") else {}),
        **({"facts": {name: str(kind) for name, kind in own.items()}} if own else {}),
        "fit": {
            **({"groups": {GROUP: groups}} if groups else {}),
            "rules": [
                {
                    "name": _without_colons(rule["name"]),
                    "when": _all(rule.get("when") or (), known),
                    "points": rule["points"],
                    **({"group": GROUP} if groups else {}),
                    "reason": rule["reason"],
                }
                for rule in rules
            ],
        },
        "letters": _letters(document["grades"]),
        "numbers": DEFAULT["numbers"],
    }


def definition_from_v1(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The qualifications of a card of the first form, as a definition: levels that ask points and facts, and no dimensions."""
    found = document["qualifications"]
    own = _declared([one.get("when") or () for one in found], vocabulary)
    known = vocabulary.plus(own)
    levels: dict[str, list[str]] = {}
    for one in found:
        asks = [f"points >= {one['min']}"]
        if one.get("when"):
            asks.append(_all(one["when"], known))
        levels.setdefault(_level_name(one["qualification"]), []).append(" && ".join(asks))
    return {
        **({"name": document["name"]} if document.get("name") else {}),
        **({"facts": {name: str(kind) for name, kind in own.items()}} if own else {}),
        "dimensions": {},
        "levels": [{"name": name, "when": _either(asks)} for name, asks in levels.items()],
    }


def _level_name(name: str) -> str:
    return f"{name[:57]}_lead" if name in _OUTCOMES else name


def _either(asks: Sequence[str]) -> str:
    return asks[0] if len(asks) == 1 else " || ".join(f"({one})" for one in asks)


def _bounds(points: Sequence[int]) -> dict[str, int]:
    """Those of the old bounds that these points can break."""
    bounds = {}
    if sum(one for one in points if one > 0) > MOST:
        bounds["max"] = MOST
    if any(one < 0 for one in points):
        bounds["min"] = LEAST
    return bounds


def _letters(grades: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = [{"letter": _without_colons(grade["grade"]), "min": grade["min"]} for grade in grades]
    letters[-1].pop("min")
    return letters


def _without_colons(name: str) -> str:
    return name.replace(":", " ").strip()


# -- Conditions ------------------------------------------------------------------------------------------------------------------


def _declared(conditions: Iterable[Sequence[Condition]], vocabulary: Vocabulary) -> dict[str, Kind]:
    """The facts that only this document asks for, by the kind of what they are compared with first."""
    own: dict[str, Kind] = {}
    for condition in (one for when in conditions for one in when):
        name = condition["field"]
        if name not in vocabulary and name not in own and _is_name(name):
            own[name] = _kind_of(condition["value"])
    return own


def _is_name(name: str) -> bool:
    try:
        Vocabulary({name: Kind.TEXT})
    except ValueError:
        return False
    return True


def _kind_of(value: object) -> Kind:
    if isinstance(value, (list, tuple)):
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
    wanted = {value is True for value in values} if op != "!=" else {values[0] is not True}
    if op in (">=", "<="):
        return NEVER
    if len(wanted) == 2:
        return f"known({name})"
    return name if True in wanted else f"!{name}"


def _literal(value: object) -> str:
    if isinstance(value, str):
        plain = value.isprintable() and "'" not in value and "\\" not in value
        return f"'{value}'" if plain else json.dumps(value, ensure_ascii=False)
    return repr(value)
