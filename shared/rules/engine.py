"""CEL's engine (cel-expr-python, Google's C++ implementation): it checks rules when they are compiled, and defines what they mean.

The trap in it: evaluating does not raise but gives an ERROR *value*, whose text Python takes for true. Only `is True` is a match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

from shared.rules.source import SIZE
from shared.rules.vocabulary import KNOWN, Kind, Lead, Vocabulary

_TYPES = {
    Kind.TEXT: cel.Type.STRING,
    Kind.NUMBER: cel.Type.DOUBLE,
    Kind.TRUTH: cel.Type.BOOL,
    Kind.TEXTS: cel.Type.List(cel.Type.STRING),
}


class Unknown:
    """What is neither true nor false, nor any value; `reason` is for a person. `name` is the fact that is missing, where that is why."""

    __slots__ = ("name", "reason")

    def __init__(self, reason: str, name: str | None = None) -> None:
        self.reason, self.name = reason, name


def missing_fact(name: str) -> Unknown:
    """What a fact is that a lead does not have."""
    return Unknown(f"`{name}` is not known", name)


@lru_cache(maxsize=64)
def environment(vocabulary: Vocabulary) -> cel.Env:
    """The engine, with the vocabulary's names declared."""
    declared = {name: _TYPES[kind] for name, kind in vocabulary.names.items()}
    known = {KNOWN + name: cel.Type.BOOL for name in vocabulary.names}
    return cel.NewEnv(variables=declared | known, functions=[_size()], extensions=[ext_strings.ExtStrings()])


def parse(text: str, vocabulary: Vocabulary) -> cel.Expression:
    """Checks the text, as `source` writes it. Raises RuntimeError with the engine's own message."""
    return environment(vocabulary).compile(text)


def load(serialized: bytes, vocabulary: Vocabulary, names: Iterable[str]) -> Callable[[Lead], object]:
    """A part of a checked expression as a function of a lead; `names` are the facts and `known.` truths that it asks for."""
    expression = environment(vocabulary).deserialize(serialized)
    known = tuple((name, name.removeprefix(KNOWN)) for name in names if name.startswith(KNOWN))
    facts = tuple(name for name in names if not name.startswith(KNOWN))

    def evaluate(lead: Lead) -> object:
        data: Lead = {name: lead[name] for name in facts if name in lead}
        for name, fact in known:
            data[name] = fact in lead
        try:
            value = expression.eval(data=data)
        except (RuntimeError, TypeError, ValueError) as error:
            return _unknown(str(error))
        return _unknown(str(value.value())) if value.type() == cel.Type.ERROR else value.plain_value()

    return evaluate


def searcher(pattern: str) -> Callable[[str], object]:
    """The engine's search for a pattern (RE2's syntax) in a text, whose time is linear. It reads the pattern anew each time."""

    def search(text: str) -> object:
        try:
            value = _matches().eval(data={"text": text, "pattern": pattern})
        except (RuntimeError, TypeError, ValueError) as error:
            return _unknown(str(error))
        return _unknown(str(value.value())) if value.type() == cel.Type.ERROR else value.plain_value()

    return search


@lru_cache(maxsize=1)
def _matches() -> cel.Expression:
    return cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile("text.matches(pattern)")


def _size() -> cel.FunctionDecl:
    texts = cel.Type.List(cel.Type.STRING)
    return cel.FunctionDecl(
        SIZE,
        [
            cel.Overload(f"{name}_{member}", return_type=cel.Type.DOUBLE, parameters=[kind], is_member=member, impl=_count)
            for name, kind in (("text", cel.Type.STRING), ("texts", texts))
            for member in (False, True)
        ],
    )


def _count(value: str | list[str]) -> float:
    return float(len(value))


_MISSING = re.compile(r'No value with name "(.*?)" found')


def _unknown(message: str) -> Unknown:
    if missing := _MISSING.search(message):
        return missing_fact(missing[1])
    return Unknown("takes too many steps" if "Iteration budget exceeded" in message else _readable(message))


def _readable(message: str) -> str:
    return message.partition(": ")[2] or message
