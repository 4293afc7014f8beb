"""`token`: issues a signed token."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.commands.run import DATA
from shared.auth import Caller, Role, Tokens
from shared.clock import SystemClock
from shared.errors import ConfigurationError


def token(
    role: Annotated[Role, typer.Option(help="What its holder may do.")],
    subject: Annotated[str, typer.Option(help="Who holds it; shown where it matters who did something.")] = "operator",
    agent_id: Annotated[UUID | None, typer.Option(help="For agent and partner: whose leads they see.")] = None,
    days: Annotated[int, typer.Option(help="How long it is good for.", min=1, max=3650)] = 30,
    data: Annotated[Path, typer.Option("--data", help="Data folder of an installation on this machine.")] = DATA,
    key_file: Annotated[Path | None, typer.Option(envvar="HANDOFF_TOKEN_KEYS", help="Key file; instead of --data.")] = None,
) -> None:
    """Issue a token, and print nothing else: TOKEN=$(python -m services token --role admin)."""
    if (role in (Role.AGENT, Role.PARTNER)) != (agent_id is not None):
        raise ConfigurationError("--agent-id goes with the roles agent and partner, and they need it")
    path = key_file or data / "keys.json"
    if not path.exists():
        raise ConfigurationError(f"there are no token keys at {path}; start the system first (make run), or name --key-file")
    caller = Caller(subject, role, agent_id)
    typer.echo(Tokens.from_file(path).issue(caller, now=SystemClock().now(), lifetime=timedelta(days=days)))
