"""The names that rules may use, and the kind of value behind each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from math import isfinite

from shared.rules.tree import Node

Facts = Mapping[str, object]
Lead = dict[str, object]  # facts as the rules see them: each of the kind that is declared, or not there

MAX_NAME = 200
MAX_TEXTS = 1_000
MAX_CHARACTERS = 10_000
KNOWN = "known."  # `known(budget)` is asked of the engine as a truth of this name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "null", "package", "return", "true", "var", "void", "while"),
    )
)

_TYPES = frozenset(("bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"))


class Kind(StrEnum):
    """The kinds of facts: there are no others. A whole number and one with decimals are the same kind."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    TEXTS = "texts"  # a list of texts


class Vocabulary:
    """Names and their kinds; immutable, and equal to another of the same names.

    A dot in a name is part of the name (`agent.languages`), not a way through nested facts. Raises ValueError for a name that no rule
    could say. `meanings` holds the conjunctions behind names that a document defined (see Definitions); it is no part of what is equal.
    """

    __slots__ = ("_hash", "meanings", "names")

    def __init__(self, names: Mapping[str, Kind], meanings: Mapping[str, tuple[Node, ...]] | None = None) -> None:
        for name in names:
            if fault := name_fault(name):
                raise ValueError(f"{name!r} {fault}")
        self.names: Mapping[str, Kind] = dict(names)
        self.meanings = dict(meanings or {})
        self._hash = hash(frozenset(self.names.items()))

    def plus(self, more: Mapping[str, Kind]) -> Vocabulary:
        """These names and more; a name that is in both has the kind that `more` gives it."""
        if not more:
            return self
        return Vocabulary({**self.names, **more}, {name: nodes for name, nodes in self.meanings.items() if name not in more})

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.names == other.names

    def __hash__(self) -> int:
        return self._hash


def name_fault(name: str) -> str | None:
    """Why no rule could use this name; None where it could."""
    if not _NAME.fullmatch(name):
        return "is not a name: letters, digits and _, with dots between"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if name in _TYPES or name.startswith(KNOWN) or _RESERVED.intersection(name.split(".")):
        return "is a word of the rule language"
    return None


# -- Facts as the rules see them -------------------------------------------------------------------------------------------------


def reader(vocabulary: Vocabulary, names: Iterable[str]) -> Callable[[Facts], tuple[Lead, tuple[str, ...]]]:
    """A function that takes out of a lead's facts those of some names, each in its kind; what is missing or of another kind is left out.
    Beside them it gives the names of those that are of another kind.

    Numbers become floats, as CEL's doubles: a whole number beyond 2**53 is the nearest that there is. One that is not finite is left out,
    and so is a truth value where a number is declared. A text has at most MAX_CHARACTERS; a list
    holds at most MAX_TEXTS texts and nothing else.
    """
    plan = tuple((name, *READERS[vocabulary.names[name]]) for name in sorted(names))

    def read(facts: Facts) -> tuple[Lead, tuple[str, ...]]:
        lead: Lead = {}
        odd: tuple[str, ...] = ()
        get = facts.get
        for name, exact, convert in plan:
            value = get(name)
            if value is None:
                continue
            if type(value) is exact:
                if exact is bool or len(value) <= MAX_CHARACTERS:  # type: ignore[arg-type]
                    lead[name] = value
                else:
                    odd += (name,)
            else:
                value = convert(value)
                if value is not None:
                    lead[name] = value
                else:
                    odd += (name,)
        return lead, odd

    return read


def _read_text(value: object) -> str | None:
    # A StrEnum's member is the text it stands for.
    return str.__str__(value) if isinstance(value, str) and len(value) <= MAX_CHARACTERS else None


def _read_number(value: object) -> float | None:
    its = type(value)
    if its is int or its is float or (its is not bool and isinstance(value, (int, float))):
        try:
            number = float(value)  # type: ignore[arg-type]
        except OverflowError:
            return None
        return number if isfinite(number) else None
    return None


def _read_truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _read_texts(value: object) -> list[str] | None:
    if not isinstance(value, (list, tuple, set, frozenset)) or len(value) > MAX_TEXTS:
        return None
    for text in value:
        if type(text) is not str or len(text) > MAX_CHARACTERS:
            return None
    if isinstance(value, list):
        return value
    return list(value) if isinstance(value, tuple) else sorted(value)


READERS: dict[Kind, tuple[type | None, Callable[[object], object]]] = {
    Kind.TEXT: (str, _read_text),
    Kind.NUMBER: (None, _read_number),
    Kind.TRUTH: (bool, _read_truth),
    Kind.TEXTS: (None, _read_texts),
}
