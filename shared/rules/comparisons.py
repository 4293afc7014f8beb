"""Comparisons of a fact with constants: the parts of a rule that can be indexed, and reasoned about."""

from __future__ import annotations

from dataclasses import dataclass

from shared.rules.tree import Call, Constant, Items, Name, Node, flattened
from shared.rules.vocabulary import Vocabulary

MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A fact compared with constants: `op` is one of == != in has < <= > >=, `in` has several values, the others one.

    `has` asks whether a list of texts holds the value. A truth alone is `== True`, and with `!` before it `== False`.
    """

    name: str
    op: str
    values: tuple[object, ...]


def conjunction(node: Node) -> tuple[Node, ...]:
    """The parts of `a && b && c`; of anything else, itself."""
    return tuple(flattened(node)) if isinstance(node, Call) and node.function == "_&&_" else (node,)


def comparison(node: Node, vocabulary: Vocabulary) -> Comparison | None:
    """The node as a comparison of a fact with constants, where it is one."""
    match node:
        case Name(name=name) if name in vocabulary:
            return Comparison(name, "==", (True,))
        case Call(function="!_", arguments=(Name(name=name),)) if name in vocabulary:
            return Comparison(name, "==", (False,))
        case Call(function="@in", arguments=(Name(name=name), Items(items=items))) if name in vocabulary:
            return _among(name, tuple(item.value for item in items if isinstance(item, Constant)), len(items))
        case Call(function="@in", arguments=(Constant(value=value), Name(name=name))) if name in vocabulary:
            return Comparison(name, "has", (value,))
        case Call(function=function, arguments=(Name(name=name), Constant(value=value))) if name in vocabulary:
            return _compared(name, function.strip("_"), value)
        case Call(function=function, arguments=(Constant(value=value), Name(name=name))) if name in vocabulary:
            return _compared(name, MIRRORED.get(function.strip("_"), ""), value)
    return None


def _among(name: str, values: tuple[object, ...], items: int) -> Comparison | None:
    if len(values) < items:
        return None
    if any(isinstance(value, bool) for value in values):
        return Comparison(name, "==", values[:1]) if len(set(values)) == 1 else None
    return Comparison(name, "in", tuple(dict.fromkeys(values)))


def _compared(name: str, op: str, value: object) -> Comparison | None:
    if op not in MIRRORED:
        return None
    if isinstance(value, bool):
        return Comparison(name, "==", (value is (op == "=="),)) if op in ("==", "!=") else None
    return Comparison(name, op, (value,))
