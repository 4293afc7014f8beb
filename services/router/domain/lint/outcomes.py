"""Qualifications that a policy names, held against those that leads really have."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from services.router.domain.policy import Policy
from services.router.domain.policy.shape import nearby
from shared.rules import Problem


def outcomes(policy: Policy, qualifications: Collection[str]) -> Iterator[Problem]:
    """`qualifications` are those that scoring gives, as far as they are known; of none nothing can be told."""
    if not policy.routed:
        yield Problem("/routed", "names no qualification: every lead will be rejected", "warning")
    for name in sorted(policy.routed) if qualifications else ():
        if name not in qualifications:
            yield Problem("/routed", f"no lead has been qualified as {name}{nearby(name, qualifications)}", "warning")
    for rule in policy.rules:
        for one in rule.when.conjuncts:
            if one.name == "qualification" and one.op in ("==", "in") and policy.routed.isdisjoint(map(str, one.values)):
                named = ", ".join(map(str, one.values))
                yield Problem(f"{rule.path}/when", f"leads qualified as {named} are not routed, so no lead comes here", "warning")
