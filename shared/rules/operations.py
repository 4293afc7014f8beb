"""What the parts of a rule do, as functions of a lead that are made of the functions of their own parts.

Each gives a value, or Unknown: an operation on what is unknown is unknown, and three values are combined as CEL does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from shared.rules.engine import Unknown, missing_fact, searcher
from shared.rules.patterns import compile_pattern, is_for
from shared.rules.source import SIZE
from shared.rules.vocabulary import KNOWN, Lead

Evaluate = Callable[[Lead], Any]

_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_TO_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


# -- Values ----------------------------------------------------------------------------------------------------------------------


def fact(name: str) -> Evaluate:
    missing = missing_fact(name)
    if name.startswith(KNOWN):
        bare = name.removeprefix(KNOWN)
        return lambda lead: bare in lead
    return lambda lead: lead.get(name, missing)


def collect(items: Sequence[Evaluate]) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        values = [item(lead) for item in items]
        return next((value for value in values if value.__class__ is Unknown), values)

    return evaluate


def choice(condition: Evaluate, then: Evaluate, otherwise: Evaluate) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        held = condition(lead)
        if held is True:
            return then(lead)
        return otherwise(lead) if held is False else held

    return evaluate


def unary(function: Callable[[Any], object], only: Evaluate) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value = only(lead)
        return value if value.__class__ is Unknown else function(value)

    return evaluate


def binary(function: Callable[[Any, Any], object], left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        one = left(lead)
        if one.__class__ is Unknown:
            return one
        other = right(lead)
        return other if other.__class__ is Unknown else function(one, other)

    return evaluate


def matches(text: Evaluate, pattern: str) -> Evaluate:
    simple, search = compile_pattern(pattern), searcher(pattern)

    def evaluate(lead: Lead) -> object:
        value = text(lead)
        if value.__class__ is Unknown:
            return value
        if simple is not None and is_for(simple, value):
            return simple.search(value) is not None
        return search(value)

    return evaluate


def _divide(dividend: float, divisor: float) -> float:
    """As IEEE 754 has it, and so CEL: by nought it is infinite, or not a number."""
    if divisor:
        return dividend / divisor
    return dividend * float("inf") if str(divisor) == "0.0" else dividend * float("-inf")


UNARY: Mapping[str, Callable[[Any], object]] = {
    "!_": operator.not_,
    "-_": operator.neg,
    SIZE: lambda value: float(len(value)),
    "lowerAscii": lambda text: text.translate(_TO_LOWER),
    "upperAscii": lambda text: text.translate(_TO_UPPER),
}
BINARY: Mapping[str, Callable[[Any, Any], object]] = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
    "_+_": operator.add,
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_/_": _divide,
    "@in": lambda value, values: value in values,
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}


# -- A fact and a constant: what nearly all rules are made of, without a call in between ---------------------------------------------


def _equal(name: str, constant: object, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value = lead.get(name)
        return missing if value is None else value == constant

    return evaluate


def _unequal(name: str, constant: object, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value = lead.get(name)
        return missing if value is None else value != constant

    return evaluate


def _below(name: str, constant: Any, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value: Any = lead.get(name)
        return missing if value is None else value < constant

    return evaluate


def _at_most(name: str, constant: Any, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value: Any = lead.get(name)
        return missing if value is None else value <= constant

    return evaluate


def _above(name: str, constant: Any, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value: Any = lead.get(name)
        return missing if value is None else value > constant

    return evaluate


def _at_least(name: str, constant: Any, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value: Any = lead.get(name)
        return missing if value is None else value >= constant

    return evaluate


def among(name: str, values: frozenset[object], missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        value = lead.get(name)
        return missing if value is None else value in values

    return evaluate


def has(name: str, constant: object, missing: Unknown) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        values: Any = lead.get(name)
        return missing if values is None else constant in values

    return evaluate


WITH_CONSTANT: Mapping[str, Callable[[str, Any, Unknown], Evaluate]] = {
    "_==_": _equal,
    "_!=_": _unequal,
    "_<_": _below,
    "_<=_": _at_most,
    "_>_": _above,
    "_>=_": _at_least,
}


# -- Three values ----------------------------------------------------------------------------------------------------------------


def all_of(parts: Iterable[Evaluate]) -> Evaluate:
    several = tuple(parts)

    def evaluate(lead: Lead) -> object:
        result: object = True
        for part in several:
            held = part(lead)
            if held is False:
                return False
            if held is not True:
                result = held
        return result

    return evaluate


def any_of(parts: Iterable[Evaluate]) -> Evaluate:
    several = tuple(parts)

    def evaluate(lead: Lead) -> object:
        result: object = False
        for part in several:
            held = part(lead)
            if held is True:
                return True
            if held is not False:
                result = held
        return result

    return evaluate


def _quantifier(variable: str, over: Evaluate, condition: Evaluate, *, decisive: bool) -> Evaluate:
    """`exists`, which one true decides, and `all`, which one false does; unknown where none decides and one is unknown."""

    def evaluate(lead: Lead) -> object:
        values = over(lead)
        if values.__class__ is Unknown:
            return values
        inner = dict(lead)
        result: object = not decisive
        for inner[variable] in values:
            held = condition(inner)
            if held is decisive:
                return decisive
            if held.__class__ is Unknown:
                result = held
        return result

    return evaluate


def _exists(variable: str, over: Evaluate, condition: Evaluate) -> Evaluate:
    return _quantifier(variable, over, condition, decisive=True)


def _all(variable: str, over: Evaluate, condition: Evaluate) -> Evaluate:
    return _quantifier(variable, over, condition, decisive=False)


def _filter(variable: str, over: Evaluate, condition: Evaluate) -> Evaluate:
    def evaluate(lead: Lead) -> object:
        values = over(lead)
        if values.__class__ is Unknown:
            return values
        inner, kept = dict(lead), []
        for inner[variable] in values:
            held = condition(inner)
            if held.__class__ is Unknown:
                return held
            if held:
                kept.append(inner[variable])
        return kept

    return evaluate


def _exists_one(variable: str, over: Evaluate, condition: Evaluate) -> Evaluate:
    return unary(lambda kept: len(kept) == 1, _filter(variable, over, condition))


LOOPS: Mapping[str, Callable[[str, Evaluate, Evaluate], Evaluate]] = {
    "exists": _exists,
    "all": _all,
    "exists_one": _exists_one,
    "filter": _filter,
}
