"""Scenarios played for a policy that may become the active one: with the agents that there are, within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from services.router.domain import Draft, Settings
from services.router.domain.scenario import Base, InvalidScenario, Person, Result, Scenario, play, read
from services.router.handlers.profiles import rows_for
from shared.contracts.vocabulary import FACTS
from shared.db.uow import UnitOfWork
from shared.errors import FieldError, Refused
from shared.rules import Problem

MOST_STEPS = 2_000  # of one scenario, each lead counted
MOST_STEPS_IN_ALL = 20_000
LONGEST = 20.0  # seconds, for all of them
AWAKE = 1.0  # seconds after which the database hears from us: it ends transactions that are idle for long
SHOWN = 20  # failures that a refusal names


def own_tests(draft: Draft) -> tuple[Scenario, ...]:
    """The scenarios of the policy's own `tests`. Raises InvalidScenario."""
    return read_scenarios([("/tests", draft.document.get("tests", []))], draft)


def read_scenarios(documents: Sequence[tuple[str, object]], draft: Draft) -> tuple[Scenario, ...]:
    """The scenarios of documents, each with where it stands. Raises InvalidScenario with every problem of all of them."""
    known = {*FACTS, *draft.policy.facts}
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path, document in documents:
        try:
            scenarios += read(document, known, path=path)
        except InvalidScenario as error:
            problems += error.problems
    problems += [
        Problem(one.path or "/", f"has {len(one.steps)} steps; here one may have {MOST_STEPS}, each lead counted")
        for one in scenarios
        if len(one.steps) > MOST_STEPS
    ]
    if sum(len(one.steps) for one in scenarios) > MOST_STEPS_IN_ALL:
        problems.append(Problem("/", f"have more than {MOST_STEPS_IN_ALL} steps in all: send them in parts"))
    if problems:
        raise InvalidScenario(problems)
    return tuple(scenarios)


def faults_of_tests(draft: Draft) -> list[Problem]:
    """What is wrong with the shape of the policy's own tests; whether they pass is not asked."""
    try:
        own_tests(draft)
    except InvalidScenario as error:
        return list(error.problems)
    return []


async def play_all(draft: Draft, scenarios: Sequence[Scenario], uow: UnitOfWork) -> list[Result]:
    """Plays them for this policy. To be called while no lock is held that others wait for. Raises Refused (422) for too long ones."""
    base = Base(FACTS, {name: part for name, part in draft.document.items() if name != "tests"}, await _agents(draft, uow))
    results, began = [], uow.clock.monotonic()
    asked = began
    for scenario in scenarios:
        results.append(play(scenario, base))
        now = uow.clock.monotonic()
        if now - began > LONGEST:
            raise Refused(422, "too-long", detail=f"The scenarios take longer than {LONGEST:.0f} seconds: send them in parts.")
        if now - asked > AWAKE:
            await uow.fetchval("SELECT 1")
            asked = now
        await asyncio.sleep(0)  # so that others are served meanwhile
    return results


async def check_tests(draft: Draft, uow: UnitOfWork) -> int:
    """Plays the policy's own tests. Returns how many passed; raises Refused (422) with the failures where one did not."""
    if "tests" not in draft.document:
        return 0
    try:
        scenarios = own_tests(draft)
    except InvalidScenario as error:
        raise _refused([FieldError(one.path, one.message) for one in error.problems]) from error
    results = await play_all(draft, scenarios, uow)
    if errors := [error for result in results for error in _errors(result)]:
        raise _refused(errors)
    return len(results)


def _errors(result: Result) -> list[FieldError]:
    problems = [FieldError(one.path, f"{result.name}: {one.message}") for one in result.problems]
    failures = [
        FieldError(one.path, f"{result.name}: {one.about}: expected {one.expected}, found {one.found}") for one in result.failures
    ]
    return problems + failures


def _refused(errors: Sequence[FieldError]) -> Refused:
    detail = f"The policy breaks its own tests: {errors[0].message}" + (f" (and {len(errors) - 1} more)" if errors[1:] else "")
    return Refused(422, "tests-failed", detail=detail, errors=list(errors[:SHOWN]))


async def _agents(draft: Draft, uow: UnitOfWork) -> tuple[Person, ...]:
    """Those whom the policy may choose, as they are set up. Leave, pauses and presence of today are not the scenario's."""
    rows: Sequence[Mapping[str, Any]] = await rows_for(uow, draft.policy)
    return tuple(Person(row["id"], Settings.from_document(row["settings"])) for row in rows)
