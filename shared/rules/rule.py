"""A rule: CEL's text, checked against a vocabulary, as a function of a lead's facts."""

from __future__ import annotations

import re
from functools import cached_property

from shared.rules.cases import Cases, cases_of
from shared.rules.checks import check_calls, check_tree
from shared.rules.closures import translate
from shared.rules.comparisons import comparison, conjunction
from shared.rules.engine import Unknown, parse
from shared.rules.faults import Fault, RuleError
from shared.rules.messages import read_faults
from shared.rules.source import Source
from shared.rules.tree import Node, Tree, asked_names
from shared.rules.vocabulary import KNOWN, MAX_CHARACTERS, MAX_TEXTS, Facts, Kind, Lead, Vocabulary, reader

MAX_RULE = 2_000


class Rule:
    """A condition on a lead, made by `compile_rule`. Calling it never raises; a rule that cannot be evaluated does not match.

    `names` are the facts that it asks for. `conjuncts` are the parts of its top-level `a && b && c` that compare a fact with constants, and
    `rest` is the rule that holds the other parts, None where there are none: a lead matches where all conjuncts and the rest do. The
    rest's `text` is still the whole.
    """

    def __init__(self, text: str, vocabulary: Vocabulary, tree: Tree, nodes: tuple[Node, ...]) -> None:
        self.text, self.vocabulary, self.nodes = text, vocabulary, nodes
        self._tree = tree
        self.names = frozenset(name.removeprefix(KNOWN) for node in nodes for name in asked_names(node))
        self._read = reader(vocabulary, self.names)
        self._evaluate = translate(nodes, tree, vocabulary)
        comparisons = [(node, comparison(node, vocabulary)) for node in nodes]
        self.conjuncts = tuple(found for _, found in comparisons if found)
        others = tuple(node for node, found in comparisons if not found)
        if len(others) == len(nodes):
            self.rest: Rule | None = self
        else:
            self.rest = Rule(text, vocabulary, tree, others) if others else None

    def __call__(self, facts: Facts) -> bool:
        return self._evaluate(self._read(facts)) is True

    def holds(self, lead: Lead) -> bool:
        """As calling it, with facts that were read for a vocabulary already: for asking many rules of one lead."""
        return self._evaluate(lead) is True

    def tell(self, lead: Lead) -> bool | None:
        """As `holds`, and None where it could not be evaluated."""
        found = self._evaluate(lead)
        return None if found.__class__ is Unknown else found is True

    def verdict(self, facts: Facts) -> bool | str:
        """True or false, or why it could not be evaluated, for a person."""
        found = self._evaluate(self._read(facts))
        if not isinstance(found, Unknown):
            return found is True
        if found.name and facts.get(found.name) is not None:
            return f"`{found.name}` is not {_KINDS[self.vocabulary.names[found.name]]}"
        return found.reason

    @cached_property
    def cases(self) -> Cases | None:
        """What it says as a choice of conjunctions, for what can be told of it without a lead; None where that would be too long."""
        return cases_of(self.nodes, self._tree, self.vocabulary)

    def __repr__(self) -> str:
        return f"Rule({self.text!r})"


_KINDS = {
    Kind.TEXT: f"a text of at most {MAX_CHARACTERS} characters",
    Kind.NUMBER: "a number",
    Kind.TRUTH: "a truth",
    Kind.TEXTS: f"a list of at most {MAX_TEXTS} texts",
}


def compile_rule(text: str, vocabulary: Vocabulary) -> Rule:
    """Checks a rule and makes it ready to run. Raises RuleError with all faults and their places."""
    if len(text) > MAX_RULE:
        raise RuleError([Fault(f"a rule holds at most {MAX_RULE} characters, this one {len(text)}", 1, MAX_RULE + 1)])
    if (odd := re.search("[\0\ud800-\udfff]", text)) is not None:
        raise RuleError([Fault("holds a character that is no text", *Source(text).place(odd.start()))])
    source = Source(text)
    check_calls(source)
    try:
        expression = parse(source.cel, vocabulary)
    except (RuntimeError, TypeError, ValueError) as error:
        raise RuleError(read_faults(str(error), source, vocabulary)) from error
    tree = Tree(expression.serialize())
    check_tree(tree, expression.return_type().name(), source, vocabulary)
    return Rule(text, vocabulary, tree, conjunction(tree.root))
