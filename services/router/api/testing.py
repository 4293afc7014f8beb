"""Policy tests over HTTP: scenarios played for a version, before it is active or after."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.router.api.callers import Manager, Reader
from services.router.api.documents import SCENARIOS, Scenarios
from services.router.api.policies import Version
from services.router.domain.scenario import BUNDLE, Result
from services.router.handlers import testing
from shared.web.requests import Uow
from shared.web.responses import json_response

router = APIRouter(tags=["policies"])

Account = Annotated[bool, Query(description="Tell what happened in those that passed, too")]


@router.get("/v1/policies/tests/schema", summary="The shape of policy tests, as a JSON Schema")
async def get_test_schema(_: Reader) -> Response:
    return json_response(BUNDLE)


@router.post("/v1/policies/{version}/test", summary="Play scenarios for a version", openapi_extra=SCENARIOS)
async def post_test(version: Version, scenarios: Scenarios, uow: Uow, caller: Manager, account: Account = False) -> Response:
    """Without a body those of the version's own `tests`. They are played on the router's own core under a clock of their own: nothing
    is routed, and only the version's audit keeps that it was done. A scenario that names no policy and no agents is played with this
    version and the agents that there are, as they are set up; their leave, pauses and presence of today are left out.
    """
    tested = await testing.test_version(version, scenarios, uow, by=caller.subject)
    return json_response(
        {
            "version": version,
            "passed": tested.failed == 0,
            "counts": {"passed": len(tested.results) - tested.failed, "failed": tested.failed},
            "scenarios": [_result(one, account=account) for one in tested.results],
        }
    )


def _result(result: Result, *, account: bool) -> dict[str, Any]:
    return {
        "name": result.name,
        "field": result.path or "/",
        "passed": result.passed,
        "problems": [{"field": one.path, "message": one.message} for one in result.problems],
        "failures": [
            {"field": one.path, "about": one.about, "expected": one.expected, "found": one.found} for one in result.failures
        ],
        "checks": len(result.checks),
        "account": list(result.account) if account or not result.passed else [],
    }
