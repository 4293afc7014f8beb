"""`run`: all four services in one process on one port, with an embedded PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.commands.local import Local, open_local
from shared import runtime
from shared.settings import PlatformSettings, load
from shared.telemetry import configure_logging

DATA = Path(".handoff")
PORT = 8080

Data = Annotated[Path, typer.Option("--data", help="Folder of the database, keys and logs; made if missing.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)]


def run(data: Data = DATA, host: Host = "127.0.0.1", port: Port = PORT) -> None:
    """Run everything on this machine. Needs no Docker and no database; Ctrl-C stops it, and the data stays."""
    settings = load(PlatformSettings)
    configure_logging(level=settings.log_level, form=settings.log_format)
    with open_local(data) as local:
        runtime.run(lambda: _run(local, host, port))


async def _run(local: Local, host: str, port: int) -> None:
    platform = local.platform(host)
    services = await local.build(platform)

    def ready(address: str) -> None:
        typer.echo(f"Handoff listens on {address} (its data is in {local.data}, its token keys in {local.data / 'keys.json'}).")
        typer.echo(f"  is it ready?    curl {address}/readyz")
        typer.echo(f"  the interface   {address}/openapi.json")
        typer.echo(f"  a token         python -m services token --data {local.data} --role admin")
        typer.echo("Ctrl-C stops it.")

    await runtime.serve(services, platform, port=port, ready=ready)
