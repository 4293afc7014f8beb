"""Policies of the first form, in which conditions were data, brought into the second one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.router.domain.policy.schema import ROUTED
from shared.rules import Vocabulary
from shared.rules.conditions import facts_asked, to_cel


def is_first(document: object) -> bool:
    return isinstance(document, Mapping) and "default_pool" in document


def in_second_form(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """The same policy in the second form; one that is in it already is given back as it is. `vocabulary` is what `when` may ask."""
    if not is_first(document):
        return dict(document)
    rules = document.get("rules", [])
    own = facts_asked((rule.get("when", []) for rule in rules), vocabulary)
    known = vocabulary.plus(own)
    return {
        **({"facts": {name: str(kind) for name, kind in own.items()}} if own else {}),
        "routed": list(dict.fromkeys(document.get("routed", ROUTED))),
        "pools": document["pools"],
        "rules": [{"name": rule["name"], "when": to_cel(rule.get("when", []), known), "pool": rule["pool"]} for rule in rules],
        "default": document["default_pool"],
    }
