"""The policy that a scenario is played under: its own, or the one that is tested."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from services.router.domain.lint import lint
from services.router.domain.policy import Draft, InvalidPolicy, Policy, Profile, enrol, read_draft
from services.router.domain.scenario.people import Person
from services.router.domain.scenario.values import Document
from shared.rules import Problem, Vocabulary


@dataclass(frozen=True)
class Base:
    """What scenarios are played upon: the facts of every lead, the policy that is tested, and the agents that there are.

    Without `agents` everybody whom the policy names is there, and can receive at any time.
    """

    facts: Vocabulary
    policy: Document | None = None
    agents: tuple[Person, ...] = ()


def enrolled_draft(document: Document, facts: Vocabulary, people: Iterable[Person]) -> Policy | tuple[Problem, ...]:
    """The policy with its members, or why it could not be active. What many scenarios share is enrolled once."""
    return _enrolled(json.dumps(document, default=str), facts, tuple(one.profile for one in people))


@lru_cache(maxsize=64)
def _enrolled(text: str, facts: Vocabulary, profiles: tuple[Profile, ...]) -> Policy | tuple[Problem, ...]:
    found = _drafted(text, facts)
    if not isinstance(found, Draft):
        return found
    if errors := tuple(one for one in lint(found, profiles) if one.severity == "error"):
        return errors
    return enrol(found.policy, profiles)[0]


def drafted(document: Document, facts: Vocabulary) -> Draft | tuple[Problem, ...]:
    """The document read, or why it cannot be. What many scenarios share is read once."""
    return _drafted(json.dumps(document, default=str), facts)


@lru_cache(maxsize=256)
def _drafted(text: str, facts: Vocabulary) -> Draft | tuple[Problem, ...]:
    try:
        return read_draft(json.loads(text), facts, version=1)
    except InvalidPolicy as error:
        return error.problems
