"""The factory: one FastAPI app for each service, made alike."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from shared.auth import Tokens
from shared.consumer import Subscriptions
from shared.db.uow import Database
from shared.web.platform import Health, dead_letters, platform, timer_routes
from shared.web.problems import HANDLERS


def create_app(
    service: str,
    *,
    database: Database,
    tokens: Tokens,
    health: Health,
    subscriptions: Subscriptions,
    routers: Sequence[APIRouter],
    description: str,
    has_timers: bool = False,
) -> FastAPI:
    """A service's app: its routes and the platform's, every error a problem document, no documentation pages from elsewhere."""
    app = FastAPI(
        title=f"Handoff {service}",
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False},
        exception_handlers=HANDLERS,
    )
    app.state.database = database
    app.state.tokens = tokens
    app.state.health = health
    app.state.subscriptions = subscriptions
    for router in routers:
        app.include_router(router)
    app.include_router(platform, include_in_schema=False)
    app.include_router(platform, prefix=f"/{service}")
    app.include_router(dead_letters, prefix=f"/{service}")
    if has_timers:
        app.include_router(timer_routes, prefix=f"/{service}")
    return app
