"""Values held against comparisons: what an agent says, and what a lead may say that a rule matches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from shared.rules import Comparison, Kind, Rule

_PLAIN: dict[Kind, object] = {Kind.TEXT: "any", Kind.NUMBER: 1.0, Kind.TRUTH: True, Kind.TEXTS: ["any"]}


def holds(value: Any, one: Comparison) -> bool:
    """Whether a value of the fact's kind meets the comparison; one that is not known (None) meets none."""
    if value is None:
        return False
    constant: Any = one.values[0] if one.values else None
    match one.op:
        case "==" | "in":
            return value in one.values
        case "!=" | "not in":
            return value not in one.values
        case "has":
            return constant in value
        case "lacks":
            return constant not in value
        case "<":
            return bool(value < constant)
        case "<=":
            return bool(value <= constant)
        case ">":
            return bool(value > constant)
    return bool(value >= constant)


def compared(rules: Iterable[Rule]) -> dict[str, list[Comparison]]:
    """By fact all that rules compare it with, definitions written out."""
    found: dict[str, dict[Comparison, None]] = defaultdict(dict)
    for rule in rules:
        for case in rule.cases or (rule.conjuncts,):
            for literal in case:
                if isinstance(literal, Comparison):
                    found[literal.name][literal] = None
    return {name: sorted(ones, key=repr) for name, ones in sorted(found.items())}


def values_of(comparisons: Sequence[Comparison], kind: Kind) -> list[Any]:
    """Values of one fact that tell its comparisons apart: those that are named first, then others."""
    named: list[Any] = sorted({value for one in comparisons for value in one.values}, key=lambda value: (str(type(value)), value))
    match kind:
        case Kind.NUMBER:
            return [*named, *_between([float(value) for value in named])]
        case Kind.TEXT:
            return [*named, _other(named)]
        case Kind.TEXTS:
            return [named, *([value] for value in named), []]
    return [True, False]


def witnesses(rule: Rule) -> Iterator[dict[str, Any]]:
    """Facts by which the rule may match, one of each of its cases. What is no comparison is not seen to: ask the rule."""
    kinds = rule.vocabulary.names
    for case in rule.cases or (frozenset(rule.conjuncts),):
        by_name: dict[str, list[Comparison]] = defaultdict(list)
        facts: dict[str, Any] = {}
        for literal in case:
            if isinstance(literal, Comparison):
                by_name[literal.name].append(literal)
            elif literal.known and literal.is_true:
                facts[literal.known] = _PLAIN[kinds[literal.known]]
        for name, comparisons in sorted(by_name.items()):
            fitting = (value for value in values_of(comparisons, kinds[name]) if all(holds(value, one) for one in comparisons))
            facts[name] = next(fitting, None)
        yield facts


def _between(bounds: Sequence[float]) -> Iterator[float]:
    if bounds:
        yield bounds[0] - 1
        yield bounds[-1] + 1
        yield from ((low + high) / 2 for low, high in pairwise(bounds))


def _other(named: Sequence[object]) -> str:
    """A text that is none of these."""
    return next(text for n in range(len(named) + 1) if (text := "other" if n == 0 else f"other {n}") not in named)
