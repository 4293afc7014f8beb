"""What can be told of rules without a lead: that one can never be true, that one is hidden by another.

Comparisons of one fact are checked exactly against one another; everything else only for saying and denying the same thing. So an answer is
always right, and there may be none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from shared.rules.cases import Case, Claim, Literal, negated
from shared.rules.comparisons import Comparison
from shared.rules.rule import Rule


def contradiction(rule: Rule) -> str | None:
    """Why the rule can never be true, for a person; None where it can, or where we cannot tell."""
    if rule.cases is None:
        return None
    clashes = []
    for case in rule.cases:
        clash = _clash(case)
        if clash is None:
            return None
        clashes.append(clash)
    return clashes[0] if clashes else "it is false whatever the lead"


def implies(strong: Rule, weak: Rule) -> bool:
    """Whether every lead that `strong` matches is surely matched by `weak`; False also means "cannot tell"."""
    if strong.cases is None or weak.cases is None:
        return strong.text == weak.text and strong.vocabulary == weak.vocabulary
    return all(_clash(case) is not None or any(_covers(other, case) for other in weak.cases) for case in strong.cases)


def always(rule: Rule) -> bool:
    """Whether the rule is true of every lead; False also means "cannot tell"."""
    return rule.cases is not None and frozenset() in rule.cases


def _covers(weak: Case, strong: Case) -> bool:
    """Whether every lead in the case `strong` is in `weak`."""
    return all(literal in strong or _follows(literal, strong) for literal in weak)


def _follows(literal: Literal, case: Case) -> bool:
    """Whether the literal holds of every lead in the case. A comparison does where its opposite contradicts what the case says."""
    if isinstance(literal, Claim):
        return literal.is_true and any(isinstance(one, Comparison) and one.name == literal.known for one in case)
    same = [one for one in case if isinstance(one, Comparison) and one.name == literal.name]
    return bool(same) and _comparisons_clash([*same, negated(literal)])


# -- One case --------------------------------------------------------------------------------------------------------------------


def _clash(case: Case) -> str | None:
    """Why no lead can meet all of the case."""
    compared: dict[str, list[Comparison]] = defaultdict(list)
    claims: dict[object, Claim] = {}
    for literal in case:
        if isinstance(literal, Comparison):
            compared[literal.name].append(literal)
        elif claims.setdefault(literal.key, literal) != literal:
            return f"`{literal.known}` cannot be known and not known" if literal.known else "one part says what another denies"
    for claim in claims.values():
        if claim.known in compared and not claim.is_true:
            return f"`{claim.known}` is compared where it is not known"
    for name in sorted(compared):
        if _comparisons_clash(compared[name]):
            return f"`{name}` cannot be {_together(compared[name])}"
    return None


def _comparisons_clash(comparisons: Sequence[Comparison]) -> bool:
    """Whether no value of one fact satisfies all of these."""
    if any(one.op in ("has", "lacks") for one in comparisons):
        return not _values(comparisons, "has").isdisjoint(_values(comparisons, "lacks"))
    accepted = [set(one.values) for one in comparisons if one.op in ("==", "in")]
    if accepted:
        return not any(_satisfies(value, comparisons) for value in set.intersection(*accepted))
    return _is_empty(comparisons)


def _values(comparisons: Iterable[Comparison], op: str) -> set[object]:
    return {value for one in comparisons if one.op == op for value in one.values}


def _satisfies(value: Any, comparisons: Iterable[Comparison]) -> bool:
    return all(_holds(value, one) for one in comparisons)


def _holds(value: Any, one: Comparison) -> bool:
    bound: Any = one.values[0] if one.values else None
    match one.op:
        case "==" | "in":
            return value in one.values
        case "!=" | "not in":
            return value not in one.values
        case "<":
            return bool(value < bound)
        case "<=":
            return bool(value <= bound)
        case ">":
            return bool(value > bound)
    return bool(value >= bound)


def _is_empty(comparisons: Sequence[Comparison]) -> bool:
    """Whether nothing lies between the highest lower and the lowest upper bound."""
    lower: list[Any] = [one.values[0] for one in comparisons if one.op in (">", ">=")]
    upper: list[Any] = [one.values[0] for one in comparisons if one.op in ("<", "<=")]
    if not lower or not upper:
        return False
    lowest, highest = max(lower), min(upper)
    if lowest < highest:
        return False
    return bool(lowest > highest) or not _satisfies(lowest, comparisons)


# -- In words --------------------------------------------------------------------------------------------------------------------

_WORDS = {">": "above {}", ">=": "at least {}", "<": "below {}", "<=": "at most {}", "has": "with {}", "lacks": "without {}"}


def _together(comparisons: Sequence[Comparison]) -> str:
    """Two of them that clash, or all where no two do."""
    ordered = sorted(comparisons, key=lambda one: (one.op, repr(one.values)))
    clashing: Iterable[Comparison] = next((pair for pair in combinations(ordered, 2) if _comparisons_clash(pair)), ordered)
    return " and ".join(_in_words(one) for one in sorted(clashing, key=lambda one: (">" not in one.op, one.op, repr(one.values))))


def _in_words(one: Comparison) -> str:
    values = ", ".join(_said(value) for value in one.values)
    match one.op:
        case "==":
            return values
        case "!=":
            return f"other than {values}"
        case "in":
            return f"one of {values}" if one.values else "one of none"
        case "not in":
            return f"none of {values}"
    return _WORDS[one.op].format(values)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else f"'{value}'"
