"""Composition root of scoring."""

from __future__ import annotations

from services.scoring import api
from services.scoring.handlers import SUBSCRIPTIONS
from services.scoring.settings import ScoringSettings
from shared.runtime import Platform, Service, assemble, open_database
from shared.settings import load


def build(platform: Platform, settings: ScoringSettings | None = None) -> Service:
    settings = settings or load(ScoringSettings)
    return assemble(
        "scoring",
        platform,
        settings,
        database=open_database("scoring", platform, settings),
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Says how good a lead is, and why.",
        owns=("/v1/scorecards", "/v1/scores"),
    )
