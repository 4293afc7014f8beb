"""Fixtures of the consuming loop's tests and of the router's: one office, whose clock is set by hand, and the router over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.auth import Tokens
from shared.consumer import loop
from shared.db.embedded import Server
from tests.support.installation import Installation, installed
from tests.support.office import Office, SetClock, offices
from tests.support.probe import Probe, probing


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop tries again at once instead of after a while."""
    monkeypatch.setattr(loop, "BACKOFF", (0.001, 0.01))


@pytest.fixture
async def probe(installation: Installation, brisk: None) -> AsyncIterator[Probe]:
    async with probing(installation) as made:
        yield made


@pytest.fixture(autouse=True)
def _ties_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was made first is first in a new pool: ids are made anew in each run, and so would be a hash of them."""
    monkeypatch.setattr("services.router.domain.strategies.standings._tie", lambda _, agent_id: agent_id.int)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def office(installation: Installation, clock: SetClock) -> AsyncIterator[Office]:
    async with offices(installation, 1, clock) as [one]:
        yield one


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("router") as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(server: Server, template: str, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    """One router for all that a module's tests have refused, which leaves nothing behind."""
    async with installed(server, template, tokens) as one, one.running("router") as client:
        yield client
