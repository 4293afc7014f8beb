"""What a document adds to the names that its rules may use: facts of its own, and named conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from graphlib import CycleError, TopologicalSorter

from shared.rules.engine import Unknown
from shared.rules.faults import DocumentError, Problem, RuleError
from shared.rules.logic import contradiction
from shared.rules.rule import Rule, compile_rule
from shared.rules.vocabulary import Facts, Kind, Lead, Vocabulary, name_fault, reader

MAX_DECLARED = 200
MAX_DEFINITIONS = 100


class Definitions:
    """`{"enterprise": "company_size >= 500", "big_deal": "enterprise && budget > 10000"}`, checked and in an order that can be evaluated.

    `vocabulary` holds the facts, and each definition as a truth. Raises DocumentError with a Problem for each fault: `path` is where in
    the document the definitions stand. A cycle is named as `a -> b -> a`.
    """

    def __init__(self, texts: Mapping[str, str], vocabulary: Vocabulary, path: str = "/define") -> None:
        problems = list(_name_problems(texts, vocabulary, path))
        if problems:
            raise DocumentError(problems)
        self.vocabulary = vocabulary.plus(dict.fromkeys(texts, Kind.TRUTH))
        rules: dict[str, Rule] = {}
        for name, text in texts.items():
            at = f"{path}/{escape(name)}"
            problems += problems_of(text, self.vocabulary, at)
            if not any(problem.path == at for problem in problems):
                rules[name] = compile_rule(text, self.vocabulary)
        order = _order(rules, path, problems)
        if problems:
            raise DocumentError(problems)
        self.rules: Mapping[str, Rule] = {name: rules[name] for name in order}
        self.vocabulary = Vocabulary(self.vocabulary.names, {name: rule.nodes for name, rule in self.rules.items()})
        asked = {name for rule in self.rules.values() for name in rule.names}
        self.asked: Set[str] = asked - self.rules.keys()
        """The facts that they ask for."""
        self._read = reader(self.vocabulary, self.asked)

    def extend(self, facts: Facts) -> Facts:
        """The facts, and of each definition whether it holds; one of which that cannot be told is not there."""
        return self.examine(facts)[0]

    def examine(self, facts: Facts) -> tuple[Facts, Mapping[str, str]]:
        """As `extend`, and of the definitions that failed (`Rule.judge`) why."""
        if not self.rules:
            return facts, {}
        lead, odd = self._read(facts)
        failed = self.judge(lead, odd, facts)
        return self._extended(lead, facts), failed

    def judge(self, lead: Lead, odd: Sequence[str], facts: Facts) -> Mapping[str, str]:
        """Tells a lead, whose facts were read, of each definition whether it holds; returns those that failed (`Rule.judge`), with why.

        One of which that cannot be told is not there. `facts` are what was read, `odd` those of them that are of another kind.
        """
        failed: dict[str, str] = {}
        for name, rule in self.rules.items():
            found = rule.evaluate(lead)
            if found.__class__ is not Unknown:
                lead[name] = found is True
            elif (odd or failed or not found.name) and (why := rule.judge(self._extended(lead, facts), failed)[1]):
                failed[name] = why
        return failed

    def _extended(self, lead: Lead, facts: Facts) -> Facts:
        """The facts, with what the lead was told of definitions so far, and nothing else by their names."""
        extended = {name: value for name, value in facts.items() if name not in self.rules}
        return extended | {name: lead[name] for name in self.rules if name in lead}


def declared(mapping: object, path: str, vocabulary: Vocabulary) -> tuple[dict[str, Kind], list[Problem]]:
    """The facts of `{"team_size": "number", …}`, which stands at `path`, beside those of the vocabulary; what is wrong is left out."""
    if not isinstance(mapping, Mapping):
        return {}, [Problem(path, "must be an object of names and kinds")]
    if len(mapping) > MAX_DECLARED:
        return {}, [Problem(path, f"must hold at most {MAX_DECLARED} facts")]
    facts: dict[str, Kind] = {}
    problems = []
    for name, kind in mapping.items():
        if fault := _declaration_fault(name, kind, vocabulary):
            problems.append(Problem(f"{path}/{escape(str(name))}", fault))
        else:
            facts[name] = Kind(kind)
    return facts, problems


def problems_of(text: object, vocabulary: Vocabulary, path: str) -> list[Problem]:
    """All that is wrong with a rule that stands at `path` (a JSON Pointer) of a document, that it can never be true included."""
    if not isinstance(text, str):
        return [Problem(path, "must be a rule, which is text")]
    try:
        rule = compile_rule(text, vocabulary)
    except RuleError as error:
        return [Problem(path, fault.message, line=fault.line, column=fault.column) for fault in error.faults]
    never = contradiction(rule)
    return [Problem(path, f"can never be true: {never}", line=1, column=1)] if never else []


def escape(name: str) -> str:
    """A name as a step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _declaration_fault(name: object, kind: object, vocabulary: Vocabulary) -> str | None:
    if not isinstance(name, str) or (fault := name_fault(name)):
        return fault if isinstance(name, str) else "is not a name"
    if name in vocabulary:
        return f"`{name}` is a fact of every lead already ({vocabulary.names[name]})"
    if not isinstance(kind, str) or kind not in tuple(Kind):
        return f"must be one of {', '.join(Kind)}"
    return None


def _name_problems(texts: Mapping[str, str], vocabulary: Vocabulary, path: str) -> Iterator[Problem]:
    if len(texts) > MAX_DEFINITIONS:
        yield Problem(path, f"must hold at most {MAX_DEFINITIONS} definitions")
    for name in texts:
        if fault := name_fault(name):
            yield Problem(f"{path}/{escape(name)}", fault)
        elif name in vocabulary:
            yield Problem(f"{path}/{escape(name)}", f"`{name}` is a fact already: a definition must not hide it")


def _order(rules: Mapping[str, Rule], path: str, problems: list[Problem]) -> tuple[str, ...]:
    uses = {name: sorted(rule.names & rules.keys()) for name, rule in rules.items()}
    try:
        return tuple(TopologicalSorter(uses).static_order())
    except CycleError as error:
        circle = error.args[1]
        first = min(circle)
        around = [*circle[:-1]][::-1]
        at = around.index(first)
        named = " -> ".join([*around[at:], *around[:at], first])
        problems.append(Problem(f"{path}/{escape(first)}", f"is defined by itself: {named}"))
        return ()
