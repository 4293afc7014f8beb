"""An installation on either bus, for services that run as processes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.db.embedded import Server
from tests.support.ground import Ground, fresh_topics
from tests.support.installation import Installation, installed, make_tokens
from tests.support.refusals import Running, open_world


@pytest.fixture(params=["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
async def ground(request: pytest.FixtureRequest, server: Server, template: str, tmp_path: Path) -> AsyncIterator[Ground]:
    """A database and a bus with nothing in them, and the key file that processes need."""
    async with installed(server, template, make_tokens(tmp_path)) as installation:
        installation.bus = request.param
        if request.param == "kafka":
            installation.kafka_bootstrap = request.getfixturevalue("kafka").bootstrap
            await fresh_topics(installation.kafka_bootstrap)
        yield Ground(installation, tmp_path)


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[Running]:
    async with open_world(installation) as made:
        yield made
