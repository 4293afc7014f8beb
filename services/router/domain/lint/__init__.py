"""What is wrong with a policy, found before it can be active. Errors keep it from that; warnings do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from services.router.domain.lint.outcomes import outcomes
from services.router.domain.lint.reach import gaps, hidden_rules
from services.router.domain.lint.receivers import receivers, without_members
from services.router.domain.lint.references import references
from services.router.domain.policy import Draft, Profile, enrol
from shared.rules import Problem

__all__ = ["lint"]


def lint(draft: Draft, profiles: Iterable[Profile] | None = None, *, qualifications: Collection[str] = ()) -> list[Problem]:
    """All problems of a document; it may be activated when none of them is an error. Paths are JSON Pointers into it as it was sent.

    `profiles` are the agents that there are; without them nothing is said of who is in a pool. `qualifications` are those that scoring
    gives, as far as they are known.
    """
    policy = draft.policy
    problems = [*draft.problems, *references(draft.document, policy.slas)]
    if profiles is None:
        problems += without_members(policy)
    else:
        known = list(profiles)
        policy, unknown = enrol(policy, known)
        problems += [*unknown, *receivers(policy, known)]
    problems += [*hidden_rules(policy), *gaps(policy), *outcomes(policy, qualifications)]
    return [_as_sent(problem) for problem in problems] if draft.first else problems


def _as_sent(problem: Problem) -> Problem:
    return replace(problem, path="/default_pool") if problem.path == "/default" else problem
