"""A scenario as values: what is given, what is done when, and what must come of it; and what it was found to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.rules import DocumentError, Problem

Document = Mapping[str, Any]


class InvalidScenario(DocumentError):
    """A document that holds no scenario that could be played; `problems` names each field."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done at a moment. `path` is where it stands in the document.

    `back`: the clock goes back to `at`; `refused` is what must be part of why it is refused, True for whatever reason.
    """

    kind: str
    at: datetime
    value: Any
    path: str
    back: bool = False
    refused: str | bool = False


@dataclass(frozen=True)
class Scenario:
    """`policy` is its own document, None for one that tests whichever it is given; `agents` by name, None where all are as they are.

    `lead` is what leads are that do not say otherwise, `then` what must hold at the end. `path` is where it stands in the document.
    """

    name: str
    path: str
    starts: datetime
    zone: str
    policy: Document | None
    agents: Mapping[str, Document] | None
    earlier: Sequence[Document]
    waiting: Sequence[Document]
    lead: Document
    steps: tuple[Step, ...]
    then: Document
    policy_path: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: where it stands, what it is about, and what was expected and found, for a person."""

    path: str
    about: str
    passed: bool
    expected: str
    found: str


@dataclass(frozen=True)
class Result:
    """What came of a scenario. `account` tells what happened, a line each; with `problems` it could not be played at all."""

    name: str
    path: str
    checks: tuple[Check, ...] = ()
    account: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    decisions: int = field(default=0, compare=False)

    @property
    def passed(self) -> bool:
        return not self.problems and all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)
