"""A rule as a choice of conjunctions (a disjunctive normal form), in which a lead that matches meets all of one case.

A condition that is *false* of a lead is as definite as one that is true: `!(budget >= 10)` holds only of a lead whose budget is known and
below 10. So negation moves down to the comparisons, where it is another comparison; what is no comparison is kept as a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.rules.closures import translate
from shared.rules.comparisons import Comparison, comparison
from shared.rules.tree import Call, Constant, Items, Loop, Name, Node, Tree, asked_names, children, flattened, has_loop
from shared.rules.vocabulary import KNOWN, Vocabulary

MAX_CASES = 64
MAX_STEPS = 5_000  # definitions that use definitions can be long once they are written out

NEGATED = {
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
    "has": "lacks",
    "lacks": "has",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """That something which is no comparison is true, or false: two of the same `key` ask the same. `known` names the fact it asks for."""

    key: object
    is_true: bool
    known: str | None = None


Literal = Comparison | Claim
Case = frozenset[Literal]
Cases = tuple[Case, ...]


class _TooMany(Exception):
    pass


def cases_of(nodes: Sequence[Node], tree: Tree, vocabulary: Vocabulary) -> Cases | None:
    """The cases of the nodes' conjunction: none is never true, an empty one is always true. None where there would be over MAX_CASES."""
    try:
        return _Cases(tree, vocabulary).all_of(nodes)
    except _TooMany:
        return None


def negated(one: Comparison) -> Comparison:
    """The comparison that holds exactly where the fact is known and this one does not. Of truths there are only `== True`, `== False`."""
    value = one.values[0] if one.values else None
    return (
        Comparison(one.name, "==", (not value,)) if isinstance(value, bool) else Comparison(one.name, NEGATED[one.op], one.values)
    )


class _Cases:
    def __init__(self, tree: Tree, vocabulary: Vocabulary) -> None:
        self._tree, self._vocabulary, self._steps = tree, vocabulary, 0

    def all_of(self, nodes: Sequence[Node]) -> Cases:
        """Where all the nodes are true."""
        return self._product([self._of(node, True) for node in nodes])

    def _none_of(self, nodes: Sequence[Node]) -> Cases:
        """Where one of the nodes is false: where their conjunction is."""
        return self._bounded([case for node in nodes for case in self._of(node, False)])

    def _of(self, node: Node, wanted: bool) -> Cases:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooMany
        match node:
            case Call(function="!_", arguments=(inner,)):
                return self._of(inner, not wanted)
            case Call(function="_&&_" | "_||_" as function):
                parts = [self._of(part, wanted) for part in flattened(node)]
                if (function == "_&&_") is wanted:
                    return self._product(parts)
                return self._bounded([case for part in parts for case in part])
            case Call(function="_?_:_", arguments=(condition, then, otherwise)):
                first = self._product([self._of(condition, True), self._of(then, wanted)])
                return self._bounded([*first, *self._product([self._of(condition, False), self._of(otherwise, wanted)])])
            case Name(name=name) if name in self._vocabulary.meanings:
                nodes = self._vocabulary.meanings[name]
                return self.all_of(nodes) if wanted else self._none_of(nodes)
        return self._leaf(node, wanted)

    def _leaf(self, node: Node, wanted: bool) -> Cases:
        if not asked_names(node) and not has_loop(node):
            return (frozenset(),) if translate([node], self._tree, self._vocabulary)({}) is wanted else ()
        if found := comparison(node, self._vocabulary):
            return (frozenset((found if wanted else negated(found),)),)
        known = node.name.removeprefix(KNOWN) if isinstance(node, Name) and node.name.startswith(KNOWN) else None
        return (frozenset((Claim(_key(node), wanted, known),)),)

    def _product(self, parts: Sequence[Cases]) -> Cases:
        cases: Cases = (frozenset(),)
        for part in parts:
            cases = self._bounded([one | other for one in cases for other in part])
        return cases

    def _bounded(self, cases: Sequence[Case]) -> Cases:
        if len(cases) > MAX_CASES:
            raise _TooMany
        return tuple(dict.fromkeys(cases))


def _key(node: Node) -> object:
    """What two nodes share that ask the same."""
    below = tuple(_key(child) for child in children(node))
    match node:
        case Constant(value=value):
            return ("constant", type(value).__name__, value)
        case Name(name=name):
            return ("name", name)
        case Call(function=function):
            return (function, *below)
        case Items():
            return ("list", *below)
        case Loop(macro=macro, variable=variable):
            return (macro, variable, *below)
    return ("other", node.raw)
