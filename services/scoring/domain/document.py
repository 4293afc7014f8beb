"""A scorecard as plain data, the form in which it is written, sent and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.scoring.domain.scorecard import Grade, Qualification, Rule, Scorecard
from shared.rules import Condition


def from_document(document: Mapping[str, Any]) -> Scorecard:
    """Reads a scorecard from a document of the right shape: the HTTP edge sees to that. What it says is judged by `lint`.

        {"name": …, "rules": [{"name", "when": [{"field", "op", "value"}], "points", "reason"}],
         "grades": [{"grade", "min"}], "qualifications": [{"qualification", "min", "when"}]}

    `name` and `when` may be missing. Raises KeyError or TypeError for another shape.
    """
    return Scorecard(
        name=document.get("name"),
        rules=tuple(_rule(rule) for rule in document["rules"]),
        grades=tuple(Grade(one["grade"], one["min"]) for one in document["grades"]),
        qualifications=tuple(
            Qualification(one["qualification"], one["min"], _conditions(one.get("when", ())))
            for one in document["qualifications"]
        ),
    )


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(rule["name"], _conditions(rule.get("when", ())), rule["points"], rule["reason"])


def _conditions(when: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(Condition(one["field"], one["op"], _value(one["value"])) for one in when)


def _value(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
