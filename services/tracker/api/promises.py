"""Reports on promises: how soon agents accept what they are given, and which promises break."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from services.tracker import store
from services.tracker.api.lead import Reader
from services.tracker.api.lists import Between, check_dimensions, own, quantiles
from shared.db.uow import Row
from shared.web.requests import Uow
from shared.web.responses import json_response

router = APIRouter(prefix="/v1/reports", tags=["reports"])

Giving = Literal["agent", "pool", "source", "how"]
Promise = Literal["sla", "clock", "agent", "pool", "source", "how"]
TWICE = "Give it twice for two."


@router.get("/acceptance", summary="How soon agents accept, by one or two dimensions")
async def get_acceptance(
    uow: Uow,
    caller: Reader,
    wanted: Between,
    by: Annotated[list[Giving], Query(min_length=1, max_length=2, description=TWICE)] = ["agent"],  # noqa: B006
) -> Response:
    """Seconds from assignment to acceptance: the quantiles of the assignments that were accepted. Agents and partners see their own."""
    check_dimensions(by)
    found = await store.acceptances(uow, own(wanted, caller), by)
    return json_response({"by": by, "acceptance": [_acceptance_out(row) for row in found]})


@router.get("/breaches", summary="How many promises were broken, by one or two dimensions")
async def get_breaches(
    uow: Uow,
    caller: Reader,
    wanted: Between,
    by: Annotated[list[Promise], Query(min_length=1, max_length=2, description=TWICE)] = ["sla"],  # noqa: B006
) -> Response:
    """`agent` is who had the lead when the promise broke, null is nobody. Agents and partners see their own."""
    check_dimensions(by)
    found = await store.breaches(uow, own(wanted, caller), by)
    return json_response({"by": by, "total": sum(row["breaches"] for row in found), "breaches": found})


def _acceptance_out(row: Row) -> dict[str, Any]:
    keys = {name: value for name, value in row.items() if name not in ("accepted", "to_accepted")}
    return {**keys, "assigned_to_accepted": quantiles(row["accepted"], row["to_accepted"])}
