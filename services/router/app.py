"""Composition root of the router."""

from __future__ import annotations

from services.router import api
from services.router.handlers import SUBSCRIPTIONS, passing, queue
from services.router.handlers.moving import JOB_STEPS
from services.router.loops import LoadWatch, Sweep
from services.router.settings import RouterSettings
from shared.jobs import Jobs
from shared.runtime import Platform, Service, assemble, open_database
from shared.settings import load
from shared.timers import Timers


def build(platform: Platform, settings: RouterSettings | None = None) -> Service:
    settings = settings or load(RouterSettings)
    database = open_database("router", platform, settings)
    return assemble(
        "router",
        platform,
        settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Gives each lead to one agent, and says why.",
        owns=("/v1/agents", "/v1/pools", "/v1/policies", "/v1/assignments", "/v1/queue", "/v1/decisions"),
        forms=("/v1/agents/import", "/v1/policies"),
        loops=lambda _: [Sweep(database), LoadWatch(database), Jobs(database, JOB_STEPS)],
        timers=Timers(database, passing.TIMERS | queue.TIMERS),
    )
