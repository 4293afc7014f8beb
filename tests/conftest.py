"""Fixtures: one real PostgreSQL a session, one fresh database a test, copied from a migrated template."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.auth import Tokens
from shared.db.embedded import Server
from shared.telemetry import configure_logging
from tests.support import kafka as local_kafka
from tests.support import postgres
from tests.support.installation import Installation, installed, make_tokens, prepare_template

TESTS = Path(__file__).parent
TEMPLATE = "handoff_template"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, one has all that need the broker, and what shares a file's servers stays together."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if item.get_closest_marker("kafka") or "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("kafka"))
        elif folder != "unit":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logging(level="warning")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgres.session_server() as started:
        yield started


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    async def make() -> str:
        return await postgres.make_template(server, TEMPLATE, prepare=lambda dsn: prepare_template(dsn, server, TEMPLATE))

    return asyncio.run(make())


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return make_tokens(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def installation(server: Server, template: str, tokens: Tokens) -> AsyncIterator[Installation]:
    async with installed(server, template, tokens) as one:
        yield one


@pytest.fixture(scope="session")
def kafka() -> Iterator[local_kafka.Kafka]:
    """A real broker. Without one the test is skipped, and fails where REQUIRE_KAFKA is set."""
    missing = local_kafka.available()
    if missing and os.environ.get("REQUIRE_KAFKA", "0") == "0":
        pytest.skip(missing)
    assert missing is None, missing
    with local_kafka.session_kafka() as broker:
        yield broker
