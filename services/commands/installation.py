"""What an installation consists of: the four services, and what must exist before they can start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.intake import app as intake
from services.intake.settings import IntakeSettings
from services.router import app as router
from services.router.settings import RouterSettings
from services.scoring import app as scoring
from services.scoring.settings import ScoringSettings
from services.tracker import app as tracker
from services.tracker.settings import TrackerSettings
from shared.contracts.topics import PARTITIONS, TOPICS
from shared.db import migrate
from shared.runtime import Service, open_bus
from shared.settings import PlatformSettings, ServiceSettings


@dataclass(frozen=True)
class ServiceKind:
    build: Callable[..., Service]
    settings: type[ServiceSettings]


SERVICES: Mapping[str, ServiceKind] = {
    "intake": ServiceKind(intake.build, IntakeSettings),
    "scoring": ServiceKind(scoring.build, ScoringSettings),
    "router": ServiceKind(router.build, RouterSettings),
    "tracker": ServiceKind(tracker.build, TrackerSettings),
}


async def install(admin_dsn: str, dsns: Mapping[str, str], platform: PlatformSettings | None = None) -> None:
    """Roles, schemas and tables of every service, and the bus with its topics. Idempotent.

    Raises ConfigurationError for a DSN whose user is not the service's role, Transient where something cannot be reached.
    """
    for name, dsn in dsns.items():
        await migrate.prepare(admin_dsn, name, dsn)
    for name, dsn in dsns.items():
        await asyncio.to_thread(migrate.upgrade, name, dsn)
    settings = platform or PlatformSettings()
    bus = await open_bus(settings, admin_dsn, roles=[migrate.role_of(name) for name in dsns])
    try:
        await bus.create_topics([topic.name for topic in TOPICS], partitions=PARTITIONS)
    finally:
        await bus.close()
