"""What CEL allows and a rule does not: what is not on these lists, and what could take too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from shared.rules.engine import Unknown, searcher
from shared.rules.faults import Fault, RuleError
from shared.rules.messages import NO_ITEMS, kind_named, no_function
from shared.rules.patterns import compile_pattern
from shared.rules.source import SIZE, Source
from shared.rules.tree import Call, Constant, Items, Loop, Node, Other, Tree, children, has_loop
from shared.rules.vocabulary import Vocabulary

MAX_LOOPS = 2  # one within the other
MAX_NESTED = 3  # of such pairs: the engine counts the steps of each by itself
MAX_REPEATED = 100  # times, of all counts in a pattern together: x{1,50}{2} is 100
_REPEATED = re.compile(r"\{(?:\d*,)?(\d{1,9})\}")
OPERATORS = frozenset(
    ("_&&_", "_||_", "!_", "_?_:_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_+_", "_-_", "_*_", "_/_", "-_")
)
FUNCTIONS = frozenset(("contains", "startsWith", "endsWith", "matches", "lowerAscii", "upperAscii"))
MACROS = frozenset(("exists", "all", "exists_one", "filter"))
CALLABLE = FUNCTIONS | MACROS | {"size", "known"}


def check_calls(source: Source) -> None:
    """Raises RuleError for functions that rules do not have. The engine has them, and would say something else of their arguments first."""
    faults = [Fault(no_function(name), *source.place(offset)) for name, offset in source.calls() if name not in CALLABLE]
    if faults:
        raise RuleError(faults)


def check_tree(tree: Tree, kind: str, source: Source, vocabulary: Vocabulary) -> None:
    """Raises RuleError for what no rule may hold."""
    faults = [
        Fault(message, *source.place(tree.offsets.get(node.id, 0)))
        for node, message in _walk(tree.root, tree, vocabulary, loops=())
    ]
    if len(nested := _nested(tree.root)) > MAX_NESTED:
        place = source.place(tree.offsets.get(nested[MAX_NESTED].id, 0))
        faults.append(Fault(f"a runaway: at most {MAX_NESTED} loops of a rule may hold another", *place))
    if not faults and kind != "BOOL":
        faults = [Fault(f"a rule is true or false, and this is {kind_named(kind.lower())}", 1, 1)]
    if faults:
        raise RuleError(faults)


def _walk(node: Node, tree: Tree, vocabulary: Vocabulary, *, loops: tuple[str, ...]) -> Iterator[tuple[Node, str]]:
    """What is wrong with the node and all below it; `loops` are the variables of the loops around it."""
    fault = _fault(node, tree, vocabulary, loops=loops)
    if fault:
        yield node, fault
    for child in children(node):
        inside = (*loops, node.variable) if isinstance(node, Loop) and child is node.condition else loops
        yield from _walk(child, tree, vocabulary, loops=inside)


def _fault(node: Node, tree: Tree, vocabulary: Vocabulary, *, loops: tuple[str, ...]) -> str | None:
    match node:
        case Constant(value=None):
            return "a rule knows texts, numbers, true and false; whether a fact is there is asked with `known(budget)`"
        case Items(id=node_id, items=items) if items and node_id in tree.mixed:
            return "a list holds values of one kind: texts, numbers or truths"
        case Call(id=node_id, function="_+_") if node_id in tree.lists:
            return "lists cannot be added: ask each of them"
        case Call():
            return _call_fault(node, loops=loops)
        case Loop():
            return _loop_fault(node, vocabulary, loops=loops)
        case Other():
            return "maps, bytes and fields of values are no part of the rule language"
    return None


def _call_fault(call: Call, *, loops: tuple[str, ...]) -> str | None:
    if call.function not in OPERATORS | FUNCTIONS | {SIZE}:
        return NO_ITEMS if call.function == "_[_]" else f"there is no `{call.function}`"
    return _match_fault(*call.arguments, loops=loops) if call.function == "matches" else None


def _match_fault(_: Node, pattern: Node, *, loops: tuple[str, ...]) -> str | None:
    if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
        return "the pattern of `matches` must be written in the rule"
    if len(loops) >= MAX_LOOPS:
        return "a runaway: `matches` may not stand within two loops"
    simple = compile_pattern(pattern.value)
    if loops and (simple is None or simple.flags & re.IGNORECASE):
        return "a runaway: within a loop, a pattern may hold one group, repeat nothing and have no (?i)"
    if (times := prod(int(count) for count in _REPEATED.findall(pattern.value))) > MAX_REPEATED:
        return f"a runaway: the pattern repeats up to {times} times, and may {MAX_REPEATED} times"
    fault = searcher(pattern.value)("")
    return f"the pattern cannot be read: {fault.reason}" if isinstance(fault, Unknown) else None


def _loop_fault(loop: Loop, vocabulary: Vocabulary, *, loops: tuple[str, ...]) -> str | None:
    if loop.variable in vocabulary:
        return f"`{loop.variable}` is a fact: call what runs through the list something else"
    if len(loops) >= MAX_LOOPS:
        return f"a runaway: at most {MAX_LOOPS} loops may stand within one another"
    return None


def _nested(node: Node) -> list[Node]:
    """The loops that hold another."""
    inner = [loop for child in children(node) for loop in _nested(child)]
    return [node, *inner] if isinstance(node, Loop) and has_loop(node.condition) else inner
