"""Scorecards of the first form, in which conditions were data and qualifications were part of the card, brought into the second one.

Scores stay what they were: the old bounds of 0 and 100 become a group. Four things have no counterpart and no longer match: a fact whose
name no rule can say (`Team Size`), whose rule becomes `false` and so stays in sight; a path into nested facts; a fact that is asked as
text here and as a number there, of which the first says what it is; a list in a fact that is no list by the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.scoring.domain.scorecard.default import DEFAULT
from shared.rules import Vocabulary
from shared.rules.conditions import facts_asked, to_cel

GROUP = "score"
MOST, LEAST = 100, 0
_OUTCOMES = frozenset({"qualified", "disqualified", "insufficient", "unqualified"})  # levels may not be called so


def from_v1(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The same card in the second form; one that is in it already is given back as it is. `vocabulary` are the facts of every lead."""
    if "rules" not in document:
        return dict(document)
    rules = document["rules"]
    own = facts_asked([rule.get("when") or () for rule in rules], vocabulary)
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
                    "when": to_cel(rule.get("when") or (), known),
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
    own = facts_asked([one.get("when") or () for one in found], vocabulary)
    known = vocabulary.plus(own)
    levels: dict[str, list[str]] = {}
    for one in found:
        asks = [f"points >= {one['min']}"]
        if one.get("when"):
            asks.append(to_cel(one["when"], known))
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
