"""Composition root of the tracker."""

from __future__ import annotations

from services.tracker import api
from services.tracker.handlers import SUBSCRIPTIONS
from services.tracker.settings import TrackerSettings
from shared.runtime import Platform, Service, assemble, open_database
from shared.settings import load


def build(platform: Platform, settings: TrackerSettings | None = None) -> Service:
    settings = settings or load(TrackerSettings)
    return assemble(
        "tracker",
        platform,
        settings,
        database=open_database("tracker", platform, settings),
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Follows every lead to its end.",
        owns=("/v1/leads", "/v1/reports"),
    )
