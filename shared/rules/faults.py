"""What can be wrong with a rule, and with the document that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a rule's text, for a person, and where: both count from 1, columns in characters."""

    message: str
    line: int
    column: int


class RuleError(ValueError):
    """A rule that cannot be compiled; `faults` says all that was found, in the order of the text."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        super().__init__("; ".join(f"{fault.message} (line {fault.line}, column {fault.column})" for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a document: `path` is a JSON Pointer (RFC 6901) to the field, `message` is for a person.

    `line` and `column` are the place within a rule's text, where the field is a rule.
    """

    path: str
    message: str
    severity: Severity = "error"
    line: int | None = None
    column: int | None = None


class DocumentError(ValueError):
    """A document that cannot be taken; `problems` names each place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))
