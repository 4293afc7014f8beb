"""Rules as Python functions: a checked syntax tree becomes closures, because each call of the engine costs as much as many comparisons.

They mean exactly what the engine does (a property test holds them to it): three values, true, false and unknown, and the rules by which
CEL's `&&`, `||`, `?:` and macros combine them. What Python cannot do within the same bounds stays with the engine: patterns that could take
exponential time, and loops within loops, whose steps the engine counts; it is given just that part of the tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.rules.engine import load, missing_fact
from shared.rules.operations import (
    BINARY,
    LOOPS,
    UNARY,
    WITH_CONSTANT,
    Evaluate,
    all_of,
    among,
    any_of,
    binary,
    choice,
    collect,
    fact,
    has,
    matches,
    unary,
)
from shared.rules.tree import Call, Constant, Items, Loop, Name, Node, Tree, asked_names, flattened, has_loop
from shared.rules.vocabulary import KNOWN, Vocabulary


def translate(nodes: Sequence[Node], tree: Tree, vocabulary: Vocabulary) -> Evaluate:
    """The conjunction of the nodes as a function of a lead; it gives True, False or Unknown."""
    parts = [_Translation(tree, vocabulary).of(node) for node in nodes]
    return parts[0] if len(parts) == 1 else all_of(parts)


class _Translation:
    def __init__(self, tree: Tree, vocabulary: Vocabulary) -> None:
        self._tree, self._vocabulary = tree, vocabulary

    def of(self, node: Node) -> Evaluate:
        match node:
            case Constant(value=value):
                return lambda _: value
            case Name(name=name):
                return fact(name)
            case Items(items=items):
                return collect([self.of(item) for item in items])
            case Call():
                return self._call(node)
            case Loop() if not has_loop(node.condition):
                return LOOPS[node.macro](node.variable, self.of(node.over), self.of(node.condition))
        return load(self._tree.serialize(node), self._vocabulary, asked_names(node))

    def _call(self, call: Call) -> Evaluate:
        match call.function, call.arguments:
            case "_&&_", _:
                return all_of([self.of(part) for part in flattened(call)])
            case "_||_", _:
                return any_of([self.of(part) for part in flattened(call)])
            case "matches", (text, Constant(value=str(pattern))):
                return matches(self.of(text), pattern)
            case "_?_:_", (condition, then, otherwise):
                return choice(self.of(condition), self.of(then), self.of(otherwise))
            case function, (only,):
                return unary(UNARY[function], self.of(only))
            case function, (left, right):
                return _with_constant(function, left, right) or binary(BINARY[function], self.of(left), self.of(right))
        raise ValueError(f"{call.function} is no part of the rule language")


def _with_constant(function: str, left: Node, right: Node) -> Evaluate | None:
    match left, right:
        case (Name(name=name), _) | (_, Name(name=name)) if name.startswith(KNOWN):
            return None
        case Name(name=name), Constant(value=value) if function in WITH_CONSTANT:
            return WITH_CONSTANT[function](name, value, missing_fact(name))
        case Name(name=name), Items(items=items) if function == "@in":
            values = [item.value for item in items if isinstance(item, Constant)]
            return among(name, frozenset(values), missing_fact(name)) if len(values) == len(items) else None
        case Constant(value=value), Name(name=name) if function == "@in":
            return has(name, value, missing_fact(name))
    return None
