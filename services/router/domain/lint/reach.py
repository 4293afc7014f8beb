"""Which rules leads can reach: those that earlier ones hide, and what none of them takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Any

from services.router.domain.lint.comparing import compared, values_of, witnesses
from services.router.domain.policy import Policy, Rule
from shared.rules import Problem, RuleSet, always, contradiction, implies

MAX_PAIRS = 20_000  # of rules that are compared where no index tells which ones may hide another
MAX_EXAMPLES = 2_000


def hidden_rules(policy: Policy) -> Iterator[Problem]:
    """Rules that can never match, because an equal or weaker one stands before them.

    Rules are compared one with one, so those that are covered only by several earlier ones together are not found. Whatever hides a rule
    matches each lead that the rule matches, so one such lead tells which earlier ones come into question.
    """
    rules = [rule for rule in policy.rules if contradiction(rule.when) is None]
    index = RuleSet([rule.when for rule in rules])
    left = MAX_PAIRS
    for place, rule in enumerate(rules):
        lead = _example(policy, rule)
        if lead is None:
            left -= place
        earlier: Iterable[int] = range(place if left > 0 else 0) if lead is None else index.matching(lead)
        blocker = next((rules[one] for one in earlier if one < place and implies(rule.when, rules[one].when)), None)
        if blocker:
            yield Problem(rule.path, f"can never match: rule {blocker.name} before it matches all its leads")


def _example(policy: Policy, rule: Rule) -> Any:
    """Facts that the rule matches; None where none were found."""
    tried = (policy.extend(facts) for facts in witnesses(rule.when))
    return next((facts for facts in tried if rule.when(facts)), None)


def gaps(policy: Policy) -> Iterator[Problem]:
    """That some leads fall to the default pool, with an example."""
    if not policy.rules or any(always(rule.when) for rule in policy.rules):
        return
    comparisons = compared(rule.when for rule in policy.rules if contradiction(rule.when) is None)
    kinds = policy.rules[0].when.vocabulary.names
    names = [name for name in comparisons if name in kinds]
    choices = [values_of(comparisons[name], kinds[name]) for name in names]
    for values in islice(product(*choices), MAX_EXAMPLES):
        facts = dict(zip(names, values, strict=True))
        if policy.match(facts).rule is None:
            yield Problem("/rules", _said(policy, facts), "warning")
            return
    if policy.match({}).rule is None:
        yield Problem("/rules", f"a lead of which nothing is known goes to the default pool, {policy.default_pool}", "warning")


def _said(policy: Policy, facts: dict[str, Any]) -> str:
    example = ", ".join(f"{name} {_shown(value)}" for name, value in facts.items())
    return f"leads that no rule matches go to the default pool, {policy.default_pool}" + (
        f", such as one with {example}" if example else ""
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    return f"[{', '.join(map(repr, value))}]" if isinstance(value, list) else repr(value)
