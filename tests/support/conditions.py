"""What conditions as data, `{field, op, value}` joined by "and", meant in documents of the first form: what their CEL is held against.

What a condition means, in full:

- `field` names a fact: a fact of exactly that name or, where there is none, the dotted path through nested facts.
- A missing or null fact never matches, not even `!=`: a rule about a field says nothing of leads without it.
- A fact of a kind that does not compare with the value never matches, not even `!=`. Kinds are text, number (int and
  float alike) and truth; a truth value is not a number.
- A fact that is a list (tags) is asked as a set: `==` contains the value, `in` shares a member with the values, `!=`
  does not contain the value; `>=` and `<=` never match a list.

Evaluating never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, object]
Predicate = Callable[[Facts], bool]

OPERATORS = ("==", "!=", "in", ">=", "<=")

# Exact types, not isinstance: bool is an int to Python and must not be one to a rule.
_COMPARABLE: dict[type, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int, float), float: (int, float)}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `value` is text, a number or a truth value, for `in` a tuple of them."""

    field: str
    op: str
    value: object


def compile_conditions(conditions: Iterable[Condition]) -> Predicate:
    """One predicate that is true when all the conditions hold; of no conditions it is always true.

    Raises ValueError for an operator it does not know; expects conditions in which `check` found nothing.
    """
    predicates = tuple(_compile(condition) for condition in conditions)
    if len(predicates) == 1:
        return predicates[0]

    def all_hold(facts: Facts) -> bool:
        for predicate in predicates:  # noqa: SIM110 (the hot path: all() with a generator costs as much as a condition)
            if not predicate(facts):
                return False
        return True

    return all_hold


def _compile(condition: Condition) -> Predicate:
    read, holds = _reader(condition.field), _test(condition)
    return lambda facts: holds(read(facts))


def _reader(field: str) -> Callable[[Facts], object]:
    """Reads the fact named `field`, or None where a lead has none."""
    steps = field.split(".")
    if len(steps) == 1:
        return lambda facts: facts.get(field)

    def read(facts: Facts) -> object:
        found = facts.get(field)
        return _walk(facts, steps) if found is None else found

    return read


def _walk(facts: Facts, steps: Sequence[str]) -> object:
    found: object = facts
    for step in steps:
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def _test(condition: Condition) -> Callable[[object], bool]:
    match condition.op:
        case "==" | "in":
            return _is_among(_values(condition))
        case "!=":
            return _differs_from(condition.value)
        case ">=" | "<=":
            return _is_beyond(condition.value, upwards=condition.op == ">=")
    raise ValueError(f"no operator {condition.op!r}; there are {', '.join(OPERATORS)}")


def _is_among(values: Iterable[object]) -> Callable[[object], bool]:
    by_type: dict[type, set[object]] = {}
    for value in values:
        for kind in _COMPARABLE.get(type(value), ()):
            by_type.setdefault(kind, set()).add(value)

    def holds(fact: object) -> bool:
        if isinstance(fact, (list, tuple)):
            return any(one in by_type.get(type(one), ()) for one in fact)
        return fact in by_type.get(type(fact), ())

    return holds


def _differs_from(value: object) -> Callable[[object], bool]:
    kinds, contains = _COMPARABLE.get(type(value), ()), _is_among((value,))

    def holds(fact: object) -> bool:
        if isinstance(fact, (list, tuple)):
            return not contains(fact)
        return type(fact) in kinds and fact != value

    return holds


def _is_beyond(value: Any, *, upwards: bool) -> Callable[[object], bool]:
    kinds = _ordered_kinds(value)

    def at_least(fact: Any) -> bool:
        return type(fact) in kinds and bool(fact >= value)

    def at_most(fact: Any) -> bool:
        return type(fact) in kinds and bool(fact <= value)

    return at_least if upwards else at_most


def _ordered_kinds(value: object) -> tuple[type, ...]:
    return () if isinstance(value, bool) else _COMPARABLE.get(type(value), ())


def _values(condition: Condition) -> tuple[object, ...]:
    """What `==` or `in` accepts."""
    value = condition.value
    if condition.op == "==":
        return (value,)
    return tuple(value) if isinstance(value, (tuple, list)) else ()
