"""Composition root of scoring."""

from __future__ import annotations

from services.scoring import api
from services.scoring.handlers import SUBSCRIPTIONS
from services.scoring.handlers.fading import TIMERS
from services.scoring.handlers.rescores import JOB_STEPS
from services.scoring.settings import ScoringSettings
from shared.jobs import Jobs
from shared.runtime import Platform, Service, assemble, open_database
from shared.settings import load
from shared.timers import Timers


def build(platform: Platform, settings: ScoringSettings | None = None) -> Service:
    settings = settings or load(ScoringSettings)
    database = open_database("scoring", platform, settings)
    return assemble(
        "scoring",
        platform,
        settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Says how good a lead is, and why.",
        owns=("/v1/scorecards", "/v1/qualifications", "/v1/scores"),
        loops=lambda _: [Jobs(database, JOB_STEPS)],
        timers=Timers(database, TIMERS),
    )
