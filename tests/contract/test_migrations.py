"""Each service's migrations make exactly the schema that its tables describe, and can be run again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from services.commands.installation import SERVICES, install
from shared.db import migrate
from shared.db.embedded import Server
from tests.support import postgres
from tests.support.installation import Installation, service_dsns


@pytest.mark.parametrize("name", SERVICES)
async def test_the_schema_is_what_its_tables_say(installation: Installation, name: str) -> None:
    await asyncio.to_thread(command.check, migrate.config(name, installation.dsns[name]))


@pytest.mark.parametrize("name", SERVICES)
def test_a_history_is_one_line(name: str) -> None:
    script = ScriptDirectory.from_config(migrate.config(name, ""))
    revisions = list(script.walk_revisions())
    assert len(script.get_heads()) == len(script.get_bases()) == 1
    assert all(not revision.is_merge_point and not revision.is_branch_point for revision in revisions)
    assert [revision.revision for revision in reversed(revisions)] == [f"{n:04}" for n in range(1, len(revisions) + 1)]


async def migrated(admin_dsn: str, dsns: Mapping[str, str]) -> str:
    """What `python -m services migrate` says."""
    names = {f"{name.upper()}_DSN": dsn for name, dsn in dsns.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "migrate"),
        env={**os.environ, **names, "HANDOFF_ADMIN_DSN": admin_dsn, "HANDOFF_BUS": "postgres"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_migrating_at_once_and_again_makes_one_installation(server: Server) -> None:
    async with postgres.create_database(server) as admin_dsn:
        dsns = service_dsns(server, urlsplit(admin_dsn).path.lstrip("/"))
        said = await asyncio.gather(*[migrated(admin_dsn, dsns) for _ in range(2)])
        assert all("schemas are up to date" in each for each in said)
        await install(admin_dsn, dsns)
        for name, dsn in dsns.items():
            await asyncio.to_thread(command.check, migrate.config(name, dsn))
