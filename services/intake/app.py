"""Composition root of intake."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from services.intake import api
from services.intake.api.imports import UPLOAD
from services.intake.api.leads import take_leads
from services.intake.clients.credentials import Credentials
from services.intake.clients.pace import Pace
from services.intake.clients.registry import CLIENTS
from services.intake.clients.web import Web
from services.intake.domain.quality.places import load_places
from services.intake.domain.senders.shape import Notice, Result
from services.intake.handlers import SUBSCRIPTIONS, replays
from services.intake.handlers.deliveries import take_fetched
from services.intake.handlers.imports import JOB_STEPS
from services.intake.handlers.sources import open_secrets
from services.intake.loops.fetcher import Fetcher, Outside, Poller
from services.intake.loops.group import GroupWriter
from services.intake.loops.upkeep import Upkeep
from services.intake.loops.weigher import Weigher
from services.intake.settings import IntakeSettings
from services.intake.store.sources import Source
from shared.db.uow import Database
from shared.jobs import Jobs
from shared.relay import Relay
from shared.runtime import Loop, Platform, Service, assemble, open_database
from shared.sealing import Sealer
from shared.settings import load


def build(platform: Platform, settings: IntakeSettings | None = None, *, web: Web | None = None) -> Service:
    """Intake. `web` is how senders are called; None is the real network."""
    load_places()  # a tenth of a second, and better now than when the first lead from abroad comes
    settings = settings or load(IntakeSettings)
    database = open_database("intake", platform, settings)
    sealer = platform.sealer("source secrets")
    web = web or Web()
    service = assemble(
        "intake",
        platform,
        settings,
        database=database,
        subscriptions=SUBSCRIPTIONS,
        routers=[api.router],
        description="Receives leads from every source.",
        owns=("/hooks", "/v1/sources", "/v1/contacts", "/v1/imports", "/v1/activities"),
        owns_exactly=("POST /v1/leads",),
        loops=partial(_loops, database, settings, sealer, web),
        forms=("/hooks/",),
        streams=(UPLOAD,),
        hot={("POST", "/v1/leads"): take_leads},
    )
    service.app.state.sealer = sealer
    service.app.state.web = web
    service.app.state.public_url = settings.public_url.rstrip("/")
    service.app.state.import_bytes = settings.import_bytes
    service.closes.append(web.close)
    return service


def _loops(database: Database, settings: IntakeSettings, sealer: Sealer, web: Web, relay: Relay) -> Sequence[Loop]:
    outside = Outside(web, CLIENTS, partial(_credentials, sealer), partial(_submit, database), Pace())
    writer = GroupWriter(database, partial(getattr, relay, "full"), bound=settings.queue, group=settings.group)
    return [
        writer,
        Jobs(database, {**JOB_STEPS, replays.KIND: replays.replay_step(sealer)}),
        Fetcher(database, outside, chance=random.random),
        Poller(database, outside),
        Weigher(database, writer.busy),
        Upkeep(database, sealer),
    ]


def _credentials(sealer: Sealer, source: Source) -> Credentials:
    """The source's secrets, the newest of each name."""
    secrets = {secret.name: secret.value for secret in reversed(open_secrets(source, sealer))}
    return Credentials(secrets, source.settings)


async def _submit(database: Database, source_id: UUID, notices: Sequence[Notice], delivery_id: UUID | None) -> list[Result]:
    """Takes what was fetched; answers once it is durable."""
    async with database.begin() as uow:
        return await take_fetched(source_id, notices, uow, delivery_id=delivery_id)
