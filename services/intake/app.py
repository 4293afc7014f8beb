"""Composition root of intake."""

from __future__ import annotations

from functools import partial

from services.intake import api
from services.intake.handlers import SUBSCRIPTIONS
from services.intake.loops import GroupWriter
from services.intake.settings import IntakeSettings
from shared.runtime import Platform, Service, assemble, open_database
from shared.settings import load


def build(platform: Platform, settings: IntakeSettings | None = None) -> Service:
    settings = settings or load(IntakeSettings)
    database = open_database("intake", platform, settings)
    return assemble(
        "intake",
        platform,
        settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Receives leads from every source.",
        owns=("/hooks", "/v1/sources"),
        owns_exactly=("POST /v1/leads",),
        loops=lambda relay: [GroupWriter(database, partial(getattr, relay, "full"), bound=settings.queue, group=settings.group)],
        forms=("/hooks/",),
        hot={("POST", "/v1/leads"): api.post_leads},
    )
