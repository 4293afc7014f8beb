"""A policy version tested by scenarios, sent with the request or its own. Writes nothing but that it was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.router import store
from services.router.domain.scenario import InvalidScenario, Result
from services.router.handlers.activation import refused
from services.router.handlers.policies import Action, find, read
from services.router.handlers.scenarios import own_tests, play_all, read_scenarios
from shared.db.uow import UnitOfWork


@dataclass(frozen=True)
class Tested:
    version: int
    results: Sequence[Result]

    @property
    def failed(self) -> int:
        return sum(not one.passed for one in self.results)


async def test_version(version: int, documents: Sequence[tuple[str, object]] | None, uow: UnitOfWork, *, by: str) -> Tested:
    """Plays these documents' scenarios, or with None those that the version has itself. Raises Refused (404, 422)."""
    draft = read((await find(uow, version))["document"])
    try:
        scenarios = own_tests(draft) if documents is None else read_scenarios(documents, draft)
    except InvalidScenario as error:
        raise refused(error.problems) from error
    tested = Tested(version, await play_all(draft, scenarios, uow))
    detail = {"passed": len(tested.results) - tested.failed, "failed": tested.failed}
    # Last of all: the audit's row holds the version's, and whoever activates it holds the policy's lock first.
    await store.record_action(uow, version, Action.TESTED, by, detail)
    return tested
